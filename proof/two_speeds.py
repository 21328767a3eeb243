"""How often a baseline of one speed is called one of two, and how often one of two is noticed, in made-up baselines.

python -m proof.two_speeds [--baselines 2000]
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from common import output
from regression.judge.two_speeds import find
from regression.metrics import METRICS
from regression.runs.run import Benchmark, Run

VARIANTS = ("eager-fp32", "eager-fp16", "torchscript-fp32", "torchscript-fp16", "tensorrt-fp32", "tensorrt-fp16")
IDS = tuple(f"efficientnet_b0-{variant}-b{batch}" for variant in VARIANTS for batch in (1, 8, 32, 128))
SPREADS = {m.key: m.spread for m in METRICS if m.key in ("kernel_time", "latency") and m.spread is not None}


@dataclasses.dataclass(frozen=True)
class Case:
    """How a made-up baseline comes about.

    Attributes:
        runs, days, gpus: how many there are.
        noisier: how many times as noisy as the priors.
        tails: degrees of freedom of Student's t for every noise.
        choosing: the part of the benchmarks whose processes choose between two kernels, 1 % apart.
        bad: one run is slow as a whole by so much.
        step: the runs of the later half are slower by so much, in so large a part of the variants.
    """

    name: str
    runs: int = 5
    days: int = 1
    gpus: int = 1
    noisier: float = 1.0
    tails: float = 5.0
    choosing: float = 0.0
    bad: float = 0.0
    step: float = 0.0
    part: float = 1.0


QUIET = (
    Case("five runs on one day"),
    Case("five runs, twice as noisy", noisier=2.0),
    Case("six runs on two days", runs=6, days=2),
    Case("eight runs on four days, noisy", runs=8, days=4, noisier=2.0),
    Case("nine runs of three GPUs", runs=9, days=3, gpus=3),
    Case("kernels chosen anew", choosing=0.5),
    Case("kernels chosen anew, ten runs", runs=10, days=2, choosing=0.5),
    Case("one bad run of six", runs=6, bad=0.02),
)
UPGRADED = (
    Case("+1 % in all, six runs", runs=6, step=0.01),
    Case("+1 % in all, five runs, noisy", step=0.01, noisier=2.0),
    Case("+4 % in a third, six runs", runs=6, step=0.04, part=1 / 3),
    Case("+4 % in a third, ten runs on two days", runs=10, days=2, step=0.04, part=1 / 3),
)


def baseline(case: Case, random: np.random.Generator) -> list[Run]:
    """The runs of a made-up baseline, oldest first."""
    slow = set(random.permutation(VARIANTS)[: round(case.part * len(VARIANTS))])
    level = {key: dict(zip(IDS, random.uniform(1e-4, 1e-2, len(IDS)), strict=True)) for key in SPREADS}
    of_day = {key: random.normal(scale=s.day + s.visits_day, size=(case.days, len(IDS))) for key, s in SPREADS.items()}
    of_gpu = {key: random.normal(scale=s.gpu, size=(case.gpus, len(IDS))) for key, s in SPREADS.items()}
    noise = {key: case.noisier * np.hypot(s.process, s.visits) for key, s in SPREADS.items()}
    choosing = random.random(len(IDS)) < case.choosing
    made = []
    for number in range(case.runs):
        day, gpu = number * case.days // case.runs, number % case.gpus
        chosen = choosing & (random.random(len(IDS)) < 0.5)
        later = number >= case.runs // 2
        values: dict[str, dict[str, float]] = {id_: {} for id_ in IDS}
        for key in SPREADS:
            logs = noise[key] * random.standard_t(case.tails, len(IDS)) + of_day[key][day] + of_gpu[key][gpu]
            logs = logs + 0.01 * chosen + (case.bad if number == case.runs - 2 else 0.0)
            for at, id_ in enumerate(IDS):
                step = np.log1p(case.step) if later and id_.split("-b")[-2].partition("-")[2] in slow else 0.0
                values[id_][key] = float(level[key][id_] * np.exp(logs[at] + step))
        machine = {"slug": "nvidia-h200", "gpu": {"slug": "nvidia-h200", "uuid": f"GPU-{gpu}"}}
        when = f"2026-03-{day + 1:02d}T{number:02d}:00:00+00:00"
        benchmarks = {id_: Benchmark(id=id_, values=values[id_]) for id_ in IDS}
        made.append(
            Run(path=Path(f"{number:04d}_baseline.json"), datetime=when, machine=machine, benchmarks=benchmarks)
        )
    return made


def noticed(case: Case, baselines: int, seed: int = 1) -> int:
    """In how many of so many baselines two speeds are seen."""
    random = np.random.default_rng(seed)
    return sum(find(baseline(case, random)) is not None for _ in range(baselines))


def table(baselines: int) -> Iterator[str]:
    """One line a case: how many of the baselines were said to have two speeds."""
    for heading, cases in (("one speed", QUIET), ("two speeds", UPGRADED)):
        yield heading
        for case in cases:
            yield f"  {case.name:<40} {noticed(case, baselines):>5} of {baselines}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m proof.two_speeds", description=__doc__)
    parser.add_argument("--baselines", type=int, default=2000, help="of each case (default: 2000)")
    for line in table(parser.parse_args().baselines):
        print(line, flush=True)


if __name__ == "__main__":
    with output.reader_may_leave():
        main()
