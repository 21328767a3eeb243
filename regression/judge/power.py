"""The typical run of a baseline: what judging it says is said of the baseline, before anything is compared with it."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

from regression.metric import Kind, Metric
from regression.metrics import METRICS, OF_THE_MACHINE
from regression.runs.run import Benchmark, Run

TYPICAL = Path("a run like the baseline")


def typical(baselines: Sequence[Run], metrics: Sequence[Metric] = METRICS) -> Run:
    """The newest run with every value in the middle of all undisturbed ones.

    What judging it says is said of the baseline.
    """
    counts = {metric.key for metric in metrics if metric.kind is not Kind.CONTINUOUS}
    newest = max(baselines, key=lambda run: run.datetime)
    calm: dict[str, list[Benchmark]] = {}
    for run in baselines:
        for id_, benchmark in run.benchmarks.items():
            if not benchmark.disturbances:
                calm.setdefault(id_, []).append(benchmark)
    known = {id_: benchmark for run in baselines for id_, benchmark in run.benchmarks.items() if id_ in calm}
    benchmarks = {
        id_: dataclasses.replace(
            benchmark,
            values=_middles([item.values for item in calm[id_]], counts),
            visited=_middles([item.visited for item in calm[id_]], counts),
            at_pace=_middles([item.at_pace for item in calm[id_]], counts),
            disturbances=(),
        )
        for id_, benchmark in known.items()
    }
    later = f"{newest.datetime}, typical"  # no run is its own baseline
    return dataclasses.replace(
        newest,
        path=TYPICAL,
        identity="",
        datetime=later,
        benchmarks=benchmarks,
        selected=None,
        confirmations=(),
        labels={},
    )


def _middles(measured: Sequence[Mapping[str, float]], counts: Container[str]) -> dict[str, float]:
    """Of several runs' values the middle of each metric."""
    keys = dict.fromkeys(key for values in measured for key in values)
    return {key: _middle(key, [values[key] for values in measured if key in values], counts) for key in keys}


def _middle(key: str, values: Sequence[float], counts: Container[str]) -> float:
    """Where the judge takes the middle to be; of a count or an error a value that was seen."""
    if key in counts:
        return statistics.median_low(values)
    return statistics.median(values) if key in OF_THE_MACHINE else statistics.geometric_mean(values)
