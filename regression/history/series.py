"""When a metric changed for good, and what else changed that night."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.marks import excluded
from regression.history import changepoints
from regression.history import night as nights
from regression.history.night import Night
from regression.metrics import METRICS, Kind, Metric
from regression.runs import run as runs
from regression.runs.find import walk
from regression.runs.marks import left_out_by, read_marks
from regression.runs.run import LeftOut

# Of all the series of one history together, as for a verdict.
FALSE_ALARM = 0.01
# A change point of a small change lies up to two nights beside the true one (docs/history.md).
NEARBY = 2


@dataclass(frozen=True)
class Event:
    """One lasting change of one benchmark and metric.

    `first` is the first night that differs, `last` the first at the new level (later than `first` for a drift).
    `before` and `after` are in the metric's unit. `environment` is what was recorded otherwise, with
    the night where that is not `first`.
    """

    benchmark: str
    metric: Metric
    kind: str
    first: Night
    last: Night
    nights: int
    before: float
    after: float
    environment: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """After over before; None where there was none of it before."""
        return self.after / self.before if self.before else None


@dataclass(frozen=True)
class History:
    """The stored runs of one GPU model, MIG profile and precision policy in time order, and what changed in them."""

    identity: tuple[str, str, str]
    nights: tuple[Night, ...]
    series: int
    events: tuple[Event, ...]

    @property
    def title(self) -> str:
        return ", ".join(part for part in self.identity[:2] if part)

    def sentence(self) -> str:
        """How many runs there are from when to when, and what came of them."""
        count = len(self.nights)
        if count < changepoints.FEWEST:
            runs = "one stored run" if count == 1 else f"{count} stored runs"
            return f"{self.title}: {runs}; a history needs at least {changepoints.FEWEST}."
        said = f"{self.title}: {count} stored runs from {self.nights[0].day} to {self.nights[-1].day}, "
        changes = {0: "no lasting change", 1: "1 lasting change"}.get(
            len(self.events), f"{len(self.events)} lasting changes"
        )
        return f"{said}{changes} in {self.series} series."

    def values(self, benchmark: str, metric: str) -> list[tuple[Night, float]]:
        """The nights on which this benchmark's metric (its key) was measured as on the newest, with the value."""
        key = (benchmark, metric)
        found = _measured_alike(key, [night for night in self.nights if key in night.values])
        return [(night, night.values[key]) for night in found]


def read(
    folder: Path, metrics: Sequence[Metric] = METRICS, known: Iterable[runs.Run] = ()
) -> tuple[list[Night], list[str]]:
    """Every stored run in the folder, and a sentence for each file that is none and each folder that is closed.

    `known` are runs that were read already: a long history takes seconds to read.
    """
    by_path = {run.path: run for run in known if run.timed is None}
    read_nights: list[Night] = []
    closed: list[LeftOut] = []
    said, left_out = read_marks([folder])
    out = excluded(said)
    for path in walk(folder, closed):
        try:
            night = nights.of(by_path[path]) if path in by_path else nights.read(path, metrics)
            if night.run_id in out:
                left_out.append(str(left_out_by(out[night.run_id], path)))
            else:
                read_nights.append(night)
        except runs.UnusableRun as problem:
            left_out.append(str(problem))
    return nights.once(read_nights), [*map(str, closed), *left_out]


def of(run: runs.Run, past: Iterable[Night], metrics: Sequence[Metric] = METRICS) -> History | None:
    """The history that a run is part of, wherever its file lies; None where it has no date.

    Args:
        run: one of the nights, or one more; its copy among them gives way to it.
        past: stored runs of any GPUs.
    """
    try:
        own = nights.of(run, metrics)
    except runs.UnusableRun:
        return None
    others = [night for night in past if night.file != own.file and not (own.run_id and night.run_id == own.run_id)]
    return next((one for one in trace([*others, own], metrics=metrics) if own in one.nights), None)


def trace(
    all_nights: Iterable[Night], false_alarm: float = FALSE_ALARM, metrics: Sequence[Metric] = METRICS
) -> list[History]:
    """The history of every GPU model among the stored runs.

    `false_alarm` is the probability of any change at all being reported where one history's series are only noise.
    """
    groups: dict[tuple[str, str, str], list[Night]] = {}
    for night in sorted(all_nights, key=lambda night: (night.when, night.file)):
        groups.setdefault(night.identity, []).append(night)
    return [_history(identity, groups[identity], false_alarm, metrics) for identity in sorted(groups)]


def _history(
    identity: tuple[str, str, str], group: list[Night], false_alarm: float, metrics: Sequence[Metric]
) -> History:
    series: dict[tuple[str, str], list[Night]] = {}
    for night in group:
        for measured in night.values:
            series.setdefault(measured, []).append(night)
    alike = {measured: _measured_alike(measured, found) for measured, found in series.items()}
    long_enough = {measured: found for measured, found in alike.items() if len(found) >= changepoints.FEWEST}
    # What never varies, as most counts, raises no alarm, and leaves the error to the others.
    varying = {
        measured: found
        for measured, found in long_enough.items()
        if len({night.values[measured] for night in found}) > 1
    }
    by_key = {metric.key: metric for metric in metrics}
    events: list[Event] = []
    for measured, found in varying.items():
        benchmark, metric = measured[0], by_key[measured[1]]
        smallest = max(metric.min_effect, metric.history_min_effect)
        values = [night.values[measured] for night in found]
        # Only a count may be 0, of which there is no logarithm.
        offset = 0.0 if all(values) else 1.0
        lifted = [value + offset for value in values]
        for change in changepoints.changes(lifted, false_alarm / len(varying), smallest, noise_floor(metric)):
            environment = _environment(found, change)
            first, last = found[change.first], found[change.last]
            length = change.last - change.first + 1
            before, after = (_level(level - offset, metric) for level in (change.before, change.after))
            events.append(Event(benchmark, metric, change.kind, first, last, length, before, after, environment))
    order = {metric.key: place for place, metric in enumerate(metrics)}
    events.sort(key=lambda event: (event.first.when, event.first.file, order[event.metric.key], -_size(event)))
    return History(identity, tuple(group), len(long_enough), tuple(events))


def _measured_alike(measured: tuple[str, str], found: list[Night]) -> list[Night]:
    """Those of a series' nights whose value was measured as that of the newest."""
    how = found[-1].alike.get(measured) if found else None
    return [night for night in found if night.alike.get(measured) == how]


def noise_floor(metric: Metric) -> float:
    """The least noise between nights to assume, as a standard deviation of the logarithm."""
    if metric.spread is None:
        return metric.history_noise
    return math.hypot(metric.spread.process, metric.spread.day)


def _level(value: float, metric: Metric) -> float:
    """A level in the metric's unit; what rounding leaves of none at all is none."""
    return 0.0 if metric.kind is Kind.COUNT and value < 1e-6 else value


def _size(event: Event) -> float:
    """How large a change is, from nothing to something the largest."""
    return math.inf if event.ratio is None else abs(event.ratio - 1)


def _environment(found: Sequence[Night], change: changepoints.Found) -> tuple[str, ...]:
    """What changed with the change: over a drift; or on the night of a step, else on the nearest night beside it.

    The commit is that of the night itself, since most nights have a new one.
    """
    commit = nights.commit(found[change.first - 1], found[change.last])
    if change.kind == "drift":
        return commit + nights.differences(found[change.first - 1], found[change.last])
    at = change.first
    beside = [at]
    for distance in range(1, NEARBY + 1):
        beside += [at - distance, at + distance]
    for night in beside:
        if 1 <= night < len(found) and (changed := nights.differences(found[night - 1], found[night])):
            when = "" if night == at else f" ({found[night].day})"
            return commit + tuple(f"{text}{when}" for text in changed)
    return commit
