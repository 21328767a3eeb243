"""How much of a change the machine explains: its own calibration, measured beside every benchmark without any model.

Everything is on the natural logarithm and vectorised over benchmarks; docs/method.md derives it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from regression.judge.common_shift import median
from regression.judge.noise import Floats

Bools = npt.NDArray[np.bool_]

# Whatever slowed a host slowed its latencies by no more than this many times as much (docs/method.md).
EXCUSE = 2.0
# A latency at the pace of the baseline's host moves besides by no more than so much of the calibration's logarithm.
EXCUSE_AT_PACE = 0.35
# What the calibration of an undisturbed host strays between processes.
TOLERANCE = 0.03


def moved(then: Floats, now: Floats) -> Floats:
    """How far the calibration `now` (B, N) lies from the baseline's median, `then` (B, K), beyond TOLERANCE.

    0 within it, and where either is not known (NaN). The median, since a few disturbed runs of a baseline must not
    excuse every night that follows, nor widen what counts as undisturbed.
    """
    distance = now - median(then)[:, None]
    return np.asarray(np.nan_to_num(np.sign(distance) * np.maximum(np.abs(distance) - TOLERANCE, 0)))


def explainable(
    calibration: Floats, latency_s: Floats, kernel_time_s: Floats, launching_s: Floats, at_pace: Bools
) -> Floats:
    """How far the logarithm of a latency (B,) moves at most, where the calibration moved by `calibration` (B, N).

    By EXCUSE times as much, where all of it waits for the host; by EXCUSE_AT_PACE, where it was carried (B,) to the
    pace of the baseline's host. Where the GPU is busy for `kernel_time_s` (NaN: not
    known), the host can only delay what lies outside that time, or take longer than that to launch the kernels, which
    takes it `launching_s` at most.
    """
    moved = np.where(at_pace, EXCUSE_AT_PACE, EXCUSE)[:, None] * calibration
    factor = np.exp(moved)
    busy, launching, latency = (value[:, None] for value in (kernel_time_s, launching_s, latency_s))
    outside = np.maximum(latency - busy, 0)
    slowest = np.maximum(busy, launching * factor) + outside * factor
    bound = np.log(slowest / (np.maximum(busy, launching) + outside))
    return np.asarray(np.where(np.isfinite(busy), bound, moved))


def unexplained(deviations: Floats, explained: Floats) -> Floats:
    """The deviations, as near to 0 as what can be explained, if it moved the same way, brings them."""
    excused = np.maximum(explained * np.sign(deviations), 0)
    return np.asarray(np.sign(deviations) * np.maximum(np.abs(deviations) - excused, 0))
