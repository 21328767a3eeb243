"""Notices a baseline whose runs have two speeds, as after an upgrade half way."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from common.marks import kind_of
from regression.judge.limits import quantile
from regression.judge.noise import Floats
from regression.metric import Kind, Metric
from regression.metrics import METRICS
from regression.runs import environment
from regression.runs.run import COMMIT, Run
from regression.spread import Spread
from regression.text import count, escaped, percent

# Of all that is compared of one baseline, whatever it is.
ERROR = 0.01
# So many runs on either side, so many benchmarks, and such a part of them have to show it.
FEWEST_RUNS, FEWEST, PART = 2, 3, 0.2
# Between GPUs times differ anyway, and every night has its commit.
NO_CAUSE = ("gpu.uuid", COMMIT)
CAUSES = ("software", "gpu", "settings", "weights")
MOST_NAMED = 3

Bools = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class Split:
    """Two groups of a baseline's runs that differ in one metric.

    Attributes:
        later: which of the runs are the later ones.
        shift: their middle shift as a logarithm, over the benchmarks that show it.
        shown, benchmarks: how many benchmarks show it, of how many.
        with_it: what is recorded otherwise in all of the later runs.
    """

    metric: Metric
    later: tuple[Run, ...]
    earlier: tuple[Run, ...]
    shift: float
    shown: int
    benchmarks: int
    with_it: tuple[str, ...]

    def sentence(self) -> str:
        cause = f"; with them came {', '.join(self.with_it[:MOST_NAMED])}" if self.with_it else ""
        first = min(run.datetime for run in self.later)[:16].replace("T", " ")
        return (
            f"The baseline has two speeds: {percent(self.shift)} {self.metric.title} in {self.shown} of "
            f"{count(self.benchmarks, 'benchmark')} in the {count(len(self.later), 'run')} from {escaped(first)} on, "
            f"against the {count(len(self.earlier), 'run')} before{cause}. Record it anew, or exclude the runs of one "
            "speed (`python -m regression baseline`)."
        )


def notes(baselines: Sequence[Run], metrics: Sequence[Metric] = METRICS) -> list[str]:
    """A sentence for every baseline among these runs that has two speeds."""
    kinds = dict.fromkeys(kind_of(run.machine) for run in baselines)
    splits = (find([run for run in baselines if kind_of(run.machine) == kind], metrics) for kind in kinds)
    return [split.sentence() for split in splits if split is not None]


def find(baselines: Sequence[Run], metrics: Sequence[Metric] = METRICS) -> Split | None:
    """The split of one baseline's runs that most benchmarks show; None where they have one speed."""
    runs = sorted(baselines, key=lambda run: run.datetime)
    if len(runs) < 2 * FEWEST_RUNS:
        return None
    sides = _sides(runs)
    judged = [m for m in metrics if m.judged and m.kind is Kind.CONTINUOUS and m.spread]
    judged = [m for m in judged if not m.part_of and not m.of_questions]
    found = []
    for metric in judged:
        logs = _logs(runs, metric)
        if logs is None or not sides:
            continue
        for later in sides:
            shift, shows = _shows(logs, later, runs, metric, ERROR / (len(sides) * len(judged)))
            shown, most = int(shows.sum()), len(logs)
            if shown >= max(min(FEWEST, most), PART * most):
                found.append((shown / most, float(np.median(shift[shows])), metric, later, shown, most))
    if not found:
        return None
    _, size, metric, later, shown, most = max(found, key=lambda one: (one[0], abs(one[1])))
    parts = [
        tuple(run for run, is_later in zip(runs, later, strict=True) if is_later == side) for side in (True, False)
    ]
    return Split(metric, parts[0], parts[1], size, shown, most, _with_it(parts[1], parts[0]))


def _sides(runs: Sequence[Run]) -> list[Bools]:
    """The ways to part the runs, each as which of them are the later ones: at a moment, or by a recorded field."""
    found = [np.arange(len(runs)) >= at for at in range(FEWEST_RUNS, len(runs) - FEWEST_RUNS + 1)]
    fields = [run.recorded for run in runs]
    for name in dict.fromkeys(name for one in fields for name in one if name not in NO_CAUSE):
        values = [one.get(name, environment.NOT_RECORDED) for one in fields]
        if len(set(values)) == 2:
            found.append(np.array([value == values[-1] for value in values]))
    enough = [side for side in found if FEWEST_RUNS <= side.sum() <= len(runs) - FEWEST_RUNS]
    return [np.array(side) for side in dict.fromkeys(tuple(side.tolist()) for side in enough)]


def _logs(runs: Sequence[Run], metric: Metric) -> Floats | None:
    """(B, K): logarithms of the benchmarks' values, NaN where there is none; None where no benchmark has any."""
    ids = dict.fromkeys(id_ for run in runs for id_, one in run.benchmarks.items() if metric.key in one.values)
    if not ids:
        return None
    cells = [[run.benchmarks.get(id_) for run in runs] for id_ in ids]
    by_visits = [all(metric.key in one.visited for one in row if one) for row in cells]
    values = [
        [
            (one.visited if visited else one.values).get(metric.key, np.nan) if one and not one.disturbances else np.nan
            for one in row
        ]
        for row, visited in zip(cells, by_visits, strict=True)
    ]
    return np.asarray(np.log(np.array(values, dtype=float)))


def _shows(logs: Floats, later: Bools, runs: Sequence[Run], metric: Metric, error: float) -> tuple[Floats, Bools]:
    """The shift (B,) of the later runs, each GPU's against its own earlier ones, and which benchmarks show one."""
    assert metric.spread is not None
    weight, shift, squares, df = (np.zeros(len(logs)) for _ in range(4))
    apart = np.ones(len(logs), dtype=bool)
    direction = np.zeros(len(logs))
    for place in dict.fromkeys(run.place for run in runs):
        here = np.array([run.place == place for run in runs])
        sides = [np.where(here & side, logs, np.nan) for side in (~later, later)]
        counts = [np.isfinite(side).sum(axis=1) for side in sides]
        means = [np.nansum(side, axis=1) / np.maximum(n, 1) for side, n in zip(sides, counts, strict=True)]
        both = (counts[0] > 0) & (counts[1] > 0)
        worth = np.where(both, counts[0] * counts[1] / np.maximum(counts[0] + counts[1], 1), 0.0)
        moved = np.where(both, means[1] - means[0], 0.0)
        weight, shift = weight + worth, shift + worth * moved
        for side, n, mean in zip(sides, counts, means, strict=True):
            squares += np.nansum((side - mean[:, None]) ** 2, axis=1)
            df += np.maximum(n - 1, 0)
        # Without an overlap on any GPU, and in one direction.
        lows = [np.min(np.where(np.isfinite(side), side, np.inf), axis=1) for side in sides]
        highs = [np.max(np.where(np.isfinite(side), side, -np.inf), axis=1) for side in sides]
        way = np.where(lows[1] > highs[0], 1.0, np.where(lows[0] > highs[1], -1.0, 0.0))
        apart &= ~both | ((way != 0) & (way * direction >= 0))
        direction = np.where(both & (direction == 0), way, direction)
    shift = shift / np.where(weight > 0, weight, 1)
    deviation, freedom = _deviation(squares, df, weight, metric.spread, _days_apart(later, runs))
    limit = np.maximum(quantile(error / 2, freedom) * deviation, np.log1p(metric.min_effect))
    return shift, (weight > 0) & apart & (np.abs(shift) > limit)


def _deviation(squares: Floats, df: Floats, weight: Floats, spread: Spread, days: float) -> tuple[Floats, Floats]:
    """Standard deviation (B,) of a shift of runs with one speed, and its degrees of freedom."""
    own = squares / np.maximum(df, 1)
    prior = np.where(df < FEWEST_RUNS, spread.unseen, spread.process) ** 2
    pooled = (df * own + spread.process_df * prior) / (df + spread.process_df)
    # A benchmark that is noisier than the prior is as noisy as it shows.
    process = np.maximum(pooled, own)
    of_days = days * (spread.day**2 + spread.visits_day**2)
    freedom = np.where(own > prior, np.maximum(df, 1), df + spread.process_df)
    return np.sqrt(process / np.where(weight > 0, weight, 1) + of_days), freedom


def _days_apart(later: Bools, runs: Sequence[Run]) -> float:
    """How many times the variance between days enters the shift."""
    days = [{run.day for run, is_later in zip(runs, later, strict=True) if is_later == side} for side in (False, True)]
    return 0.0 if days[0] == days[1] else 1 / len(days[0]) + 1 / len(days[1])


def _with_it(earlier: Sequence[Run], later: Sequence[Run]) -> tuple[str, ...]:
    before, after = ([run.recorded for run in runs] for runs in (earlier, later))
    names = dict.fromkeys(name for one in itertools.chain(before, after) for name in one if name not in NO_CAUSE)
    return tuple(_told(before, after, list(names)))


def _told(
    before: Sequence[Mapping[str, str]], after: Sequence[Mapping[str, str]], names: Sequence[str]
) -> Iterator[str]:
    for name in sorted(names, key=lambda name: not name.startswith(CAUSES)):
        old, new = ({one.get(name, environment.NOT_RECORDED) for one in side} for side in (before, after))
        if len(old) == len(new) == 1 and old != new:
            yield f"{name} {old.pop()} -> {new.pop()}"
