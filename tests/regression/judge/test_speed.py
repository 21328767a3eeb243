"""Judging stays quick: 1,000 benchmarks against 50 stored runs in seconds, on any machine, and grows linearly."""

import time
from pathlib import Path

import numpy as np
import pytest

from regression.judge.judge import judge
from regression.metric import Kind
from regression.metrics import METRICS
from regression.runs.run import Benchmark, Run

# What benchmarks have; questions are entries of their own.
BENCHMARKS = [metric for metric in METRICS if not metric.of_questions]


def run(random: np.random.Generator, name: str, benchmarks: int, day: int) -> Run:
    times = [metric.key for metric in BENCHMARKS if metric.kind is not Kind.COUNT]
    values = np.exp(0.001 * random.standard_normal((benchmarks, len(times)))).tolist()
    counts = {metric.key: 1000.0 for metric in BENCHMARKS if metric.kind is Kind.COUNT}
    # Every tenth benchmark has another call in every run.
    calls = [{f"call{other}": other for other in range(15)} | {f"rare{number % 10 and day}": 1} for number in range(10)]
    records = {
        f"model-variant-b{number}": Benchmark(
            id=f"model-variant-b{number}",
            params={"model": "model", "variant": f"{number % 9}", "batch_size": f"{number}"},
            values=dict(zip(times, row, strict=True)) | counts,
            parts={"api_calls": calls[number % 10]},
            alike={metric.key: ("20",) for metric in METRICS if metric.alike},
            round_spread=0.01,
        )
        for number, row in enumerate(values)
    }
    return Run(path=Path(name), datetime=f"2026-03-{day:02d}", benchmarks=records, selected=frozenset(records))


def seconds(benchmarks: int, runs: int, enough: float = 0.0) -> float:
    """The shortest of five times, or of fewer where one of them is below `enough`."""
    random = np.random.default_rng(1)
    baselines = [run(random, f"{number:04d}_baseline.json", benchmarks, 1 + number % 7) for number in range(runs)]
    now = run(random, "now.json", benchmarks, 20)
    best = float("inf")
    for _ in range(5):
        # CPU time: the machine may be busy with something else.
        start = time.process_time()
        report = judge(now, baselines)
        best = min(best, time.process_time() - start)
        if best < enough:
            break
    assert (
        report.tests == sum(metric.share > 0 for metric in BENCHMARKS) * (benchmarks + 1)
        and len(report.baselines) == runs
    )
    return best


def of_a_million_lookups() -> float:
    """What this machine's Python takes for a million lookups: 0.025 s where the judge below takes 2.4 s."""
    names = {f"{number}": number for number in range(1000)}
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for _ in range(1000):
            sum(names[name] for name in names)
        best = min(best, time.process_time() - start)
    return best


@pytest.mark.alone
def test_a_thousand_benchmarks_against_fifty_runs_take_a_few_seconds() -> None:
    # Seconds would be those of one machine; looking at a value for every metric and run is a million lookups.
    most = 150 * of_a_million_lookups()
    assert seconds(1000, 50, enough=most) < most


@pytest.mark.alone
def test_the_time_grows_linearly_with_benchmarks_and_with_runs() -> None:
    # Four times as much takes 16 times as long where something is quadratic.
    for quarter, whole in (((400, 10), (1600, 10)), ((100, 40), (100, 160))):
        most = 8 * seconds(*quarter)
        assert seconds(*whole, enough=most) < most
