"""What every report says, once. A form of it (terminal, Markdown, page, JSON) takes a `Content` and nothing else."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from common import given
from common.stored import lost_by
from regression.explain import explanation
from regression.explain.kernels import Explanation
from regression.judge.judge import ITSELF
from regression.judge.verdict import Reason, Report, Verdict
from regression.metric import Metric
from regression.metrics import METRICS
from regression.report.answer import answer, look_first, summary
from regression.report.coverage import Coverage, coverage
from regression.report.groups import Group, Place, groups, places
from regression.report.measured import (
    Accuracy,
    Disagreement,
    Served,
    SpeedUp,
    Yardstick,
    accuracies,
    colours,
    disagreements,
    latency_quantiles,
    served,
    speedups,
    yardsticks,
)
from regression.report.repeat import COMPARE, TESTS, command, refresh
from regression.report.rows import Row, change_text, rows
from regression.runs import environment
from regression.runs.environment import Difference
from regression.runs.run import Label, LeftOut, Run
from regression.text import measure
from regression.values import lookup

if TYPE_CHECKING:
    # What finds change points takes a while to import, and most judging does not need it.
    from regression.history.event import Event, History
    from regression.history.night import Night

DETECTABLE = "the smallest true change that would have been reported, with a probability of 95 %"
MOVED = (Verdict.SLOWER, Verdict.FASTER, Verdict.CHANGED)
# Where a run says what it was measured on.
NAMES = (("gpu", "name"), ("cpu", "brand_raw"))


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What is known of a benchmark that changed: its kernels and engine layers, and its latency distributions."""

    benchmark: str
    explanation: Explanation
    latency_s: Sequence[float]
    """Its 101 quantiles now, empty where none are stored."""
    baseline_latencies_s: Sequence[Sequence[float]]


class _Explained(Sequence[Changed]):
    """What is known of benchmarks, found out when it is asked for."""

    def __init__(self, benchmarks: Sequence[str], explain: Callable[[str], Changed]) -> None:
        self._benchmarks, self._explain = benchmarks, functools.cache(explain)

    def __len__(self) -> int:
        return len(self._benchmarks)

    @overload
    def __getitem__(self, at: int) -> Changed: ...

    @overload
    def __getitem__(self, at: slice) -> list[Changed]: ...

    def __getitem__(self, at: int | slice) -> Changed | list[Changed]:
        wanted = self._benchmarks[at]
        return self._explain(wanted) if isinstance(wanted, str) else [self._explain(one) for one in wanted]


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """One metric of one benchmark over all stored runs, with its lasting changes."""

    benchmark: str
    metric: Metric
    values: Sequence[tuple[Night, float]]
    events: Sequence[Event]


@dataclass(frozen=True, kw_only=True)
class Content:
    """Everything that can be said of one judged run."""

    answer: str
    """The headline, one sentence of plain text."""
    status: str
    """`passed`, `incomplete` or `FAILED`; see `coverage`."""
    coverage: Coverage
    places: Mapping[str, Place]
    """Where each benchmark of this suite stands in its matrix."""
    groups: tuple[Group, ...]
    repeat: str
    """The command that measures and judges again what failed; empty where nothing did."""
    refresh: str
    """The command that makes the new values the baseline's, where a confirmed change was for the better; else empty."""
    look_first: str
    """One sentence; empty where nothing is slower."""
    summary: str
    """One line with the number of each verdict."""
    rows: tuple[Row, ...]
    """Worst first; see `rows.rows`."""
    shown: tuple[tuple[str, str], ...]
    """What is measured and not judged: a benchmark, and its metrics with baseline, value and change."""
    changed: Sequence[Changed]
    """Benchmarks that became slower or faster, then those of which a shown count is another; the largest change first.

    Each is explained when it is looked at, since most forms show a few of many.
    """
    moved: int
    """How many of them, from the first, have a verdict that says so."""
    changed_ids: tuple[str, ...]
    """Theirs, without an explanation."""
    explained: int
    """How many of these, from the first, kernels may explain: not what changed beside the same kernel time."""
    differences: tuple[Difference, ...]
    """Of the environment, since the baseline."""
    speedups: tuple[SpeedUp, ...]
    yardsticks: tuple[Yardstick, ...]
    served: tuple[Served, ...]
    colours: Mapping[str, str]
    """Of precisions, as `#rrggbb`."""
    wrong_labels: tuple[tuple[str, Label], ...]
    labels_checked: int
    disagreements: tuple[Disagreement, ...]
    accuracies: tuple[Accuracy, ...]
    label_sheet: bytes | None
    """PNG."""
    history: History | None
    past: tuple[tuple[Row, str], ...]
    """What the history says of every row that moved, as the end of its sentence; the rows' order."""
    timelines: tuple[Timeline, ...]
    """What changed last, then this run's changes, then something to look at."""
    notes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    unusable: tuple[LeftOut, ...]
    """The same without the run that is judged, which lies among the stored runs as a rule."""
    controls: tuple[str, ...]
    metrics: tuple[Metric, ...]
    failed: bool
    tests: int
    family_wise_error: float
    deselected: int
    baselines: tuple[Path, ...]
    path: Path
    """Of the run, as are the following."""
    device_name: str
    """The GPU's name; on a CPU the CPU's."""
    gpu_name: str
    gpu_slug: str
    """Of a CPU as well."""
    gpu_uuid: str
    datetime: str
    commit: Mapping[str, Any]
    environment: tuple[Difference, ...]
    not_run: tuple[tuple[str, str, str], ...]
    """`skipped` or `failed`, the benchmark, and why."""
    report: Report
    """What the judge said, for a form that tells all of it."""
    page: str
    """A link to the page, or its file name, where one is written beside another form."""


def content(
    report: Report,
    run: Run,
    baselines: Sequence[Run] = (),
    metrics: Sequence[Metric] = METRICS,
    *,
    history: History | None = None,
    label_sheet: bytes | None = None,
    page: str = "",
    compare: str = COMPARE,
    store: str = "",
) -> Content:
    """The content of a report on `run`. `baselines` may hold runs that the report left out; they explain nothing.

    `compare` is the option by which the verdict was asked for, as the command that repeats it says it.
    `store` is the one that `--store` named, if it did; the commands name it as well.
    """
    judged = [baseline for baseline in baselines if baseline.path in report.baselines]
    ordered = rows(report.judgements, metrics)
    known = {id_ for one in (run, *judged) for id_ in one.measured}
    # What all benchmarks share, and what a question was answered, has no kernels of its own.
    names = [id_ for id_ in explanation.changed(report, metrics) if id_ in known]
    moved = {row.benchmark for row in ordered if row.verdict in MOVED}
    same = explanation.same_kernel_time(report)
    timed = {row.benchmark for row in ordered if row.verdict in (Verdict.SLOWER, Verdict.FASTER)}
    beside = {id_ for id_ in same if id_ not in timed}
    names.sort(key=lambda id_: (id_ not in moved, id_ in beside))
    trusted = explanation.trusted(report)
    changed = _Explained(
        names, lambda id_: _changed(explanation.explanations([id_], run, judged, same, trusted)[0], run, judged)
    )
    at = places(run, judged)
    covered = coverage(ordered, run, judged, report.labels)
    status = covered.status(failed=report.failed)
    return Content(
        answer=answer(report, ordered, covered, at),
        status=status,
        coverage=covered,
        places=at,
        groups=groups(ordered, at, metrics),
        repeat=_repeat(report, run, judged, at, compare, store),
        refresh=_refresh(report, run, judged, at, store),
        look_first=look_first(
            ordered, lambda benchmark: changed[names.index(benchmark)].explanation if benchmark in names else None
        ),
        summary=summary(report, status),
        rows=ordered,
        shown=tuple(_shown(report, metrics)),
        changed=changed,
        moved=sum(id_ in moved for id_ in names),
        changed_ids=tuple(names),
        explained=sum(id_ in moved and id_ not in beside for id_ in names),
        differences=report.differences,
        speedups=speedups(run, judged),
        yardsticks=yardsticks(run),
        served=served(run),
        colours=colours(run),
        wrong_labels=report.labels,
        labels_checked=len(run.labels),
        disagreements=disagreements(run) if report.labels else (),
        accuracies=accuracies(run),
        label_sheet=label_sheet,
        history=history,
        past=past_of(history, ordered),
        timelines=_timelines(history, ordered, metrics),
        notes=report.notes,
        left_out=report.left_out,
        unusable=tuple(item for item in report.left_out if item.reason != ITSELF),
        controls=report.controls,
        metrics=tuple(metrics),
        failed=report.failed,
        tests=report.tests,
        family_wise_error=report.family_wise_error,
        deselected=report.deselected,
        baselines=report.baselines,
        path=run.path,
        device_name=next((str(name) for path in NAMES if (name := lookup(run.machine, path))), ""),
        gpu_name=str(lookup(run.machine, ("gpu", "name")) or ""),
        gpu_slug=run.slug,
        gpu_uuid=run.gpu,
        datetime=run.datetime,
        commit=run.commit,
        environment=environment.differences([Run(path=run.path)], dataclasses.replace(run, commit={})),
        not_run=tuple(
            (what, name, reason)
            for what, found in (("skipped", run.skipped), ("failed", run.failed))
            for name, reason in found.items()
        ),
        report=report,
        page=page,
    )


def _shown(report: Report, metrics: Sequence[Metric]) -> Iterable[tuple[str, str]]:
    by_key = {metric.key: metric for metric in metrics}
    found: dict[str, list[str]] = {}
    for one in report.shown:
        metric = by_key[one.metric]
        before, now = (measure(value, one.baseline, metric.unit) for value in (one.baseline, one.now))
        said = f"{before} -> {now} ({change_text(metric, one.baseline, one.now)})"
        if one.baseline is None:
            said = f"{now} (none in the baseline)"
        elif one.now is None:
            said = f"none ({before} in the baseline)"
        found.setdefault(one.benchmark, []).append(f"{metric.title} {said}")
    for benchmark, parts in found.items():
        yield benchmark, ", ".join(parts)


def _refresh(report: Report, run: Run, baselines: Sequence[Run], at: Mapping[str, Place], store: str) -> str:
    settled = (Reason.CONFIRMED, Reason.WITHOUT_CONTROLS)
    faster = [i.benchmark for i in report.judgements if i.verdict is Verdict.FASTER and i.reason in settled]
    known = {id_ for one in (run, *baselines) for id_ in one.benchmarks}
    options = given.checked(run.suite.get(given.OPTIONS))
    return refresh(list(dict.fromkeys(faster)), sorted(known), at, options, _questions(run, baselines), store)


def _repeat(
    report: Report, run: Run, baselines: Sequence[Run], at: Mapping[str, Place], compare: str, store: str
) -> str:
    lost = {lost_by(why) for why in run.failed.values()}  # it would lose the GPU again
    failed = [item.benchmark for item in report.judgements if item.failed and item.benchmark not in lost]
    failed += [id_ for id_, _ in report.labels]
    known = {*run.benchmarks, *run.failed, *run.labels, *(id_ for baseline in baselines for id_ in baseline.benchmarks)}
    # Only this suite's runs say which tests they are of.
    tests, options = TESTS if run.suite else "", given.checked(run.suite.get(given.OPTIONS))
    options += (f"--store={store}",) if store else ()
    return command(list(dict.fromkeys(failed)), known, at, compare, tests, options, _questions(run, baselines))


def _questions(run: Run, baselines: Sequence[Run]) -> set[str]:
    return {id_ for one in (run, *baselines) for id_, item in one.benchmarks.items() if item.is_question}


def _changed(told: Explanation, run: Run, baselines: Sequence[Run]) -> Changed:
    before = [latency_quantiles(baseline, told.benchmark) for baseline in baselines]
    return Changed(
        benchmark=told.benchmark,
        explanation=told,
        latency_s=latency_quantiles(run, told.benchmark),
        baseline_latencies_s=[quantiles for quantiles in before if quantiles],
    )


def past_of(history: History | None, ordered: Sequence[Row]) -> tuple[tuple[Row, str], ...]:
    """What the history says of the rows that changed, each with its row."""
    if history is None:
        return ()
    moved = {(row.benchmark, row.metric.key): row for row in ordered if row.verdict in MOVED}
    # Parts are relative to a baseline, so the history knows the whole alone.
    wholes = [row for row in moved.values() if (row.benchmark, row.metric.part_of) not in moved]
    told = ((row, history.says(row.benchmark, row.metric, row.ratio)) for row in wholes)
    return tuple((row, said) for row, said in told if said)


def _timelines(history: History | None, ordered: Sequence[Row], metrics: Sequence[Metric]) -> tuple[Timeline, ...]:
    if history is None:
        return ()
    events: dict[tuple[str, str], list[Event]] = {}
    swapped = [event for swap in history.swaps for event in swap.events]
    for event in sorted([*history.events, *swapped], key=lambda event: event.first.when):
        events.setdefault((event.benchmark, event.metric.key), []).append(event)
    wanted = sorted(events, key=lambda series: events[series][-1].last.when, reverse=True)
    wanted += [(row.benchmark, row.metric.key) for row in ordered if row.verdict in MOVED]
    judged = [metric.key for metric in metrics if metric.judged]
    measured = list(history.nights[-1].values)
    wanted += [series for key in judged for series in measured if series[1] == key][:2]
    by_key = {metric.key: metric for metric in metrics}
    found = []
    for benchmark, key in dict.fromkeys(wanted):
        values = history.values(benchmark, key)
        if key in by_key and len(values) > 1:
            series = events.get((benchmark, key), [])
            found.append(Timeline(benchmark=benchmark, metric=by_key[key], values=values, events=series))
    return tuple(found)
