"""Decides by which latency each benchmark is compared: that of its visits, or the median of its rounds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from regression.runs.run import Benchmark, Run
from regression.text import count

JUDGED = "latency"


def by_visits(run: Run, baselines: Sequence[Run]) -> tuple[Run, list[Run], list[str]]:
    """The same runs, their values being those that are compared, and sentences on what could not be.

    Where this run has visits of a benchmark and so has a baseline run whose GPU was not disturbed, the values from
    visits stand in for the others, also in confirmations; a run without them then has no such value. Elsewhere all
    runs keep their medians.
    """
    keys = {id_: _keys(id_, item, baselines) for id_, item in run.benchmarks.items() if item.visited}
    keys = {id_: found for id_, found in keys.items() if JUDGED in found}
    notes = list(_notes(run, baselines, keys))
    if not keys:
        return run, list(baselines), notes
    confirmations = tuple(
        dataclasses.replace(
            item,
            values={
                id_: _chosen(values, item.visited.get(id_, {}), keys.get(id_, ()))
                for id_, values in item.values.items()
            },
        )
        for item in run.confirmations
    )
    now = dataclasses.replace(_run(run, keys), confirmations=confirmations)
    return now, [_run(baseline, keys) for baseline in baselines], notes


def _keys(id_: str, now: Benchmark, baselines: Sequence[Run]) -> frozenset[str]:
    """The metrics that this benchmark's visits give, now and in the baseline."""
    before = [baseline.benchmarks[id_] for baseline in baselines if id_ in baseline.benchmarks]
    known = {key for item in before if not item.disturbances for key in item.visited}
    return frozenset(known & now.visited.keys())


def _run(run: Run, keys: Mapping[str, frozenset[str]]) -> Run:
    return dataclasses.replace(
        run,
        benchmarks={
            id_: dataclasses.replace(
                item, values=_chosen(item.values, item.visited, keys[id_]), round_spread=None, by_visits=True
            )
            if id_ in keys
            else item
            for id_, item in run.benchmarks.items()
        },
    )


def _chosen(values: Mapping[str, float], visited: Mapping[str, float], keys: Iterable[str]) -> dict[str, float]:
    """The values with those of the metrics `keys` from visits alone."""
    chosen = {key: value for key, value in values.items() if key not in keys}
    return chosen | {key: visited[key] for key in keys if key in visited}


def _notes(run: Run, baselines: Sequence[Run], keys: Mapping[str, frozenset[str]]) -> Iterable[str]:
    timed_before = {id_ for baseline in baselines for id_, item in baseline.benchmarks.items() if JUDGED in item.values}
    visited_before = {
        id_ for baseline in baselines for id_, item in baseline.benchmarks.items() if JUDGED in item.visited
    }
    both = [id_ for id_, item in run.benchmarks.items() if JUDGED in item.values and id_ in timed_before]
    by_median = [id_ for id_ in both if id_ not in keys]
    only_before = [id_ for id_ in by_median if id_ in visited_before]
    only_now = [id_ for id_ in by_median if JUDGED in run.benchmarks[id_].visited]
    if only_now:
        yield (
            f"The latency of {count(len(only_now), 'benchmark')} is compared by medians, since the baseline has no "
            "visits of them; record a new baseline: `python -m regression baseline record`."
        )
    if set(only_before) - set(only_now):
        yield (
            f"The latency of {count(len(set(only_before) - set(only_now)), 'benchmark')} is compared by medians, "
            "since this run has no visits of them."
        )
    without = sum(
        any(id_ in keys and JUDGED not in item.visited for id_, item in baseline.benchmarks.items())
        for baseline in baselines
    )
    if without:
        yield f"In {count(without, 'run')} of the baseline latencies have no visits, and are not compared."
