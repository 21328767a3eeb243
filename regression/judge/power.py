"""Says what a baseline can show: `python -m regression detectable FILE_OR_FOLDER ...`, after `make baseline`."""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from collections.abc import Container, Sequence
from pathlib import Path

from regression.judge.judge import judge
from regression.judge.verdict import Report
from regression.metrics import METRICS, OF_THE_MACHINE, Kind, Metric
from regression.runs.find import collect
from regression.runs.run import Run
from regression.text import change, count, shown

TYPICAL = Path("a run like the baseline")


def typical(baselines: Sequence[Run], metrics: Sequence[Metric] = METRICS) -> Run:
    """The newest run with every value in the middle of all undisturbed ones.

    What judging it says is said of the baseline.
    """
    counts = {metric.key for metric in metrics if metric.kind is Kind.COUNT}
    newest = max(baselines, key=lambda run: run.datetime)
    found: dict[str, dict[str, list[float]]] = {}
    for run in baselines:
        for id_, benchmark in run.benchmarks.items():
            for key, value in () if benchmark.disturbances else benchmark.values.items():
                found.setdefault(id_, {}).setdefault(key, []).append(value)
    known = {id_: benchmark for run in baselines for id_, benchmark in run.benchmarks.items() if id_ in found}
    benchmarks = {
        id_: dataclasses.replace(
            benchmark,
            values={key: _middle(key, values, counts) for key, values in found[id_].items()},
            disturbances=(),
        )
        for id_, benchmark in known.items()
    }
    later = f"{newest.datetime}, typical"  # no run is its own baseline
    return dataclasses.replace(
        newest, path=TYPICAL, datetime=later, benchmarks=benchmarks, selected=None, confirmations=(), labels={}
    )


def _middle(key: str, values: Sequence[float], counts: Container[str]) -> float:
    """Where the judge takes the middle to be; of a count a value that was seen."""
    if key in counts:
        return statistics.median_low(values)
    return statistics.median(values) if key in OF_THE_MACHINE else statistics.geometric_mean(values)


def as_table(report: Report, metrics: Sequence[Metric] = METRICS) -> str:
    """One line a benchmark, one column a metric: the smallest change that would be reported."""
    judged = [metric for metric in metrics if any(item.metric == metric.key for item in report.judgements)]
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
        "baseline", type=Path, nargs="+", metavar="FILE_OR_FOLDER", help="of a folder those saved as `baseline`"
    )
    stored = collect(parser.parse_args(argv).baseline)
    for item in stored.left_out:
        print(f"left out: {item}", file=sys.stderr)
    if not stored.baselines:
        print("regression: there is no baseline to look at; record one with `make baseline`.", file=sys.stderr)
        return 2
    report = judge(typical(stored.baselines), stored.baselines)
    for item in report.left_out:
        print(f"left out: {item}", file=sys.stderr)
    folders = sorted({shown(path.parent) for path in report.baselines})
    print(f"{count(len(report.baselines), 'baseline run')} of {', '.join(folders)}")
    print("the smallest true change that a run would report, with a probability of 95 %:\n")
    print(as_table(report))
    if report.notes:
        print("", *report.notes, sep="\n")
    return 0
