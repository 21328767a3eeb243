"""Control benchmarks: which to hold confirmations of the suspects against, and how far all of them shifted."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from regression.noise import Floats
from regression.runs import Benchmark

# How many a run without confirmations would be held against; its limits are stated for so many.
PLANNED = 4
# More are never asked for, and looking for them takes time with every one.
OFFERED = 16


def shift(deviations: Floats, variances: Floats) -> tuple[float, float]:
    """Mean shift of the controls that have a deviation, weighted by their precision, and its variance.

    (0, 0) where there are none: then confirmations count as they are.
    """
    usable = np.isfinite(deviations)
    if not usable.any():
        return 0.0, 0.0
    weights = 1 / variances[usable]
    return float(np.average(deviations[usable], weights=weights)), float(1 / weights.sum())


def planned_variance(variances: Floats) -> float:
    """Variance of the shift of the PLANNED most precise of these benchmarks."""
    best = np.sort(variances)[:PLANNED]
    return float(1 / (1 / best).sum()) if len(best) else 0.0


def spread_out(benchmarks: Mapping[str, Benchmark], candidates: Iterable[tuple[str, int, float]]) -> list[str]:
    """Up to OFFERED ids of (id, metrics that came out SAME, smallest detectable change), as different as they come.

    A disturbance may hit only small batches or only one compiler, so controls that are alike would miss it.
    """
    left = sorted(candidates, key=lambda item: (-item[1], item[2], item[0]))
    chosen: list[str] = []
    apart = {id_: math.inf for id_, _, _ in left}
    while left and len(chosen) < OFFERED:
        best = max(left, key=lambda item: apart[item[0]])
        left.remove(best)
        chosen.append(best[0])
        for id_, _, _ in left:
            apart[id_] = min(apart[id_], _distance(benchmarks[best[0]], benchmarks[id_]))
    return chosen


def _distance(one: Benchmark, other: Benchmark) -> int:
    return sum(one.params.get(key) != other.params.get(key) for key in one.params.keys() | other.params.keys())
