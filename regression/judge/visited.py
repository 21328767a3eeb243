"""Decides by which latency each benchmark is compared: that of its visits, or the median of its rounds."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from common.given import RECORD
from regression.judge.host_shift import host_bound, waiting
from regression.metric import CALIBRATION, LATENCY
from regression.runs.pace import REFERENCE_S, carried
from regression.runs.run import Benchmark, Run
from regression.text import count

# From here on a host that is slower or faster than the baseline's is worth a sentence; as a logarithm.
SAID = 0.1


def by_visits(run: Run, baselines: Sequence[Run], record: str = RECORD) -> tuple[Run, list[Run], list[str]]:
    """The same runs, their values being those that are compared, and sentences on what could not be.

    Where this run has visits of a benchmark and so has a baseline run whose GPU was not disturbed, the values from
    visits stand in for the others, also in confirmations; a run without them then has no such value. Elsewhere all
    runs keep their medians.
    Of a host-bound benchmark, visits are carried to the pace of the baseline's host where all of them can be.
    """
    keys = {id_: _keys(id_, item, baselines) for id_, item in run.benchmarks.items() if item.visited}
    keys = {id_: found for id_, found in keys.items() if LATENCY in found}
    notes = list(_notes(run, baselines, keys, record))
    if not keys:
        return run, list(baselines), notes
    paces = {id_: pace_s for id_ in keys if (pace_s := _pace_s(id_, run, baselines)) is not None}
    confirmations = tuple(
        dataclasses.replace(
            item,
            values={
                id_: _chosen(
                    values,
                    _visits(item.visited.get(id_, {}), item.at_pace.get(id_, {}), paces.get(id_)),
                    keys.get(id_, ()),
                )
                for id_, values in item.values.items()
            },
        )
        for item in run.confirmations
    )
    now = dataclasses.replace(_run(run, keys, paces), confirmations=confirmations)
    return now, [_run(baseline, keys, paces) for baseline in baselines], [*notes, *_carried(now)]


def of_slower_hosts(run: Run) -> set[str]:
    """Benchmarks of `by_visits` whose host was slower than the baseline's by as much as is worth a sentence."""
    return {id_ for id_, item in run.benchmarks.items() if (item.pace_moved or 0.0) > SAID}


def from_visits(item: Benchmark) -> Benchmark:
    """The benchmark with its values from visits in the place of the others, as far as it has any."""
    return dataclasses.replace(item, values={**item.values, **item.visited}, by_visits=True)


def _pace_s(id_: str, run: Run, baselines: Sequence[Run]) -> float | None:
    """What the host calibration beside a benchmark's visits takes in the middle of the baseline's undisturbed runs.

    None where its latency does not wait for the host, and where a run or confirmation cannot be carried there.
    """
    items = [item for baseline in baselines if (item := baseline.benchmarks.get(id_)) and LATENCY in item.visited]
    again = [item for item in run.confirmations if LATENCY in item.visited.get(id_, {})]
    timed = [from_visits(item) for item in items]
    if not any("kernel_time" in item.values for item in timed) or not host_bound(np.array([waiting(timed)]))[0]:
        return None
    if not all(item.at_pace for item in (run.benchmarks[id_], *items)) or not all(id_ in one.at_pace for one in again):
        return None
    calm = [item.at_pace[CALIBRATION] for item in items if not item.disturbances]
    return statistics.median(calm)


def _visits(visited: Mapping[str, float], at_pace: Mapping[str, float], pace_s: float | None) -> Mapping[str, float]:
    """A benchmark's values from visits, carried to a pace where it has one."""
    if pace_s is None or not at_pace:
        return visited
    return {**at_pace, LATENCY: carried(at_pace[LATENCY], REFERENCE_S, pace_s)}


def _keys(id_: str, now: Benchmark, baselines: Sequence[Run]) -> frozenset[str]:
    """The metrics that this benchmark's visits give, now and in the baseline."""
    before = [baseline.benchmarks[id_] for baseline in baselines if id_ in baseline.benchmarks]
    known = {key for item in before if not item.disturbances for key in item.visited}
    return frozenset(known & now.visited.keys())


def _run(run: Run, keys: Mapping[str, frozenset[str]], paces: Mapping[str, float]) -> Run:
    chosen = {
        id_: _by_visits(item, keys[id_], paces.get(id_)) if id_ in keys else item
        for id_, item in run.benchmarks.items()
    }
    return dataclasses.replace(run, benchmarks=chosen)


def _by_visits(item: Benchmark, keys: Iterable[str], pace_s: float | None) -> Benchmark:
    return dataclasses.replace(
        item,
        values=_chosen(item.values, _visits(item.visited, item.at_pace, pace_s), keys),
        round_spread=None,
        by_visits=True,
        pace_moved=math.log(item.at_pace[CALIBRATION] / pace_s) if pace_s is not None and item.at_pace else None,
    )


def _chosen(values: Mapping[str, float], visited: Mapping[str, float], keys: Iterable[str]) -> dict[str, float]:
    """The values with those of the metrics `keys` from visits alone."""
    chosen = {key: value for key, value in values.items() if key not in keys}
    return chosen | {key: visited[key] for key in keys if key in visited}


def _notes(run: Run, baselines: Sequence[Run], keys: Mapping[str, frozenset[str]], record: str) -> Iterable[str]:
    timed_before = {
        id_ for baseline in baselines for id_, item in baseline.benchmarks.items() if LATENCY in item.values
    }
    visited_before = {
        id_ for baseline in baselines for id_, item in baseline.benchmarks.items() if LATENCY in item.visited
    }
    both = [id_ for id_, item in run.benchmarks.items() if LATENCY in item.values and id_ in timed_before]
    by_median = [id_ for id_ in both if id_ not in keys]
    only_before = [id_ for id_ in by_median if id_ in visited_before]
    only_now = [id_ for id_ in by_median if LATENCY in run.benchmarks[id_].visited]
    if only_now:
        yield (
            f"The latency of {count(len(only_now), 'benchmark')} is compared by medians, since the baseline has no "
            f"visits of them; record a new baseline: `{record}`."
        )
    if set(only_before) - set(only_now):
        yield (
            f"The latency of {count(len(set(only_before) - set(only_now)), 'benchmark')} is compared by medians, "
            "since this run has no visits of them."
        )
    without = sum(
        any(id_ in keys and LATENCY not in item.visited for id_, item in baseline.benchmarks.items())
        for baseline in baselines
    )
    if without:
        yield f"In {count(without, 'run')} of the baseline latencies have no visits, and are not compared."


def _carried(run: Run) -> Iterable[str]:
    """Says how far the latencies were carried, where that is worth saying."""
    moved = [item.pace_moved for item in run.benchmarks.values() if item.pace_moved is not None]
    if moved and abs(middle := statistics.median(moved)) > SAID:
        much = f"{abs(math.expm1(middle)):.0%} {'longer' if middle > 0 else 'less'}"
        yield (
            f"Beside the visits the host calibration took {much} than in the baseline: the latency of "
            f"{count(len(moved), 'host-bound benchmark')} is compared at the pace of the baseline's host."
        )
