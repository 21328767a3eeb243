"""When a metric changed for good: change points and slow drifts in the history of one metric of one benchmark.

The change points are ruptures' (PELT for a piecewise constant mean, penalised per change point); here are only the
noise that sets the penalty, and the step from several change points to one drift. docs/history.md says why.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import ruptures
from scipy import ndimage, stats

Floats = npt.NDArray[np.float64]

# With fewer values neither the noise nor a change can be told from the other.
FEWEST = 6
FEWEST_PER_LEVEL = 2
# A drift that takes fewer values than this is a step that happened to fall between two of them.
SHORTEST_DRIFT = 3
GRID = 20
STRONGEST_CORRELATION = 0.6


@dataclass(frozen=True)
class Found:
    """One lasting change. Indices count the values given.

    `first` is the first value that differs from the level before; `last` the first at the level after: the same for a
    step, later for a drift. `before` and `after` are the levels, in the values' unit.
    """

    kind: str
    first: int
    last: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """Level after over level before."""
        return self.after / self.before


def changes(
    values: Sequence[float] | Floats, false_alarm: float, smallest: float = 0.0, noise_floor: float = 0.0
) -> list[Found]:
    """The steps and drifts of positive `values` in time order; empty for fewer than `FEWEST` values.

    `false_alarm` is the probability of any change in a series of noise alone; `smallest` the smallest change to report,
    as a fraction; `noise_floor` the least standard deviation of the logarithm to assume, since a few values can look
    quieter than they are. ValueError for a value that is not positive and finite.
    """
    raw = np.asarray(values, dtype=float)
    if not np.all(np.isfinite(raw) & (raw > 0)):
        raise ValueError("a history needs positive, finite values")
    if len(raw) < FEWEST:
        return []
    logs = np.log(raw)
    cost = penalty(len(raw), false_alarm)
    calm = _without_single_outliers(logs)
    cuts, noise = _change_points(calm, cost, max(_noise(logs), noise_floor, 1e-6))
    found = _steps_and_drifts(calm, cuts, cost, noise)
    return [change for change in found if abs(change.ratio - 1) >= smallest]


def penalty(nights: int, false_alarm: float) -> float:
    """What a change point costs in a series of so many nights, in variances of the noise."""
    return float(stats.t.isf(false_alarm / (2 * nights), nights / 2) ** 2)


def _without_single_outliers(logs: Floats) -> Floats:
    """One bad night is no change: values further than three deviations from the median of five are drawn in to that."""
    middle: Floats = ndimage.median_filter(logs, 5, mode="mirror")
    limit = 3 * 1.4826 * float(np.median(np.abs(logs - middle)))
    return middle + np.clip(logs - middle, -limit, limit)


def _noise(logs: Floats) -> float:
    """Standard deviation from the differences of neighbours, which a few steps and a drift leave alone.

    Of the half quantile and the nine-tenths quantile the one that gives more: with two modes, and one of them rare,
    most neighbours agree better than the noise is.
    """
    steps = np.sort(np.abs(np.diff(logs))) / math.sqrt(2)
    count = len(steps)
    ranks = (count // 2, max(min(int(0.9 * count) - 1, count - 3), count // 2))
    return max(float(steps[rank] / stats.norm.isf((1 - (rank + 0.625) / (count + 0.25)) / 2)) for rank in ranks)


def _change_points(logs: Floats, penalty: float, noise: float) -> tuple[list[int], float]:
    """Change points, and the noise that they were found with: raised until it also covers what the levels leave."""
    while True:
        search = ruptures.KernelCPD(kernel="linear", min_size=FEWEST_PER_LEVEL).fit((logs - logs.mean()) / noise)
        cuts = [int(cut) for cut in search.predict(pen=penalty)[:-1]]
        rest = np.concatenate([part - part.mean() for part in np.split(logs, cuts)])
        left = max(len(logs) - 2 * len(cuts) - 1, 1)
        squares = float(rest @ rest)
        # Nights that resemble their neighbours make runs that look like levels; the mean of such runs is noisier.
        alike = float(rest[1:] @ rest[:-1]) / squares + 1 / len(logs) if squares > 0 else 0.0
        alike = min(max(alike, 0.0), STRONGEST_CORRELATION)
        needed = math.sqrt(squares / left * (1 + alike) / (1 - alike))
        if needed <= 1.01 * noise:
            return cuts, noise
        noise = needed


def _steps_and_drifts(logs: Floats, cuts: list[int], penalty: float, noise: float) -> list[Found]:
    """Every change point as a step, unless a ramp describes it, and its neighbours in the same direction, better."""
    edges = [0, *cuts, len(logs)]
    levels = [float(logs[start:end].mean()) for start, end in itertools.pairwise(edges)]
    found: list[Found] = []
    at = 0
    while at < len(cuts):
        last = at
        while last + 1 < len(cuts) and (levels[last + 2] > levels[last + 1]) == (levels[at + 1] > levels[at]):
            last += 1
        drift = None
        while last >= at and drift is None:
            drift = _drift(logs, edges[at : last + 3], penalty, noise)
            last -= drift is None
        if drift:
            found.append(drift)
            at = last + 1
        else:
            found.append(Found("step", cuts[at], cuts[at], math.exp(levels[at]), math.exp(levels[at + 1])))
            at += 1
    return found


def _drift(logs: Floats, edges: list[int], penalty: float, noise: float) -> Found | None:
    """The ramp through the levels between `edges`, where it costs less than their steps; else None."""
    start, end = edges[0], edges[-1]
    part = logs[start:end]
    steps = sum(float(np.var(level)) * len(level) for level in np.split(part, [edge - start for edge in edges[1:-1]]))
    begins = np.unique(np.linspace(0, edges[1] - start, GRID).astype(int))
    ends = np.unique(np.linspace(edges[-2] - start - 1, len(part) - 1, GRID).astype(int))
    first, last = (grid.ravel() for grid in np.meshgrid(begins, ends))
    long_enough = last - first >= SHORTEST_DRIFT
    if not long_enough.any():
        return None
    first, last = first[long_enough], last[long_enough]
    ramp = np.clip((np.arange(len(part)) - first[:, None]) / (last - first)[:, None], 0, 1)
    centred = ramp - ramp.mean(axis=1, keepdims=True)
    slope = centred @ part / (centred**2).sum(axis=1)
    left = part - part.mean() - slope[:, None] * centred
    squares = (left**2).sum(axis=1)
    best = int(squares.argmin())
    # One change point's penalty for the ramp, and twice the logarithm of their number for its second end (BIC).
    ramp_cost = squares[best] / noise**2 + penalty + 2 * math.log(len(logs))
    if ramp_cost >= steps / noise**2 + penalty * (len(edges) - 2):
        return None
    low = float(part.mean() - slope[best] * ramp[best].mean())
    return Found(
        "drift", start + int(first[best]) + 1, start + int(last[best]), math.exp(low), math.exp(low + slope[best])
    )
