"""Judges counts: numbers that unchanged code repeats exactly, compared with all values that the baseline has seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence, Set

from common.schema import NOT_SELECTED
from regression.judge.algorithms import Algorithms, in_both, software
from regression.judge.choices import Operators
from regression.judge.known import Known
from regression.judge.limits import CONFIRMATIONS
from regression.judge.operator_calls import other_calls
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metric import Exact, Fails, Kind, Metric
from regression.runs.run import Benchmark, Run
from regression.text import count, escaped, fit, listed, measure
from regression.values import lookup

# More values or names than these are not listed.
MOST_LISTED = 6


@dataclasses.dataclass(frozen=True)
class Reference:
    """What the baseline has seen of one count of one benchmark.

    Attributes:
        values: each once, in order.
        exact: whether any other value is a change, and not only one outside their range.
        benchmarks: those whose values these are, counted alike.
        algorithms: what the whole baseline shows.
    """

    values: tuple[float, ...]
    exact: bool
    benchmarks: Sequence[Benchmark]
    algorithms: Algorithms

    @property
    def _told_apart(self) -> list[Benchmark]:
        """Those whose operators are known."""
        return [one for one in self.benchmarks if one.operators]

    def has_seen(self, now: Benchmark, metric: Metric) -> bool:
        """Whether a benchmark's value is no change."""
        value, least, most = now.values[metric.key], self.values[0], self.values[-1]
        if self.exact:
            return value in self.values
        known = self._told_apart if metric.of_workspaces and now.operators else []
        if known:
            return least <= value <= most or all(
                abs(value - one.values[metric.key]) <= self.algorithms.others(now.operators, one.operators)
                for one in known
            )
        return least * (1 - metric.margin) <= value <= most * (1 + metric.margin) or any(
            abs(rest - before) <= metric.margin * before
            for before, rest in self.given_kernels(value, now.operators, metric)
        )

    def fails(self, value: float, operators: Operators, metric: Metric) -> bool:
        """Whether a value fails; operators explain it as far as they launch other kernels."""

        def more(value: float, most: float) -> bool:
            return value > most * (1 + metric.min_effect) and value - most >= metric.min_growth

        if metric.fails is Fails.MORE:
            return more(value, self.values[-1]) and all(
                more(rest, before) for before, rest in self.given_kernels(value, operators, metric)
            )
        return metric.fails is Fails.FEWER and value < self.values[0]

    def given_kernels(self, value: float, operators: Operators, metric: Metric) -> Iterator[tuple[float, float]]:
        """Of every baseline run its value, and this value less what the operators that launch other kernels add to it.

        Nothing where operators do not have the count, or are not known.
        """
        for one in self._told_apart if metric.in_operators and operators else []:
            added = sum(
                sum(now.api_calls.values()) - sum(then.api_calls.values())
                for now, then in in_both(operators, one.operators)
                if now.kernels != then.kernels
            )
            yield one.values[metric.key], value - added

    def other_parts(self, now: Benchmark, metric: Metric) -> list[str]:
        """`name before -> now` of every part whose count no baseline run has seen, the largest change first.

        Where the range is the reference, in those operators whose choice of kernels the baseline has seen.
        """
        key = metric.key
        # What is named by another mapping may have no names; what is stored by name always has.
        unnamed: dict[str, int] | None = None if metric.named_by or metric.explained_by else {}
        found = now.parts.get(key, unnamed)
        parts = [seen for one in self.benchmarks if (seen := one.parts.get(key, unnamed)) is not None]
        if not self.exact:
            known = [one.operators for one in self._told_apart]
            if not (metric.in_operators and now.operators and known):
                return []
            return other_calls(now.operators, known, self.algorithms)
        if found is None or not parts or any(found == seen for seen in parts):
            return []
        inferences = lookup(now.extra_info, metric.per[1:]) if metric.per else 1
        changes = []
        for name in dict.fromkeys([*found, *(name for seen in parts for name in seen)]):
            value, before = found.get(name, 0), {seen.get(name, 0) for seen in parts}
            if value not in before:
                nearest = min(before, key=lambda other: (abs(other - value), other))
                was, is_now = (measure(number / inferences, None, "") for number in (nearest, value))
                changes.append((-abs(value - nearest), name, f"{fit(escaped(name))} {was} -> {is_now}"))
        return [text for _, _, text in sorted(changes)]


def judge_counts(
    metric: Metric, run: Run, baselines: Sequence[Run], ids: Sequence[str], algorithms: Algorithms
) -> list[Judgement]:
    """One judgement for every benchmark of `ids` that the baseline counted alike; `algorithms` are the baseline's.

    What no baseline run has seen is CHANGED. Where the metric's entry says so, it fails; it is confirmed as a SLOWER
    time is, by as many fresh processes, each of which must be as far off. A fresh process that does not fail makes it
    UNSURE.
    """
    may_fail = metric.fails_after_upgrade or any(software(baseline) == software(run) for baseline in baselines)
    found = []
    for id_ in ids:
        reference = _reference(metric, run.benchmarks[id_], baselines, algorithms)
        if reference is not None:
            found.append(_judgement(metric, run, id_, reference, may_fail=may_fail))
    return found


def not_compared(metrics: Sequence[Metric], run: Run, baselines: Sequence[Run], known: Known) -> Iterable[str]:
    """A sentence for the counts that cannot be judged although one side has them, and for what only questions have."""
    counts = [
        metric for metric in metrics if metric.judged and (metric.kind is not Kind.CONTINUOUS or metric.of_questions)
    ]
    before = {metric.key: known.in_baseline(metric, disturbed=True).keys() for metric in counts}
    now = {
        metric.key: {id_ for id_, benchmark in run.benchmarks.items() if metric.key in benchmark.values}
        for metric in counts
    }
    new = [metric.title for metric in counts if now[metric.key] and not before[metric.key]]
    if new and baselines:
        yield f"No run of the baseline has {listed(new)}, so that nothing is said of them; record a new baseline."
    times = (metric for metric in metrics if metric.judged and not metric.by_operator)
    lost = [metric.title for metric in times if _left_out(run, known.in_baseline(metric, disturbed=True), metric)]
    lost += [
        metric.title
        for metric in counts
        if metric.may_be_absent(run.schema) and _lost(run, before[metric.key], now[metric.key])
    ]
    if lost:
        yield f"This run lacks {listed(lost)} of benchmarks of which the baseline has them."
    for metric in counts:
        both = before[metric.key] & now[metric.key] if metric.alike else set()
        if otherwise := [id_ for id_ in both if not _counted_alike(metric, run.benchmarks[id_], baselines)]:
            where = count(len(otherwise), "benchmark")
            yield f"{metric.title}: counted otherwise than in the baseline, and not compared, for {where}."


def _left_out(run: Run, before: Iterable[str], metric: Metric) -> bool:
    """Whether the run left out the tests that take the metric of benchmarks that it timed."""
    return any(run.benchmarks[id_].absent.get(metric.key) == NOT_SELECTED for id_ in before if id_ in run.benchmarks)


def _lost(run: Run, before: Set[str], now: Set[str]) -> bool:
    return bool((before & run.benchmarks.keys()) - now)


def _reference(metric: Metric, now: Benchmark, baselines: Sequence[Run], algorithms: Algorithms) -> Reference | None:
    """What the baseline has seen; None where nothing was counted like this run's value."""
    seen = _counted_alike(metric, now, baselines)
    if not seen:
        return None
    values = tuple(sorted({benchmark.values[metric.key] for benchmark in seen}))
    return Reference(values, _is_exact(metric, values, seen, algorithms), seen, algorithms)


def _counted_alike(metric: Metric, now: Benchmark, baselines: Sequence[Run]) -> list[Benchmark]:
    key, alike = metric.key, now.alike.get(metric.key)
    return [
        benchmark
        for baseline in baselines
        if (benchmark := baseline.benchmarks.get(now.id)) is not None
        and key in benchmark.values
        and benchmark.alike.get(key) == alike
    ]


def _is_exact(metric: Metric, values: Sequence[float], seen: Sequence[Benchmark], algorithms: Algorithms) -> bool:
    """Whether the baseline shows that unchanged code repeats the values; one run alone shows nothing."""
    if metric.exact is Exact.ALWAYS or len(seen) < 2:
        return metric.exact is Exact.ALWAYS
    if metric.exact is Exact.PROVEN:
        return len(values) == 1
    kernels = {benchmark.kernels for benchmark in seen}
    return (
        len(kernels) == 1 and None not in kernels and (metric.exact is Exact.SAME_KERNELS or not algorithms.vary(seen))
    )


def _judgement(metric: Metric, run: Run, id_: str, reference: Reference, *, may_fail: bool) -> Judgement:
    now = run.benchmarks[id_]
    value = now.values[metric.key]
    again = [
        (confirmation.values[id_][metric.key], confirmation.operators.get(id_, ()))
        for confirmation in run.confirmations
        if metric.key in confirmation.values.get(id_, {})
    ]
    nearest = min(reference.values, key=lambda seen: (abs(seen - value), seen))
    verdict, reason, detail = _verdict(metric, reference, now, again if may_fail else None)
    return Judgement(
        benchmark=id_,
        metric=metric.key,
        baseline_runs=len(reference.benchmarks),
        baseline=nearest,
        now=value,
        ratio=value / nearest if nearest else None,
        verdict=verdict,
        reason=reason,
        detail=detail,
    )


def _verdict(
    metric: Metric, reference: Reference, now: Benchmark, again: Sequence[tuple[float, Operators]] | None
) -> tuple[Verdict, Reason, str]:
    """`again` are the confirmations' values, and their operators where they are known; None where no value fails."""
    value = now.values[metric.key]
    named = reference.other_parts(now, metric)
    fails = reference.fails(value, now.operators, metric)
    # Parts that were all seen, if not in one run, are none of them new.
    named_by_all = all(metric.key in one.parts for one in reference.benchmarks)
    by_name = reference.exact and metric.key in now.parts and (named_by_all or not metric.named_by)
    seen = reference.has_seen(now, metric)
    if not metric.explained_by:
        seen = not named and (by_name or seen)
    if seen and not fails:
        return Verdict.SAME, Reason.SEEN_BEFORE, ""
    # What every baseline run has stands beside it.
    several = len(reference.values) > 1
    said = _listed(named) if named else f"the baseline has seen {_seen(metric, reference)}" if several else ""
    if not fails:
        return Verdict.CHANGED, Reason.NEW_VALUE, said
    if again is None:
        return Verdict.CHANGED, Reason.NEW_VALUE, _joined(said, "the software is not the baseline's")
    if len(again) < CONFIRMATIONS:
        return Verdict.CHANGED, Reason.UNCONFIRMED, _joined(said, "not measured again")
    said = _joined(said, f"again {_listed([_written(value, metric) for value, _ in again])}")
    if all(reference.fails(value, operators, metric) for value, operators in again):
        return Verdict.CHANGED, Reason.CONFIRMED, said
    return Verdict.UNSURE, Reason.DISAGREED, said


def _seen(metric: Metric, reference: Reference) -> str:
    values = reference.values
    if reference.exact:
        return _listed([_written(value, metric) for value in values])
    return " to ".join(_written(value, metric) for value in (values[0], values[-1]))


def _written(value: float, metric: Metric) -> str:
    """A value with all its digits: what is compared exactly may differ in the last."""
    return f"{measure(value, None, '')} {metric.unit}".rstrip()


def _joined(*parts: str) -> str:
    return "; ".join(filter(None, parts))


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - MOST_LISTED} more" if len(texts) > MOST_LISTED else ""
    return ", ".join(texts[:MOST_LISTED]) + more
