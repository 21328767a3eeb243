"""How much of a change the machine explains: its own pace, measured beside every benchmark without any model.

Everything is on the natural logarithm and vectorised over benchmarks; docs/judging.md derives it.
"""

from __future__ import annotations

import numpy as np

from regression.noise import Floats

# Whatever slowed a host slowed its latencies by no more than this many times as much (docs/judging.md).
EXCUSE = 2.0
# What the pace of an undisturbed host strays between processes.
TOLERANCE = 0.03


def moved(then: Floats, now: Floats) -> Floats:
    """How far the pace `now` (B, N) lies from the baseline's median, `then` (B, K), beyond TOLERANCE.

    0 within it, and where either is not known (NaN). The median, since a few disturbed runs of a baseline must not
    excuse every night that follows, nor widen what counts as undisturbed.
    """
    known = np.isfinite(then).any(axis=1)
    centre = np.full(len(then), np.nan)
    centre[known] = np.nanmedian(then[known], axis=1)
    distance = now - centre[:, None]
    return np.asarray(np.nan_to_num(np.sign(distance) * np.maximum(np.abs(distance) - TOLERANCE, 0)))


def excuse(pace: Floats) -> Floats:
    """How much slower a pace that moved by `pace` may make a latency."""
    return np.asarray(np.maximum(EXCUSE * pace, 0))


def unexplained(deviations: Floats, pace: Floats) -> Floats:
    """The deviations, as near to 0 as a pace that moved the same way can bring them."""
    explained = excuse(pace * np.sign(deviations))
    return np.asarray(np.sign(deviations) * np.maximum(np.abs(deviations) - explained, 0))
