"""Names the benchmarks that have been UNSURE for so many stored runs that nobody is watching them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path

from regression.judge.verdict import Report, Verdict
from regression.runs.read import read
from regression.runs.run import Run, UnusableRun

DEFAULT_PATIENCE = 5


def recent(
    history: Sequence[Path],
    before: Run,
    count: int,
    excluded: Container[str] = (),
    read: Callable[[Path], Run] = read,
) -> list[Run]:
    """The latest `count` runs that carry verdicts and are older than `before`, newest first.

    `history` is in the order in which the runs were stored; what cannot be read was never a verdict. Copies of a
    run count once, and those of `before` not at all, nor runs whose identity is in `excluded`.
    """
    runs: list[Run] = []
    seen = {before.identity}
    for path in reversed(history):
        if len(runs) == count:
            break
        try:
            run = read(path)
        except UnusableRun:
            continue
        if not run.verdicts or run.datetime >= before.datetime or run.identity in excluded:
            continue
        if not run.identity or run.identity not in seen:
            seen.add(run.identity)
            runs.append(run)
    return runs


def unwatched(report: Report, history: Iterable[Run], patience: int = DEFAULT_PATIENCE) -> list[tuple[str, str]]:
    """Benchmarks and metrics that are UNSURE now and were in every earlier run that judged them, `patience` in all.

    `history` is newest first; a run that did not judge a benchmark neither counts nor breaks the row.
    """
    rows = {(item.benchmark, item.metric): 1 for item in report.judgements if item.verdict is Verdict.UNSURE}
    open_ = set(rows)
    for run in history:
        for benchmark, metric in list(open_):
            verdict = run.verdicts.get(benchmark, {}).get(metric)
            if verdict == Verdict.UNSURE:
                rows[benchmark, metric] += 1
            elif verdict is not None:
                open_.discard((benchmark, metric))
    return [key for key, row in rows.items() if row >= patience]


def sentences(found: Iterable[tuple[str, str]], patience: int) -> list[str]:
    """One sentence for every metric in which nobody is watching some benchmarks."""
    benchmarks: dict[str, list[str]] = {}
    for benchmark, metric in found:
        benchmarks.setdefault(metric, []).append(benchmark)
    return [
        f"Nobody is watching the {metric.replace('_', ' ')} of {', '.join(names)}: UNSURE for {patience} stored runs "
        "or more; record a new baseline, or find out what makes it noisy."
        for metric, names in benchmarks.items()
    ]
