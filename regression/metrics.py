"""The one table of metrics: where a value is stored, how noisy it may be, and which change matters."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

# Outside these a number is a mistake, and its logarithm would overflow the arithmetic that follows.
SMALLEST_VALUE, LARGEST_VALUE = 1e-12, 1e15


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
    """Where the baseline's processes launched different kernels: what that adds to `process`, in seconds a launch, and
    to `day`, as far as the GPU waits for the host."""
    unseen: float
    """Between fresh processes, for a benchmark with fewer than three baseline runs."""
    day: float
    """Between days, on one unit."""
    unit: float
    """Between units of one GPU model."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """One line of the table. Larger is worse for every metric here; a metric with a `spread` is judged."""

    key: str
    title: str
    unit: str
    path: tuple[str, ...]
    """Where the value is in a stored benchmark."""
    missing: tuple[str, ...] = ()
    """Where the stored benchmark says why there is no value."""
    spread: Spread | None = None
    matters: float = 0.0
    """Smallest change that matters, as a fraction."""
    worth_knowing: float = 0.0
    """A change that a benchmark must be able to show to be called SAME, as a fraction."""
    excused_by: str = ""
    """Key of a metric of the machine itself: what moved together with it is not the code's doing."""
    share: float = 0.0
    """Share of the run's family-wise error that this metric's tests may spend."""

    @property
    def judged(self) -> bool:
        return self.spread is not None


METRICS: tuple[Metric, ...] = (
    Metric(
        key="kernel_time",
        title="kernel time",
        unit="s",
        path=("extra_info", "kernel_time_s"),
        missing=("extra_info", "kernel_time_missing"),
        spread=Spread(process=0.0006, process_df=8, choice_s=52e-9, unseen=0.02, day=0.0003, unit=0.002),
        matters=0.0025,
        worth_knowing=0.02,
        share=0.7,
    ),
    Metric(
        key="latency",
        title="latency",
        unit="s",
        path=("stats", "median"),
        spread=Spread(process=0.003, process_df=3, rounds=3, unseen=0.05, day=0.003, unit=0.003),
        matters=0.05,
        worth_knowing=0.2,
        excused_by="host_pace",
        share=0.2,
    ),
    Metric(
        key="peak_memory",
        title="peak memory",
        unit="B",
        path=("extra_info", "peak_memory_bytes"),
        spread=Spread(process=0.0005, process_df=8, unseen=0.01, day=0.0005, unit=0.0005),
        matters=0.01,
        worth_knowing=0.05,
        share=0.1,
    ),
    Metric(key="launches", title="launches", unit="", path=("extra_info", "launches")),
    Metric(key="build_time", title="build time", unit="s", path=("extra_info", "build_s")),
    Metric(key="host_pace", title="host pace", unit="s", path=("extra_info", "host_pace_s")),
)

# What is measured of the machine, and has no history of its own: it is the same beside every benchmark.
OF_THE_MACHINE = frozenset(metric.excused_by for metric in METRICS if metric.excused_by)


class WrongChange(ValueError):
    """A change or a metric that cannot be read; the message is a sentence for the user."""


def with_min_changes(texts: Iterable[str], metrics: tuple[Metric, ...] = METRICS) -> tuple[Metric, ...]:
    """The table with the smallest changes that matter replaced by `--judge-min-change` texts like `kernel_time=1%`.

    What is worth knowing grows along to at least twice that: a change as large as the smallest one that matters is
    reported only half of the time, however small the noise.
    """
    wanted = dict(_min_change(text, metrics) for text in texts)
    return tuple(
        dataclasses.replace(
            metric, matters=wanted[metric.key], worth_knowing=max(metric.worth_knowing, 2 * wanted[metric.key])
        )
        if metric.key in wanted
        else metric
        for metric in metrics
    )


def _min_change(text: str, metrics: tuple[Metric, ...]) -> tuple[str, float]:
    key, equals, change = text.partition("=")
    key = key.strip()
    judged = [metric.key for metric in metrics if metric.judged]
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


def lookup(record: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at `path` in nested mappings, or None where the path ends early."""
    here: Any = record
    for key in path:
        if not isinstance(here, Mapping):
            return None
        here = here.get(key)
    return here
