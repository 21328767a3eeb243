"""The operators of one inference, as a stored run lists them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from common.repeated import API_CALLS, KERNELS, OPERATORS
from common.stored import mapping
from regression.metrics import LARGEST_VALUE
from regression.runs.lists import Lists, at, sequence

COLUMNS = ("operator", "kernels", "time_ns", "api_calls")


@dataclass(frozen=True, slots=True)
class StoredOperator:
    """One operator: its name, names of the kernels that it launches, their summed seconds, and its CUDA API calls."""

    name: str
    kernels: tuple[str, ...]
    time_s: float
    api_calls: Mapping[str, int] = field(default_factory=dict)


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
        if not isinstance(kernels, list):
            raise ValueError(f"'operators' has {str(kernels)[:40]!r} where the kernels of an operator should be")
        names = tuple([at(lists.kernels, kernel, KERNELS) for kernel in kernels])
        if isinstance(time_ns, bool) or not isinstance(time_ns, (int, float)) or not 0 <= time_ns <= LARGEST_VALUE:
            raise ValueError("'operators' has a time that is not a number of nanoseconds")
        rows.append(StoredOperator(name, names, time_ns * 1e-9, at(lists.api_calls, calls, API_CALLS)))
    if rows and not any(row.time_s for row in rows):
        raise ValueError("'operators' has no time at all")
    return tuple(rows)
