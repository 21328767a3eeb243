"""Judges a recorded rehearsal: pure, from the recorded turns, counts, profiles and outputs to one row a judgement."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from common.schema import SCHEMA
from regression.explain.explanation import explanations
from regression.explain.kernels import Explanation
from regression.judge import choices
from regression.judge.counts import judge_counts
from regression.judge.limits import CONFIRMATIONS
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metrics import METRICS, Kind, Metric
from regression.runs.environment import NOT_RECORDED, Difference
from regression.runs.read import parse
from regression.runs.run import Benchmark, Confirmation, Run
from regression.text import count
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import Record, Turns
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS, Interval, interval
from rehearsal.turns import LEAST_ROUNDS

BY_KEY: Mapping[str, Metric] = {metric.key: metric for metric in METRICS}
LATENCY, KERNEL_TIME, SAME_KERNELS, OUTPUTS = "latency", "kernel_time", "same_kernels", "outputs"
EXPLAINED = frozenset({Verdict.SLOWER, Verdict.FASTER, Verdict.CHANGED})
COUNTED = 1 + CONFIRMATIONS
"""In how many pairs is counted: once, and as often as a failing count is confirmed."""

MIN_EFFECT: Mapping[str, float] = {LATENCY: 0.02, KERNEL_TIME: 0.0025, SAME_KERNELS: 0.0025}
"""The smallest change that is reported: in turns a smaller one can be told than by stored runs."""
WORTH_KNOWING: Mapping[str, float] = {LATENCY: 0.10, KERNEL_TIME: 0.02, SAME_KERNELS: 0.02}
"""Where the whole interval lies within this, a benchmark is SAME; within half of it, it is no longer measured."""

# Prior standard deviations of the logarithm of a latency between two processes of one environment (docs/rehearsal.md).
ON_CPU = 0.025
HOST_BOUND, HOST_BOUND_TENSORRT, GPU_BOUND = 0.023, 0.009, 0.003


@dataclass(frozen=True)
class Row:
    """One judgement, with the interval of its change: ratios of new over old that hold with the rehearsal's error."""

    judgement: Judgement
    low_ratio: float | None = None
    high_ratio: float | None = None
    pairs: int = 0

    @property
    def failed(self) -> bool:
        """Whether the rehearsal fails for it. What the new side cannot have is said, and does not fail."""
        return self.judgement.failed and self.judgement.reason is not Reason.SKIPPED


@dataclass(frozen=True)
class Judged:
    """All that is said of a rehearsal.

    Attributes:
        rows: latency, kernel time, outputs, then counts; each in the order of the benchmarks.
        differences: of the environments.
        tests: how many share the error.
        explanations: the operators and kernels behind what changed, of the first pair's new side against all old ones.
    """

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    tests: int
    explanations: tuple[Explanation, ...] = ()

    @property
    def failed(self) -> bool:
        return any(row.failed for row in self.rows)


@dataclass(frozen=True)
class Differences:
    """One benchmark's pairs: differences of the logarithm with their standard errors, and both sides' values."""

    values: tuple[float, ...]
    within: tuple[float, ...]
    old: float
    new: float


def judge(record: Record) -> Judged:
    """The judgements of a rehearsal, whatever part of it was measured."""
    tests = test_count(record)
    runs = processes(record)
    rows = [
        *_by_operators(list(_continuous_rows(record, runs, tests))),
        *_output_rows(record),
        *_count_rows(record, runs),
    ]
    rows = [*_absent_rows(record), *rows]
    moved = dict.fromkeys(row.judgement.benchmark for row in rows if row.judgement.verdict in EXPLAINED)
    profiled = [name for name in moved if _is_profiled(runs, name)]
    told = explanations(profiled, runs[NEW][0], runs[OLD]) if profiled else []
    return Judged(tuple(rows), differences(record), tuple(notes(record)), tests, tuple(told))


def settled(record: Record) -> tuple[set[str], set[str]]:
    """The benchmarks whose latency is decided, and those whose kernel time is: they need no further pair."""
    tests = test_count(record)
    runs = processes(record)
    found: dict[str, dict[str, bool]] = {LATENCY: {}, KERNEL_TIME: {}, SAME_KERNELS: {}}
    for key, benchmark, measured, process in _continuous(record, runs):
        said = interval(measured.values, measured.within, process, tests)
        found[key][benchmark] = said is not None and _is_settled(key, said)
    # Where operators are told apart, what the choice of kernels does to the whole is no reason to go on.
    kernels = found[KERNEL_TIME] | found[SAME_KERNELS]
    return {name for name, done in found[LATENCY].items() if done}, {name for name, done in kernels.items() if done}


def test_count(record: Record) -> int:
    """How many tests share the error: fixed before anything is measured."""
    return len([name for name in record.benchmarks() if _on_both(record, name)]) * (3 if record.is_cuda else 1)


def differences(record: Record) -> tuple[Difference, ...]:
    """What differs between the environments: interpreter, packages, settings, device, code, options."""
    flat = {side: dict(_environment(record.sides[side])) for side in SIDES}
    names = dict.fromkeys([*flat[OLD], *flat[NEW]])
    found = [(name, flat[OLD].get(name, NOT_RECORDED), flat[NEW].get(name, NOT_RECORDED)) for name in names]
    return tuple(Difference(name, old, new) for name, old, new in found if old != new)


def latency_differences(found: Iterable[Turns]) -> Differences | None:
    """The pairs' differences in latency: the median over rounds of neighbouring turns' difference.

    Of each turn the shortest call counts: what disturbs a shared host makes calls longer and none shorter.
    """
    values, within, logs = [], [], {side: list[float]() for side in SIDES}
    for turns in found:
        if turns.rounds < LEAST_ROUNDS:
            continue
        each = {side: np.log(turns.min_s[side]) for side in SIDES}
        rounds = each[NEW] - each[OLD]
        middle = float(np.median(rounds))
        values.append(middle)
        # The standard error of a median of normal values, their deviation taken from the median absolute deviation.
        deviation = 1.4826 * float(np.median(np.abs(rounds - middle)))
        within.append(math.sqrt(math.pi / 2 / len(rounds)) * deviation)
        for side in SIDES:
            logs[side].append(float(np.median(each[side])))
    if not values:
        return None
    old = math.exp(statistics.fmean(logs[OLD]))
    return Differences(tuple(values), tuple(within), old, old * math.exp(statistics.fmean(values)))


def latency_prior(record: Record, benchmark: str, runs: Mapping[str, Sequence[Run]], latency_s: float) -> float:
    """Prior standard deviation of the logarithm between two processes of one environment."""
    if not record.is_cuda:
        return ON_CPU
    variant = str(record.sides[OLD]["benchmarks"][benchmark]["variant"])
    kernels_s = [run.benchmarks[benchmark].values.get(KERNEL_TIME) for run in runs[OLD] if benchmark in run.benchmarks]
    known = [value for value in kernels_s if value]
    waits = max(0.0, 1 - statistics.fmean(known) / latency_s) if known else 1.0
    return math.hypot(GPU_BOUND, waits * (HOST_BOUND_TENSORRT if variant.startswith("tensorrt") else HOST_BOUND))


def _continuous(record: Record, runs: Mapping[str, Sequence[Run]]) -> Iterable[tuple[str, str, Differences, float]]:
    """Metric, benchmark, its pairs and the prior between processes, of every continuous test that was measured."""
    for name in record.compared():
        found = latency_differences(pair.turns[name] for pair in record.pairs[:MOST_PAIRS] if name in pair.turns)
        if found is not None:
            yield LATENCY, name, found, latency_prior(record, name, runs, found.old)
        pairs = [
            (old.benchmarks[name], new.benchmarks[name])
            for old, new in list(zip(runs[OLD], runs[NEW], strict=True))[:MOST_PAIRS]
            if all(KERNEL_TIME in run.benchmarks[name].values for run in (old, new) if name in run.benchmarks)
            and name in old.benchmarks
            and name in new.benchmarks
        ]
        if pairs:
            yield from _kernel_times(name, pairs)


def _kernel_times(
    name: str, pairs: Sequence[tuple[Benchmark, Benchmark]]
) -> Iterable[tuple[str, str, Differences, float]]:
    """The kernel time as a whole, and of the operators that launched kernels that the old side launched as well."""
    old = statistics.fmean(benchmark.values[KERNEL_TIME] for benchmark, _ in pairs)
    rate = statistics.fmean(benchmark.values.get("launches", 0.0) for benchmark, _ in pairs) / old
    varies = len({benchmark.kernels for pair in pairs for benchmark in pair}) > 1
    none = (0.0,) * len(pairs)
    whole = tuple(math.log(new.values[KERNEL_TIME] / before.values[KERNEL_TIME]) for before, new in pairs)
    centre = math.exp(statistics.fmean(whole))
    yield KERNEL_TIME, name, Differences(whole, none, old, old * centre), _kernel_prior(KERNEL_TIME, rate, varies)
    if not all(before.operators and new.operators for before, new in pairs):
        return
    known = choices.learn([before.operators for before, _ in pairs])
    matched = [choices.match(known, new.operators) for _, new in pairs]
    if min(one.share for one in matched) < choices.LEAST_MATCHED:
        return
    same = tuple(math.log(one.factor / factor) for one, factor in zip(matched, known.factors, strict=True))
    known_s = statistics.fmean(one.known_s for one in matched)
    centre = math.exp(statistics.fmean(same))
    prior = _kernel_prior(SAME_KERNELS, rate, varies)
    yield SAME_KERNELS, name, Differences(same, none, known_s, known_s * centre), prior


def _kernel_prior(key: str, launches_per_s: float, varies: bool) -> float:
    spread = BY_KEY[key].spread
    assert spread is not None
    return math.hypot(spread.process, spread.choice_s * launches_per_s if varies else 0.0)


def _continuous_rows(record: Record, runs: Mapping[str, Sequence[Run]], tests: int) -> Iterable[Row]:
    for key, benchmark, found, process in _continuous(record, runs):
        said = interval(found.values, found.within, process, tests)
        verdict, reason = (Verdict.UNSURE, Reason.UNCONFIRMED) if said is None else _verdict(key, said)
        yield Row(
            Judgement(
                benchmark=benchmark,
                metric=key,
                baseline_runs=len(found.values),
                baseline=found.old,
                now=found.new,
                ratio=found.new / found.old,
                detectable_ratio=None if said is None else math.exp(said.detectable),
                verdict=verdict,
                reason=reason,
                detail=f"{count(len(found.values), 'pair')}; a verdict needs {LEAST_PAIRS}" if said is None else "",
            ),
            low_ratio=None if said is None else math.exp(said.low),
            high_ratio=None if said is None else math.exp(said.high),
            pairs=len(found.values),
        )


def _by_operators(rows: Sequence[Row]) -> Iterable[Row]:
    """A kernel time that is too noisy as a whole is SAME where its same kernels are: the rest is choice of kernels."""
    same = {
        row.judgement.benchmark
        for row in rows
        if row.judgement.metric == SAME_KERNELS and row.judgement.verdict is Verdict.SAME
    }
    for row in rows:
        said = row.judgement
        if said.metric == KERNEL_TIME and said.reason is Reason.NOISY and said.benchmark in same:
            row = replace(row, judgement=replace(said, verdict=Verdict.SAME, reason=Reason.BY_OPERATORS))
        yield row


def _verdict(key: str, said: Interval) -> tuple[Verdict, Reason]:
    if said.low > 0 or said.high < 0:
        if abs(said.centre) > math.log1p(MIN_EFFECT[key]):
            return (Verdict.SLOWER if said.low > 0 else Verdict.FASTER), Reason.CONFIRMED
        return Verdict.SAME, Reason.NEGLIGIBLE
    if max(said.high, -said.low) < math.log1p(WORTH_KNOWING[key]):
        return Verdict.SAME, Reason.INSIDE_NOISE
    return Verdict.UNSURE, Reason.NOISY


def _is_settled(key: str, said: Interval) -> bool:
    """Whether a further pair would change nothing that matters."""
    if _verdict(key, said)[1] is Reason.CONFIRMED:
        return True
    return max(said.high, -said.low) < math.log1p(WORTH_KNOWING[key]) / 2


def _output_rows(record: Record) -> Iterable[Row]:
    for benchmark in record.compared():
        found = record.outputs.get(benchmark)
        if found is None:
            continue
        verdict, reason, detail = _outputs(found)
        yield Row(
            Judgement(
                benchmark=benchmark,
                metric=OUTPUTS,
                baseline=found.get("old_error"),
                now=found.get("new_error"),
                verdict=verdict,
                reason=reason,
                detail=detail,
            )
        )


def _outputs(found: Mapping[str, Any]) -> tuple[Verdict, Reason, str]:
    if found["problem"]:
        return Verdict.UNSURE, Reason.NOT_TIMED, f"outputs cannot be compared: {found['problem']}"
    if found["new_error"] is None or found["new_error"] > found["bound"]:
        said = "not finite" if found["new_error"] is None else f"off by {found['new_error']:.2g}"
        return Verdict.CHANGED, Reason.CONFIRMED, f"wrong outputs: {said}, at most {found['bound']:.2g} is right"
    if found["lost_labels"]:
        return Verdict.CHANGED, Reason.CONFIRMED, f"labels lost: {_labels(found['lost_labels'])}"
    if found["other_labels"]:
        return Verdict.CHANGED, Reason.NEW_VALUE, f"other labels: {_labels(found['other_labels'])}"
    if not found["relative_error"]:
        return Verdict.SAME, Reason.SEEN_BEFORE, "equal to the bit"
    return Verdict.SAME, Reason.INSIDE_NOISE, f"new against old {found['relative_error']:.2g}, labels equal"


def _labels(labels: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"{file} class {old} -> {new}" for file, (old, new) in labels.items())


def _count_rows(record: Record, runs: Mapping[str, Sequence[Run]]) -> Iterable[Row]:
    """Counts of the new side's first process that was counted, which its others confirm, against all old ones."""
    for metric in METRICS:
        if not metric.judged or metric.kind is not Kind.COUNT:
            continue
        for name in record.compared():
            counted = [run for run in runs[NEW] if name in run.benchmarks and metric.key in run.benchmarks[name].values]
            if not counted:
                continue
            now, *again = [run.benchmarks[name] for run in counted]
            run = Run(
                path=counted[0].path,
                machine=counted[0].machine,
                benchmarks={name: now},
                confirmations=tuple(Confirmation((), {name: one.values}) for one in again),
            )
            for judgement in judge_counts(metric, run, runs[OLD], [name]):
                yield Row(judgement, pairs=judgement.baseline_runs)


def _absent_rows(record: Record) -> Iterable[Row]:
    """What only one side has, or can run."""
    for name in record.benchmarks():
        for side, verdict in ((NEW, Verdict.MISSING), (OLD, Verdict.NEW)):
            if why := record.failed[side].get(name):
                yield Row(Judgement(benchmark=name, metric=LATENCY, verdict=verdict, reason=Reason.FAILED, detail=why))
            elif why := record.missing[side].get(name):
                why = f"the {side} side cannot have it: {why}"
                yield Row(Judgement(benchmark=name, metric=LATENCY, verdict=verdict, reason=Reason.SKIPPED, detail=why))


def notes(record: Record) -> Iterable[str]:
    """What else there is to say, in sentences."""
    yield from record.notes
    if record.interrupted:
        yield record.interrupted
    counted = {
        side: {
            str(found["counted_with"])
            for pair in record.pairs
            for one in pair.measured[side].values()
            if (found := one.get("host_work")) and "counted_with" in found
        }
        for side in SIDES
    }
    if counted[OLD] and counted[NEW] and counted[OLD] != counted[NEW]:
        ways = " and ".join(" or ".join(sorted(counted[side])) for side in SIDES)
        yield f"Python calls and bytecodes are not compared: the sides count them differently ({ways})."
    neither = Counter(
        reason
        for name, reason in record.sides[OLD]["missing"].items()
        if record.sides[NEW]["missing"].get(name) == reason
    )
    yield from (f"Skipped on both sides, {count(number, 'benchmark')}: {why}." for why, number in neither.items())
    if not differences(record):
        yield "Both sides are one environment with one code: whatever differs is noise."


def processes(record: Record) -> dict[str, list[Run]]:
    """By side each pair's process, as judging stored runs knows it."""
    return {side: _runs(record, side) for side in SIDES}


def _is_profiled(runs: Mapping[str, Sequence[Run]], name: str) -> bool:
    """Whether the first process of each side has the benchmark's kernel time."""
    return all(
        some and name in some[0].benchmarks and KERNEL_TIME in some[0].benchmarks[name].values for some in runs.values()
    )


def _on_both(record: Record, name: str) -> bool:
    return all(name in record.sides[side]["benchmarks"] for side in SIDES)


def _environment(side: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "python", str(side["python"])
    for group in ("packages", "settings", "device"):
        for name, value in side[group].items():
            yield f"{name}" if group == "packages" else f"{group}.{name}", str(value)
    yield "checkout", str(side["checkout"])
    yield "arguments", " ".join(side["arguments"])


def _runs(record: Record, side: str) -> list[Run]:
    """Each pair's process of a side, as judging stored runs knows it; pairs in which either measured nothing are left
    out."""
    machine = {"software": record.sides[side]["packages"], "python_version": record.sides[side]["python"]}
    return [
        parse(
            {
                "datetime": record.datetime,
                "machine_info": machine,
                "suite": {"schema": SCHEMA, **pair.lists[side]},
                "benchmarks": [
                    {"param": name, "name": name, "stats": {}, "extra_info": one}
                    for name, one in pair.measured[side].items()
                ],
            },
            Path(side),
        )
        for pair in record.pairs
        if all(pair.measured[one] for one in SIDES)
    ]
