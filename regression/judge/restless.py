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


def restless(times_s: Floats, groups: Sequence[Hashable]) -> npt.NDArray[np.bool_]:
    """Which of P parts are restless, the worst first, up to MOST of the whole.

    Where one part of a group is, the others of it are as well: what moves it may move them in any other run.

    Args:
        times_s: (K, P), what each part took in each of K runs; NaN where a run did not have it.
        groups: (P,), such as the kernels that a part consists of.
    """
    known = np.isfinite(times_s)
    found = np.zeros(times_s.shape[1], dtype=bool)
    considered = (known.sum(axis=0) >= FEWEST_RUNS) & (np.nan_to_num(times_s) > 0).any(axis=0)
    if not considered.any():
        return found
    times = times_s[:, considered]
    pace = np.zeros(len(times))
    for _ in range(STEPS):
        typical = np.nanmedian(times / np.exp(pace)[:, None], axis=0)
        with np.errstate(divide="ignore"):
            pace = np.nan_to_num(middle(np.log(times / typical), np.where(np.isfinite(times), typical, 0.0)))
    whole_s = float(np.nanmedian(np.nansum(times_s, axis=1) / np.exp(pace)))
    moves = np.nanstd(times / np.exp(pace)[:, None], axis=0, ddof=1) / whole_s
    places = np.flatnonzero(considered)
    usual_s = np.nan_to_num(np.nanmedian(times_s / np.exp(pace)[:, None], axis=0))
    left_s = MOST * whole_s
    for place in places[np.argsort(-moves)][: np.count_nonzero(moves > RESTLESS)].tolist():
        alike = np.array([group == groups[place] for group in groups]) & ~found
        if usual_s[alike].sum() <= left_s:
            left_s -= usual_s[alike].sum()
            found |= alike
    return found
