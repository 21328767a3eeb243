"""What a night's host explains of a latency, by its calibration: the history excuses it, as the judge does."""

import math
from collections.abc import Sequence

import numpy as np

from regression.judge.calibration import EXCUSE, TOLERANCE, unexplained
from regression.judge.noise import Floats

# So many nights before and after, at most, say what is usual at the time: a host that is exchanged is no disturbance.
NEIGHBOURS = 7
FEWEST_NEIGHBOURS = 4


def excused(values: Sequence[float], calibrations: Sequence[float | None]) -> list[float]:
    """The values, each as near to those of the nights around it as what its host explains brings it.

    Args:
        values: positive, in the order of the nights.
        calibrations: seconds; None where there is none.
    """
    hosts = np.array([math.log(value) if value else math.nan for value in calibrations])
    logs = np.where(np.isfinite(hosts), np.log(np.asarray(values, dtype=float)), math.nan)
    around = _around(hosts)
    judged = np.flatnonzero(np.isfinite(hosts) & (np.isfinite(around).sum(axis=1) >= FEWEST_NEIGHBOURS))
    moved = hosts[judged] - np.nanmedian(around[judged], axis=1)
    judged, moved = judged[np.abs(moved) > TOLERANCE], moved[np.abs(moved) > TOLERANCE]
    usual = np.nanmedian(_around(logs)[judged], axis=1)
    explained = EXCUSE * np.sign(moved) * (np.abs(moved) - TOLERANCE)
    found = list(values)
    for at, value in zip(judged, np.exp(usual + unexplained(logs[judged] - usual, explained)), strict=True):
        found[at] = float(value)
    return found


def _around(logs: Floats) -> Floats:
    """The nights before and after each (N, 2 * NEIGHBOURS), NaN where there is none."""
    padded = np.pad(logs, NEIGHBOURS, constant_values=math.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1)
    return np.delete(windows, NEIGHBOURS, axis=1)[: len(logs)]
