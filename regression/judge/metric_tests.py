"""All tests of one metric in one run: the arrays between stored runs and verdicts."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from regression.judge.calibration import explainable, moved, unexplained
from regression.judge.choices import Compared, vary
from regression.judge.common_shift import SHARED_BY, run_shifts, scatter, tests_of, trust, weights
from regression.judge.controls import shift
from regression.judge.gpu_offset import alike, of_another_gpu
from regression.judge.host_shift import host_bound, waiting
from regression.judge.limits import CONFIRMATIONS, Limits, limits, settled, two_sided
from regression.judge.noise import Floats, Layout, Noise, estimate
from regression.judge.shared_shift import Bools, SharedShift
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metric import ByOperator, Metric
from regression.runs.run import Benchmark, Confirmation, Run
from regression.shared import HOST_BOUND, is_shared
from regression.spread import Shared, Spread
from regression.text import count, escaped, percent
from regression.values import LARGEST_VALUE

# Noise without any bound makes every change undetectable; a number stays one that JSON can hold.
LARGEST_LOG = math.log(LARGEST_VALUE)

RATIOS = ("ratio", "first_ratio", "detectable_ratio", "raw_ratio")
NO_VALUES = {"baseline": None, "now": None}


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a metric's tests were made from, for the tests of what benchmarks share."""

    first: Floats
    """(B,): logarithm of now over the baseline's centre, before anything is subtracted."""
    before: Floats
    """(B, K): the same of each baseline run, NaN where not measured."""
    again: Floats
    """(B, confirmations): the same of every confirmation, likewise."""
    shared: tuple[SharedShift, ...]
    """What some of the benchmarks share, each of them in one at most."""
    layout: Layout
    trusted: Floats
    """(K,): how much each baseline run counts."""
    process: Floats
    """(B,): what else the stored runs say of the spread between processes."""
    day: Floats
    """(B,): the same of days."""
    variants: tuple[Hashable, ...]
    """(B,): of which there may be several benchmarks."""
    widened: float
    """By how much the run's own scatter widens the limits."""
    tests: int
    """How many tests the metric has."""
    share: float


@dataclasses.dataclass(frozen=True)
class MetricTests:
    """The benchmarks that have a value of `metric` now and in the baseline; arrays are of one length with `ids`."""

    metric: Metric
    ids: tuple[str, ...]
    now: Floats
    first: Floats
    """Logarithm of now over the baseline's centre, less the shift that the benchmark shares."""
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
    evidence: Evidence
    notes: tuple[tuple[str, str], ...] = ()
    """What must be said of the baseline's runs and of this run as a whole: the path of the baseline run (empty for this
    run) and the sentence."""

    @property
    def detectable(self) -> Floats:
        """The smallest true change that would have been reported although the calibration excuses some, and a faster
        host or GPU hides some."""
        excused = np.maximum(self.explained, 0).max(axis=1) + sum(one.hidden for one in self.evidence.shared)
        return np.asarray(self.limits.detectable + excused)

    @property
    def host_bound(self) -> list[str]:
        """Host-bound benchmarks, which are judged less the shift that they share."""
        members = [one.member for one in self.evidence.shared if one.name == HOST_BOUND]
        return [id_ for member in members for id_ in np.array(self.ids)[member].tolist()]

    @property
    def _now(self) -> Floats:
        """The values (B,), less the shift that each shares."""
        return np.asarray(self.now * np.exp(self.first - self.evidence.first))

    def _raw_ratios(self, reported: npt.NDArray[np.bool_]) -> list[float | None]:
        """The ratios before a shift was subtracted, None where none was: of the confirmations where `reported`."""
        corrected = (np.nan_to_num(self.again - self.evidence.again) != 0).any(axis=1)
        corrected = np.where(reported, corrected, self.first != self.evidence.first)
        logs = np.where(reported, settled(self.evidence.again), self.evidence.first)
        return [raw if at else None for raw, at in zip(np.exp(logs).tolist(), corrected.tolist(), strict=True)]

    def judgements(self) -> list[Judgement]:
        """One judgement for every test."""
        noise, known = self.limits.noise, self.limits
        settled_, agreed = settled(self.again), known.agreed(self.first, self.again)
        first, again = unexplained(self.first, self.explained[:, 0]), unexplained(self.again, self.explained[:, 1:])
        suspect, certain = known.suspect(self.first), known.certain(first)
        excusable = suspect & ~known.suspect(first)
        # What the host explains in part is left to confirmations: it may be calmer then.
        in_part = excusable & (first != 0)
        reported = known.reported(first, again) | (in_part & known.agreed_alone(first, again))
        unmeasured = np.isfinite(again).sum(axis=1) < CONFIRMATIONS
        excused = ((excusable & ~(in_part & unmeasured)) | known.reported(self.first, self.again)) & ~reported
        looks = (self.first + np.nansum(self.again, axis=1)) / (1 + np.isfinite(self.again).sum(axis=1))
        # The initial run was selected for being far away; the confirmations were not.
        ratio = np.where(reported, settled_, self.first)
        p_value = np.where(reported, looks / known.final_deviation, self.first / noise.deviation(1))
        disagreed = known.disagreed(self.first, self.again)
        found = np.column_stack([suspect, excused, certain, disagreed, agreed, reported]).tolist()
        said = [self._verdict(row, *flags) for row, flags in enumerate(found)]
        numbers = zip(
            np.rint(noise.runs).astype(int).tolist(),
            np.exp(noise.centre).tolist(),
            np.where(reported, np.exp(noise.centre + settled_), self._now).tolist(),
            np.exp(ratio).tolist(),
            np.exp(self.first).tolist(),
            np.exp(np.minimum(self.detectable, LARGEST_LOG)).tolist(),
            self._raw_ratios(reported),
            two_sided(p_value, noise.df).tolist(),
            strict=True,
        )
        fields = ("baseline_runs", "baseline", "now", *RATIOS, "p_value")
        return [
            Judgement(
                benchmark=id_,
                metric=self.metric.key,
                verdict=verdict,
                reason=reason,
                detail=detail,
                **dict(zip(fields, values, strict=True)) | (NO_VALUES if is_shared(id_) else {}),
            )
            for id_, (verdict, reason, detail), values in zip(self.ids, said, numbers, strict=True)
        ]

    def _verdict(
        self, row: int, suspect: bool, excused: bool, certain: bool, disagreed: bool, agreed: bool, reported: bool
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
        detail = f"first {percent(first)}, again {', '.join(map(percent, again))} {self._beside(row)}"
        if reported:
            alone = not self.controls and not is_shared(self.ids[row])
            return direction, Reason.WITHOUT_CONTROLS if alone else Reason.CONFIRMED, detail
        if agreed:
            return Verdict.SAME, Reason.NEGLIGIBLE, detail
        return Verdict.UNSURE, Reason.DISAGREED if disagreed else Reason.BELOW_LIMIT, detail

    def _beside(self, row: int) -> str:
        if is_shared(self.ids[row]):
            return f"in {SHARED_BY:.0%} of the weight of {self.ids[row]}"
        if not self.controls:
            return "without any control"
        raw = self.evidence.again[row]
        raws = ", ".join(map(percent, raw[np.isfinite(raw)].tolist()))
        corrected = (np.nan_to_num(self.again[row] - raw) != 0).any()
        before = f" ({raws} before their shift is subtracted)" if corrected else ""
        return f"beside {count(self.controls, 'control')}{before}"


@dataclasses.dataclass(frozen=True)
class Logs:
    """Logarithms of one metric's values, NaN where there is none."""

    baselines: Floats
    """(B, K): of every baseline run whose GPU was not disturbed."""
    now: Floats
    """(B,)"""
    again: Floats
    """(B, n): of every confirmation whose GPU was not disturbed."""


def metric_tests(
    metric: Metric,
    run: Run,
    baselines: Sequence[Run],
    ids: Sequence[str],
    share: float,
    compared: Mapping[str, Compared] | None = None,
) -> MetricTests:
    """The tests of `ids`, every one of which has a value now and in at least one baseline.

    `compared` are the benchmarks whose operators are compared one by one, which a metric that is a part of kernel time
    is judged by.
    """
    assert metric.spread is not None, "a metric that is only shown has no tests"
    benchmarks = [[baseline.benchmarks.get(id_) for baseline in baselines] for id_ in ids]
    usable = [confirmation for confirmation in run.confirmations if not confirmation.disturbed]
    logs = _logs(metric, run, baselines, usable, ids)
    if metric.by_operator and compared:
        logs = _by_operator(metric.by_operator, logs, compared, ids)
    layout = Layout(tuple(b.place for b in baselines), tuple(b.day for b in baselines), run.place)
    measured = [[item for item in row if item] for row in benchmarks]
    loadings = [one.loading for one in (run, *baselines)]
    choice, besides, by_host = _besides(metric, metric.spread, measured, loadings)
    expected = np.hypot(metric.spread.process, besides)
    shifts = run_shifts(logs.baselines, layout, expected)
    trusted = trust(shifts, layout, metric.spread, expected)
    disturbed = tuple(", ".join(run.benchmarks[id_].disturbances) for id_ in ids)
    calm = np.array([not text for text in disturbed])
    variants = tuple(_variant(items[0]) for items in measured)

    def noise_of(spread: Spread, values: Floats) -> Noise:
        _, process, day = _besides(metric, spread, measured, loadings)
        return estimate(values, layout, spread, process, day, trusted, _placed(spread, run, baselines, measured))

    noise = noise_of(metric.spread, logs.baselines)
    found = (
        SharedShift.of(name, prior, logs.baselines, member & calm, variants)
        for name, prior, member in _sharing(metric, run, baselines, measured)
    )
    # As every centre is, from the trusted runs alone, and from those of this GPU where there are enough.
    shared = [
        one.measured_from(float(estimate(one.baselines[None], layout, one.prior.shift, trust=trusted).centre[0]))
        for one in found
        if one
    ]
    for one in shared:
        noise = noise_of(one.prior.besides, one.less(logs.baselines)).instead_of(noise, one.member)
    raw_first, raw = logs.now - noise.centre, logs.again - noise.centre[:, None]
    shared = [one.tonight(raw_first, raw) for one in shared]
    first, again = raw_first, raw
    for one in shared:
        first, again = one.without(first[:, None], np.array([one.now]))[:, 0], one.without(again, one.again)

    calibration = moved(*_calibrations(metric.excused_by, run, benchmarks, usable, ids))
    at_pace = np.array([run.benchmarks[id_].by_pace for id_ in ids], dtype=bool)
    explained = explainable(calibration, np.exp(noise.centre), *_on_the_gpu(measured, noise.centre), at_pace)
    looked = np.where(calm, unexplained(first, explained[:, 0]), np.nan)
    widened = float(scatter(looked, weights(noise.deviation(1), variants), noise))
    noise = noise.widened(widened)
    controls, tests = 0, tests_of(len(ids)) + len(shared)
    evidence = Evidence(
        raw_first,
        logs.baselines - noise.centre[:, None],
        raw,
        tuple(shared),
        layout,
        trusted,
        besides,
        by_host,
        variants,
        widened,
        tests,
        share,
    )
    known = limits(noise, metric.min_effect, share, tests)
    if usable:
        # What cannot show a change that is worth knowing did not come out SAME, and says nothing about a shift.
        excused = np.maximum(explained[:, 0], 0) + sum(one.hidden for one in shared)
        able = known.detectable + excused <= math.log1p(metric.worth_knowing)
        steady = calm & (np.abs(first) <= known.inside) & able
        listed = [steady & np.isin(ids, c.controls) & np.isfinite(again[:, j]) for j, c in enumerate(usable)]
        shifted, variance = shift(again.T, np.where(listed, 1 / noise.deviation(1) ** 2, 0), choice > 0)
        again, controls = again - shifted, min(int(chosen.sum()) for chosen in listed)
        known = limits(noise, metric.min_effect, share, tests, float(variance.max()))
    return MetricTests(
        metric,
        tuple(ids),
        np.exp(logs.now),
        first,
        again,
        calibration,
        explained,
        controls,
        known,
        disturbed,
        tuple(_disturbed_again(run, id_, metric.key) for id_ in ids),
        evidence,
        (*_distrusted(metric, baselines, shifts, trusted), *_scattered(metric, widened), *_less(metric, shared)),
    )


def _besides(
    metric: Metric, spread: Spread, measured: Sequence[Sequence[Benchmark]], loadings: Sequence[int]
) -> tuple[Floats, Floats, Floats]:
    """What the stored runs say of each benchmark's spread (B,): of the choice of kernels between processes, of that and
    all else between processes, and between days."""
    rounds = spread.rounds * np.array([_rounds(items) for items in measured])
    choice = spread.choice_among(loadings) * np.array([_choice(items) for items in measured])
    visited = np.array([any(item.by_visits for item in items) and waiting(items) for items in measured])
    by_host = np.array([each and each * waiting(items) for each, items in zip(choice, measured, strict=True)])
    if metric.by_operator is ByOperator.SAME_KERNELS:
        by_host = np.zeros(len(measured))
    besides = np.hypot(np.hypot(rounds, spread.visits * visited), choice)
    return choice, besides, np.hypot(by_host, spread.visits_day * visited)


def _sharing(
    metric: Metric, run: Run, baselines: Sequence[Run], measured: Sequence[Sequence[Benchmark]]
) -> Iterable[tuple[str, Shared, Bools]]:
    """What some of the benchmarks may share: its name, its priors, and which of the benchmarks (B,) they are."""
    if metric.host_bound:
        yield HOST_BOUND, metric.host_bound, host_bound(np.array([_waits(items) for items in measured]))
    if metric.gpu_offset and of_another_gpu(run, baselines):
        for name, member in alike([items[-1] for items in measured]).items():
            yield name, metric.gpu_offset, member


def _calibrations(
    key: str,
    run: Run,
    benchmarks: Sequence[Sequence[Benchmark | None]],
    usable: Sequence[Confirmation],
    ids: Sequence[str],
) -> tuple[Floats, Floats]:
    """Logarithms of the metric that excuses: (B, K) of the baseline, (B, 1 + n) of this run and its confirmations."""
    then = [[item.values.get(key) if item else None for item in row] for row in benchmarks]
    again = [[one.values.get(id_, {}).get(key) for one in usable] for id_ in ids]
    now = [[run.benchmarks[id_].values.get(key), *looks] for id_, looks in zip(ids, again, strict=True)]
    return _array(then), _array(now)


def _scattered(metric: Metric, widened: float) -> Iterable[tuple[str, str]]:
    if widened > 1:
        yield (
            "",
            f"In {metric.title} the benchmarks of this run scatter {widened:.1f} times as much as expected, so their "
            f"limits are {widened:.1f} times as wide.",
        )


def _less(metric: Metric, shared: Iterable[SharedShift]) -> Iterable[tuple[str, str]]:
    for one in shared:
        if abs(one.now) > math.log1p(metric.min_effect):
            number = int(one.member.sum())
            who = f"{number} {one.name}" if one.name == HOST_BOUND else f"{number} benchmarks ({one.name})"
            yield "", f"In {metric.title} {who} are judged less the shift that they share, {percent(one.now)}."


def _distrusted(metric: Metric, baselines: Sequence[Run], shifts: Floats, trusted: Floats) -> Iterable[tuple[str, str]]:
    for baseline, moved_by, part in zip(baselines, shifts.tolist(), trusted.tolist(), strict=True):
        if part < 1:
            yield (
                str(baseline.path),
                f"The baseline run {escaped(baseline.path.name)} lies {percent(moved_by)} from the other runs in "
                f"{metric.title}, over all benchmarks, and counts for {part:.0%} of a run; replace it.",
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


def _by_operator(part: ByOperator, logs: Logs, compared: Mapping[str, Compared], ids: Sequence[str]) -> Logs:
    """The logarithms of a part of kernel time, in the place of those of its whole."""
    chosen = [(row, compared[id_]) for row, id_ in enumerate(ids) if id_ in compared]
    for row, found in chosen:
        logs.baselines[row], logs.now[row] = found.baselines[part], found.now[part]
        logs.again[row] = found.again[part]
    return logs


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
    """Launches a second of kernel time, where the baseline's runs chose their kernels differently; 0 elsewhere."""
    if not vary(measured):
        return 0.0
    known = [item.values for item in measured if item.values.keys() >= {"launches", "kernel_time"}]
    return statistics.median_high(values["launches"] / values["kernel_time"] for values in known) if known else 0.0


def _placed(
    spread: Spread, run: Run, baselines: Sequence[Run], measured: Sequence[Sequence[Benchmark]]
) -> Floats | float:
    """What is added to the spread between places (B,): on a GPU that the baseline does not have, where it waits for the
    host; and where a baseline run had engines, weights or activations in other places."""
    known = any(baseline.gpu == run.gpu for baseline in baselines)
    alike = all(baseline.loading == run.loading for baseline in baselines)
    if (known and alike) or not (spread.engine or spread.loading or spread.host):
        return 0.0
    waits = np.array([waiting(items) for items in measured])
    engines = np.array([any(item.has_engine for item in items) for items in measured])
    gpu = 0.0 if known else np.hypot(spread.host, engines * spread.engine) * waits
    loading = 0.0 if alike else spread.loading
    return np.asarray(np.hypot(gpu, loading * np.where(engines, 1.0, waits)))


def _waits(measured: Sequence[Benchmark]) -> float:
    """The same of a latency from visits; NaN where it is none, or nothing is known of the GPU's time."""
    known = any(item.by_visits for item in measured) and any("kernel_time" in item.values for item in measured)
    return waiting(measured) if known else math.nan


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


def _variant(benchmark: Benchmark) -> Hashable:
    return benchmark.params.get("variant", benchmark.id)


def _but_for_the_batch(benchmark: Benchmark) -> Hashable:
    if "batch_size" not in benchmark.params:
        return benchmark.id
    return frozenset(item for item in benchmark.params.items() if item[0] != "batch_size")
