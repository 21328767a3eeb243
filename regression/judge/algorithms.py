"""Algorithms that a library chooses anew in each process, as a whole baseline shows them for each kind of operator."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence, Set

from regression.judge.choices import Operators, Place, all_placed, paired, vary
from regression.runs.operator_table import StoredOperator
from regression.runs.run import Benchmark, Run
from regression.values import lookup

SOFTWARE = (("software",), ("python_version",))


@dataclasses.dataclass(frozen=True)
class Algorithms:
    """What the processes of a baseline chose for the operators of all benchmarks.

    Two algorithms of cuDNN may launch the same kernels: one clears its workspace, by one `cudaMemsetAsync` more. All
    runs of one operator may have the same of them by chance, but not those of all operators of its kind.

    Attributes:
        kinds: the kinds of operators whose algorithm is another in some processes than in others.
        calls: kind and API call to the numbers of this call in one operator, where that varies with the same kernels in
            the same place.
    """

    kinds: Set[str]
    calls: Mapping[tuple[str, str], Set[int]]

    def chosen(self, kind: str, call: str, numbers: Iterable[int]) -> bool:
        """Whether the choice of an algorithm explains that an operator makes a call now one, now another of these
        numbers of times."""
        return self.calls.get((kind, call), frozenset()) >= set(numbers)

    def vary(self, benchmarks: Sequence[Benchmark]) -> bool:
        """Whether some runs of one benchmark ran other algorithms than others, or may have with the same kernels."""
        unseen = {kind for kind, _ in self.calls}
        return vary(benchmarks) or any(kind_of(row.name) in unseen for one in benchmarks for row in one.operators)

    def others(self, now: Operators, before: Operators) -> int:
        """How many operators of both run another algorithm now: other kernels or grids, or other calls of `calls`."""
        return sum(
            launch_otherwise([row, seen]) or self._calls(row) != self._calls(seen)
            for row, seen in in_both(now, before)
            if kind_of(row.name) in self.kinds
        )

    def _calls(self, row: StoredOperator) -> dict[str, int]:
        kind = kind_of(row.name)
        return {call: number for call, number in row.api_calls.items() if (kind, call) in self.calls}


def in_both(now: Operators, before: Operators) -> list[tuple[StoredOperator, StoredOperator]]:
    """The operators of both, each as it is now and as it was before."""
    rows, theirs = all_placed(now), all_placed(before)
    there = paired(rows, theirs, lambda own, place: not launch_otherwise([rows[own], theirs[place]]))
    return [(row, theirs[there[own]]) for own, row in rows.items() if there[own] in theirs]


def kind_of(operator: str) -> str:
    """The operator without the path of its module: `aten::conv2d` of `blocks.2.0.conv_pwl aten::conv2d`.

    What has no namespace is of a kind of its own, such as `outside every operator`.
    """
    _, _, name = operator.rpartition(" ")
    return name if "::" in name else operator


def software(run: Run) -> tuple[object, ...]:
    """The versions of Python and of the packages."""
    return tuple(lookup(run.machine, path) for path in SOFTWARE)


def learn_algorithms(baselines: Sequence[Run]) -> Algorithms:
    """What these runs show; those of other software are not compared with each other."""
    kinds: set[str] = set()
    calls: dict[tuple[str, str], set[int]] = {}
    versions = [software(run) for run in baselines]
    for number, version in enumerate(versions):
        if version in versions[:number]:
            continue
        runs = [run for run, other in zip(baselines, versions, strict=True) if other == version]
        for id_ in dict.fromkeys(id_ for run in runs for id_ in run.benchmarks):
            tables = [run.benchmarks[id_].operators for run in runs if id_ in run.benchmarks]
            for (operator, _), rows in _by_place(tables).items():
                if all(_alike(row, rows[0]) for row in rows):
                    continue
                varying = list(_varying(rows))
                if varying or launch_otherwise(rows):
                    kinds.add(kind_of(operator))
                for call, numbers in varying:
                    calls.setdefault((kind_of(operator), call), set()).update(numbers)
    return Algorithms(kinds, calls)


def _by_place(tables: Sequence[Operators]) -> dict[Place, list[StoredOperator]]:
    found: dict[Place, list[StoredOperator]] = {}
    for table in tables:
        for place, row in all_placed(table).items():
            found.setdefault(place, []).append(row)
    return found


def _alike(one: StoredOperator, other: StoredOperator) -> bool:
    return one.kernels == other.kernels and one.grids == other.grids and one.api_calls == other.api_calls


def launch_otherwise(rows: Sequence[StoredOperator]) -> bool:
    """Whether some of these launch other kernels than others, or with other grids."""
    return len({row.kernels for row in rows}) > 1 or len({row.grids for row in rows if row.grids}) > 1


def _varying(rows: Sequence[StoredOperator]) -> Iterable[tuple[str, set[int]]]:
    """The calls whose number differs between rows with the same kernels, and these numbers."""
    alike: dict[tuple[str, ...], list[Mapping[str, int]]] = {}
    for row in rows:
        alike.setdefault(row.kernels, []).append(row.api_calls)
    for tables in alike.values():
        if any(calls != tables[0] for calls in tables):
            for call in dict.fromkeys(call for calls in tables for call in calls):
                numbers = {calls.get(call, 0) for calls in tables}
                if len(numbers) > 1:
                    yield call, numbers
