"""What the benchmarks of one metric have in common: the shift that all of them share in a baseline run.

Everything is on the natural logarithm; the last axis is that of the benchmarks; docs/method.md derives it.
"""

from __future__ import annotations

import numpy as np

from regression.judge.noise import Floats, Layout
from regression.metrics import Spread

# Fewer benchmarks have nothing in common that one of them would not say by itself.
FEWEST = 4
# A baseline run counts less from so many standard deviations of its common shift on, and not at all from so many.
NEAR, FAR = 3.0, 6.0
# With fewer runs of one place nothing tells which of them is the bad one.
FEWEST_RUNS = 4


def quantile(values: Floats, weight: Floats, part: float) -> Floats:
    """The smallest value that at least `part` of the weight does not exceed, along the last axis.

    NaN has no weight; without any weight the quantile is NaN.
    """
    values, weight = np.broadcast_arrays(values, np.where(np.isfinite(values), weight, 0.0))
    order = np.argsort(values, axis=-1)
    sums = np.cumsum(np.take_along_axis(weight, order, -1), axis=-1)
    total = sums[..., -1:]
    # A tolerance, since halves that are equal need not add up to equal sums.
    at = np.argmax(sums >= part * total * (1 - 1e-9), axis=-1)
    found = np.take_along_axis(np.take_along_axis(values, order, -1), at[..., None], -1)[..., 0]
    return np.asarray(np.where(total[..., 0] > 0, found, np.nan))


def middle(values: Floats, weight: Floats) -> Floats:
    """Weighted median along the last axis."""
    return (quantile(values, weight, 0.5) - quantile(-values, weight, 0.5)) / 2


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
        strayed = np.moveaxis(here - _median(here)[..., None], -1, -2)
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


def _median(values: Floats) -> Floats:
    """Median along the last axis of what is not NaN; NaN where all are."""
    return middle(values, np.ones(values.shape))
