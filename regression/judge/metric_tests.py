"""All tests of one metric in one run: the arrays between stored runs and verdicts."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Hashable, Sequence

import numpy as np

from regression.judge.calibration import explainable, moved, unexplained
from regression.judge.controls import shift
from regression.judge.limits import CONFIRMATIONS, Limits, inside, limits, settled, two_sided
from regression.judge.noise import Floats, Layout, estimate
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metrics import LARGEST_VALUE, Metric
from regression.runs.run import Benchmark, Confirmation, Run
from regression.text import count, percent

# Noise without any bound makes every change undetectable; a number stays one that JSON can hold.
LARGEST_LOG = math.log(LARGEST_VALUE)


@dataclasses.dataclass(frozen=True)
class MetricTests:
    """The benchmarks that have a value of `metric` now and in the baseline; arrays are of one length with `ids`."""

    metric: Metric
    ids: tuple[str, ...]
    now: Floats
    first: Floats
    """Logarithm of now over the baseline's centre."""
    again: Floats
    """(B, confirmations): the same of every confirmation, less its controls' shift; NaN where not measured."""
    calibration: Floats
    """(B, 1 + confirmations): how far host calibration moved beyond its noise, at `first` and at `again`."""
    explained: Floats
    """(B, 1 + confirmations): how far a calibration that moved so moves the benchmark at most."""
    controls: int
    """The smallest number of controls that a confirmation was compared with."""
    limits: Limits
    disturbed: tuple[str, ...]
    """Why the benchmark was disturbed, empty where it was not."""
    disturbed_again: tuple[str, ...]
    """Why confirmations of it were disturbed, which are not among `again`; empty where none was."""

    @property
    def detectable(self) -> Floats:
        """The smallest true change that would have been reported although the calibration excuses some."""
        return np.asarray(self.limits.detectable + np.maximum(self.explained, 0).max(axis=1))

    def judgements(self) -> list[Judgement]:
        """One judgement for every test."""
        noise, known = self.limits.noise, self.limits
        settled_, agreed = settled(self.again), known.agreed(self.first, self.again)
        first, again = unexplained(self.first, self.explained[:, 0]), unexplained(self.again, self.explained[:, 1:])
        suspect, certain = known.suspect(self.first), known.certain(first)
        reported = known.reported(first, again)
        excused = (suspect & ~known.suspect(first)) | (known.reported(self.first, self.again) & ~reported)
        looks = (self.first + np.nansum(self.again, axis=1)) / (1 + np.isfinite(self.again).sum(axis=1))
        # The initial run was selected for being far away; the confirmations were not.
        ratio = np.where(reported, settled_, self.first)
        p_value = np.where(reported, looks / known.final_deviation, self.first / noise.deviation(1))
        found = np.column_stack([suspect, excused, certain, agreed, reported]).tolist()
        said = [self._verdict(row, *flags) for row, flags in enumerate(found)]
        numbers = zip(
            noise.runs.tolist(),
            np.exp(noise.centre).tolist(),
            np.where(reported, np.exp(noise.centre + settled_), self.now).tolist(),
            np.exp(ratio).tolist(),
            np.exp(self.first).tolist(),
            np.exp(np.minimum(self.detectable, LARGEST_LOG)).tolist(),
            two_sided(p_value, noise.df).tolist(),
            strict=True,
        )
        fields = ("baseline_runs", "baseline", "now", "ratio", "first_ratio", "detectable_ratio", "p_value")
        return [
            Judgement(
                benchmark=id_,
                metric=self.metric.key,
                verdict=verdict,
                reason=reason,
                detail=detail,
                **dict(zip(fields, values, strict=True)),
            )
            for id_, (verdict, reason, detail), values in zip(self.ids, said, numbers, strict=True)
        ]

    def _verdict(
        self, row: int, suspect: bool, excused: bool, certain: bool, agreed: bool, reported: bool
    ) -> tuple[Verdict, Reason, str]:
        first = float(self.first[row])
        direction = Verdict.SLOWER if first > 0 else Verdict.FASTER
        if self.disturbed[row]:
            return Verdict.UNSURE, Reason.DISTURBED, self.disturbed[row]
        if not suspect:
            if abs(first) > self.limits.inside[row]:
                return Verdict.SAME, Reason.NEGLIGIBLE, ""
            if self.detectable[row] <= math.log1p(self.metric.worth_knowing):
                return Verdict.SAME, Reason.INSIDE_NOISE, ""
            return Verdict.UNSURE, Reason.NOISY, ""
        again = self.again[row][np.isfinite(self.again[row])].tolist()
        if excused:
            looked = [True, *np.isfinite(self.again[row])]
            calibrations = ", ".join(percent(log) for log in self.calibration[row][looked])
            return Verdict.UNSURE, Reason.DISTURBED, f"host calibration moved by {calibrations}"
        if len(again) < CONFIRMATIONS and self.disturbed_again[row]:
            return Verdict.UNSURE, Reason.DISTURBED, f"while it was measured again: {self.disturbed_again[row]}"
        if len(again) < CONFIRMATIONS:
            return direction if certain else Verdict.UNSURE, Reason.UNCONFIRMED, "not measured again"
        beside = f"beside {count(self.controls, 'control')}" if self.controls else "without any control"
        detail = f"first {percent(first)}, again {', '.join(map(percent, again))} {beside}"
        if reported:
            return direction, Reason.CONFIRMED if self.controls else Reason.WITHOUT_CONTROLS, detail
        if agreed:
            return Verdict.SAME, Reason.NEGLIGIBLE, detail
        return Verdict.UNSURE, Reason.DISAGREED, detail


@dataclasses.dataclass(frozen=True)
class Logs:
    """Logarithms of one metric's values, NaN where there is none."""

    baselines: Floats
    """(B, K): of every baseline run whose GPU was not disturbed."""
    now: Floats
    """(B,)"""
    again: Floats
    """(B, n): of every confirmation whose GPU was not disturbed."""


def metric_tests(metric: Metric, run: Run, baselines: Sequence[Run], ids: Sequence[str], share: float) -> MetricTests:
    """The tests of `ids`, every one of which has a value now and in at least one baseline."""
    assert metric.spread is not None, "a metric that is only shown has no tests"
    benchmarks = [[baseline.benchmarks.get(id_) for baseline in baselines] for id_ in ids]
    calm = [confirmation for confirmation in run.confirmations if not confirmation.disturbed]
    logs = _logs(metric, run, baselines, calm, ids)
    layout = Layout(tuple(b.place for b in baselines), tuple(b.day for b in baselines), run.place)
    measured = [[item for item in row if item] for row in benchmarks]
    rounds = metric.spread.rounds * np.array([_rounds(items) for items in measured])
    choice = metric.spread.choice_s * np.array([_choice(items) for items in measured])
    visited = np.array([any(item.by_visits for item in items) and waiting(items) for items in measured])
    by_host = np.array([each and each * waiting(items) for each, items in zip(choice, measured, strict=True)])
    by_host = np.hypot(by_host, metric.spread.visits_day * visited)
    rounds = np.hypot(rounds, metric.spread.visits * visited)
    noise = estimate(logs.baselines, layout, metric.spread, np.hypot(rounds, choice), by_host)
    first, again = logs.now - noise.centre, logs.again - noise.centre[:, None]
    disturbed = tuple(", ".join(run.benchmarks[id_].disturbances) for id_ in ids)

    own = metric.excused_by
    calibration = moved(
        _array([[item.values.get(own) if item else None for item in row] for row in benchmarks]),
        _array([[run.benchmarks[id_].values.get(own), *(c.values.get(id_, {}).get(own) for c in calm)] for id_ in ids]),
    )
    steady = np.array([not text for text in disturbed]) & (np.abs(first) <= inside(noise, share, len(ids)))
    variances = noise.deviation(1) ** 2
    added, controls = 0.0, 0
    if calm:
        listed = [steady & np.isin(ids, c.controls) & np.isfinite(again[:, j]) for j, c in enumerate(calm)]
        shifted, variance = shift(again.T, np.where(listed, 1 / variances, 0), choice > 0)
        again, added = again - shifted, float(variance.max())
        controls = min(int(chosen.sum()) for chosen in listed)
    return MetricTests(
        metric,
        tuple(ids),
        np.array([run.benchmarks[id_].values[metric.key] for id_ in ids]),
        first,
        again,
        calibration,
        explainable(calibration, np.exp(noise.centre), *_on_the_gpu(measured, noise.centre)),
        controls,
        limits(noise, metric.min_effect, share, len(ids), added),
        disturbed,
        tuple(_disturbed_again(run, id_, metric.key) for id_ in ids),
    )


def _disturbed_again(run: Run, id_: str, key: str) -> str:
    measured = [confirmation for confirmation in run.confirmations if key in confirmation.values.get(id_, {})]
    return ", ".join(dict.fromkeys(reason for confirmation in measured for reason in confirmation.disturbed))


def _logs(metric: Metric, run: Run, baselines: Sequence[Run], calm: Sequence[Confirmation], ids: Sequence[str]) -> Logs:
    """The metric's values of the benchmarks `ids`, and of `calm`, the confirmations that count."""
    key = metric.key
    before = [[baseline.benchmarks.get(id_) for baseline in baselines] for id_ in ids]
    return Logs(
        _array([[item.values.get(key) if item and not item.disturbances else None for item in row] for row in before]),
        _array([[run.benchmarks[id_].values[key]] for id_ in ids])[:, 0],
        _array([[confirmation.values.get(id_, {}).get(key) for confirmation in calm] for id_ in ids]),
    )


def _array(rows: list[list[float | None]]) -> Floats:
    width = len(rows[0]) if rows else 0
    values = np.array([[math.nan if value is None else value for value in row] for row in rows], dtype=float)
    logs: Floats = np.log(values.reshape(len(rows), width))
    return logs


def _rounds(measured: Sequence[Benchmark]) -> float:
    """Spread of the logarithm of a process's rounds, in the middle of the baseline's runs; 0 where none says."""
    known = [item.round_spread for item in measured if item.round_spread is not None]
    return statistics.median_high(known) if known else 0.0


def _choice(measured: Sequence[Benchmark]) -> float:
    """Launches a second of kernel time, where the baseline's runs launched different kernels; 0 elsewhere."""
    if len({item.kernels for item in measured if item.kernels is not None}) < 2:
        return 0.0
    known = [item.values for item in measured if item.values.keys() >= {"launches", "kernel_time"}]
    return statistics.median_high(values["launches"] / values["kernel_time"] for values in known) if known else 0.0


def waiting(measured: Sequence[Benchmark]) -> float:
    """Share of the latency in which the GPU waits for the host, in the middle of the baseline's runs; 1 if not known.

    As much of a choice of kernels is the host's doing: a slow one makes worse choices, in every process of a night.
    """
    known = [item.values for item in measured if item.values.keys() >= {"kernel_time", "latency"}]
    return max(0.0, 1 - statistics.median(v["kernel_time"] / v["latency"] for v in known)) if known else 1.0


def _on_the_gpu(measured: Sequence[Sequence[Benchmark]], centre: Floats) -> tuple[Floats, Floats]:
    """Kernel times, NaN where there is none, and what launching takes at most: the latency of the smallest batch."""
    known = [[item.values["kernel_time"] for item in items if "kernel_time" in item.values] for items in measured]
    kernel_times = np.array([statistics.median(times) if times else math.nan for times in known])
    alike = [_but_for_the_batch(items[0]) for items in measured]
    smallest: dict[Hashable, float] = {}
    latencies = np.exp(centre).tolist()
    for key, latency in zip(alike, latencies, strict=True):
        smallest[key] = min(smallest.get(key, math.inf), latency)
    return kernel_times, np.array([smallest[key] for key in alike])


def _but_for_the_batch(benchmark: Benchmark) -> Hashable:
    if "batch_size" not in benchmark.params:
        return benchmark.id
    return frozenset(item for item in benchmark.params.items() if item[0] != "batch_size")
