"""How much of a change the machine explains: its own pace, measured beside every benchmark without any model.

Everything is on the natural logarithm and vectorised over benchmarks; docs/judging.md derives it.
"""

from __future__ import annotations

import numpy as np

from regression.noise import Floats

# Whatever slowed a host slowed its latencies by no more than this many times as much (docs/judging.md).
EXCUSE = 2.0
# What the pace of an undisturbed host strays between processes, at the least.
SPREAD = 0.01


def moved(then: Floats, now: Floats) -> Floats:
    """How far the pace `now` (B, N) lies from the mean of the baseline's, `then` (B, K), beyond twice its own spread.

    0 within that, and where either is not known (NaN).
    """
    known = np.isfinite(then)
    runs = known.sum(axis=1)
    centre = np.where(known, then, 0).sum(axis=1) / np.maximum(runs, 1)
    squares = np.where(known, then - centre[:, None], 0) ** 2
    # One spread for all benchmarks: the work is the same beside each of them.
    spread = np.sqrt(squares.sum() / max(np.maximum(runs - 1, 0).sum(), 1))
    distance = np.where(runs[:, None] > 0, now - centre[:, None], np.nan)
    beyond = np.sign(distance) * np.maximum(np.abs(distance) - 2 * max(spread, SPREAD), 0)
    return np.asarray(np.nan_to_num(beyond))


def unexplained(deviations: Floats, pace: Floats) -> Floats:
    """The deviations, as near to 0 as a pace that moved the same way can bring them."""
    explained = np.maximum(EXCUSE * pace * np.sign(deviations), 0)
    return np.asarray(np.sign(deviations) * np.maximum(np.abs(deviations) - explained, 0))
