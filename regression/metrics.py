"""The one table of metrics: where a value is stored, how it is shown, how it is judged. To add one, add an entry."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

# Outside these a number is a mistake, and its logarithm would overflow the arithmetic that follows.
SMALLEST_VALUE, LARGEST_VALUE = 1e-12, 1e15

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
class Spread:
    """Prior spreads of a metric: standard deviations of the natural logarithm (0.001 is 0.1 %)."""

    process: float
    """Between fresh processes."""
    process_df: float
    """How many degrees of freedom the prior of `process` is worth."""
    rounds: float = 0.0
    """How much of the spread of a process's rounds to expect between processes as well (0: the rounds say nothing)."""
    choice_s: float = 0.0
    """Where the baseline's processes launched different kernels or grids: what that adds to `process`, in seconds a
    launch, and to `day`, as far as the GPU waits for the host (for the same kernels to `process` alone)."""
    unseen: float
    """Between fresh processes, for a benchmark with fewer than three baseline runs."""
    day: float
    """Between days, on one GPU."""
    visits: float = 0.0
    """Between fresh processes besides `process`, of a value from visits, as far as the GPU waits for the host."""
    visits_day: float = 0.0
    """Between days besides `day`, likewise."""
    gpu: float
    """Between GPUs of one model."""
    engine: float = 0.0
    """Between GPUs besides `gpu`, of a TensorRT engine, as far as the GPU waits for the host."""
    host: float = 0.0
    """Between GPUs besides `gpu`, as far as the GPU waits for the host: another GPU has another one, as a rule."""
    loading: float = 0.0
    """Besides `gpu`, of a TensorRT engine between runs whose suites loaded engines in different ways."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shared:
    """Prior spreads of what several benchmarks share, less which each of them is judged."""

    shift: Spread
    """Of what they share."""
    besides: Spread
    """Of what each strays besides."""
    worth_knowing: float
    """A shift that must be seen for what they share to be called SAME, as a fraction."""
    fewest_variants: int
    """Of fewer variants a shift is not what they share."""
    of_the_gpu: bool = False
    """Whether every process of a night has the same."""


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
        number = self.number(_sum_of_products(raw, lookup(record, self.times)) if self.times else raw)
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


# The root of the mean square over 24 benchmarks of H200s is 4.5 %; which kernels were selected moves an error most.
OF_ERRORS = Spread(process=0.05, process_df=8, unseen=0.12, day=0.01, gpu=0.01)
INFERENCES = ("extra_info", "host_work", "inferences")
COUNTED_WITH = ("extra_info", "host_work", "counted_with")
BY_NAME = ("extra_info", "host_work", "by_name")


def _of_host_work(key: str, title: str, *alike: tuple[str, ...], **rules: Any) -> Metric:
    """A count of host work, a total over several inferences; `alike`: what has to agree beside their number."""
    return Metric(
        key=key,
        title=title,
        path=("extra_info", "host_work", key),
        per=INFERENCES,
        alike=(INFERENCES, *alike),
        kind=Kind.COUNT,
        judged=True,
        optional=True,
        **rules,
    )


def _of_question(key: str, title: str, *path: str, **rules: Any) -> Metric:
    """A metric that entries of `suite.questions` alone have, and by which they are judged."""
    return Metric(key=key, title=title, path=("extra_info", *path), judged=True, of_questions=True, **rules)


# Five processes of each of three variants on an H200 strayed by 4 to 5 % where the host kept its pace, by 11 to 19 %
# where two of them met a host that was 1.5 times slower, which the calibration excuses.
FIRST_REQUEST: Mapping[str, Any] = {
    "unit": "s",
    "spread": Spread(process=0.08, process_df=8, unseen=0.3, day=0.03, gpu=0.03),
    "min_effect": 0.25,
    "worth_knowing": 1.0,
    "share": 0.02,
    "excused_by": CALIBRATION,
}
# The same processes: 0.02 to 0.3 % of host memory, and none of GPU memory, which is equal to the MiB.
PROCESS_MEMORY: Mapping[str, Any] = {
    "unit": "B",
    "spread": Spread(process=0.01, process_df=8, unseen=0.05, day=0.005, gpu=0.01),
    "min_effect": 0.1,
    "worth_knowing": 0.25,
    "share": 0.01,
    "optional": True,
}
SERVED = Spread(process=0.02, process_df=3, unseen=0.1, day=0.01, gpu=0.01)
LOAD: Mapping[str, Any] = {"unit": "s", "spread": SERVED, "min_effect": 0.05, "worth_knowing": 0.25, "share": 0.005}
MIXTURE: Mapping[str, Any] = {
    "unit": "s",
    "spread": SERVED,
    "min_effect": 0.1,
    "worth_knowing": 0.5,
    "share": 0.02,
    "excused_by": CALIBRATION,
}


def _of_load(in_flight: int) -> tuple[Metric, ...]:
    """What an image costs with so many requests in flight, and how long 99 % of the requests take, from `load`."""
    at = ("in_flight", str(in_flight))
    return (
        _of_question(f"load_{in_flight}", f"time per image, {in_flight} in flight", *at, "time_per_image_s", **LOAD),
        Metric(
            key=f"load_{in_flight}_p99",
            title=f"request p99, {in_flight} in flight",
            unit="s",
            path=("extra_info", *at, "request_p99_s"),
            of_questions=True,
        ),
        Metric(
            key=f"load_{in_flight}_energy",
            title=f"energy per image, {in_flight} in flight",
            unit="J",
            path=("extra_info", *at, "energy_per_image_j"),
            of_questions=True,
        ),
    )


def _of_growth(side: str, title: str, min_growth: float, *, optional: bool = False) -> Metric:
    """Bytes per 1,000 calls, from the question `memory-growth`: unchanged code has 0."""
    return _of_question(
        f"{side}_growth",
        title,
        f"{side}_growth_bytes",
        unit="B",
        kind=Kind.COUNT,
        fails=Fails.MORE,
        min_growth=min_growth,
        optional=optional,
        history_noise=0.0003,
    )


KERNEL_TIME = Spread(
    process=0.0006,
    process_df=8,
    choice_s=52e-9,
    unseen=0.02,
    day=0.0003,
    gpu=0.002,
    engine=0.01,
    loading=0.01,
)
SAME_KERNELS = dataclasses.replace(KERNEL_TIME, choice_s=6e-9, unseen=0.01)


def _offset(besides: Spread) -> Shared:
    """Nine H200s differ by 0.1 to 0.4 % in what benchmarks share at batch 128; PyTorch's kernels by 0.1 % besides.

    At batch 1 they differ by 0.6 % in what engines share, and by 0.4 % besides.
    """
    return Shared(
        shift=Spread(process=0.0003, process_df=8, unseen=0.02, day=0.0003, gpu=0.005),
        besides=dataclasses.replace(besides, gpu=0.0015, engine=0.006),
        worth_knowing=0.05,
        fewest_variants=2,
        of_the_gpu=True,
    )


METRICS: tuple[Metric, ...] = (
    Metric(
        key="kernel_time",
        title="kernel time",
        unit="s",
        path=("extra_info", "kernel_time_s"),
        missing=("extra_info", "kernel_time_missing"),
        judged=True,
        spread=KERNEL_TIME,
        gpu_offset=_offset(besides=KERNEL_TIME),
        min_effect=0.0025,
        worth_knowing=0.02,
        share=0.15,
    ),
    Metric(
        key="same_kernels",
        title="same kernels",
        unit="s",
        path=("extra_info", "operators"),
        missing=("extra_info", "operators_missing"),
        by_operator=ByOperator.SAME_KERNELS,
        part_of="kernel_time",
        judged=True,
        spread=SAME_KERNELS,
        gpu_offset=_offset(besides=SAME_KERNELS),
        min_effect=0.0025,
        worth_knowing=0.02,
        share=0.5,
    ),
    Metric(
        key="selection",
        title="kernel selection",
        unit="s",
        path=("extra_info", "operators"),
        missing=("extra_info", "operators_missing"),
        by_operator=ByOperator.SELECTION,
        part_of="kernel_time",
        judged=True,
        spread=Spread(process=0.0006, process_df=8, choice_s=52e-9, unseen=0.02, day=0.0003, gpu=0.003),
        min_effect=0.0025,
        worth_knowing=0.5,
        share=0.05,
    ),
    Metric(
        key=LATENCY,
        title="latency",
        unit="s",
        path=("stats", "median"),
        visited=("extra_info", "visited_latency_s"),
        confirmed_as="latency_s",
        judged=True,
        spread=Spread(
            process=0.003,
            process_df=3,
            rounds=3,
            unseen=0.05,
            day=0.003,
            visits=0.02,
            visits_day=0.01,
            gpu=0.003,
            host=0.1,
        ),
        host_bound=Shared(
            shift=Spread(process=0.02, process_df=8, unseen=0.05, day=0.02, gpu=0.1),
            besides=Spread(process=0.015, process_df=8, unseen=0.05, day=0.01, gpu=0.03),
            worth_knowing=0.5,
            fewest_variants=3,
        ),
        min_effect=0.05,
        worth_knowing=0.2,
        excused_by=CALIBRATION,
        share=0.3,
    ),
    Metric(
        key="peak_memory",
        title="peak memory",
        unit="B",
        path=("extra_info", "peak_memory_bytes"),
        kind=Kind.COUNT,
        judged=True,
        fails=Fails.MORE,
        min_effect=0.01,
        exact=Exact.SAME_ALGORITHMS,
        history_noise=0.0007,
    ),
    Metric(
        key="synchronisations",
        title="synchronisations",
        path=("extra_info", "synchronisations"),
        named_by=("extra_info", "api_calls"),
        named_with="Synchronize",
        kind=Kind.COUNT,
        judged=True,
        fails=Fails.MORE,
        optional=True,
        history_noise=0.0003,
    ),
    Metric(
        key="host_device_copies",
        title="host-device copies",
        path=("extra_info", "host_device_copies"),
        kind=Kind.COUNT,
        judged=True,
        fails=Fails.MORE,
        optional=True,
        history_noise=0.0003,
    ),
    Metric(
        key="copied_bytes",
        title="copied bytes",
        unit="B",
        path=("extra_info", "copied_bytes"),
        kind=Kind.COUNT,
        stored_by_name=True,
        judged=True,
        optional=True,
        history_noise=0.0003,
    ),
    Metric(
        key="recompilations",
        title="recompilations",
        path=("extra_info", "recompilations"),
        kind=Kind.COUNT,
        judged=True,
        fails=Fails.MORE,
        optional=True,
        history_noise=0.0003,
    ),
    # half of the smallest leaks that must be found, 1 KB of the host's memory a call and 4 KB of the GPU's
    _of_growth("host", "host memory growth", 512_000),
    _of_growth("gpu", "GPU memory growth", 2_048_000, optional=True),
    _of_host_work(
        "driver_allocations",
        "driver allocations",
        fails=Fails.MORE,
        min_growth=1,
        history_noise=0.0003,
    ),
    _of_host_work(
        "allocator_requests",
        "allocator requests",
        exact=Exact.SAME_ALGORITHMS,
        margin=0.05,
        of_workspaces=True,
        history_noise=0.01,
        history_min_effect=0.05,
    ),
    Metric(
        key="api_calls",
        title="API calls",
        path=("extra_info", "api_calls"),
        in_operators=True,
        kind=Kind.COUNT,
        stored_by_name=True,
        judged=True,
        fails=Fails.MORE,
        min_effect=0.05,
        fails_after_upgrade=False,
        exact=Exact.SAME_ALGORITHMS,
        margin=0.05,
        optional=True,
        history_noise=0.01,
    ),
    _of_host_work(
        "aten_operators",
        "ATen operators",
        explained_by=(*BY_NAME, "aten_operators"),
        fails=Fails.MORE,
        min_effect=0.05,
        fails_after_upgrade=False,
        history_noise=0.0003,
    ),
    _of_host_work(
        "python_calls",
        "Python calls",
        COUNTED_WITH,
        explained_by=(*BY_NAME, "python_calls"),
        fails=Fails.MORE,
        min_effect=0.05,
        fails_after_upgrade=False,
        history_noise=0.0003,
    ),
    _of_host_work(
        "bytecodes",
        "bytecodes",
        COUNTED_WITH,
        explained_by=(*BY_NAME, "bytecodes"),
        history_noise=0.0003,
        history_min_effect=0.001,
    ),
    Metric(
        key="launches",
        title="launches",
        path=("extra_info", "launches"),
        kind=Kind.COUNT,
        judged=True,
        exact=Exact.SAME_KERNELS,
        margin=0.05,
        optional=True,
        history_noise=0.0003,
        history_min_effect=0.001,
    ),
    Metric(
        key="engines",
        title="engines",
        path=("extra_info", "details", "engines"),
        kind=Kind.COUNT,
        judged=True,
        fails=Fails.FEWER,
        since=2,
        history_noise=0.0003,
    ),
    Metric(
        key="left_to_pytorch",
        title="operators left to PyTorch",
        path=("extra_info", "details", "left_to_pytorch"),
        kind=Kind.COUNT,
        stored_by_name=True,
        judged=True,
        fails=Fails.MORE,
        since=2,
        history_noise=0.0003,
    ),
    Metric(
        key="engine_layers",
        title="engine layers",
        path=("extra_info", "engine_layers"),
        kind=Kind.COUNT,
        stored_by_name=True,
        judged=True,
        exact=Exact.PROVEN,
        margin=0.01,
        empty_is_none=True,
        optional=True,
        history_noise=0.0003,
        history_min_effect=0.01,
    ),
    Metric(
        key="engine_bytes",
        title="engine size",
        unit="B",
        path=("extra_info", "engine_bytes"),
        kind=Kind.COUNT,
        judged=True,
        exact=Exact.PROVEN,
        margin=0.01,
        optional=True,
        history_noise=0.0003,
        history_min_effect=0.01,
    ),
    Metric(
        key="labels",
        title="changed labels",
        path=(),
        kind=Kind.COUNT,
        judged=True,
        optional=True,
    ),
    Metric(
        key="unrepeatable",
        title="unrepeatable outputs",
        path=("extra_info", "unrepeatable"),
        kind=Kind.COUNT,
        judged=True,
        optional=True,
        history_noise=0.0003,
    ),
    Metric(
        key="relative_error",
        title="relative error",
        path=("extra_info", "relative_error"),
        kind=Kind.ERROR,
        judged=True,
        spread=OF_ERRORS,
        min_effect=0.05,
        worth_knowing=3.0,
        optional=True,
        history_min_effect=0.25,
    ),
    Metric(
        key="label_error",
        title="label error",
        path=(),
        kind=Kind.ERROR,
        judged=True,
        spread=OF_ERRORS,
        min_effect=0.05,
        worth_knowing=3.0,
        optional=True,
    ),
    Metric(
        key="api_time",
        title="API time",
        unit="s",
        path=("extra_info", "api_call_times_s"),
        times=("extra_info", "api_calls"),
        history_noise=0.05,
        history_min_effect=0.25,
    ),
    Metric(
        key="build_time",
        title="build time",
        unit="s",
        path=("extra_info", "build_s"),
        history_noise=0.05,
        history_min_effect=0.25,
    ),
    Metric(
        key="latency_p99",
        title="latency p99",
        unit="s",
        path=("extra_info", "latency_quantiles_s", "99"),
        history_noise=0.2,
        history_min_effect=0.5,
    ),
    _of_question("first_call", "first call", "first_call_s", **FIRST_REQUEST),
    _of_question("first_answer", "first answer", "first_answer_s", **FIRST_REQUEST),
    _of_question("host_memory", "host memory", "host_peak_bytes", **PROCESS_MEMORY),
    _of_question("gpu_memory", "GPU memory", "gpu_memory_bytes", **PROCESS_MEMORY),
    Metric(
        key="calls_until_steady",
        title="calls until steady",
        path=("extra_info", "calls_until_steady"),
        kind=Kind.COUNT,
        of_questions=True,
        history_noise=0.5,
        history_min_effect=1.0,
    ),
    Metric(
        key="import_time",
        title="import time",
        unit="s",
        path=("extra_info", "import_s"),
        of_questions=True,
        history_noise=0.1,
        history_min_effect=0.5,
    ),
    *(metric for in_flight in (1, 2, 4) for metric in _of_load(in_flight)),
    _of_question("mixture_latency", "mixture latency", "mixture_latency_s", **MIXTURE),
    Metric(
        key="mixture_over_alone",
        title="mixture over alone",
        path=("extra_info", "mixture_over_alone"),
        of_questions=True,
    ),
    Metric(
        key="first_call_of_size",
        title="first call of a size",
        unit="s",
        path=("extra_info", "first_call_of_size_s"),
        of_questions=True,
    ),
    Metric(
        key=CALIBRATION,
        title="host calibration",
        unit="s",
        path=("extra_info", "host_calibration_s"),
        visited=("extra_info", "visited_calibration_s"),
    ),
)

# What is measured of the machine, and has no history of its own: it is the same beside every benchmark.
OF_THE_MACHINE = frozenset(metric.excused_by for metric in METRICS if metric.excused_by)


class WrongChange(ValueError):
    """A change or a metric that cannot be read; the message is a sentence for the user."""


def with_min_changes(texts: Iterable[str], metrics: tuple[Metric, ...] = METRICS) -> tuple[Metric, ...]:
    """The table with the minimum effects replaced by `--judge-min-change` texts like `kernel_time=1%`.

    What is worth knowing grows along to at least twice that: a change as large as the minimum effect is reported only
    half of the time, however small the noise.
    """
    wanted = dict(_min_change(text, metrics) for text in texts)
    changed = []
    for metric in metrics:
        min_effect = wanted.get(metric.key, wanted.get(metric.part_of))
        if min_effect is not None:
            worth_knowing = max(metric.worth_knowing, 2 * min_effect)
            metric = dataclasses.replace(metric, min_effect=min_effect, worth_knowing=worth_knowing)
        changed.append(metric)
    return tuple(changed)


def _min_change(text: str, metrics: tuple[Metric, ...]) -> tuple[str, float]:
    key, equals, change = text.partition("=")
    key = key.strip()
    judged = [metric.key for metric in metrics if metric.is_confirmed]
    if not equals or key not in judged:
        raise WrongChange(f"--judge-min-change {text!r} must be METRIC=CHANGE, METRIC one of {', '.join(judged)}.")
    value = parse_change(change)
    if not 0 <= value <= 10:
        raise WrongChange(f"--judge-min-change {text!r}: the change must lie between 0 % and 1000 %.")
    return key, value


def parse_change(text: str) -> float:
    """A fraction from a text like `1%`, `+3 %`, `-0.5%`; the sign % is required, so that 1 is never 100 %."""
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not percent or rest or not math.isfinite(value):
        raise WrongChange(f"The change {text!r} must be a number with a percent sign, such as 1% or +3%.")
    return value / 100


def _sum_of_products(numbers: Any, counts: Any) -> float | None:
    """The sum of each name's number times its count; None where either is no mapping to numbers."""
    known = named_counts(counts) if isinstance(counts, Mapping) else None
    if known is None or not isinstance(numbers, Mapping):
        return None
    if not all(type(number) is float and 0 <= number <= LARGEST_VALUE for number in numbers.values()):
        return None
    return math.fsum(number * known.get(name, 0) for name, number in numbers.items())


def named_counts(raw: Any) -> dict[str, int] | None:
    """How often a stored mapping counts each name, or a list has it; None where it is neither."""
    if isinstance(raw, list):
        return dict(Counter(raw)) if all(isinstance(name, str) for name in raw) else None
    if not isinstance(raw, Mapping) or not all(is_count(count) for count in raw.values()):
        return None
    return {str(name): count for name, count in raw.items()}


def is_count(raw: Any) -> bool:
    """Whether a stored value is a whole number from 0, and small enough to reckon with."""
    return type(raw) is int and 0 <= raw <= LARGEST_VALUE


def positive_number(raw: Any) -> float | None:
    """A stored value that is a positive number within reason, else None."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        return None
    return float(raw) if SMALLEST_VALUE <= raw <= LARGEST_VALUE else None


def lookup(record: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at `path` in nested mappings and lists, or None where the path ends early."""
    here: Any = record
    for key in path:
        if isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        elif isinstance(here, Mapping):
            here = here.get(key)
        else:
            return None
    return here
