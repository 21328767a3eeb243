"""Latencies at the pace of their host: what each visit took, had the host calibration beside it taken a fixed time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# By so much of the logarithm of a calibration the logarithm of a host-bound latency moves (docs/evidence.md).
EXPONENT = 0.7
# Visits are carried to a host whose brief calibration takes so long.
REFERENCE_S = 1e-3
# Of the visits that were carried there. A visit may be disturbed where the calibration before it was not, and is slower
# then, and the other way round, and is faster then.
QUANTILE = 0.25


def at_pace(latency_s: Sequence[float], calibration_s: Sequence[float]) -> tuple[float, float]:
    """The latency of several visits on a host whose calibration takes REFERENCE_S, and what theirs took.

    Args:
        latency_s: the shortest call of each visit in seconds.
        calibration_s: the host calibration right before each, in seconds.

    Returns:
        Both in seconds; the second is the median.
    """
    calibrations = np.asarray(calibration_s)
    there = carried(np.asarray(latency_s), calibrations, REFERENCE_S)
    return float(np.quantile(there, QUANTILE)), float(np.median(calibrations))


def carried(latency_s: Floats, calibration_s: Floats, to_s: float) -> Floats:
    """What latencies measured beside calibrations are on a host whose calibration takes `to_s`."""
    return np.asarray(latency_s * (to_s / calibration_s) ** EXPONENT)
