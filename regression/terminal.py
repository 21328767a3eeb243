"""What a terminal shows of a judged run: the verdict table, the kernels behind what changed, and the answer last."""

from __future__ import annotations

from collections.abc import Sequence

from regression import explanation
from regression.metrics import METRICS, Metric
from regression.runs import Run
from regression.table import WIDTH, as_table, wrapped
from regression.verdict import Report

# A terminal is read from its end; the page has room for more.
MOST_EXPLAINED = 10


def lines(report: Report, run: Run, baselines: Sequence[Run], metrics: Sequence[Metric] = METRICS) -> list[str]:
    """The verdict table, at most five lines for each benchmark that changed (what fails first), and the answer.

    `baselines` may hold runs that the report left out. Lines have at most 100 columns, longer paths aside.
    """
    judged = [baseline for baseline in baselines if baseline.path in report.baselines]
    names = explanation.changed(report)
    *out, answer = as_table(report, metrics).splitlines()
    unexplained: dict[str, list[str]] = {}
    for told in explanation.explanations(names[:MOST_EXPLAINED], run, judged):
        if told.missing and not told.layers:
            unexplained.setdefault(told.missing, []).append(told.benchmark)
        else:
            out += ["", *explanation.lines(told)]
    for why, benchmarks in unexplained.items():
        out += ["", *wrapped(f"{', '.join(benchmarks)}: {why}", WIDTH)]
    if len(names) > MOST_EXPLAINED:
        out += [
            "",
            f"{len(names) - MOST_EXPLAINED} more benchmarks changed; --report writes a page, --format json all.",
        ]
    return [*out, *([""] if names else []), answer]
