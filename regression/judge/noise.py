"""Estimates, from a baseline's runs, where a benchmark lies and how far an unchanged run may stray from it.

Everything is on the natural logarithm and vectorised over benchmarks; docs/method.md derives it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import special

from regression.spread import Spread

Floats = npt.NDArray[np.float64]

# A prior between days or GPUs is worth this many degrees of freedom against what a baseline shows.
GROUP_PRIOR_DF = 12.0
# Own spreads that the prior would produce less often than this are shrunk towards it less and less.
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

    runs: Floats
    """How many baseline runs the centre is worth; those that count less make it a fraction."""
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

    def instead_of(self, other: Noise, where: npt.NDArray[np.bool_]) -> Noise:
        """This noise of the benchmarks (B,) `where` it is true, and the other's elsewhere."""
        parts = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return Noise(**{name: np.where(where, part, getattr(other, name)) for name, part in parts.items()})

    def widened(self, factor: Floats | float) -> Noise:
        """The same with every standard deviation times `factor`."""
        return dataclasses.replace(self, process=self.process * factor, shared=self.shared * factor**2)


def estimate(
    logs: Floats,
    layout: Layout,
    spread: Spread,
    process: Floats | float = 0.0,
    day: Floats | float = 0.0,
    trust: Floats | float = 1.0,
    place: Floats | float = 0.0,
) -> Noise:
    """Noise of B benchmarks from `logs` (B, K), NaN where a run has no value.

    `process`, `day` and `place` (B,) are what else the stored runs say of a benchmark's spread between processes, days
    and places; they widen the priors. Where at least three runs come from this run's own GPU, the centre is theirs
    alone, since a GPU's offset is larger than the noise of its processes. The spread between processes is that of all
    runs.
    `trust` (K,) or (B, K) is how much each run counts, from 0 to 1; a benchmark with hardly any trusted run uses all.
    """
    finite = np.isfinite(logs)
    present = finite * np.broadcast_to(trust, logs.shape)
    present = np.where(present.sum(axis=1, keepdims=True) < KNOWN_DF, finite, present)
    own_gpu = present * layout.mine
    same_gpu = own_gpu.sum(axis=1) > KNOWN_DF
    # Without a run of another GPU there is no choice to make, however few the runs are.
    same_gpu |= own_gpu.sum(axis=1) == present.sum(axis=1)
    used = np.where(same_gpu[:, None], own_gpu, present)
    count = used.sum(axis=1)
    total = np.where(count > 0, count, 1)
    offset = (used * np.where(finite, logs, 0)).sum(axis=1) / total
    strayed = np.where(finite, logs - offset[:, None], 0.0)

    by_day, by_gpu = layout.groups()
    prior = np.hypot(spread.process, np.broadcast_to(process, len(logs)))
    deviation, df = _process(strayed, present, by_day, by_gpu, spread, prior)
    of_day = _days(strayed, used, by_day, by_gpu, deviation, np.hypot(spread.day, day))
    of_gpu = _gpus(strayed, used, by_gpu, deviation, of_day, np.hypot(spread.gpu, place))
    shared = of_day * (1 + ((used @ by_day) ** 2).sum(axis=1) / total**2)
    shared += np.where(same_gpu, 0, of_gpu * (1 + ((used @ by_gpu) ** 2).sum(axis=1) / total**2))
    worth = total**2 / np.maximum((used**2).sum(axis=1), 1e-300)
    return Noise(
        runs=np.where(count > 0, worth, 0.0),
        centre=np.where(count > 0, offset, np.nan),
        process=deviation,
        shared=shared,
        df=df,
    )


def _process(
    values: Floats, weight: Floats, by_day: Floats, by_gpu: Floats, spread: Spread, prior: Floats
) -> tuple[Floats, Floats]:
    """Standard deviation between processes and its degrees of freedom: runs of one GPU and day, pooled and shrunk."""
    of_days, of_gpus = _within(weight, by_day), _within(weight, by_gpu)
    # Runs of as many days as runs say nothing within a day; then days count as processes, which overstates the noise.
    by_days = of_days >= KNOWN_DF
    own_df = np.maximum(np.where(by_days, of_days, of_gpus), 0)
    squares = (weight * values**2).sum(axis=1)
    squares -= np.where(by_days, _between(values, weight, by_day), _between(values, weight, by_gpu))

    prior = np.where(own_df < KNOWN_DF, np.maximum(prior, spread.unseen), prior)
    own = np.maximum(squares, 0) / np.maximum(own_df, 1)
    odds = special.fdtrc(np.maximum(own_df, 1), spread.process_df, own / prior**2)
    # The square root lets the prior's weight fade as slowly as the own spread grows.
    pooled = np.where(own_df > 0, np.minimum(np.sqrt(odds / OUTLYING), 1), 1)
    prior_df = spread.process_df * pooled
    df = own_df + prior_df
    return np.sqrt((own_df * own + prior_df * prior**2) / df), df


def _days(values: Floats, weight: Floats, by_day: Floats, by_gpu: Floats, process: Floats, prior: Floats) -> Floats:
    """Variance between days of one GPU: the prior, moved by what several days of the baseline show."""
    squares = _between(values, weight, by_day) - _between(values, weight, by_gpu)
    df = np.maximum(_groups(weight, by_day) - _groups(weight, by_gpu), 0)
    return _moved(squares, df, process**2, _size(weight, by_day), prior)


def _gpus(values: Floats, weight: Floats, by_gpu: Floats, process: Floats, day: Floats, prior: Floats) -> Floats:
    """Variance between GPUs: the prior, moved by what several GPUs of the baseline show."""
    df = np.maximum(_groups(weight, by_gpu) - 1, 0)
    size = _size(weight, by_gpu)
    return _moved(_between(values, weight, by_gpu), df, process**2 + day * size, size, prior)


def _moved(squares: Floats, df: Floats, within: Floats, size: Floats, prior: Floats | float) -> Floats:
    """Method of moments for the variance between groups of `size` runs, shrunk towards the prior."""
    found = np.maximum(squares / np.maximum(df, 1) - within, 0) / np.maximum(size, 1)
    moved: Floats = (GROUP_PRIOR_DF * prior**2 + df * found) / (GROUP_PRIOR_DF + df)
    return moved


def _between(values: Floats, weight: Floats, groups: Floats) -> Floats:
    """Sum of squares of the groups' means about zero, weighted by their runs."""
    sums, counts = (weight * values) @ groups, weight @ groups
    squares: Floats = (sums**2 / np.where(counts > 0, counts, 1)).sum(axis=1)
    return squares


def _within(weight: Floats, groups: Floats) -> Floats:
    """Degrees of freedom within groups; the runs less their groups, where every run counts fully."""
    counts = weight @ groups
    found = (counts - (weight**2 @ groups) / np.where(counts > 0, counts, 1)).sum(axis=1)
    # Rounded, so that whole numbers of runs stay whole numbers.
    return np.asarray(np.round(found, 9))


def _groups(weight: Floats, groups: Floats) -> Floats:
    """How many groups have a run; one that hardly counts makes a fraction of a group."""
    found: Floats = np.minimum(weight @ groups, 1).sum(axis=1)
    return found


def _size(weight: Floats, groups: Floats) -> Floats:
    """Typical runs per group: the total over the number of groups that have any."""
    size: Floats = weight.sum(axis=1) / np.maximum(_groups(weight, groups), 1)
    return size


def _indicator(labels: Sequence[Hashable]) -> Floats:
    names = list(dict.fromkeys(labels))
    return np.array([[float(label == name) for name in names] for label in labels]).reshape(len(labels), len(names))
