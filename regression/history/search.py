"""The lasting changes of one metric of one benchmark, and what could have been seen."""

import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence

import numpy as np

from regression.history import changepoints, noise, pool
from regression.history.changepoints import DRIFT, STEP, Change
from regression.history.noise import FEWEST, Floats, Ints

QUIETEST = 1e-6
# The offsets of a pool's GPUs and the changes are each found without the other.
ROUNDS = 4
# Until an offset is known well, what it lacks looks like a step beside the swap.
BESIDE_A_SWAP = 30
LONGEST_SEARCH = 10_000


@dataclasses.dataclass(frozen=True)
class Found:
    """One lasting change. Indices count the values given; see `changepoints.Change`.

    `before` and `after` are the levels, in the values' unit, on the GPU of the value `first`; `nights` from `first` to
    `last`.
    """

    kind: str
    first: int
    last: int
    before: float
    after: float
    earliest: int
    latest: int
    nights: int

    @property
    def ratio(self) -> float:
        """Level after over level before."""
        return self.after / self.before


@dataclasses.dataclass(frozen=True)
class Search:
    """What was found in a series, and what could have been."""

    found: tuple[Found, ...]
    noise: float
    """Standard deviation of the logarithm of one night's value, raised to what nights that are alike do to a mean."""
    nights: int
    false_alarm: float
    offsets: Mapping[Hashable, float] = dataclasses.field(default_factory=dict)
    """GPU to what it adds to the logarithm, for those that have an offset."""

    def would_show(self, change: float) -> bool:
        """Whether a step of this fraction that lasts half of the nights would have been found."""
        return self.nights >= FEWEST and noise.smallest_step(self.nights, self.noise, self.false_alarm) <= change

    def needed(self, change: float) -> int:
        """How many nights would show such a step, in this noise."""
        few, many = FEWEST, LONGEST_SEARCH
        while few < many:
            middle = (few + many) // 2
            if noise.smallest_step(middle, self.noise, self.false_alarm) <= change:
                many = middle
            else:
                few = middle + 1
        return few

    def swapped(self, before: Hashable, after: Hashable, nights: tuple[int, int]) -> float:
        """What another GPU changed, as a logarithm; 0 where it is within the noise of so many nights on each."""
        if before not in self.offsets or after not in self.offsets:
            return 0.0
        size = self.offsets[after] - self.offsets[before]
        spread = self.noise * math.sqrt(1 / max(nights[0], 1) + 1 / max(nights[1], 1))
        return size if abs(size) > spread * math.sqrt(noise.penalty(self.nights, self.false_alarm)) else 0.0


def search(
    values: Sequence[float] | Floats,
    false_alarm: float,
    smallest: float = 0.0,
    noise_floor: float = 0.0,
    gpus: Sequence[Hashable] = (),
    days: Sequence[Hashable] = (),
) -> Search:
    """The steps and drifts of positive `values` in time order; none in fewer than `FEWEST` nights.

    Args:
        values: of one run each.
        false_alarm: the probability of any change in a series of noise alone.
        smallest: the smallest change to report, as a fraction.
        noise_floor: the least standard deviation of a night's logarithm to assume, since a few values can look quieter
            than they are.
        gpus: the GPU of each value; what every GPU adds is taken off.
        days: the day of each value. Runs of one day have its noise in common, and count as one night where there are
            enough days.

    Raises:
        ValueError: a value is not positive and finite.
    """
    raw = np.asarray(values, dtype=float)
    if not np.all(np.isfinite(raw) & (raw > 0)):
        raise ValueError("a history needs positive, finite values")
    logs = np.log(raw)
    gpus = list(gpus) or [""] * len(logs)
    night = _nights(days, len(logs))
    count = int(night[-1]) + 1 if len(night) else 0
    floor = max(noise_floor, QUIETEST)
    if count < FEWEST:
        return Search((), floor, count, false_alarm)
    cost = noise.penalty(count, false_alarm)
    offsets = pool.first_offsets(logs, gpus)
    swaps = [int(night[at]) for at in pool.swaps(gpus) if gpus[at - 1] in offsets and gpus[at] in offsets]
    rounds = ROUNDS if offsets else 1
    for number in range(rounds):
        each = pool.of_each(offsets, gpus)
        calm = noise.without_single_outliers(logs - each)
        nightly = _mean(calm, night, count)
        # Bad nights are noise as well.
        quiet = max(noise.between_nights(_mean(logs - each, night, count)), floor)
        fit = changepoints.fit(nightly, cost, quiet, max(len(offsets), 1)).without_steps_at(
            swaps, BESIDE_A_SWAP if number + 1 < rounds else 0
        )
        rest = logs - each - fit.values[night]
        fitted, offsets = each, pool.corrected(offsets, rest, gpus)
    changes = changepoints.beyond_bad_nights(fit.changes, _mean(rest, night, count))
    found = [_of_runs(change, calm, night, fitted) for change in changepoints.large_enough(changes, smallest)]
    return Search(tuple(found), fit.noise, count, false_alarm, offsets)


def changes(
    values: Sequence[float] | Floats, false_alarm: float, smallest: float = 0.0, noise_floor: float = 0.0
) -> list[Found]:
    """The steps and drifts that `search` finds."""
    return list(search(values, false_alarm, smallest, noise_floor).found)


def _nights(days: Sequence[Hashable], runs: int) -> Ints:
    """The number of each run's night: that of its day, where there are enough days."""
    numbers = {day: number for number, day in enumerate(dict.fromkeys(days))}
    return np.array([numbers[day] for day in days]) if len(numbers) >= FEWEST else np.arange(runs)


def _mean(values: Floats, night: Ints, count: int) -> Floats:
    return np.bincount(night, values, count) / np.bincount(night, minlength=count)


def _of_runs(change: Change, calm: Floats, night: Ints, offsets: Floats) -> Found:
    """The change with the numbers of runs in the place of those of nights."""
    starts = np.searchsorted(night, np.arange(int(night[-1]) + 2))
    first, last = int(starts[change.first]), int(starts[change.last + 1]) - 1
    if change.kind == STEP:
        # Between two runs of one day, or of that day and the one before.
        at = np.arange(starts[change.first - 1] + 1, starts[change.first + 1])
        middle = (change.before + change.after) / 2
        above = np.cumsum(np.sign(change.size) * (calm[at - 1] - middle))
        first = last = int(at[above.argmin()])
    level = float(offsets[first])
    return Found(
        change.kind,
        first,
        last,
        math.exp(change.before + level),
        math.exp(change.after + level),
        min(int(starts[change.earliest]), first),
        max(int(starts[change.latest + 1]) - 1 if change.kind == DRIFT else int(starts[change.latest]), first),
        change.last - change.first + 1,
    )
