"""What each GPU of a pool adds to the logarithm of a value, so that a change of the GPU is no change of the code."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from regression.history.noise import Floats

# A GPU with fewer values has no offset of its own: it would explain them whole.
FEWEST_OF_A_GPU = 3
# Runs whose differences tell offsets: near ones in a pool, where they are many; more of them beside a swap.
FURTHEST, FURTHEST_BESIDE_A_SWAP = 3, 12
REWEIGHTED = 5

Offsets = Mapping[Hashable, float]


def measured(gpus: Sequence[Hashable]) -> list[Hashable]:
    """The GPUs that have an offset, the most used first; none where there is only one."""
    often = [gpu for gpu, count in Counter(gpus).most_common() if count >= FEWEST_OF_A_GPU]
    return often if len(often) > 1 else []


def first_offsets(logs: Floats, gpus: Sequence[Hashable]) -> dict[Hashable, float]:
    """Offsets from values near each other in time, which steps and a drift hardly touch; of the most used GPU 0.

    A least-absolute-deviation fit of the differences between values a few runs apart, the slope included.
    """
    own = measured(gpus)
    if not own:
        return {}
    of = np.array([[gpu == one for one in own[1:]] for gpu in gpus], dtype=float)
    furthest = FURTHEST_BESIDE_A_SWAP if swaps(gpus) else FURTHEST
    apart = [lag for lag in range(1, furthest + 1) if lag < len(logs)]
    design = np.vstack([np.column_stack([of[lag:] - of[:-lag], np.full(len(logs) - lag, lag)]) for lag in apart])
    differences = np.concatenate([logs[lag:] - logs[:-lag] for lag in apart])
    weights: Floats = np.ones(len(differences))
    found: Floats = np.zeros(len(own))
    for _ in range(REWEIGHTED):
        found = np.asarray(
            np.linalg.lstsq(design * weights[:, None], differences * weights, rcond=None)[0], dtype=float
        )
        left = np.abs(differences - design @ found)
        weights = 1 / np.maximum(left, np.median(left) / 10 + 1e-9)
    return {own[0]: 0.0, **dict(zip(own[1:], map(float, found[:-1]), strict=True))}


def corrected(offsets: Offsets, rest: Floats, gpus: Sequence[Hashable]) -> dict[Hashable, float]:
    """Offsets with what the fit leaves of each GPU's values added; `rest` is in the order of `gpus`."""
    by_gpu: dict[Hashable, list[float]] = {}
    for gpu, left in zip(gpus, rest, strict=True):
        by_gpu.setdefault(gpu, []).append(float(left))
    return {gpu: offset + float(np.median(by_gpu[gpu])) for gpu, offset in offsets.items()}


def of_each(offsets: Offsets, gpus: Sequence[Hashable]) -> Floats:
    """The offset of every value; of a GPU without one the mean of the others."""
    usual = float(np.mean(list(offsets.values()))) if offsets else 0.0
    return np.array([offsets.get(gpu, usual) for gpu in gpus])


def swaps(gpus: Sequence[Hashable]) -> list[int]:
    """The runs from which on another GPU measures: none of those before comes back, and the last one was no visitor."""
    last = {gpu: at for at, gpu in enumerate(gpus)}
    used: Counter[Hashable] = Counter()
    found, still = [], -1
    for at, gpu in enumerate(gpus):
        if at and still < at and used[gpus[at - 1]] > 1 and "" not in last:
            found.append(at)
        used[gpu] += 1
        still = max(still, last[gpu])
    return found
