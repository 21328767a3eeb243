"""What a stored run is: its benchmarks with their values, labels, confirmations, and where it was measured."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

from common.schema import INTERRUPTED, SCHEMA, VOLATILE, version
from common.stored import slug_of
from regression.runs.operator_table import StoredOperator, knows_grids
from regression.text import escaped
from regression.values import lookup

COMMIT, COMMIT_DIGITS = "commit", 12


class UnusableRun(Exception):
    """A stored run that cannot be judged or judged against; the message is a sentence for the user."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(str(LeftOut(path, reason)))
        self.path, self.reason = path, reason


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """Something that was given and not used, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{escaped(self.path)}: {self.reason}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One benchmark of a stored run; times in seconds, sizes in bytes."""

    id: str
    params: Mapping[str, str] = dataclasses.field(default_factory=dict)
    values: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Metric to value, valid ones only."""
    visited: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Metric to value from visits, valid ones only."""
    at_pace: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """The latency of visits, carried to the reference pace of a host, and what the calibrations beside them took."""
    by_visits: bool = False
    """Whether `values` are those from visits, where there are two (`regression.judge.visited`)."""
    pace_moved: float | None = None
    """Of values that are carried to the pace of the baseline's host, how far this host's lies from it: the logarithm of
    the calibrations' ratio."""
    absent: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Metric to the reason why there is no valid value."""
    parts: Mapping[str, Mapping[str, int]] = dataclasses.field(default_factory=dict, repr=False)
    """Metric to what its count is of: name to count; for those that are stored so."""
    alike: Mapping[str, tuple[Hashable, ...]] = dataclasses.field(default_factory=dict, repr=False)
    """Metric to how it was counted; only values that were counted alike are compared."""
    round_spread: float | None = None
    """Spread of the logarithm of the rounds' latency, from their quartiles."""
    kernels: int | None = None
    """Stands for which kernels one inference launches how often; None where that is not known."""
    operators: tuple[StoredOperator, ...] = dataclasses.field(default=(), repr=False)
    """Of one inference, in the order of execution; empty where they are not known."""
    disturbances: tuple[str, ...] = ()
    is_question: bool = False
    """Whether it is an entry of `suite.questions`: no latency is measured of it."""
    extra_info: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    @functools.cached_property
    def launches_with_grids(self) -> Hashable:
        """Stands for which kernels one inference launches how often with which grids; None where grids are unknown."""
        if not knows_grids(self.operators):
            return None
        return frozenset(Counter(launch for row in self.operators for launch in row.launches).items())

    @property
    def has_engine(self) -> bool:
        """Whether it runs a TensorRT engine, whose place in a GPU's memory moves its time."""
        return "engine_bytes" in self.values

    @property
    def by_pace(self) -> bool:
        """Whether the latency is carried to the pace of the baseline's host (`regression.judge.visited`)."""
        return self.pace_moved is not None


@dataclasses.dataclass(frozen=True)
class ImageLabel:
    """The first label of one photograph, an index of its class, beside the reference's."""

    label: int
    reference_label: int
    agrees: bool
    """Whether it is the reference's, or the two are a near tie."""
    near_tie: bool | None = None
    """Whether rounding may swap the reference's label and this one, or the next where they are one; None: not known."""
    probability: float | None = None


@dataclasses.dataclass(frozen=True)
class Label:
    """Whether a benchmark's labels agree with the reference, and the sentence that says what does not."""

    passed: bool
    message: str
    relative_error: float | None = None
    """The largest of the photographs' logits."""
    images: Mapping[str, ImageLabel] = dataclasses.field(default_factory=dict, repr=False)
    """File to label, valid ones only."""


@dataclasses.dataclass(frozen=True)
class Confirmation:
    """One fresh process that measured suspects again, together with controls: id to metric to value."""

    controls: tuple[str, ...]
    values: Mapping[str, Mapping[str, float]]
    disturbed: tuple[str, ...] = ()
    """Why the process found the GPU disturbed; then its values say nothing."""
    operators: Mapping[str, tuple[StoredOperator, ...]] = dataclasses.field(default_factory=dict, repr=False)
    """Id to operators, where they are known."""
    visited: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    """Id to metric to value from visits."""
    at_pace: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    """Id to the same, carried to the reference pace of a host."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One stored run."""

    path: Path
    identity: str = ""
    """Equal for every copy of one session's run (`common.identity`)."""
    datetime: str = ""
    machine: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    commit: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    """pytest-benchmark's `commit_info`."""
    benchmarks: Mapping[str, Benchmark] = dataclasses.field(default_factory=dict, repr=False)
    selected: frozenset[str] | None = None
    """Ids of the benchmarks that the run selected, None where it does not say."""
    deselected: int = 0
    skipped: Mapping[str, str] = dataclasses.field(default_factory=dict)
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    labels: Mapping[str, Label] = dataclasses.field(default_factory=dict)
    confirmations: tuple[Confirmation, ...] = ()
    verdicts: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    suite: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    problems: tuple[LeftOut, ...] = ()
    timed: frozenset[str] | None = None
    """All that it timed, where `benchmarks` holds only those that it counts for."""

    @property
    def schema(self) -> int:
        """The schema of its fields (`common.schema`)."""
        return version(self.suite) or SCHEMA

    @property
    def measured(self) -> frozenset[str]:
        """Ids of the benchmarks that are no questions."""
        return frozenset(id_ for id_, one in self.benchmarks.items() if not one.is_question)

    @property
    def interrupted(self) -> str:
        """What ended the session early, and while doing what; empty where it ran to its end."""
        reason = self.suite.get(INTERRUPTED)
        return escaped(str(reason)[:200]) if reason else ""

    @property
    def gpu(self) -> str:
        """The GPU's UUID; empty on a CPU, whose GPUs are not told apart."""
        uuid = lookup(self.machine, ("gpu", "uuid"))
        return uuid if isinstance(uuid, str) else ""

    @functools.cached_property
    def recorded(self) -> Mapping[str, str]:
        """What was recorded of the machine, the commit and the weights: field, with dots between its levels, to value.

        Looked up once: a baseline's runs are judged against night after night in one process.
        """
        flat: dict[str, str] = {}
        pending: list[tuple[str, Any]] = [
            ("", self.machine),
            ("weights", self.suite.get("weights", {})),
            ("", self._measured_code),
        ]
        while pending:
            name, value = pending.pop()
            if isinstance(value, Mapping):
                pending += [(f"{name}.{escaped(key)}".lstrip("."), item) for key, item in value.items()]
            elif name and not VOLATILE.fullmatch(name):
                flat[name] = one_line(value)
        return flat

    @property
    def _measured_code(self) -> dict[str, str]:
        """Such as `07e8136a1b2c (dirty)`; branch, time and author say nothing more."""
        id_ = self.commit.get("id")
        if not isinstance(id_, str) or not id_:
            return {}
        return {COMMIT: id_[:COMMIT_DIGITS] + (" (dirty)" if self.commit.get("dirty") is True else "")}

    @property
    def slug(self) -> str:
        """Of the GPU model or the CPU, such as `nvidia-h200`; empty where it is not known."""
        return escaped(slug_of(self.machine))

    @property
    def gpu_model(self) -> str:
        """The GPU's name, with its MIG profile where it is a slice; empty on a CPU."""
        name, mig = lookup(self.machine, ("gpu", "name")), lookup(self.machine, ("gpu", "mig"))
        return escaped(f"{name} {mig}" if mig else str(name)) if name else ""

    @property
    def loading(self) -> int:
        """How its suite loaded engines and placed weights and activations (`common.schema.LOADING`)."""
        found = self.suite.get("loading")
        return found if type(found) is int else 1

    @property
    def place(self) -> Hashable:
        """What decides where in a GPU's memory engines, weights and activations lie: the GPU, all that was built, and
        how it was loaded; empty on a CPU."""
        return (self.gpu, self.timed or self.measured, self.loading) if self.gpu else ""

    @property
    def day(self) -> str:
        return self.datetime[:10]

    @property
    def disturbances(self) -> tuple[str, ...]:
        """Why any of its benchmarks was disturbed; for a confirmation these are its `disturbed`."""
        return tuple(sorted({reason for benchmark in self.benchmarks.values() for reason in benchmark.disturbances}))


def one_line(value: Any) -> str:
    """A recorded value on one line."""
    if value is None:
        return "none"
    return escaped(value if isinstance(value, str) else repr(value)[:200])
