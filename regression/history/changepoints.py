"""Steps and slow drifts of one series of logarithms.

The change points are ruptures' (PELT for a piecewise constant mean, penalised per change point); here are the step
from several change points to one drift, the noise that both are found with, and how well their nights are known.
docs/history.md says why.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import ruptures

from regression.history.noise import Floats, Ints
from regression.history.ramps import Ramps

STEP, DRIFT = "step", "drift"
FEWEST_PER_LEVEL = 2
GRID = 20
STRONGEST_CORRELATION = 0.6
# Beginnings that explain the values worse by so many variances of the noise are not possible ones.
POSSIBLE = 6.0
# So few values at an end are a level only where they lie beyond all single values but two.
SHORT = 5


@dataclass(frozen=True)
class Change:
    """One lasting change. Indices count the values given.

    `first` is the first value that differs from the level before; `last` the first at the level after: the same for a
    step, later for a drift. `before` and `after` are the levels. The true `first` lies between `earliest` and `latest`.
    """

    kind: str
    first: int
    last: int
    before: float
    after: float
    earliest: int
    latest: int

    @property
    def size(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Fit:
    """The changes of a series, the levels and ramps that they make of it, and the noise that they were found with."""

    changes: tuple[Change, ...]
    values: Floats
    noise: float

    def without_steps_at(self, places: Sequence[int], beside: int = 0) -> "Fit":
        """The fit without the steps that may have happened at one of these places, or so many values beside it."""
        explained = [
            one
            for one in self.changes
            if one.kind == STEP and any(one.earliest - beside <= place <= one.latest + beside for place in places)
        ]
        values = self.values.copy()
        for step in explained:
            values[step.first :] -= step.size
        return Fit(tuple(one for one in self.changes if one not in explained), values, self.noise)


def fit(logs: Floats, penalty: float, noise: float, parameters: int = 1) -> Fit:
    """The changes that explain the series by more than `penalty` variances of the noise each.

    `noise` is raised until it also covers what the changes leave; `parameters` were fitted to the series without them.
    """
    while True:
        scaled = (logs - logs.mean()) / noise
        search = ruptures.KernelCPD(kernel="linear", min_size=FEWEST_PER_LEVEL).fit(scaled)
        changes, values = _steps_and_drifts(
            logs, [int(cut) for cut in search.predict(pen=penalty)[:-1]], penalty, noise
        )
        rest = logs - values
        fitted = parameters + sum(2 if change.kind == STEP else 3 for change in changes)
        squares = float(rest @ rest)
        # Nights that resemble their neighbours make runs that look like levels; the mean of such runs is noisier. What
        # was fitted makes neighbours look less alike than they are.
        alike = float(rest[1:] @ rest[:-1]) / squares + fitted / len(logs) if squares > 0 else 0.0
        alike = min(max(alike, 0.0), STRONGEST_CORRELATION)
        needed = math.sqrt(squares / max(len(logs) - fitted, 1) * (1 + alike) / (1 - alike))
        if needed <= 1.01 * noise:
            return Fit(tuple(changes), values, noise)
        noise = needed


def beyond_bad_nights(changes: Sequence[Change], rest: Floats) -> list[Change]:
    """The changes, less those of a few first or last values that lie no further away than single values stray.

    `rest` is what the fit leaves of the values, bad nights included.
    """

    def is_shown(change: Change) -> bool:
        if min(change.last, len(rest) - change.first) >= SHORT:
            return True
        others = rest[change.last :] if change.last < SHORT else rest[: change.first]
        strayed = np.sort(np.abs(others))
        return bool(abs(change.size) > strayed[-min(3, len(strayed))])

    return [change for change in changes if is_shown(change)]


def large_enough(changes: Sequence[Change], smallest: float) -> list[Change]:
    """The changes that matter; successive ones in one direction that matter only together are one drift."""
    kept: list[Change] = []
    for (small, _), run in itertools.groupby(changes, lambda one: (_ratio(one) < smallest, one.size > 0)):
        group = list(run)
        if not small:
            kept += group
        elif len(group) > 1:
            start, end = group[0], group[-1]
            whole = Change(DRIFT, start.first, end.last, start.before, end.after, start.earliest, start.latest)
            kept += [whole] if _ratio(whole) >= smallest else []
    return kept


def _ratio(change: Change) -> float:
    """How far the level after is from the level before, as a fraction."""
    return abs(math.expm1(change.size))


def _steps_and_drifts(logs: Floats, cuts: list[int], penalty: float, noise: float) -> tuple[list[Change], Floats]:
    """Every change point as a step, unless a ramp describes it, and its neighbours in the same direction, better.

    Also the levels and ramps that they make of the series.
    """
    edges = [0, *cuts, len(logs)]
    levels = [float(logs[start:end].mean()) for start, end in itertools.pairwise(edges)]
    values = np.repeat(levels, np.diff(edges))
    if not cuts:
        # A slope may be seen before any two levels are.
        drift = _drift(logs, edges, penalty, noise)
        return ([drift[0]], drift[1]) if drift else ([], values)
    found: list[Change] = []
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
            found.append(drift[0])
            values[edges[at] : edges[last + 2]] = drift[1]
            at = last + 1
        else:
            earliest, latest = (edges[at] + one for one in _possible(logs[edges[at] : edges[at + 2]], noise))
            found.append(Change(STEP, cuts[at], cuts[at], levels[at], levels[at + 1], earliest, latest))
            at += 1
    return found, values


def _possible(part: Floats, noise: float) -> tuple[int, int]:
    """The earliest and the latest value that a single step of this part may begin with."""
    at = np.arange(1, len(part))
    sums = np.cumsum(part - part.mean())[:-1]
    explained = sums**2 * len(part) / (at * (len(part) - at))
    possible = at[explained >= explained.max() - POSSIBLE * noise**2]
    return int(possible[0]), int(possible[-1])


def _drift(logs: Floats, edges: list[int], penalty: float, noise: float) -> tuple[Change, Floats] | None:
    """The ramp through the levels between `edges`, where it costs less than their steps, and its values; else None."""
    start, end = edges[0], edges[-1]
    part = logs[start:end]
    steps = sum(float(np.var(level)) * len(level) for level in np.split(part, [edge - start for edge in edges[1:-1]]))
    mean = float(part.mean())
    centred = part - mean
    ramps = Ramps(centred)
    begins = np.unique(np.linspace(0, edges[1] - start, GRID).astype(int))
    ends = np.unique(np.linspace(max(edges[-2] - start - 1, 0), len(part) - 1, GRID).astype(int))
    best = ramps.best(begins, ends)
    if best is None:
        return None
    finer = [_around(at, len(part)) for at in best[:2]]
    first, last, explained = ramps.best(*finer) or best
    # One change point's penalty for the ramp, and twice the logarithm of their number for its second end (BIC).
    cost = (float(centred @ centred) - explained) / noise**2 + penalty + 2 * math.log(len(logs))
    if cost >= steps / noise**2 + penalty * (len(edges) - 2):
        return None
    possible = np.flatnonzero(ramps.profile(np.arange(len(part)), ends) >= explained - POSSIBLE * noise**2)
    earliest, latest = min([first, *possible]), max([first, *possible])
    values = mean + ramps.fit(first, last)
    before, after = float(values[0]), float(values[-1])
    change = Change(
        DRIFT, start + first + 1, start + last, before, after, start + int(earliest) + 1, start + int(latest) + 1
    )
    return change, values


def _around(at: int, count: int) -> Ints:
    """Places beside one of a grid over so many values, up to its next ones."""
    reach = (count + GRID - 1) // GRID
    return np.unique(np.linspace(max(at - reach, 0), min(at + reach, count - 1), 2 * GRID).astype(int))
