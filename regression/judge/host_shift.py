"""Which benchmarks are host-bound: a host that is slower tonight delays every call whose GPU waits for it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import numpy as np

from regression.judge.noise import Floats
from regression.judge.shared_shift import Bools
from regression.runs.run import Benchmark

# Host-bound is a benchmark whose GPU waits for the host for at least so much of the latency.
WAITS = 0.25


def host_bound(waits: Floats) -> Bools:
    """Which benchmarks (B,) are host-bound.

    Args:
        waits: (B,), share of the latency in which the GPU waits for the host, NaN where that is not known.
    """
    return np.asarray(np.nan_to_num(waits) >= WAITS)


def waiting(measured: Sequence[Benchmark]) -> float:
    """Share of the latency in which the GPU waits for the host, in the middle of the baseline's runs; 1 if not known.

    As much of a choice of kernels is the host's doing: a slow one makes worse choices, in every process of a night.
    """
    known = [item.values for item in measured if item.values.keys() >= {"kernel_time", "latency"}]
    return max(0.0, 1 - statistics.median(v["kernel_time"] / v["latency"] for v in known)) if known else 1.0
