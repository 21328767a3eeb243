"""What an entry of the table of metrics may say, and how its values are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from regression.spread import Shared, Spread
from regression.values import LARGEST_VALUE, SMALLEST_VALUE, lookup, named_counts, sum_of_products

# Keys of the metrics that visits measure.
LATENCY, CALIBRATION = "latency", "host_calibration"


class Kind(StrEnum):
    """What a value is, and so how it is compared."""

    CONTINUOUS = "continuous"
    """Positive and noisy: compared on the logarithm, with the noise that the baseline's runs show."""
    COUNT = "count"
    """A whole number, 0 included, that does not vary: compared with the values that the baseline's runs have seen."""
    ERROR = "error"
    """From 0 on: how far outputs lie from the reference. Growth beyond the spread that the baseline's runs show is
    listed and never fails (regression.judge.outputs)."""


class Fails(StrEnum):
    """Which change of a count fails. Every other change is CHANGED as well, and only listed."""

    NEVER = "never"
    MORE = "more"
    """More than every baseline run has, by more than `min_effect` and by at least `min_growth`."""
    FEWER = "fewer"
    """Fewer than every baseline run has."""


class Exact(StrEnum):
    """Where the values of unchanged code are equal. Elsewhere a count is compared with the range of the baseline."""

    ALWAYS = "always"
    SAME_KERNELS = "same kernels"
    """Where the baseline's processes, at least two, launched the same kernels."""
    SAME_ALGORITHMS = "same algorithms"
    """Where they launched the same kernels with the same grids, and nothing shows that these belong to several
    algorithms (regression.judge.algorithms)."""
    PROVEN = "proven"
    """Where at least two baseline runs have it, and all have the same."""


class ByOperator(StrEnum):
    """Which part of kernel time a metric is, where stored runs tell operators apart (regression.judge.choices)."""

    SAME_KERNELS = "same kernels"
    """What the operators take whose kernels and grids the baseline has seen, against the baseline's times for those."""
    SELECTION = "selection"
    """What the choice of kernels costs: the whole over what the same kernels became slower by."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """One line of the table. Larger is worse for every metric here."""

    key: str
    title: str
    unit: str = ""
    """`s` and `B` are scaled when shown (ms, MiB); without a unit a value is shown as it is."""
    path: tuple[str, ...]
    """Where the value is in a stored benchmark; empty for what is judged from the labels of the run."""
    visited: tuple[str, ...] = ()
    """Where a value from visits is; it is compared in the place of the other where both sides have one. A confirmation
    holds it under the last part."""
    missing: tuple[str, ...] = ()
    """Where the stored benchmark says why there is no value."""
    confirmed_as: str = ""
    """Field of a confirmation that holds the value; by default the last part of `path`."""
    kind: Kind = Kind.CONTINUOUS
    by_operator: ByOperator | None = None
    """Part of kernel time that is judged operator by operator; `path` is then that of the table of operators."""
    part_of: str = ""
    """Key of a metric whose minimum effect and accepted changes hold for this one, where it has none of its own."""
    judged: bool = False
    """What is not judged is only shown."""
    spread: Spread | None = None
    """Prior spreads of a continuous metric that is judged, and of an error."""
    host_bound: Shared | None = None
    """Of a metric whose host-bound benchmarks are judged less the shift that they share. Other GPUs have other hosts,
    as a rule."""
    gpu_offset: Shared | None = None
    """Of a metric that is judged on a GPU that the baseline does not have less the shift that benchmarks share there:
    those of engines and those of PyTorch's kernels, at each batch size."""
    min_effect: float = 0.0
    """Minimum effect: the smallest change that matters, as a fraction."""
    worth_knowing: float = 0.0
    """A change that a benchmark must be able to show to be called SAME, as a fraction."""
    excused_by: str = ""
    """Key of a metric of the machine itself: what moved together with it is not the code's doing."""
    share: float = 0.0
    """Share of the run's family-wise error that this metric's tests may spend."""
    fails: Fails = Fails.NEVER
    """Of a count: which change fails."""
    min_growth: float = 0.0
    """Of a count that fails where it is more: the smallest growth that does, in the metric's unit."""
    fails_after_upgrade: bool = True
    """Of a count: whether it fails where the software's versions are not those of any baseline run."""
    exact: Exact = Exact.ALWAYS
    """Of a count: where it is compared exactly."""
    margin: float = 0.0
    """Of a count that is not compared exactly: how far outside the baseline's range it may lie, as a fraction."""
    stored_by_name: bool = False
    """Of a count: whether it is stored as a mapping of names to counts or as a list of names, and is their sum."""
    named_by: tuple[str, ...] = ()
    """Of a count that is a part of a mapping of names to counts: where the stored benchmark has the mapping."""
    named_with: str = ""
    """What the names of that part have in them."""
    explained_by: tuple[str, ...] = ()
    """Of a count that is stored as a total: where the stored benchmark has it by name. The total alone is judged."""
    in_operators: bool = False
    """Of a count that is stored by name: whether every stored operator has it, too."""
    of_workspaces: bool = False
    """Of a count: whether an operator that runs another algorithm changes it by one at most, for its workspace. Where
    operators are known, that bounds it in the place of `margin`."""
    times: tuple[str, ...] = ()
    """Of a mapping of names to numbers: where the stored benchmark counts each name; the value is the sum over all."""
    per: tuple[str, ...] = ()
    """Where the stored benchmark has the number of inferences that the stored value is a total of."""
    alike: tuple[tuple[str, ...], ...] = ()
    """Fields of the stored benchmark: only values with the same are compared."""
    empty_is_none: bool = False
    """Whether an empty list of names stands for a count that is not known."""
    of_questions: bool = False
    """Whether entries of `suite.questions` alone have it. A baseline without any of them lacks nothing."""
    optional: bool = False
    """Whether a run may lack it although the baseline has it; the report notes that."""
    since: int = 1
    """The schema of stored runs that has it first: an older run lacks it as it lacks what is optional."""
    history_noise: float = 0.0
    """Least noise between nights that a history assumes, as a standard deviation of the logarithm; with a `spread` that
    of processes and days together."""
    history_min_effect: float = 0.0
    """Smallest lasting change that a history reports, as a fraction; at least `min_effect`."""

    def __post_init__(self) -> None:
        if self.judged and self.kind is Kind.CONTINUOUS and (self.spread is None or not self.share):
            raise ValueError(f"the metric {self.key} is continuous and judged, so it needs a spread and a share")

    def may_be_absent(self, schema: int) -> bool:
        """Whether a run of this schema may lack it although the baseline has it."""
        return self.optional or schema < self.since

    @property
    def is_confirmed(self) -> bool:
        """Whether a change is confirmed in fresh processes: of a count only one that fails."""
        return self.judged and (self.kind is Kind.CONTINUOUS or self.fails is not Fails.NEVER)

    @property
    def confirmation_field(self) -> str:
        """Name of the field in a confirmation of a stored run that holds the value, or the mapping that it is in."""
        return self.confirmed_as or self.path[1]

    @property
    def confirmed_path(self) -> tuple[str, ...]:
        """Where a stored benchmark has what a confirmation keeps of it."""
        return self.path if self.confirmed_as else self.path[:2]

    def value(self, record: Mapping[str, Any]) -> float | None:
        """The value of a stored benchmark, if it is one that this metric may have: of a total that of one inference."""
        raw = lookup(record, self.path)
        number = self.number(sum_of_products(raw, lookup(record, self.times)) if self.times else raw)
        if number is None or not self.per:
            return number
        inferences = lookup(record, self.per)
        usable = type(inferences) is int and 1 <= inferences <= LARGEST_VALUE
        return number / inferences if usable else None

    def confirmed(self, fields: Mapping[str, Any]) -> float | None:
        """The same of a benchmark in a confirmation."""
        if self.confirmed_as:
            return self.number(fields.get(self.confirmed_as))
        return self.value({self.path[0]: fields}) if self.path else None

    def parts(self, record: Mapping[str, Any]) -> Mapping[str, int] | None:
        """What a stored benchmark's count is of, name to count; None where it is not stored by name."""
        if self.kind is not Kind.COUNT:
            return None
        if self.explained_by:
            # of every benchmark of a run the same object: there are thousands of them, with hundreds of names
            explained = lookup(record, self.explained_by)
            known = isinstance(explained, dict) and sum(explained.values()) == lookup(record, self.path)
            return explained if known else None
        if not self.named_by:
            return named_counts(lookup(record, self.path))
        named = named_counts(lookup(record, self.named_by)) or {}
        parts = {name: count for name, count in named.items() if self.named_with in name}
        return parts if sum(parts.values()) == lookup(record, self.path) else None

    def number(self, raw: Any) -> float | None:
        """A stored value that this metric may have, else None: positive and within reason, or a whole number from 0.

        An error may be 0 as well. A count that is stored by name is a mapping of names to whole numbers, and is their
        sum, or a list of names.
        """
        if self.stored_by_name and isinstance(raw, (Mapping, list)):
            parts = named_counts(raw)
            return None if parts is None or (self.empty_is_none and not raw) else self.number(sum(parts.values()))
        if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not raw <= LARGEST_VALUE:
            return None
        if self.kind is Kind.COUNT:
            return float(raw) if raw >= 0 and raw == int(raw) else None
        if self.kind is Kind.ERROR:
            return float(raw) if raw >= 0 else None
        return float(raw) if raw >= SMALLEST_VALUE else None
