"""Rehearsals of distinct pairs of processes: drawn from batches, judged after every pair as they are while they run."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.schema import SCHEMA
from proof.rehearsals.batches import Batch, Process, Recording
from regression.judge.by_operator import same_where_kernels_are
from regression.metrics import METRICS
from regression.runs.read import parse
from regression.runs.run import Run
from rehearsal.judge import COUNTED, test_count
from rehearsal.paired import (
    KERNEL_TIME,
    SAME_KERNELS,
    Differences,
    kernel_differences,
    latency,
)
from rehearsal.protocol import NEW, OLD
from rehearsal.record import Record, Turns
from rehearsal.rows import Row, continuous_row, count_rows, is_settled
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS, interval
from rehearsal.session import LEAST_TURNS_S, MOST_TURNS_S
from rehearsal.turns import LEAST_ROUNDS, planned

ProcessPair = tuple[int, str, str]
"""The number of a batch, and the names of its processes that are the old and the new side."""
Found = tuple[str, str, Differences, float]
"""Metric, benchmark, what the pairs say, and the prior between processes."""


@dataclass(frozen=True)
class Plan:
    """What a budget holds: so many pairs, each of so many rounds."""

    pairs: int
    rounds: int


@dataclass(frozen=True)
class Looks:
    """What a drawn rehearsal sees after LEAST_PAIRS pairs, and after each further one; the same for its kernels, and
    what it says of counts."""

    latency: Sequence[Sequence[Found]]
    kernels: Sequence[Sequence[Found]]
    tests: int
    counts: Sequence[Row] = ()


class Arena:
    """All recorded processes, of which rehearsals are made."""

    def __init__(self, recording: Recording) -> None:
        self.batches, side = recording.batches, recording.side
        self.benchmarks = list(side["benchmarks"])
        self.record = Record(sides={OLD: side, NEW: side}, budget_s=0.0)
        self.tests = test_count(self.record)
        machine = {"software": side["packages"], "python_version": side["python"]}
        self._runs = {
            (number, name): _run(recording, machine, process)
            for number, batch in enumerate(self.batches)
            for name, process in batch.processes.items()
        }

    @property
    def is_timed(self) -> bool:
        """Whether it is known what a pair takes."""
        return bool(self._plain())

    def all_of(self, pairs: int) -> Plan:
        """So many pairs, with all rounds."""
        return Plan(pairs, max(turns.rounds for batch in self.batches for turns in batch.turns.values()))

    def plan(self, budget_s: float, most_pairs: int = MOST_PAIRS) -> Plan | None:
        """As many pairs as a rehearsal finds room for; None where they decide nothing.

        The first pair compiles, and later ones load what it left.
        """
        plain = self._plain()
        firsts = [batch.apart_s for batch in plain if batch.is_first]
        laters = [batch.apart_s for batch in plain if not batch.is_first]
        later_s = statistics.median(laters or firsts)
        first_s = statistics.median(firsts or laters)
        round_s = statistics.median(
            batch.turns_s / max(turns.rounds for turns in batch.turns.values()) for batch in plain
        )
        shortest_s, longest_s = (each_s * len(self.benchmarks) for each_s in (LEAST_TURNS_S, MOST_TURNS_S))
        pairs = (min(MOST_PAIRS, most_pairs), LEAST_PAIRS)
        found = planned(budget_s - first_s, later_s, shortest_s, longest_s, *pairs)
        if found is None or found[0] < LEAST_PAIRS:
            return None
        return Plan(found[0], max(LEAST_ROUNDS, int(found[1] / round_s)))

    def _plain(self) -> Sequence[Batch]:
        """The batches that say what they took, and that no calibration of what slows a process made longer."""
        return [batch for batch in self.batches if batch.turns_s and not batch.slowed]

    def looks(self, pairs: Sequence[ProcessPair], rounds: int | None = None) -> Looks:
        """What these pairs show, one after the other, in so many rounds; by default in all."""
        numbers = range(LEAST_PAIRS, len(pairs) + 1)
        return Looks(
            [list(self._latencies(pairs[:number], rounds)) for number in numbers],
            [list(self._kernels(pairs[:number])) for number in numbers] if self.record.is_cuda else [],
            self.tests,
            self._counts(pairs[:COUNTED]),
        )

    def _latencies(self, pairs: Sequence[ProcessPair], rounds: int | None) -> Iterable[Found]:
        runs = {OLD: [self._runs[number, old] for number, old, _ in pairs]}
        for name in self.benchmarks:
            turns = [_turns(self.batches[number].turns[name], old, new, rounds) for number, old, new in pairs]
            yield from latency(self.record, name, runs, turns)

    def _kernels(self, pairs: Sequence[ProcessPair]) -> Iterable[Found]:
        for name in self.benchmarks:
            both = [
                (self._runs[number, old].benchmarks[name], self._runs[number, new].benchmarks[name])
                for number, old, new in pairs
            ]
            if all(KERNEL_TIME in one.values for pair in both for one in pair):
                yield from kernel_differences(name, both, self.record.loadings)

    def _counts(self, pairs: Sequence[ProcessPair]) -> list[Row]:
        olds = [self._runs[number, old] for number, old, _ in pairs]
        news = [self._runs[number, new] for number, _, new in pairs]
        return list(count_rows(self.record, {OLD: olds, NEW: news}))


def judged(looks: Looks, slower: float = 0.0) -> list[Row]:
    """The rows of a rehearsal whose new side takes longer by a fraction, as it ends for each benchmark."""
    rows = [row for look in (looks.latency, looks.kernels) for row in _ended(look, slower, looks.tests)]
    said = same_where_kernels_are([row.judgement for row in rows], METRICS)
    timed = [replace(row, judgement=judgement) for row, judgement in zip(rows, said, strict=True)]
    return [*timed, *looks.counts]


def _ended(looks: Sequence[Sequence[Found]], slower: float, tests: int) -> list[Row]:
    """Of every benchmark its rows at the first look that settles it, else at the last."""
    rows: dict[str, list[Row]] = {}
    done: set[str] = set()
    for look in looks:
        by_benchmark: dict[str, dict[str, Found]] = {}
        for key, name, found, process in look:
            if name not in done:
                by_benchmark.setdefault(name, {})[key] = (key, name, _slower(found, slower), process)
        for name, some in by_benchmark.items():
            rows[name] = [continuous_row(*one, tests) for one in some.values()]
            # Where operators are told apart, what the choice of kernels does to the whole is no reason to go on.
            key, _, found, process = some.get(SAME_KERNELS) or some[next(iter(some))]
            said = interval(found.values, found.within, process, tests)
            if said is not None and is_settled(key, said):
                done.add(name)
    return [row for some in rows.values() for row in some]


def _slower(found: Differences, slower: float) -> Differences:
    """The pairs with a new side that takes longer by a fraction: every difference of logarithms grows alike."""
    shift = math.log1p(slower)
    return replace(found, values=tuple(value + shift for value in found.values), new=found.new * (1 + slower))


def unchanged_pairs(batches: Sequence[Batch], draw: random.Random) -> list[ProcessPair]:
    """Pairs of unchanged processes of one batch, no process twice, as many as there are, in any order."""
    found = []
    for number, batch in enumerate(batches):
        names = draw.sample(batch.unchanged, len(batch.unchanged))
        found += [(number, old, new) for old, new in zip(names[::2], names[1::2], strict=False)]
    return draw.sample(found, len(found))


def slowed_pairs(batches: Sequence[Batch], draw: random.Random) -> list[ProcessPair]:
    """The same with a new side that is really slowed."""
    found = []
    for number, batch in enumerate(batches):
        names = (draw.sample(some, len(some)) for some in (batch.unchanged, batch.slowed))
        found += [(number, old, new) for old, new in zip(*names, strict=False)]
    return draw.sample(found, len(found))


def disjoint(pairs: Sequence[ProcessPair]) -> list[Sequence[ProcessPair]]:
    """Rehearsals of LEAST_PAIRS of these pairs, which share none."""
    whole = len(pairs) - len(pairs) % LEAST_PAIRS
    return [pairs[start : start + LEAST_PAIRS] for start in range(0, whole, LEAST_PAIRS)]


def _turns(turns: Turns, old: str, new: str, rounds: int | None) -> Turns:
    sides = {OLD: old, NEW: new}
    return Turns(
        turns.calls,
        {side: turns.min_s[name][:rounds] for side, name in sides.items()},
        {side: turns.median_s[name][:rounds] for side, name in sides.items()},
    )


def _run(recording: Recording, machine: Mapping[str, Any], process: Process) -> Run:
    benchmarks = [
        {"param": name, "name": name, "stats": {}, "extra_info": fields} for name, fields in process.measured.items()
    ]
    document = {
        "datetime": recording.datetime,
        "machine_info": machine,
        "suite": {"schema": SCHEMA, **process.lists},
        "benchmarks": benchmarks,
    }
    return parse(document, Path(OLD))
