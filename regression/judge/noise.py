"""Estimates, from a baseline's runs, where a benchmark lies and how far an unchanged run may stray from it.

Everything is on the natural logarithm and vectorised over benchmarks; docs/method.md derives it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from regression.metrics import Spread

Floats = npt.NDArray[np.float64]

# A prior between days or GPUs is worth this many degrees of freedom against what a baseline shows.
GROUP_PRIOR_DF = 12.0
# Own spreads that the prior would produce less often than this are not shrunk towards it.
OUTLYING = 0.05
# With fewer degrees of freedom of its own nothing can tell a quiet benchmark from an overdispersed one: three runs.
KNOWN_DF = 2


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where and on which day each of K baseline runs was measured, and which of them share this run's place.

    A place is a GPU together with what a run built on it (`Run.place`): another place counts as another GPU.
    """

    places: tuple[Hashable, ...]
    days: tuple[str, ...]
    now_place: Hashable

    @property
    def mine(self) -> npt.NDArray[np.bool_]:
        return np.array([place == self.now_place for place in self.places], dtype=bool)

    def groups(self) -> tuple[Floats, Floats]:
        """Indicator matrices (K, days) and (K, GPUs); a day belongs to one GPU."""
        return _indicator(list(zip(self.places, self.days, strict=True))), _indicator(list(self.places))


@dataclasses.dataclass(frozen=True)
class Noise:
    """Per benchmark (arrays of one length): the centre of the logarithm and the parts of its noise."""

    runs: npt.NDArray[np.int64]
    centre: Floats
    process: Floats
    """Standard deviation between processes, after shrinkage."""
    shared: Floats
    """Variance that every process of tonight shares: days and GPUs, of the baseline and of tonight."""
    df: Floats
    """Degrees of freedom of Student's t for a deviation from the centre."""

    def deviation(self, processes: int = 1) -> Floats:
        """Standard deviation of (mean of so many of tonight's processes minus the centre)."""
        own = self.process**2 * (1 / np.maximum(self.runs, 1) + 1 / processes)
        return np.sqrt(own + self.shared)


def estimate(
    logs: Floats, layout: Layout, spread: Spread, process: Floats | float = 0.0, day: Floats | float = 0.0
) -> Noise:
    """Noise of B benchmarks from `logs` (B, K), NaN where a run has no value.

    `process` and `day` (B,) are what else the stored runs say of a benchmark's spread between processes and days; they
    widen the priors. Where at least three runs come from this run's own GPU, the centre is theirs alone, since a
    GPU's offset is larger than the noise of its processes. The spread between processes is that of all runs.
    """
    present = np.isfinite(logs)
    own_gpu = present & layout.mine
    same_gpu = own_gpu.sum(axis=1) > KNOWN_DF
    # Without a run of another GPU there is no choice to make, however few the runs are.
    same_gpu |= own_gpu.sum(axis=1) == present.sum(axis=1)
    used = np.where(same_gpu[:, None], own_gpu, present)
    count = used.sum(axis=1)
    runs = np.maximum(count, 1)
    offset = np.where(used, logs, 0).sum(axis=1) / runs
    strayed = np.where(present, logs - offset[:, None], 0.0)

    by_day, by_gpu = layout.groups()
    prior = np.hypot(spread.process, np.broadcast_to(process, len(logs)))
    deviation, df = _process(strayed, present @ by_day, present @ by_gpu, by_day, by_gpu, spread, prior)
    values, days, gpus = np.where(used, strayed, 0.0), used @ by_day, used @ by_gpu
    of_day = _days(values, days, gpus, by_day, by_gpu, deviation, np.hypot(spread.day, day))
    of_gpu = _gpus(values, days, gpus, by_gpu, deviation, of_day, spread)
    shared = of_day * (1 + (days**2).sum(axis=1) / runs**2)
    shared += np.where(same_gpu, 0, of_gpu * (1 + (gpus**2).sum(axis=1) / runs**2))
    return Noise(runs=count, centre=np.where(count > 0, offset, np.nan), process=deviation, shared=shared, df=df)


def _process(
    values: Floats, days: Floats, gpus: Floats, by_day: Floats, by_gpu: Floats, spread: Spread, prior: Floats
) -> tuple[Floats, Floats]:
    """Standard deviation between processes and its degrees of freedom: runs of one GPU and day, pooled and shrunk."""
    total = (values**2).sum(axis=1)
    runs = days.sum(axis=1)
    of_days, of_gpus = runs - (days > 0).sum(axis=1), runs - (gpus > 0).sum(axis=1)
    # Runs of as many days as runs say nothing within a day; then days count as processes, which overstates the noise.
    by_days = of_days >= KNOWN_DF
    own_df = np.maximum(np.where(by_days, of_days, of_gpus), 0)
    squares = total - np.where(by_days, _between(values, days, by_day), _between(values, gpus, by_gpu))

    prior = np.where(own_df < KNOWN_DF, np.maximum(prior, spread.unseen), prior)
    own = np.maximum(squares, 0) / np.maximum(own_df, 1)
    odds = special.fdtrc(np.maximum(own_df, 1), spread.process_df, own / prior**2)
    prior_df = np.where((own_df > 0) & (odds < OUTLYING), 0, spread.process_df)
    df = own_df + prior_df
    return np.sqrt((own_df * own + prior_df * prior**2) / df), df


def _days(
    values: Floats, days: Floats, gpus: Floats, by_day: Floats, by_gpu: Floats, process: Floats, prior: Floats
) -> Floats:
    """Variance between days of one GPU: the prior, moved by what several days of the baseline show."""
    squares = _between(values, days, by_day) - _between(values, gpus, by_gpu)
    df = np.maximum((days > 0).sum(axis=1) - (gpus > 0).sum(axis=1), 0)
    return _moved(squares, df, process**2, _size(days), prior)


def _gpus(
    values: Floats, days: Floats, gpus: Floats, by_gpu: Floats, process: Floats, day: Floats, spread: Spread
) -> Floats:
    """Variance between GPUs: the prior, moved by what several GPUs of the baseline show."""
    df = np.maximum((gpus > 0).sum(axis=1) - 1, 0)
    within = process**2 + day * _size(days)
    return _moved(_between(values, gpus, by_gpu), df, within, _size(gpus), spread.gpu)


def _moved(squares: Floats, df: Floats, within: Floats, size: Floats, prior: Floats | float) -> Floats:
    """Method of moments for the variance between groups of `size` runs, shrunk towards the prior."""
    found = np.maximum(squares / np.maximum(df, 1) - within, 0) / np.maximum(size, 1)
    moved: Floats = (GROUP_PRIOR_DF * prior**2 + df * found) / (GROUP_PRIOR_DF + df)
    return moved


def _between(values: Floats, counts: Floats, groups: Floats) -> Floats:
    """Sum of squares of the groups' means about zero, weighted by their runs."""
    sums = values @ groups
    squares: Floats = (sums**2 / np.maximum(counts, 1)).sum(axis=1)
    return squares


def _size(counts: Floats) -> Floats:
    """Typical runs per group: the total over the number of groups that have any."""
    size: Floats = counts.sum(axis=1) / np.maximum((counts > 0).sum(axis=1), 1)
    return size


def _indicator(labels: Sequence[Hashable]) -> Floats:
    names = list(dict.fromkeys(labels))
    return np.array([[float(label == name) for name in names] for label in labels]).reshape(len(labels), len(names))
