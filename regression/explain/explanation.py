"""The benchmarks of a run that changed, the kernels behind each change, and the words for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from regression.explain import layers
from regression.explain.kernels import Change, Explanation, explain
from regression.explain.operators import RESTLESS, OperatorChange, operator_changes
from regression.judge.verdict import Report, Verdict
from regression.metric import ByOperator, Kind, Metric
from regression.metrics import METRICS
from regression.runs.kernel_table import StoredKernel, kernel_table
from regression.runs.run import Run
from regression.shared import is_shared
from regression.text import MICROSECOND, microseconds

# The metric that kernel tables add up to: its key.
EXPLAINED = "kernel_time"
# What kernel tables can explain.
OF_KERNELS = frozenset({EXPLAINED, "launches", *(metric.key for metric in METRICS if metric.part_of == EXPLAINED)})
# Of these a baseline run that counts less for the judge counts less here.
TIMES = (EXPLAINED, *(metric.key for metric in METRICS if metric.by_operator is ByOperator.SAME_KERNELS))
# Of the whole change, for an operator to be shown.
LEAST_SHARE = 0.05


def changed(report: Report, metrics: Sequence[Metric] = METRICS) -> list[str]:
    """Ids of the benchmarks that came out SLOWER, FASTER or CHANGED, or of which a shown count is another.

    What fails the session comes first, then what is slower; among equals the largest change.
    """
    sizes: dict[str, float] = {}
    for item in report.judgements:
        if not is_shared(item.benchmark) and item.verdict in (Verdict.SLOWER, Verdict.FASTER, Verdict.CHANGED):
            size = _size(item.baseline, item.now) if item.ratio is None else abs(item.ratio - 1)
            size += (1e6 if item.failed else 1) * (1e3 if item.verdict is Verdict.SLOWER else 1)
            sizes[item.benchmark] = max(size, sizes.get(item.benchmark, 0.0))
    counts = {metric.key for metric in metrics if metric.kind is Kind.COUNT}
    for shown in report.shown:
        if shown.metric in counts and None not in (shown.baseline, shown.now) and shown.baseline != shown.now:
            sizes.setdefault(shown.benchmark, _size(shown.baseline, shown.now))
    return sorted(sizes, key=lambda benchmark: -sizes[benchmark])


def _size(before: float | None, now: float | None) -> float:
    """A change as a fraction; from 0, or of what is not known, as large as doubling."""
    return abs(now / before - 1) if before and now is not None else 1.0


def explanations(
    benchmarks: Iterable[str],
    run: Run,
    baselines: Sequence[Run],
    same: Collection[str] = (),
    trusted: Mapping[Path, float] | None = None,
) -> list[Explanation]:
    """The kernels behind the change of each of these benchmarks (see `changed`), in their order.

    `baselines` are those that the run was judged against, `same` the benchmarks whose kernel time the judge calls so,
    and `trusted` how much it lets a baseline run count (fully where it does not say). A malformed table is an
    explanation that says so.
    """
    return [
        dataclasses.replace(_explanation(benchmark, run, baselines, trusted or {}), same=benchmark in same)
        for benchmark in benchmarks
    ]


def trusted(report: Report) -> dict[Path, float]:
    """How much each baseline run counts for the judge in kernel time or that of the same kernels, the less of both."""
    found: dict[Path, float] = {}
    for metric in TIMES:
        for path, part in report.trusted.get(metric, {}).items():
            found[path] = min(part, found.get(path, 1.0))
    return found


def same_kernel_time(report: Report) -> set[str]:
    """Ids of the benchmarks whose kernel time is SAME, by all its parts and by what it launches."""
    verdicts: dict[str, set[Verdict]] = {}
    for item in report.judgements:
        if item.metric in OF_KERNELS:
            verdicts.setdefault(item.benchmark, set()).add(item.verdict)
    return {benchmark for benchmark, found in verdicts.items() if found == {Verdict.SAME}}


def _explanation(benchmark: str, run: Run, baselines: Sequence[Run], trusted: Mapping[Path, float]) -> Explanation:
    measured = [baseline for baseline in baselines if benchmark in baseline.benchmarks]
    counts_for = [trusted.get(baseline.path, 1.0) for baseline in measured]
    told = _of_kernels(benchmark, run, measured, counts_for)
    if benchmark not in run.benchmarks:
        return told
    before = measured[told.compared].benchmarks[benchmark].extra_info if measured else {}
    now = run.benchmarks[benchmark]
    return dataclasses.replace(
        told,
        layers=layers.compare(before, now.extra_info),
        operators=operator_changes(
            [() if item.disturbances else item.operators for item in (run.benchmarks[benchmark] for run in measured)],
            now.operators,
            told.change_s,
            counts_for,
        ),
    )


def _of_kernels(benchmark: str, run: Run, measured: Sequence[Run], trusted: Sequence[float]) -> Explanation:
    try:
        now = _table(benchmark, run)
        return explain(
            benchmark,
            [_table(benchmark, baseline) for baseline in measured],
            now,
            [baseline.benchmarks[benchmark].values.get(EXPLAINED) for baseline in measured],
            run.benchmarks[benchmark].values.get(EXPLAINED) if now else None,
            trusted,
        )
    except ValueError as problem:
        return Explanation(benchmark, missing=f"Its kernels cannot be compared: {problem}.")


def _table(benchmark: str, run: Run) -> tuple[StoredKernel, ...]:
    if benchmark not in run.benchmarks:
        return ()
    names = run.suite.get("kernels")
    return kernel_table(run.benchmarks[benchmark].extra_info, names if isinstance(names, list) else [])


def sentence(explanation: Explanation) -> str:
    """How much the kernel time of an inference changed, and whether its layout or the selection of kernels changed."""
    change = microseconds(explanation.change_s)
    times = f"({explanation.before_s / MICROSECOND:.1f} -> {explanation.now_s / MICROSECOND:.1f} us)"
    if explanation.same:
        return f"its kernel time is the same {times}"
    if explanation.new_layout:
        said = f"new layout{' and kernels' if explanation.other_selection else ''}, {change} of kernel time {times}"
    elif explanation.other_selection:
        said = f"different kernel selection, {change} {times}"
    else:
        said = f"{change} of kernel time {times}"
    if explanation.other_selection and explanation.seen_before:
        said += f", as in {explanation.seen_before} of {explanation.baseline_runs} baseline runs"
    return said


def worth_showing(explanation: Explanation, limit: int) -> tuple[list[Change], list[Change]]:
    """The changes that deserve one of `limit` rows, and those (under 0.5 %, or too many) that share the last row."""
    if explanation.same:
        return [], []
    large = [change for change in explanation.changes if abs(change.share) >= 0.005 and change.change_s]
    room = limit if len(large) == len(explanation.changes) <= limit else limit - 1
    shown = large[: max(room, 0)]
    return shown, [change for change in explanation.changes if change not in shown]


def operators_worth_showing(explanation: Explanation, limit: int) -> list[OperatorChange]:
    """The operators that account for the change: at most `limit`, each for 5 % of it or more.

    What is restless has the last place, so that the parts add up.
    """
    told = () if explanation.same else explanation.operators
    large = [one for one in told if abs(one.share) >= LEAST_SHARE and one.change_s]
    changed = [one for one in large if one.kind != RESTLESS]
    restless = large[len(changed) : len(changed) + 1] if limit > 1 else []
    return [*changed[: limit - len(restless)], *restless]


def counts(change: Change) -> str:
    """Launches per inference, before and now."""
    if change.kind == "rest":
        return ""
    if change.launches_before == change.launches_now:
        return f"({_count(change.launches_now)} launch{'es' if change.launches_now != 1 else ''})"
    return f"({_count(change.launches_before)} -> {_count(change.launches_now)} launches)"


def extremes(change: Change) -> list[str]:
    """The kernel that did most towards a group's change, and the one that did most against it."""
    lead = change.lead
    against = (min if lead.change_s >= 0 else max)(change.members, key=lambda member: member.change_s)
    return [f"{microseconds(member.change_s)} {member.short}" for member in (lead, against)]


def _count(value: float) -> str:
    return f"{value:g}"
