"""Judges a recorded rehearsal: pure, from the recorded turns, counts, profiles and outputs to one row a judgement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regression.explain.explanation import explanations
from regression.explain.kernels import Explanation
from regression.judge.limits import CONFIRMATIONS
from regression.judge.verdict import Verdict
from regression.runs.environment import Difference
from regression.runs.run import Run
from rehearsal.described import differences, notes, processes
from rehearsal.paired import KERNEL_TIME, LATENCY, SAME_KERNELS, continuous
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import Record
from rehearsal.rows import Row, absent_rows, continuous_rows, count_rows, is_settled, output_rows, untimed_rows
from rehearsal.sequential import interval

EXPLAINED = frozenset({Verdict.SLOWER, Verdict.FASTER, Verdict.CHANGED})
COUNTED = 1 + CONFIRMATIONS
"""In how many pairs is counted: once, and as often as a failing count is confirmed."""


@dataclass(frozen=True)
class Judged:
    """All that is said of a rehearsal.

    Attributes:
        rows: latency, kernel time, outputs, then counts; each in the order of the benchmarks.
        differences: of the environments.
        tests: how many share the error.
        explanations: the operators and kernels behind what changed, of the first pair's new side against all old ones.
    """

    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    tests: int
    explanations: tuple[Explanation, ...] = ()

    @property
    def failed(self) -> bool:
        return any(row.failed for row in self.rows)


def judge(record: Record) -> Judged:
    """The judgements of a rehearsal, whatever part of it was measured."""
    tests = test_count(record)
    runs = processes(record)
    timed = continuous_rows(record, runs, tests)
    rows = [
        *absent_rows(record),
        *untimed_rows(record, timed),
        *timed,
        *output_rows(record),
        *count_rows(record, runs),
    ]
    moved = dict.fromkeys(row.judgement.benchmark for row in rows if row.judgement.verdict in EXPLAINED)
    profiled = [name for name in moved if _is_profiled(runs, name)]
    told = explanations(profiled, runs[NEW][0], runs[OLD]) if profiled else []
    return Judged(tuple(rows), differences(record), tuple(notes(record)), tests, tuple(told))


def settled(record: Record) -> tuple[set[str], set[str]]:
    """The benchmarks whose latency is decided, and those whose kernel time is: they need no further pair."""
    tests = test_count(record)
    runs = processes(record)
    found: dict[str, dict[str, bool]] = {LATENCY: {}, KERNEL_TIME: {}, SAME_KERNELS: {}}
    for key, benchmark, measured, process in continuous(record, runs):
        said = interval(measured.values, measured.within, process, tests)
        found[key][benchmark] = said is not None and is_settled(key, said)
    # Where operators are told apart, what the choice of kernels does to the whole is no reason to go on.
    kernels = found[KERNEL_TIME] | found[SAME_KERNELS]
    return {name for name, done in found[LATENCY].items() if done}, {name for name, done in kernels.items() if done}


def test_count(record: Record) -> int:
    """How many tests share the error: fixed before anything is measured."""
    return len([name for name in record.benchmarks() if _on_both(record, name)]) * (3 if record.is_cuda else 1)


def _is_profiled(runs: Mapping[str, Sequence[Run]], name: str) -> bool:
    """Whether the first process of each side has the benchmark's kernel time."""
    return all(
        some and name in some[0].benchmarks and KERNEL_TIME in some[0].benchmarks[name].values for some in runs.values()
    )


def _on_both(record: Record, name: str) -> bool:
    return all(name in record.sides[side]["benchmarks"] for side in SIDES)
