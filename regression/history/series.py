"""When a metric changed for good, and what else changed that night."""

import datetime
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.marks import excluded
from regression.history import night as nights
from regression.history import pool
from regression.history.changepoints import DRIFT, STEP
from regression.history.event import SWAP, Event, History, Short, Swap, measured_alike
from regression.history.host import excused
from regression.history.night import Night
from regression.history.noise import FEWEST
from regression.history.reader import Reader
from regression.history.search import Found, search
from regression.metric import Kind, Metric
from regression.metrics import METRICS, OF_THE_MACHINE
from regression.runs import run as runs
from regression.runs.find import walk
from regression.runs.marks import left_out_by, read_marks
from regression.runs.run import LeftOut

# Of all the series of one history together, as for a verdict.
FALSE_ALARM = 0.01
# A change point of a small change lies up to two nights beside the true one (docs/history.md).
NEARBY = 2
# A drift that lasts until one of so many newest nights goes on.
NEWEST = 2
# Of a metric that says nothing of its own: a change that a series must be able to show, as a fraction.
WORTH_KNOWING = 0.01


def read(
    folder: Path, metrics: Sequence[Metric] = METRICS, reader: Reader | None = None
) -> tuple[list[Night], list[str]]:
    """Every stored run in the folder, and a sentence for each file that is none and each folder that is closed.

    `reader` may have read some already: a long history takes seconds to read.
    """
    reader = reader or Reader(metrics)
    read_nights: list[Night] = []
    closed: list[LeftOut] = []
    said, left_out = read_marks([folder])
    out = excluded(said)
    for path in walk(folder, closed):
        try:
            night = reader.night(path)
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
    for night in sorted(nights.once(all_nights), key=lambda night: (night.when, night.file)):
        groups.setdefault(night.identity, []).append(night)
    return [_history(identity, groups[identity], false_alarm, metrics) for identity in sorted(groups)]


def _history(
    identity: tuple[str, str, str], group: list[Night], false_alarm: float, metrics: Sequence[Metric]
) -> History:
    by_key = {metric.key: metric for metric in metrics}
    series: dict[tuple[str, str], list[Night]] = {}
    for night in group:
        for measured in night.values:
            followed = measured[1] in by_key and measured[1] not in OF_THE_MACHINE
            if followed and night.usable(measured[0], by_key[measured[1]]):
                series.setdefault(measured, []).append(night)
    alike = {measured: measured_alike(measured, found) for measured, found in series.items()}
    long_enough = {measured: found for measured, found in alike.items() if len(found) >= FEWEST}
    # What never varies, as most counts, raises no alarm, and leaves the error to the others.
    varying = {
        measured: found
        for measured, found in long_enough.items()
        if len({night.values[measured] for night in found}) > 1
    }
    swapped = [(group[at - 1], group[at]) for at in pool.swaps([night.gpu for night in group])]
    recent = set(map(id, group[-FEWEST:]))
    events: list[Event] = []
    of_swaps: dict[int, list[Event]] = {}
    short: list[Short] = []
    for measured, found in varying.items():
        one = Series(measured[0], by_key[measured[1]], found, false_alarm / len(varying))
        for number, (before, after) in enumerate(swapped):
            of_swaps.setdefault(number, []).extend(one.take_swap(before, after))
        events += one.events()
        if id(found[-1]) in recent and (needed := one.needed()):
            short.append(Short(one.benchmark, one.metric, one.result.nights, needed))
    order = {metric.key: place for place, metric in enumerate(metrics)}
    events.sort(key=lambda event: (event.first.when, event.first.file, order[event.metric.key], -_size(event)))
    swaps = [
        Swap(after, before.gpu, after.gpu, tuple(of_swaps.get(number, ())), nights.differences(before, after))
        for number, (before, after) in enumerate(swapped)
    ]
    disturbed = sum(bool(night.disturbed) for night in group)
    return History(identity, tuple(group), len(long_enough), tuple(events), tuple(swaps), tuple(short), disturbed)


class Series:
    """One metric of one benchmark over the nights that measured it alike, with what was found in it."""

    def __init__(self, benchmark: str, metric: Metric, found: list[Night], false_alarm: float) -> None:
        self.benchmark, self.metric, self.nights = benchmark, metric, found
        self.smallest = max(metric.min_effect, metric.history_min_effect)
        self.values = [night.values[benchmark, metric.key] for night in found]
        if metric.excused_by:
            self.values = excused(self.values, [night.values.get((benchmark, metric.excused_by)) for night in found])
        # Only a count may be 0, of which there is no logarithm.
        self.offset = 0.0 if all(self.values) else 1.0
        # What is counted is the same on every GPU of a model.
        timed = metric.kind is Kind.CONTINUOUS
        self.result = search(
            [value + self.offset for value in self.values],
            false_alarm,
            self.smallest,
            noise_floor(metric),
            gpus=[night.gpu for night in found] if timed else (),
            days=[night.when.astimezone(datetime.UTC).date() for night in found] if timed else (),
        )
        self.found = list(self.result.found)

    def events(self) -> list[Event]:
        """The changes that no swap of the GPU explains."""
        return [self._event(change) for change in self.found]

    def needed(self) -> int:
        """How many nights a change worth knowing would need to show; 0 where these would have shown it."""
        worth = self.metric.worth_knowing or max(2 * self.smallest, WORTH_KNOWING)
        return 0 if self.result.would_show(worth) else self.result.needed(worth)

    def take_swap(self, before: Night, after: Night) -> list[Event]:
        """What a swap of the GPU between two nights changed; the steps that coincide with it are part of that."""
        at = next((number for number, night in enumerate(self.nights) if night.when >= after.when), 0)
        if not at:
            return []
        steps = [one for one in self.found if one.kind == STEP and one.earliest <= at <= one.latest]
        self.found = [one for one in self.found if one not in steps]
        gpus = [night.gpu for night in self.nights]
        size = self.result.swapped(before.gpu, after.gpu, (gpus.count(before.gpu), gpus.count(after.gpu)))
        size += sum(math.log(one.ratio) for one in steps)
        if not size or abs(math.expm1(size)) < self.smallest:
            return []
        level = statistics.median(self.values[max(at - FEWEST, 0) : at]) + self.offset
        swap = Found(SWAP, at, at, level, level * math.exp(size), at, at, 1)
        return [self._event(swap)]

    def _event(self, change: Found) -> Event:
        first, last, earliest, latest = (
            self.nights[at] for at in (change.first, change.last, change.earliest, change.latest)
        )
        before, after = (_level(level - self.offset, self.metric) for level in (change.before, change.after))
        environment = _environment(self.nights, change)
        return Event(
            self.benchmark,
            self.metric,
            change.kind,
            first,
            last,
            earliest,
            latest,
            change.nights,
            change.kind == DRIFT and change.last >= len(self.nights) - NEWEST,
            before,
            after,
            environment,
        )


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


def _environment(found: Sequence[Night], change: Found) -> tuple[str, ...]:
    """What changed with the change: over a drift; or on the night of a step, else on the nearest night beside it.

    The commit is that of the night itself, since most nights have a new one.
    """
    commit = nights.commit(found[change.first - 1], found[change.last])
    if change.kind == DRIFT:
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
