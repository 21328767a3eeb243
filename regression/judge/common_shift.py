"""What the benchmarks of one metric have in common: the shift that they share, how far they scatter, bad baseline runs.

Everything is on the natural logarithm; the last axis is that of the benchmarks; docs/method.md derives it.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from regression.judge.noise import Floats, Layout, Noise
from regression.spread import Spread

# Fewer benchmarks have nothing in common that one of them would not say by itself.
FEWEST = 4
# A shift is shared by as much of the weight as this; what fewer show is theirs.
SHARED_BY = 0.7
# The initial run's scatter widens the limits from here on with so many tests or more; fewer scatter more by chance.
TRIGGER, TRIGGER_TESTS = 1.25, 72
# Of fewer tests two or three that changed are too many to be told from scatter.
FEWEST_SCATTERED = 12
# Makes a standard deviation of Qn.
QN = 2.2219
# What lies further away than this, in units of the scale, is a change and no scatter; it is cut off so many times.
CUT, CUTS = 4.0, 3
# So many of the benchmarks show where the others would lie had nothing changed.
MOSTLY = 0.5
# Every second or third of more tests says as much, and their pairs are too many to sort.
MOST_COMPARED = 400
# A baseline run counts less from so many standard deviations of its common shift on, and not at all from so many.
NEAR, FAR = 3.0, 6.0
# With fewer runs of one place nothing tells which of them is the bad one.
FEWEST_RUNS = 4


def tests_of(benchmarks: int) -> int:
    """How many tests a metric has: one for each benchmark, and one for what they share, where there are enough."""
    return benchmarks + (benchmarks >= FEWEST)


def weights(deviation: Floats, variants: Sequence[Hashable]) -> Floats:
    """Weights (..., B) by precision, equal in sum for every variant: what one variant does is no shift of all."""
    precision = 1 / deviation
    groups = list(dict.fromkeys(variants))
    member = np.array([[variant == group for group in groups] for variant in variants], dtype=float)
    return np.asarray(precision / ((precision @ member) @ member.T))


def quantiles(values: Floats, weight: Floats, part: float) -> tuple[Floats, Floats]:
    """The smallest value that at least `part` of the weight does not exceed, and the largest that as much reaches.

    Along the last axis. NaN has no weight; without any weight both are NaN.
    """
    shape, length = values.shape[:-1], values.shape[-1]
    weight = np.where(np.isfinite(values), weight, 0.0).reshape(-1, length)
    values = values.reshape(-1, length)
    rows = np.arange(len(values))
    order = np.argsort(values, axis=-1)
    values, weight = values[rows[:, None], order], weight[rows[:, None], order]

    def end(values: Floats, weight: Floats) -> Floats:
        sums = np.cumsum(weight, axis=-1)
        total = sums[:, -1]
        # A tolerance, since halves that are equal need not add up to equal sums.
        at = np.argmax(sums >= (part * (1 - 1e-9) * total)[:, None], axis=-1)
        return np.asarray(np.where(total > 0, values[rows, at], np.nan)).reshape(shape)

    return end(values, weight), end(values[:, ::-1], weight[:, ::-1])


def middle(values: Floats, weight: Floats) -> Floats:
    """Weighted median along the last axis."""
    lower, upper = quantiles(values, weight, 0.5)
    return (lower + upper) / 2


def shared(values: Floats, weight: Floats) -> Floats:
    """The shift that at least SHARED_BY of the weight has in one direction; 0 where there is none."""
    fall, rise = quantiles(values, weight, SHARED_BY)
    return np.asarray(np.maximum(rise, 0) + np.minimum(fall, 0))


def shared_by(processes: Floats, weight: Floats) -> Floats:
    """The shift that the benchmarks of each process (B, N) share, (N,); NaN where it measured too few of them.

    Args:
        weight: (B,), 0 for a benchmark that does not count.
    """
    known = np.isfinite(processes) & (weight > 0)[:, None]
    enough = (known * weight[:, None]).sum(axis=0) >= SHARED_BY * weight.sum()
    enough &= known.sum(axis=0) >= FEWEST
    return np.where(enough, shared(processes.T, weight), np.nan)


def depth(deviation: Floats, weight: Floats) -> Floats:
    """How far `shared` lies below the true shift, since it takes what most benchmarks show and not their middle."""
    typical = (weight * deviation).sum(axis=-1) / weight.sum(axis=-1)
    return np.asarray(special.ndtri(SHARED_BY) * typical)


def scatter(deviations: Floats, weight: Floats, noise: Noise) -> Floats:
    """How many times as far the deviations (..., B) lie about their common shift as their noise says.

    1 where that does not exceed its trigger. NaN does not count, nor what lies so far away that it changed by itself.
    Where half of them changed alike, their middle is neither's: at least half may lie about no shift instead.
    """
    expected = noise.deviation(1) * special.stdtrit(noise.df, 0.75) / special.ndtri(0.75)
    scaled = expected.reshape(deviations.shape)
    found, _ = _scatter((deviations - middle(deviations, weight)[..., None]) / scaled)
    without_shift, kept = _scatter(deviations / scaled)
    return np.asarray(np.where(kept >= MOSTLY, np.minimum(found, without_shift), found))


def _scatter(shifted: Floats) -> tuple[Floats, Floats]:
    """The same of deviations from a centre, in units of their noise; and the share of them that was not cut off."""
    shifted = shifted[..., :: 1 + shifted.shape[-1] // MOST_COMPARED]
    known = np.isfinite(shifted).sum(axis=-1)
    found = _robust(shifted)
    for _ in range(CUTS):
        shifted = np.where(np.abs(shifted) > CUT * np.maximum(found, 1)[..., None], np.nan, shifted)
        found = _robust(shifted)
    tests = np.isfinite(shifted).sum(axis=-1)
    trigger = 1 + (TRIGGER - 1) * np.maximum(np.sqrt(TRIGGER_TESTS / np.maximum(tests, 1)), 1)
    widened = np.where((tests >= FEWEST_SCATTERED) & (found > trigger), found, 1.0)
    return np.asarray(widened), np.asarray(tests / np.maximum(known, 1))


@functools.lru_cache(maxsize=8)  # the same number of benchmarks all night
def _pairs(number: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    return np.triu_indices(number, 1)


def _robust(values: Floats) -> Floats:
    """The scale Qn of Rousseeuw and Croux (1993): where the smallest quarter of the distances between pairs ends."""
    one, other = _pairs(values.shape[-1])
    if not one.size:
        return np.ones(values.shape[:-1])
    distances = np.sort(np.abs(values[..., one] - values[..., other]), axis=-1)
    count = np.isfinite(values).sum(axis=-1)
    half = count // 2 + 1
    at = np.maximum(half * (half - 1) // 2 - 1, 0)
    found = np.take_along_axis(distances, at[..., None], -1)[..., 0]
    return np.asarray(np.nan_to_num(QN * found * count / (count + np.where(count % 2, 1.4, 3.8)), nan=1.0))


def run_shifts(logs: Floats, layout: Layout, deviation: Floats) -> Floats:
    """How far each run (..., K) lies as a whole from the middle of the runs of its place, from logs (..., B, K).

    `deviation` (..., B) is what each benchmark is expected to stray. 0 where there are too few runs or benchmarks.
    """
    found = np.zeros((*logs.shape[:-2], logs.shape[-1]))
    for place in set(layout.places):
        at = [number for number, other in enumerate(layout.places) if other == place]
        if len(at) < FEWEST_RUNS:
            continue
        here = logs[..., at]
        strayed = np.moveaxis(here - median(here)[..., None], -1, -2)
        enough = np.isfinite(strayed).sum(axis=-1) >= FEWEST
        found[..., at] = np.where(enough, middle(strayed, (1 / deviation)[..., None, :]), 0)
    return found


def trust(shifts: Floats, layout: Layout, spread: Spread, deviation: Floats) -> Floats:
    """Weight of each baseline run (..., K): 1, and less where its common shift is far from those of its place."""
    found = np.ones_like(shifts)
    typical = middle(deviation, 1 / deviation)[..., None]
    for place in set(layout.places):
        at = [number for number, other in enumerate(layout.places) if other == place]
        robust = 1.4826 * np.median(np.abs(shifts[..., at]), axis=-1, keepdims=True)
        far = np.abs(shifts[..., at]) / np.sqrt(typical**2 + 2 * spread.day**2 + robust**2)
        found[..., at] = np.clip((FAR - far) / (FAR - NEAR), 0, 1)
    return found


def median(values: Floats) -> Floats:
    """Median along the last axis of what is not NaN; NaN where all are."""
    return middle(values, np.ones(values.shape))
