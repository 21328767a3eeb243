"""The operators of one inference, as a stored run lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from regression.metrics import LARGEST_VALUE, is_count

COLUMNS = ("operator", "kernels", "time_ns", "api_calls")


@dataclass(frozen=True, slots=True)
class StoredOperator:
    """One operator: its name, names of the kernels that it launches, their summed seconds, and its CUDA API calls."""

    name: str
    kernels: tuple[str, ...]
    time_s: float
    api_calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Lists:
    """A run's lists that its operator tables point into."""

    operators: Sequence[str] = ()
    kernels: Sequence[str] = ()
    api_calls: Sequence[Mapping[str, int]] = ()
    host_work: Sequence[Mapping[str, int]] = ()

    @classmethod
    def of(cls, suite: Mapping[str, Any]) -> "Lists":
        """The lists of a stored run's `suite`; what is malformed there is empty, so that no table can point to it."""
        operators, kernels = (_list(suite.get(name)) for name in ("operators", "kernels"))
        return cls(
            [str(name) for name in operators],
            [str(name) for name in kernels],
            *(_counts(suite.get(name)) for name in ("api_calls", "host_work")),
        )


def _list(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else []


def _counts(raw: Any) -> list[Mapping[str, int]]:
    found = _list(raw)
    well_formed = all(isinstance(one, dict) and all(is_count(count) for count in one.values()) for one in found)
    return found if well_formed else []


def counts_by_name(stored: Any, lists: Lists) -> dict[str, Mapping[str, int]]:
    """Of a benchmark's `host_work.by_name`, count to what it is of, name to number.

    ValueError where it is malformed, with what is wrong with it.
    """
    if not isinstance(stored, dict):
        raise ValueError(f"'host_work.by_name' is {str(stored)[:40]!r}, not an object")
    return {
        str(count): _at(lists.host_work, place, "suite.host_work", "host_work.by_name")
        for count, place in stored.items()
    }


def operator_table(stored: Any, lists: Lists) -> tuple[StoredOperator, ...]:
    """The operators of a benchmark's or a confirmation's `operators`, in the order of execution.

    Empty where there is none. ValueError where it is malformed, with what is wrong with it.
    """
    if stored is None:
        return ()
    columns: list[list[Any]] = [
        found for column in COLUMNS if isinstance(stored, dict) and isinstance(found := stored.get(column), list)
    ]
    if len(columns) < len(COLUMNS):
        raise ValueError(f"'operators' is not the four lists {', '.join(COLUMNS)}")
    if len({len(column) for column in columns}) > 1:
        raise ValueError("the lists in 'operators' differ in length")
    rows = []
    for operator, kernels, time_ns, calls in zip(*columns, strict=True):
        name = _at(lists.operators, operator, "suite.operators")
        if not isinstance(kernels, list):
            raise ValueError(f"'operators' has {str(kernels)[:40]!r} where the kernels of an operator should be")
        names = tuple([_at(lists.kernels, kernel, "suite.kernels") for kernel in kernels])
        if isinstance(time_ns, bool) or not isinstance(time_ns, (int, float)) or not 0 <= time_ns <= LARGEST_VALUE:
            raise ValueError("'operators' has a time that is not a number of nanoseconds")
        rows.append(StoredOperator(name, names, time_ns * 1e-9, _at(lists.api_calls, calls, "suite.api_calls")))
    if rows and not any(row.time_s for row in rows):
        raise ValueError("'operators' has no time at all")
    return tuple(rows)


def _at(known: Sequence[Any], place: Any, where: str, what: str = "operators") -> Any:
    if type(place) is not int or not 0 <= place < len(known):
        raise ValueError(f"{what!r} refers to place {str(place)[:40]!r} of '{where}', which has {len(known)}")
    return known[place]
