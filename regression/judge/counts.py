"""Judges counts: whole numbers that do not vary, compared exactly with all values that the baseline has seen."""

from __future__ import annotations

from collections.abc import Sequence

from regression.judge.limits import CONFIRMATIONS
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metrics import Metric
from regression.runs.run import Run

# More values than these are not listed.
MOST_LISTED = 6


def judge_counts(metric: Metric, run: Run, baselines: Sequence[Run], ids: Sequence[str]) -> list[Judgement]:
    """One judgement for every benchmark of `ids`, each of which has a value now and in at least one baseline.

    A value that no baseline run has seen is CHANGED. Where the metric's entry says so, one that is larger than all of
    them by more than the minimum effect fails; it is confirmed as a SLOWER time is, by as many fresh processes, each of
    which must be as far off. A fresh process that finds a value that was seen before makes it UNSURE.
    """
    return [_judgement(metric, run, baselines, id_) for id_ in ids]


def _judgement(metric: Metric, run: Run, baselines: Sequence[Run], id_: str) -> Judgement:
    values = [
        baseline.benchmarks[id_].values[metric.key]
        for baseline in baselines
        if id_ in baseline.benchmarks and metric.key in baseline.benchmarks[id_].values
    ]
    seen, now = sorted(set(values)), run.benchmarks[id_].values[metric.key]
    again = [
        confirmation.values[id_][metric.key]
        for confirmation in run.confirmations
        if metric.key in confirmation.values.get(id_, {})
    ]
    nearest = min(seen, key=lambda value: (abs(value - now), value))
    verdict, reason, detail = _verdict(metric, seen, now, again)
    return Judgement(
        benchmark=id_,
        metric=metric.key,
        baseline_runs=len(values),
        baseline=nearest,
        now=now,
        ratio=now / nearest if nearest else None,
        verdict=verdict,
        reason=reason,
        detail=detail,
    )


def _verdict(metric: Metric, seen: Sequence[float], now: float, again: Sequence[float]) -> tuple[Verdict, Reason, str]:
    if now in seen:
        return Verdict.SAME, Reason.SEEN_BEFORE, ""
    detail = f"the baseline has seen {_listed(seen)}"
    if not _failing(metric, seen, now):
        return Verdict.CHANGED, Reason.NEW_VALUE, detail
    if len(again) < CONFIRMATIONS:
        return Verdict.CHANGED, Reason.UNCONFIRMED, f"{detail}; not measured again"
    detail += f"; again {_listed(again)}"
    if all(_failing(metric, seen, value) for value in again):
        return Verdict.CHANGED, Reason.CONFIRMED, detail
    return Verdict.UNSURE, Reason.DISAGREED, detail


def _failing(metric: Metric, seen: Sequence[float], value: float) -> bool:
    """Whether a value is one that fails: more than everything seen, by more than the minimum effect."""
    return metric.fails and value > max(seen) * (1 + metric.min_effect)


def _listed(values: Sequence[float]) -> str:
    more = f" and {len(values) - MOST_LISTED} more" if len(values) > MOST_LISTED else ""
    return ", ".join(f"{value:g}" for value in values[:MOST_LISTED]) + more
