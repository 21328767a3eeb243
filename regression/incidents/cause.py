"""Which failures of a night have a cause in common: the same kind of metric, compiler and night."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from common.on_request import END_OF_ID
from regression.metric import Kind
from regression.metrics import METRICS
from regression.shared import is_shared

# Kinds of failure. What fails together on one benchmark has one cause: the first of these that is among them, then
# times, sizes and counts in the order of the table of metrics.
SESSION, UNMEASURED, LABELS, KERNEL_TIME, LATENCY, COUNTS = (
    "session", "benchmarks not measured", "labels", "kernel time", "latency", "counts",
)  # fmt: skip
FIRST = (SESSION, UNMEASURED, LABELS, KERNEL_TIME)
# What an open incident explains on the same benchmark, even if it fails later: slower kernels make slower calls.
EXPLAINS = {KERNEL_TIME: frozenset({LATENCY})}

REST_OF_ID = re.compile(rf"(?:-b[0-9]+)?(?:{END_OF_ID})?$")
PRECISION = re.compile(r"-[a-z]{1,4}\d{1,2}[a-z0-9]*$")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One benchmark and metric that fails on one GPU model; texts are as stored files say them."""

    gpu: str
    """Slug of the GPU model."""
    benchmark: str
    compiler: str
    metric: str
    """Key of the metric; SESSION, UNMEASURED or LABELS where it is none's."""
    verdict: str
    reason: str = ""
    change: str = ""
    """`200.88 us -> 220.65 us (+9.84 %)`; empty where there are no two values."""
    operators: str = ""
    history: str = ""
    """Such as `in the history a drift since 2026-10-02, +0.30 % a night`; empty where nothing is known."""

    @property
    def key(self) -> tuple[str, str, str]:
        """GPU, metric and benchmark."""
        return self.gpu, self.metric, self.benchmark

    @property
    def family(self) -> str:
        return family(self.metric)


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Failures that one issue is about."""

    family: str
    compiler: str
    """Empty where it is not one compiler alone."""
    failures: tuple[Failure, ...]
    """Of `family`."""
    also: tuple[Failure, ...] = ()
    """What else the same benchmarks fail in."""

    @property
    def gpus(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(failure.gpu for failure in self.failures))

    @property
    def benchmarks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(failure.benchmark for failure in self.failures))


def family(metric: str) -> str:
    """The kind of failure that a metric's is; of a key that this version does not know the key itself."""
    if metric in FIRST:
        return metric
    known = next((one for one in METRICS if one.key == metric), None)
    if known is None:
        return metric
    if known.by_operator is not None or known.part_of == "kernel_time":
        return KERNEL_TIME
    return COUNTS if known.kind is Kind.COUNT and known.unit != "B" and known.title != LABELS else known.title


def compiler(benchmark: str, variant: str | None = None) -> str:
    """What compiles a benchmark's variant: `tensorrt` of `efficientnet_b0-tensorrt-fp16-b1`.

    Args:
        variant: as the run says it, where it does; else it is taken from the id.
    """
    if is_shared(benchmark) or (variant is None and "-" not in benchmark):
        return ""
    if variant is None:
        variant = REST_OF_ID.sub("", benchmark.partition("-")[2], count=1)
    return PRECISION.sub("", variant)


def causes(failures: Iterable[Failure]) -> list[Cause]:
    """The failures that began on one night, by cause; the one with the most benchmarks first.

    A change that all benchmarks of a GPU share is one cause, whatever compiled them.
    """
    by_benchmark: dict[tuple[str, str], list[Failure]] = {}
    for failure in dict.fromkeys(failures):
        by_benchmark.setdefault((failure.gpu, failure.benchmark), []).append(failure)
    lead = {place: min((one.family for one in found), key=_rank) for place, found in by_benchmark.items()}
    shared = {(gpu, lead[gpu, name]) for gpu, name in by_benchmark if is_shared(name)}
    groups: dict[tuple[str, str], list[list[Failure]]] = {}
    for (gpu, name), found in by_benchmark.items():
        kind = lead[gpu, name]
        of = "" if (gpu, kind) in shared else found[0].compiler
        groups.setdefault((kind, of), []).append(found)
    told = [_cause(kind, of, found) for (kind, of), found in groups.items()]
    return sorted(told, key=lambda cause: (-len(cause.benchmarks), _rank(cause.family), cause.compiler))


def merged(several: Sequence[Cause]) -> Cause:
    """Many causes as one, for an issue that sums them up."""
    return Cause(
        family="several causes",
        compiler="",
        failures=tuple(failure for cause in several for failure in cause.failures),
        also=tuple(failure for cause in several for failure in cause.also),
    )


def _cause(kind: str, of: str, benchmarks: Sequence[Sequence[Failure]]) -> Cause:
    failures = [failure for found in benchmarks for failure in found]
    return Cause(
        family=kind,
        compiler=of,
        failures=tuple(failure for failure in failures if failure.family == kind),
        also=tuple(failure for failure in failures if failure.family != kind),
    )


ORDER: Mapping[str, int] = {
    name: place for place, name in enumerate(dict.fromkeys((*FIRST, *(family(metric.key) for metric in METRICS))))
}


def _rank(kind: str) -> tuple[bool, int, str]:
    """Counts last: what is slower has changed counts, not the other way round."""
    return kind == COUNTS, ORDER.get(kind, len(ORDER)), kind
