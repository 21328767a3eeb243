"""The typical run of a baseline: what judging it says is said of the baseline, before anything is compared with it."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Container, Sequence
from pathlib import Path

from regression.metrics import METRICS, OF_THE_MACHINE, Kind, Metric
from regression.runs.run import Run

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
