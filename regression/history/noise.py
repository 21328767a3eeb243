"""The noise between the nights of a series, what a change costs in it, and the smallest change that is found in it."""

import math

import numpy as np
import numpy.typing as npt
from scipy import special

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

# With fewer values neither the noise nor a change can be told from the other.
FEWEST = 6
# From so many values the slope at an end is told.
NEAR = 10
PAIRS = np.triu_indices(NEAR, 1)
# Beyond this the exponential of a logarithm says no more than that it is large.
LARGEST = 50.0


def penalty(nights: int, false_alarm: float) -> float:
    """What a change point costs in a series of so many nights, in variances of the noise."""
    return float(special.stdtrit(nights / 2 + 1, false_alarm / (2 * nights)) ** 2)


def smallest_step(values: int, noise: float, false_alarm: float) -> float:
    """The smallest step in the middle of so many values that is found with 97 %, as a fraction."""
    if values < FEWEST:
        return math.inf
    # Halves of n/2 values differ by their means' standard deviation of 2 / sqrt(n), and 1.9 deviations on top are 97 %.
    # Few nights make the noise look larger than it is: the rest is measured (docs/history.md).
    logarithm = (math.sqrt(penalty(values, false_alarm)) + 1.9) * noise * 2 / math.sqrt(values) * (1 + 10 / values)
    return math.expm1(min(logarithm, LARGEST))


def between_nights(logs: Floats) -> float:
    """Standard deviation from the differences of neighbours, which a few steps and a drift leave alone.

    Differences of differences leave out every slope, and see each step twice; so the smaller of both.
    """
    return min(_deviation(np.diff(logs)) / math.sqrt(2), _deviation(np.diff(logs, 2)) / math.sqrt(6))


def _deviation(differences: Floats) -> float:
    """Of the half quantile and the nine-tenths quantile the one that gives more: with two modes, and one of them rare,
    most neighbours agree better than the noise is."""
    sizes = np.sort(np.abs(differences))
    count = len(sizes)
    ranks = (count // 2, max(min(int(0.9 * count) - 1, count - 3), count // 2))
    return max(float(sizes[rank] / -special.ndtri((1 - (rank + 0.625) / (count + 0.25)) / 2)) for rank in ranks)


def without_single_outliers(logs: Floats) -> Floats:
    """One bad night is no change: values further than three deviations from the median of five are drawn in to that."""
    # Mirrored at its ends, a slope would bend there.
    padded = np.concatenate([_before(logs), logs, _before(logs[::-1])[::-1]])
    middle: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    limit = 3 * 1.4826 * float(np.median(np.abs(logs - middle)))
    return middle + np.clip(logs - middle, -limit, limit)


def _before(logs: Floats) -> Floats:
    """Two values before the first: the third and the second, moved along the slope there (Theil and Sen)."""
    near = logs[:NEAR]
    first, last = PAIRS
    inside = last < len(near)
    slope = float(np.median((near[last[inside]] - near[first[inside]]) / (last - first)[inside]))
    return logs[[2, 1]] - slope * np.array([4, 2])
