"""The rows of a rehearsal: one verdict each, on a continuous metric, a count, outputs, or what only one side runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from regression.judge.algorithms import learn_algorithms
from regression.judge.by_operator import same_where_kernels_are
from regression.judge.counts import judge_counts
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metric import Kind
from regression.metrics import METRICS
from regression.runs.run import Confirmation, Run
from regression.text import count
from rehearsal.paired import KERNEL_TIME, LATENCY, SAME_KERNELS, Differences, continuous
from rehearsal.protocol import NEW, OLD
from rehearsal.record import Record
from rehearsal.sequential import LEAST_PAIRS, Interval, interval

OUTPUTS = "outputs"
MIN_EFFECT: Mapping[str, float] = {LATENCY: 0.02, KERNEL_TIME: 0.0025, SAME_KERNELS: 0.0025}
"""The smallest change that is reported: in turns a smaller one can be told than by stored runs."""
WORTH_KNOWING: Mapping[str, float] = {LATENCY: 0.10, KERNEL_TIME: 0.02, SAME_KERNELS: 0.02}
"""Where the whole interval lies within this, a benchmark is SAME."""
ENOUGH: Mapping[str, float] = {LATENCY: 0.05, KERNEL_TIME: 0.005, SAME_KERNELS: 0.005}
"""Where it lies within this, the benchmark is no longer measured."""


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


def continuous_rows(record: Record, runs: Mapping[str, Sequence[Run]], tests: int) -> list[Row]:
    """Latency and kernel time: their intervals."""
    rows = list(_by_intervals(record, runs, tests))
    said = same_where_kernels_are([row.judgement for row in rows], METRICS)
    return [replace(row, judgement=judgement) for row, judgement in zip(rows, said, strict=True)]


def _by_intervals(record: Record, runs: Mapping[str, Sequence[Run]], tests: int) -> Iterable[Row]:
    for key, benchmark, found, process in continuous(record, runs):
        yield continuous_row(key, benchmark, found, process, tests)


def continuous_row(key: str, benchmark: str, found: Differences, process: float, tests: int) -> Row:
    """What the pairs of one metric and benchmark say, each for itself.

    Args:
        process: prior standard deviation of the logarithm between two processes of one environment.
        tests: of the whole rehearsal.
    """
    said = interval(found.values, found.within, process, tests)
    said = said and said.widened(found.elsewhere)
    verdict, reason = (Verdict.UNSURE, Reason.UNCONFIRMED) if said is None else verdict_of(key, said)
    return Row(
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
            detail=_too_few(len(found.values)) if said is None else "",
        ),
        low_ratio=None if said is None else math.exp(said.low),
        high_ratio=None if said is None else math.exp(said.high),
        pairs=len(found.values),
    )


def untimed_rows(record: Record, rows: Iterable[Row]) -> Iterable[Row]:
    """The benchmarks that both sides have and whose latency is in none of the rows: it ended before."""
    timed = {row.judgement.benchmark for row in rows if row.judgement.metric == LATENCY}
    for name in record.compared():
        if name not in timed:
            yield Row(
                Judgement(
                    benchmark=name,
                    metric=LATENCY,
                    verdict=Verdict.UNSURE,
                    reason=Reason.UNCONFIRMED,
                    detail=_too_few(0),
                )
            )


def _too_few(pairs: int) -> str:
    return f"{count(pairs, 'pair')}; a verdict needs {LEAST_PAIRS}"


def verdict_of(key: str, said: Interval) -> tuple[Verdict, Reason]:
    """What an interval of a metric's change says."""
    if said.low > 0 or said.high < 0:
        if abs(said.centre) > math.log1p(MIN_EFFECT[key]):
            return (Verdict.SLOWER if said.low > 0 else Verdict.FASTER), Reason.CONFIRMED
        return Verdict.SAME, Reason.NEGLIGIBLE
    if max(said.high, -said.low) < math.log1p(WORTH_KNOWING[key]):
        return Verdict.SAME, Reason.INSIDE_NOISE
    return Verdict.UNSURE, Reason.NOISY


def is_settled(key: str, said: Interval) -> bool:
    """Whether a further pair would change nothing that matters."""
    if verdict_of(key, said)[1] is Reason.CONFIRMED:
        return True
    return max(said.high, -said.low) < math.log1p(ENOUGH[key])


def output_rows(record: Record) -> Iterable[Row]:
    """What became of the outputs."""
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


def count_rows(record: Record, runs: Mapping[str, Sequence[Run]]) -> Iterable[Row]:
    """Counts of the new side's first process that was counted, which its others confirm, against all old ones."""
    algorithms = learn_algorithms(runs[OLD])
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
            for judgement in judge_counts(metric, run, runs[OLD], [name], algorithms):
                yield Row(judgement, pairs=judgement.baseline_runs)


def absent_rows(record: Record) -> Iterable[Row]:
    """What only one side has, or can run."""
    for name in record.benchmarks():
        for side, verdict in ((NEW, Verdict.MISSING), (OLD, Verdict.NEW)):
            if why := record.failed[side].get(name):
                yield Row(Judgement(benchmark=name, metric=LATENCY, verdict=verdict, reason=Reason.FAILED, detail=why))
            elif why := record.missing[side].get(name):
                why = f"the {side} side cannot have it: {why}"
                yield Row(Judgement(benchmark=name, metric=LATENCY, verdict=verdict, reason=Reason.SKIPPED, detail=why))
