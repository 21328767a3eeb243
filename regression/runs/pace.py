"""Latencies at the pace of their host: what each visit took, had the host calibration beside it taken a fixed time."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

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
    there = [carried(visit_s, pace_s, REFERENCE_S) for visit_s, pace_s in zip(latency_s, calibration_s, strict=True)]
    return _quantile(there, QUANTILE), statistics.median(calibration_s)


def carried(latency_s: float, calibration_s: float, to_s: float) -> float:
    """What a latency measured beside a calibration is on a host whose calibration takes `to_s`."""
    return float(latency_s * (to_s / calibration_s) ** EXPONENT)


def _quantile(values: Sequence[float], part: float) -> float:
    """Between the two nearest values, as NumPy takes it by default."""
    ordered = sorted(values)
    at = part * (len(ordered) - 1)
    below = int(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (at - below) * (ordered[above] - ordered[below])
