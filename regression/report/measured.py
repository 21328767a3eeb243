"""What a run measured beside its verdict, made safe to show: speed-ups, latencies, accuracies, precisions' colours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regression.metrics import METRICS
from regression.runs.run import Benchmark, Run
from regression.values import lookup

COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
QUANTILES = 101
MOST_IMAGES = 10**9
LATENCY = "latency"
# The variant that speed-ups are over.
REFERENCE = "eager-fp32"
# By which a variant is held against its yardstick.
COMPARED = (LATENCY, "kernel_time")


@dataclass(frozen=True, kw_only=True)
class SpeedUp:
    """How many times as fast as eager FP32 a variant is, by median latency."""

    model: str
    variant: str
    batch_size: int
    precision: str
    now: float
    baseline: float | None
    """The middle one of the baseline's runs."""


@dataclass(frozen=True, kw_only=True)
class Yardstick:
    """How far a variant is from one that runs the same with less around it, in the same run."""

    benchmark: str
    other: str
    """The benchmark of its yardstick."""
    ratios: Mapping[str, float]
    """By title of the metric; above 1 the yardstick is the faster one."""

    def __str__(self) -> str:
        said = ", ".join(f"{title} {how_far(ratio)}" for title, ratio in self.ratios.items())
        return f"{self.benchmark} against {self.other}: {said}"


@dataclass(frozen=True, kw_only=True)
class Served:
    """What one caller gets of a variant at one batch size."""

    model: str
    variant: str
    group: str
    """What the colour of its line stands for, as its precision."""
    batch_size: int
    latency_s: float

    @property
    def images_per_s(self) -> float:
        return self.batch_size / self.latency_s


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """A photograph that a benchmark gives another label than the reference does."""

    benchmark: str
    photograph: str
    label: str
    reference_label: str


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """How many photographs of a known class a benchmark labels right, beside its reference."""

    benchmark: str
    images: int
    right: int
    low: float
    """Of the confidence interval, as a share."""
    high: float
    reference_right: int
    lost: int
    """Those that the reference alone labels right."""
    won: int
    p_value: float
    """Of McNemar's test."""

    def __str__(self) -> str:
        return (
            f"{self.right / self.images:.2%} ({self.low:.2%} to {self.high:.2%}) of {self.images:,} images, "
            f"reference {self.reference_right / self.images:.2%}; lost {self.lost:,}, won {self.won:,}, "
            f"p = {self.p_value:.2g}"
        )


def how_far(ratio: float) -> str:
    """A ratio to the yardstick as percent, such as `+4.2 %` and `+102 %`."""
    percent = (ratio - 1) * 100
    return f"{percent:+.0f} %" if abs(percent) >= 10 else f"{percent:+.2g} %"


def speedups(run: Run, baselines: Sequence[Run]) -> tuple[SpeedUp, ...]:
    """The stored speed-ups, in the run's order; what is no number is left out."""
    found = []
    for name, benchmark in run.benchmarks.items():
        now, batch = _speedup(run, name), benchmark.params.get("batch_size", "")
        if now is not None and batch.isdecimal():
            before = sorted(value for baseline in baselines if (value := _speedup(baseline, name)) is not None)
            found.append(
                SpeedUp(
                    model=benchmark.params.get("model", ""),
                    variant=benchmark.params.get("variant", ""),
                    batch_size=int(batch),
                    precision=str(benchmark.extra_info.get("precision", "")),
                    now=now,
                    baseline=before[len(before) // 2] if before else None,
                )
            )
    return tuple(found)


def yardsticks(run: Run) -> tuple[Yardstick, ...]:
    """Every benchmark whose variant names a yardstick that the run measured, too, in the run's order."""
    by_place = {
        tuple(benchmark.params.get(part) for part in ("model", "batch_size", "variant")): name
        for name, benchmark in run.benchmarks.items()
    }
    found = []
    for name, benchmark in run.benchmarks.items():
        params, named = benchmark.params, benchmark.extra_info.get("yardstick")
        other = by_place.get((params.get("model"), params.get("batch_size"), named)) if isinstance(named, str) else None
        if other is None:
            continue
        ratios = {
            metric.title: ratio
            for metric in METRICS
            if metric.key in COMPARED and (ratio := _ratio(benchmark, run.benchmarks[other], metric.key))
        }
        if ratios:
            found.append(Yardstick(benchmark=name, other=other, ratios=ratios))
    return tuple(found)


def _ratio(benchmark: Benchmark, other: Benchmark, metric: str) -> float | None:
    """By visits where both have them, since these take turns; None where one of the two has no value."""
    for one, two in ((benchmark.visited, other.visited), (benchmark.values, other.values)):
        if one.get(metric) and two.get(metric):
            return one[metric] / two[metric]
    return None


def served(run: Run) -> tuple[Served, ...]:
    """Latency and throughput of every benchmark that has a latency, in the run's order."""
    found = []
    for benchmark in run.benchmarks.values():
        params, latency_s = benchmark.params, benchmark.values.get(LATENCY)
        batch = params.get("batch_size", "")
        if latency_s and batch.isdecimal() and int(batch):
            found.append(
                Served(
                    model=params.get("model", ""),
                    variant=params.get("variant", ""),
                    group=str(benchmark.extra_info.get("precision", "")),
                    batch_size=int(batch),
                    latency_s=latency_s,
                )
            )
    return tuple(found)


def latency_quantiles(run: Run, benchmark: str) -> tuple[float, ...]:
    """The 101 quantiles of the latency in seconds; empty where there are none or they are none."""
    found = run.benchmarks.get(benchmark)
    stored = found.extra_info.get("latency_quantiles_s") if found is not None else None
    if not isinstance(stored, list) or len(stored) != QUANTILES:
        return ()
    usable = all(isinstance(value, (int, float)) and 1e-9 < value < 1e6 for value in stored)
    return tuple(sorted(map(float, stored))) if usable else ()


def colours(run: Run) -> dict[str, str]:
    """The colour of each precision as `#rrggbb`, where the run says one."""
    precisions = run.suite.get("precisions")
    if not isinstance(precisions, Mapping):
        return {}
    stored = {str(name): lookup(precisions, (name, "colour")) for name in precisions}
    # A stored file may say anything, and this is written into pictures.
    return {name: colour for name, colour in stored.items() if isinstance(colour, str) and COLOUR.fullmatch(colour)}


def disagreements(run: Run) -> tuple[Disagreement, ...]:
    """Every photograph that some benchmark does not agree with the reference on."""
    return tuple(
        Disagreement(
            benchmark=name,
            photograph=file,
            label=str(image.label),
            reference_label=str(image.reference_label),
        )
        for name, label in run.labels.items()
        for file, image in label.images.items()
        if not image.agrees
    )


def accuracies(run: Run) -> tuple[Accuracy, ...]:
    """The stored accuracies, in the run's order; what contradicts itself is left out."""
    found = []
    for name, result in _mappings(run.suite.get("labels")):
        stored = result.get("accuracy")
        fields = stored if isinstance(stored, Mapping) else {}
        counts = [fields.get(key) for key in ("images", "right", "reference_right", "lost", "won")]
        limits = fields.get("interval")
        shares = [*(limits if isinstance(limits, list) else []), fields.get("p_value")]
        if not all(map(_is_count, counts)) or len(shares) != 3 or not all(map(_is_share, shares)):
            continue
        images, right, reference_right, lost, won = (int(value or 0) for value in counts)
        low, high, p_value = (float(value or 0) for value in shares)
        if 0 < images < MOST_IMAGES and right - won == reference_right - lost >= 0 and right + lost <= images:
            found.append(
                Accuracy(
                    benchmark=str(name), images=images, right=right, low=low, high=high,
                    reference_right=reference_right, lost=lost, won=won, p_value=p_value,
                )
            )  # fmt: skip
    return tuple(found)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _mappings(stored: Any) -> list[tuple[Any, Mapping[str, Any]]]:
    if not isinstance(stored, Mapping):
        return []
    return [(key, value) for key, value in stored.items() if isinstance(value, Mapping)]


def _speedup(run: Run, benchmark: str) -> float | None:
    value = run.benchmarks[benchmark].extra_info.get("speedup_over_eager_fp32") if benchmark in run.benchmarks else None
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e6
    return float(value or 0) if usable else None
