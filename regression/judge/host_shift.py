"""Which benchmarks are host-bound: a host that is slower tonight delays every call whose GPU waits for it."""

from __future__ import annotations

import numpy as np

from regression.judge.noise import Floats
from regression.judge.shared_shift import Bools

# Host-bound is a benchmark whose GPU waits for the host for at least so much of the latency.
WAITS = 0.25


def host_bound(waits: Floats) -> Bools:
    """Which benchmarks (B,) are host-bound.

    Args:
        waits: (B,), share of the latency in which the GPU waits for the host, NaN where that is not known.
    """
    return np.asarray(np.nan_to_num(waits) >= WAITS)
