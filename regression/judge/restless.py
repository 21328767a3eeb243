"""Parts of a kernel time that differ from run to run although the same kernels run: they belong to the selection.

Where an engine lies in memory, or which of several algorithms runs under one kernel's name, no stored run tells.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from regression.judge.common_shift import middle
from regression.judge.noise import Floats

# Restless is a part that alone moves the whole by so much from run to run (standard deviation): more than the prior of
# the whole, which is made of many parts.
RESTLESS = 0.001
# With more of the whole set apart, the same kernels would say too little of it.
MOST = 0.25
# Of fewer times nothing tells a part that is restless from a run that is slow.
FEWEST_RUNS = 3
STEPS = 3


def restless(times_s: Floats, groups: Sequence[Hashable], places: Sequence[Hashable] = ()) -> npt.NDArray[np.bool_]:
    """Which of P parts are restless, the worst first, up to MOST of the whole.

    Where one part of a group is, the others of it are as well: what moves it may move them in any other run.

    Args:
        times_s: (K, P), what each part took in each of K runs; NaN where a run did not have it.
        groups: (P,), such as the kernels that a part consists of.
        places: (K,), where each run was measured: what differs between places is not restless; one place by default.
    """
    known = np.isfinite(times_s)
    found = np.zeros(times_s.shape[1], dtype=bool)
    considered = (known.sum(axis=0) >= FEWEST_RUNS) & (np.nan_to_num(times_s) > 0).any(axis=0)
    if not considered.any():
        return found
    ran = known.any(axis=1)
    times = times_s[:, considered]
    pace = np.zeros(len(times))
    for _ in range(STEPS):
        typical = np.nanmedian(times / np.exp(pace)[:, None], axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            pace = np.nan_to_num(middle(np.log(times / typical), np.where(np.isfinite(times), typical, 0.0)))
    whole_s = float(np.median(np.nansum(times_s, axis=1)[ran] / np.exp(pace[ran])))
    moves = _within(times / np.exp(pace)[:, None], places or [0] * len(times)) / whole_s
    columns = np.flatnonzero(considered)
    usual_s = np.nan_to_num(np.nanmedian(times_s / np.exp(pace)[:, None], axis=0))
    left_s = MOST * whole_s
    for column in columns[np.argsort(-moves)][: np.count_nonzero(moves > RESTLESS)].tolist():
        alike = np.array([group == groups[column] for group in groups]) & ~found
        if usual_s[alike].sum() <= left_s:
            left_s -= usual_s[alike].sum()
            found |= alike
    return found


def _within(times_s: Floats, places: Sequence[Hashable]) -> Floats:
    """Standard deviation of each part (K, P) within the places of the runs, pooled; 0 where no place has several."""
    squares, degrees = np.zeros(times_s.shape[1]), np.zeros(times_s.shape[1])
    for place in dict.fromkeys(places):
        here = times_s[[other == place for other in places]]
        number = np.isfinite(here).sum(axis=0)
        mean = np.nansum(here, axis=0) / np.maximum(number, 1)
        squares += np.nansum((here - mean) ** 2, axis=0)
        degrees += np.maximum(number - 1, 0)
    return np.asarray(np.sqrt(squares / np.maximum(degrees, 1)))
