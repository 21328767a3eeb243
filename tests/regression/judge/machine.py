"""A made-up GPU whose operators are judged one by one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Report
from regression.metrics import METRICS
from regression.runs.operator_table import StoredOperator
from regression.runs.run import Benchmark, Confirmation, Run

# The operators of a model: at each place the choices of kernels, each with its true time in microseconds.
CONVOLUTIONS, OTHERS = 60, 120
US = 1e-6
ID = "net-eager-fp32-b1"


def operator(name: str, kernel: str, us: float) -> StoredOperator:
    return StoredOperator(name, (kernel,), us * US)


def sums(rows: Sequence[StoredOperator]) -> float:
    return sum(row.time_s for row in rows)


class Machine:
    """A GPU on which `cudnn.benchmark` picks one of three kernels for every third operator, in each process anew."""

    def __init__(self, seed: int = 3, noise: float = 0.0005, restless: bool = True) -> None:
        self.random, self.noise, self.restless = np.random.default_rng(seed), noise, restless
        self.times_us = self.random.uniform(2, 6, (CONVOLUTIONS + OTHERS, 3))

    def operators(self, slower: Mapping[int, float] | None = None, chosen: Mapping[int, int] | None = None):
        """One process: `slower` are factors by place, `chosen` are choices by place."""
        factor = math.exp(self.noise * self.random.standard_normal())
        rows = []
        for place, choices in enumerate(self.times_us.tolist()):
            free = self.restless and place % 3 == 0
            choice = int(self.random.integers(3)) if free else 0
            choice = (chosen or {}).get(place, choice)
            us = choices[choice] if choice < 3 else 5 * choices[0]
            us *= factor * (slower or {}).get(place, 1.0)
            rows.append(operator(f"blocks.{place}", f"kernel_{choice}", us))
        return tuple(rows)

    def run(self, name: str, rows: tuple[StoredOperator, ...], day: int = 1, again: Sequence[object] = ()) -> Run:
        benchmark = Benchmark(
            id=ID,
            values=dict.fromkeys(("kernel_time", "same_kernels", "selection"), sums(rows)) | {"launches": len(rows)},
            kernels=hash(tuple(row.kernels for row in rows)),
            operators=rows,
        )
        return Run(
            path=Path(name),
            datetime=f"2026-03-{day:02d}",
            benchmarks={ID: benchmark},
            selected=frozenset([ID]),
            confirmations=tuple(
                Confirmation((), {ID: dict.fromkeys(benchmark.values, sums(rows_))}, (), {ID: rows_})  # type: ignore
                for rows_ in again
            ),
        )

    def judged(self, *again, now, baselines: int = 5, metrics=METRICS) -> Report:
        before = [self.run(f"{number}.json", self.operators()) for number in range(baselines)]
        return self.judge(now, before, again, metrics)

    def judge_runs(self, processes: Sequence[tuple[StoredOperator, ...]], before: Sequence[Run]) -> Report:
        """A night's initial run and its confirmations."""
        now, *again = processes
        return self.judge(now, before, again)

    def judge(self, now, before: Sequence[Run], again: Sequence[object], metrics=METRICS) -> Report:
        return judge(self.run("now.json", now, 2, again), before, metrics=metrics)


def of(report: Report, metric: str) -> Judgement:
    (found,) = (item for item in report.judgements if item.metric == metric)
    return found
