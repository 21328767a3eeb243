"""Which benchmarks another GPU of the model moves alike: at one batch size those of engines, and all others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from regression.judge.noise import KNOWN_DF
from regression.judge.shared_shift import Bools
from regression.runs.run import Benchmark, Run
from regression.shared import gpu_name, of_a_gpu


def of_another_gpu(run: Run, baselines: Sequence[Run]) -> bool:
    """Whether too few runs of the baseline are of the run's GPU, and all of its model.

    Runs count here, and their values in `regression.judge.noise.estimate`: of a benchmark that was disturbed in one of
    three runs of this GPU, the centre comes from the others, and nothing is subtracted.
    """
    if any(baseline.gpu_model != run.gpu_model for baseline in baselines):
        return False
    own = sum(baseline.gpu == run.gpu for baseline in baselines)
    return own <= KNOWN_DF and own < len(baselines)


def alike(benchmarks: Sequence[Benchmark]) -> Mapping[str, Bools]:
    """Name to which of the benchmarks (B,) it stands for."""
    names = [_name(benchmark) for benchmark in benchmarks]
    return {name: np.array([other == name for other in names]) for name in dict.fromkeys(names) if name}


def _name(benchmark: Benchmark) -> str:
    name = gpu_name(benchmark.has_engine, benchmark.params.get("batch_size", ""))
    return name if of_a_gpu(name) else ""
