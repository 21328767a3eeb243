"""Prints the detectable changes of a baseline: `python -m regression detectable FILE_OR_FOLDER ...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.given import RECORD, at_store
from regression.judge import two_speeds
from regression.judge.judge import judge
from regression.judge.power import typical
from regression.judge.verdict import Report
from regression.metric import Kind, Metric
from regression.metrics import METRICS
from regression.runs.dates import from_the_future
from regression.runs.find import collect
from regression.store import opening, reading
from regression.store.objects import WrongStore
from regression.text import change, count, escaped


def table(report: Report, metrics: Sequence[Metric] = METRICS) -> str:
    """One line a benchmark, one column a metric: the smallest change that would be reported."""
    # Of a count every change is reported.
    judged = [
        metric
        for metric in metrics
        if metric.kind is Kind.CONTINUOUS and any(item.metric == metric.key for item in report.judgements)
    ]
    seen: dict[str, dict[str, str]] = {}
    for item in report.judgements:
        seen.setdefault(item.benchmark, {})[item.metric] = change(item.detectable_ratio, "")
    name = max([len("benchmark"), *map(len, seen)])
    widths = [max(len(metric.title), 10) for metric in judged]
    lines = ["".join([f"{'benchmark':{name}}", *(f"  {m.title:>{w}}" for m, w in zip(judged, widths, strict=True))])]
    lines.append("-" * len(lines[0]))
    for id_, cells in seen.items():
        row = (f"  {cells.get(metric.key, '-'):>{width}}" for metric, width in zip(judged, widths, strict=True))
        lines.append("".join([f"{id_:{name}}", *row]))
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """Exit status: 0, or 2 where no stored run can be used."""
    parser = argparse.ArgumentParser(prog="python -m regression detectable", description=__doc__)
    parser.add_argument(
        "baseline",
        type=Path,
        nargs="*",
        metavar="FILE_OR_FOLDER",
        help="stored runs, or folders of runs saved as `baseline` (default: those of every GPU in the store)",
    )
    opening.add_option(parser.add_argument)
    options = parser.parse_args(argv)
    if options.baseline:
        return show(options.baseline)
    url = opening.named_or_default(options.store)
    try:
        folders = reading.gpus(reading.opened(url, latest=0))
    except WrongStore as error:
        print(f"regression: {error}", file=sys.stderr)
        return 2
    if not folders:
        print(f"regression: there is no stored run in {escaped(url)}.", file=sys.stderr)
        return 2
    statuses: list[int] = []
    for folder in folders:
        if statuses:
            print()
        statuses.append(show([folder], at_store(RECORD, options.store)))
    return min(statuses)


def show(paths: Sequence[Path], record: str = RECORD) -> int:
    """Print the table of a baseline. Exit status as of `main`."""
    stored = collect(paths)
    for item in stored.left_out:
        print(f"left out: {item}", file=sys.stderr)
    if not stored.baselines:
        print(
            f"regression: there is no baseline to look at; record one: {escaped(record)}",
            file=sys.stderr,
        )
        return 2
    report = judge(typical(stored.baselines), stored.baselines, record=record)
    for item in report.left_out:
        print(f"left out: {item}", file=sys.stderr)
    folders = sorted({escaped(path.parent) for path in report.baselines})
    print(f"{count(len(report.baselines), 'baseline run')} of {', '.join(folders)}")
    print("the smallest true change that a run would report, with a probability of 95 %:\n")
    print(table(report))
    of_baseline = (*stored.notes, *two_speeds.notes(stored.baselines), *from_the_future(stored.baselines))
    notes = (*report.notes, *of_baseline)
    if notes:
        print("", *notes, sep="\n")
    return 0
