"""The operators of one inference, as a stored run lists them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from common.repeated import API_CALLS, LAUNCHES, OPERATORS
from common.stored import mapping
from regression.runs.kernel_table import StoredKernel
from regression.runs.lists import Lists, at, launched, sequence
from regression.values import LARGEST_VALUE

# A benchmark with an engine has few operators besides; a confirmation keeps the kernels of such a benchmark alone.
MOST_BESIDE_AN_ENGINE = 4
COLUMNS = ("operator", "kernels", "time_ns", "api_calls")
# Of CUDA along x; along y and z it is less.
MOST_BLOCKS = 2**31 - 1

Grid = tuple[int, int, int]
"""The blocks of a launch: along x, y and z."""


class Launch(NamedTuple):
    """A kernel's name, and the grid that it is launched with; None where it is not known, and for a copy or a set."""

    kernel: str
    grid: Grid | None = None


@dataclass(frozen=True)
class StoredOperator:
    """One operator: its name, names of the kernels that it launches, their summed seconds, and its CUDA API calls.

    `grids` has an entry for each kernel, None for a copy or a set; it is empty where the run does not know them.
    `times_s` has the seconds of each kernel's name; it is empty where they are not known.
    """

    name: str
    kernels: tuple[str, ...]
    time_s: float
    api_calls: Mapping[str, int] = field(default_factory=dict)
    grids: tuple[Grid | None, ...] = ()
    times_s: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def launches(self) -> tuple[Launch, ...]:
        return tuple(map(Launch, self.kernels, self.grids)) if self.grids else tuple(map(Launch, self.kernels))

    @cached_property
    def without_grids(self) -> StoredOperator:
        return replace(self, grids=()) if self.grids else self


def knows_grids(operators: Sequence[StoredOperator]) -> bool:
    """Whether the grids of their kernels are known."""
    return any(operator.grids for operator in operators)


def operator_table(stored: Any, lists: Lists) -> tuple[StoredOperator, ...]:
    """The operators of a benchmark's or a confirmation's `operators`, in the order of execution.

    Empty where there is none. ValueError where it is malformed, with what is wrong with it.
    """
    if stored is None:
        return ()
    fields = mapping(stored)
    columns = [sequence(fields.get(COLUMNS[0]), lists), *(fields.get(column) for column in COLUMNS[1:])]
    if not all(isinstance(column, list) for column in columns):
        raise ValueError(f"'operators' is not the four lists {', '.join(COLUMNS)}")
    if len({len(column) for column in columns}) > 1:
        raise ValueError("the lists in 'operators' differ in length")
    rows = []
    for operator, kernels, time_ns, calls in zip(*columns, strict=True):
        name = at(lists.operators, operator, OPERATORS)
        names, _ = launched(kernels, lists)
        if isinstance(time_ns, bool) or not isinstance(time_ns, (int, float)) or not 0 <= time_ns <= LARGEST_VALUE:
            raise ValueError("'operators' has a time that is not a number of nanoseconds")
        rows.append(StoredOperator(name, tuple(names), time_ns * 1e-9, at(lists.api_calls, calls, API_CALLS)))
    if rows and not any(row.time_s for row in rows):
        raise ValueError("'operators' has no time at all")
    return tuple(rows)


def with_times(operators: tuple[StoredOperator, ...], kernels: Sequence[StoredKernel]) -> tuple[StoredOperator, ...]:
    """The operators, and of an engine the times of its kernels: of one that launches most, and no kernel of another's.

    The table of kernels tells the times of names, whichever operator launches them.
    """
    times_s = {kernel.name: kernel.time_s for kernel in kernels}
    launches = Counter({place: len(operator.kernels) for place, operator in enumerate(operators)})
    ((engine, most),) = launches.most_common(1) or [(0, 0)]
    if not most or 2 * most <= launches.total() or len(operators) > MOST_BESIDE_AN_ENGINE:
        return operators
    own = set(operators[engine].kernels)
    others = {name for place, operator in enumerate(operators) if place != engine for name in operator.kernels}
    if own & others or not own <= times_s.keys():
        return operators
    found = replace(operators[engine], times_s={name: times_s[name] for name in own})
    return (*operators[:engine], found, *operators[engine + 1 :])


def with_grids(operators: Sequence[StoredOperator], stored: Any, lists: Lists) -> tuple[StoredOperator, ...]:
    """The operators of such a table with the grids of their kernels, where it has them.

    ValueError where these are malformed, with what is wrong with them.
    """
    grids = [launched(row, lists)[1] for row in mapping(stored)["kernels"]] if operators else []
    if all(of_each is None for of_each in grids):
        return tuple(operators)
    return tuple(
        replace(operator, grids=_grids(of_each, len(operator.kernels)))
        for operator, of_each in zip(operators, grids, strict=True)
    )


def _grids(stored: Any, kernels: int) -> tuple[Grid | None, ...]:
    if not isinstance(stored, list) or len(stored) != kernels:
        raise ValueError(f"'suite.{LAUNCHES}' has {str(stored)[:40]!r} where a grid for each kernel should be")
    return tuple([None if grid is None else _grid(grid) for grid in stored])


def _grid(stored: Any) -> Grid:
    if isinstance(stored, list) and 1 <= len(stored) <= 3:
        x, y, z = [*stored, 1, 1][:3]
        if all(type(blocks) is int and 1 <= blocks <= MOST_BLOCKS for blocks in (x, y, z)):
            return x, y, z
    raise ValueError(f"'suite.{LAUNCHES}' has the grid {str(stored)[:40]!r}, not one to three numbers of blocks")
