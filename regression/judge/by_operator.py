"""What is said of kernel time where operators are compared one by one, beside what its tests say."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from regression.judge.choices import LEAST_MATCHED, Compared, OtherChoice
from regression.judge.exchanged import exchanged
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metric import ByOperator, Metric
from regression.runs.run import Run
from regression.text import count, escaped, fit, flattened, microseconds

MOST_NAMED, LONGEST_KERNEL = 3, 60


def told_by_operator(
    judgements: Iterable[Judgement], compared: Mapping[str, Compared], metrics: Sequence[Metric]
) -> list[Judgement]:
    """The judgements of one run's tests, with what its operators say of them.

    A run that launches mostly other kernels than the baseline is UNSURE in the same kernels. A change names
    the operators that cost most. A kernel time too noisy to be called SAME is SAME where the same kernels are.
    """
    parts = {metric.key: metric for metric in metrics if metric.by_operator}
    said = [
        _told(item, compared[item.benchmark], parts[item.metric])
        if item.metric in parts and item.benchmark in compared
        else item
        for item in judgements
    ]
    return same_where_kernels_are(said, metrics)


def same_where_kernels_are(judgements: Sequence[Judgement], metrics: Sequence[Metric]) -> list[Judgement]:
    """The judgements; a whole that is too noisy is SAME where its same kernels are: the rest is choice of kernels."""
    wholes = {metric.key: metric.part_of for metric in metrics if metric.by_operator is ByOperator.SAME_KERNELS}
    same = {
        (wholes[item.metric], item.benchmark)
        for item in judgements
        if item.metric in wholes and item.verdict is Verdict.SAME
    }
    return [
        dataclasses.replace(item, verdict=Verdict.SAME, reason=Reason.BY_OPERATORS)
        if item.reason is Reason.NOISY and (item.metric, item.benchmark) in same
        else item
        for item in judgements
    ]


def _told(item: Judgement, compared: Compared, metric: Metric) -> Judgement:
    if item.reason is Reason.DISTURBED:
        return item
    same_kernels = metric.by_operator is ByOperator.SAME_KERNELS
    if same_kernels and compared.share < LEAST_MATCHED:
        detail = f"{compared.share:.0%} of the time is in operators whose choice of kernels the baseline has seen"
        return dataclasses.replace(item, verdict=Verdict.UNSURE, reason=Reason.OTHER_KERNELS, detail=detail)
    told = [item.detail]
    if item.verdict is not Verdict.SAME:
        sign = -1 if item.ratio is not None and item.ratio < 1 else 1
        others = [other for other in compared.others if other.is_selection != same_kernels]
        costly = sorted(others, key=lambda other: -sign * other.cost_s)[:MOST_NAMED]
        told.append("; ".join(said(other) for other in costly if sign * other.cost_s > 0))
    if compared.apart and (same_kernels or item.verdict is not Verdict.SAME):
        counts = "without" if same_kernels else "with"
        told.append(f"{counts} {compared.apart:.1%} of the kernel time, which differ from run to run")
    return dataclasses.replace(item, detail="; ".join(filter(None, told)))


def said(other: OtherChoice) -> str:
    """An operator that makes another choice than any baseline run: the operator, the cost, kernels or grids."""
    kernels = exchanged(other.before, other.now, lambda name: fit(flattened(escaped(name)), LONGEST_KERNEL))
    return f"{escaped(other.operator)} {microseconds(other.cost_s)}: {kernels}"


def notes(run: Run, baselines: Sequence[Run]) -> Iterable[str]:
    """A sentence where this run or runs of the baseline cannot speak of operators though they have kernel times."""
    timed = [id_ for id_, item in run.benchmarks.items() if "kernel_time" in item.values]
    with_operators = [id_ for id_ in timed if run.benchmarks[id_].operators]
    reasons: dict[str, int] = {}
    for id_ in timed:
        why = run.benchmarks[id_].absent.get("same_kernels")
        if why and not run.benchmarks[id_].operators:
            reasons[why] = reasons.get(why, 0) + 1
    for why, benchmarks in reasons.items():
        who = count(benchmarks, "benchmark")
        yield f"{who} of this run: kernel time is judged as a whole, since operators cannot be told apart: {why}."
    silent = [
        baseline
        for baseline in baselines
        if with_operators
        and not any(item.operators for item in baseline.benchmarks.values())
        and any("kernel_time" in item.values for item in baseline.benchmarks.values())
    ]
    if silent:
        yield (
            f"{count(len(silent), 'run')} of the baseline cannot speak of operators, since an older version recorded "
            "them; they are compared by kernel time as a whole."
        )
