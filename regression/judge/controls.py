"""Control benchmarks: how far those that did not change shifted in a fresh process that measures suspects again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import special

from regression.judge.noise import Floats

# Controls lie where they lay, unless their own noise would produce their mean shift less often than this.
SHIFTED_ERROR = 0.01
SHIFTED = float(-special.ndtri(SHIFTED_ERROR / 2))


def shift(
    deviations: Floats, precisions: Floats, together: npt.NDArray[np.bool_] | bool = False
) -> tuple[Floats, Floats]:
    """Mean shift of the controls along the last axis, weighted by their precision, and the variance it adds.

    A precision is 1 over a deviation's variance, and 0 where the benchmark is no control. Those that move `together`
    weigh as much as the most precise of them. Both results are 0 without any control, and where the shift is within the
    controls' own noise: subtracting it would add that noise and no more.
    """
    alike = np.where(together, precisions, 0)
    count = alike.sum(axis=-1, keepdims=True) / np.maximum(alike.max(axis=-1, keepdims=True, initial=0), 1e-300)
    precisions = np.where(together, precisions / np.maximum(count, 1), precisions)
    total = np.maximum(precisions.sum(axis=-1), 1e-300)
    mean = (np.where(precisions > 0, deviations, 0) * precisions).sum(axis=-1) / total
    shifted = np.abs(mean) > SHIFTED / np.sqrt(total)
    return np.where(shifted, mean, 0), np.where(shifted, 1 / total, 0)
