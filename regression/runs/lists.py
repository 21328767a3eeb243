"""The lists in a stored run's `suite`, and the fields of benchmarks that hold places in them, in full."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from common.columns import rows
from common.repeated import (
    API_CALLS,
    ENGINE_LAYERS,
    HOST_WORK,
    HOST_WORK_NAMES,
    KERNELS,
    LAUNCHES,
    OPERATORS,
    SEQUENCES,
)
from common.schema import BY_NAME
from regression.values import is_count


@dataclass(frozen=True)
class Lists:
    """A run's lists that fields of its benchmarks have places in."""

    operators: Sequence[str] = ()
    kernels: Sequence[str] = ()
    sequences: Sequence[Any] = ()
    launches: Sequence[Any] = ()
    api_calls: Sequence[Mapping[str, int]] = ()
    host_work: Sequence[Mapping[str, int]] = ()
    engine_layers: Sequence[str] = ()

    @classmethod
    def of(cls, suite: Mapping[str, Any]) -> Lists:
        """The lists of a stored run's `suite`; what is malformed there is empty, so that no table can point to it."""
        return cls(
            operators=_names(suite.get(OPERATORS)),
            kernels=_names(suite.get(KERNELS)),
            sequences=_list(suite.get(SEQUENCES)),
            launches=_list(suite.get(LAUNCHES)),
            api_calls=_counts(suite.get(API_CALLS)),
            host_work=_counts(suite.get(HOST_WORK), _names(suite.get(HOST_WORK_NAMES))),
            engine_layers=_names(suite.get(ENGINE_LAYERS)),
        )


def _list(raw: Any) -> list[Any]:
    return raw if isinstance(raw, list) else []


def _names(raw: Any) -> list[str]:
    return [str(name) for name in _list(raw)]


def _counts(raw: Any, names: Sequence[str] = ()) -> list[Mapping[str, int]]:
    """Mappings of names to counts, which older runs store as such, and newer ones as columns with places of names."""
    try:
        found = [_mapping(one, names) for one in _list(raw)]
    except ValueError:
        return []
    return found if all(is_count(count) for one in found for count in one.values()) else []


def _mapping(stored: Any, names: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(stored, dict):
        raise ValueError("it is no object")
    if not isinstance(stored.get("name"), list):
        return stored
    table = rows(stored)
    found = {at(names, row["name"], HOST_WORK_NAMES, "suite.host_work"): row.get("count") for row in table}
    if len(found) < len(table):
        raise ValueError("a name stands there twice")
    return found


def layer_names(stored: Any, lists: Lists) -> Any:
    """The names in a benchmark's `engine_layers`, which older runs store as such, and newer ones as places.

    What is no list is returned as it is. ValueError where a place is none.
    """
    if not isinstance(stored, list) or all(isinstance(name, str) for name in stored):
        return stored
    return [at(lists.engine_layers, place, ENGINE_LAYERS, "engine_layers") for place in stored]


def sequence(stored: Any, lists: Lists) -> Any:
    """The column `operator` of `operators`, which older runs store as such, and newer ones as a place."""
    return at(lists.sequences, stored, SEQUENCES) if type(stored) is int else stored


def launched(stored: Any, lists: Lists) -> tuple[list[str], Any]:
    """Of an entry of the column `kernels` of `operators` the kernels' names, and their grids as stored, None without.

    Older runs store places of the names, newer ones the place of both. ValueError where there is no such place.
    """
    grids = None
    if type(stored) is int:
        both = at(lists.launches, stored, LAUNCHES)
        if not isinstance(both, list) or len(both) != 2:
            raise ValueError(f"'suite.{LAUNCHES}' has {str(both)[:40]!r} where kernels and their grids should be")
        stored, grids = both
    if not isinstance(stored, list):
        raise ValueError(f"'operators' has {str(stored)[:40]!r} where the kernels of an operator should be")
    return [at(lists.kernels, place, KERNELS) for place in stored], grids


def counts_by_name(stored: Any, lists: Lists) -> dict[str, Mapping[str, int]]:
    """Of a benchmark's `host_work.by_name`, count to what it is of, name to number.

    ValueError where it is malformed, with what is wrong with it.
    """
    if not isinstance(stored, dict):
        raise ValueError(f"'host_work.by_name' is {str(stored)[:40]!r}, not an object")
    return {str(count): at(lists.host_work, place, HOST_WORK, "host_work.by_name") for count, place in stored.items()}


def in_full(fields: Mapping[str, Any], lists: Lists) -> dict[str, Any]:
    """A benchmark's or a confirmation's fields with what they have places of, as `common.repeated` takes them.

    ValueError where they are malformed, with what is wrong with them.
    """
    found = dict(fields)
    try:
        if table := fields.get("kernels"):
            names = [at(lists.kernels, place, KERNELS, "kernels") for place in table["kernel"]]
            found["kernels"] = {**table, "kernel": names}
        if table := fields.get("operators"):
            operators = sequence(table["operator"], lists)
            launches = [launched(row, lists) for row in table["kernels"]]
            found["operators"] = {
                **table,
                "operator": [at(lists.operators, place, OPERATORS) for place in operators],
                "kernels": [names for names, _ in launches],
                "api_calls": [at(lists.api_calls, place, API_CALLS) for place in table["api_calls"]],
            }
            if any(grids is not None for _, grids in launches):
                found["operators"]["grids"] = [grids for _, grids in launches]
        if BY_NAME in (host_work := fields.get("host_work") or {}):
            found["host_work"] = {**host_work, BY_NAME: counts_by_name(host_work[BY_NAME], lists)}
        if layers := fields.get("engine_layers"):
            found["engine_layers"] = list(layer_names(layers, lists))
    except (TypeError, KeyError) as error:
        raise ValueError(f"a table lacks or has what it should not: {error}") from None
    return found


def at(known: Sequence[Any], place: Any, list_: str, what: str = "operators") -> Any:
    """What stands at a place of a list; ValueError where there is no such place, which names the list and `what`."""
    if type(place) is not int or not 0 <= place < len(known):
        raise ValueError(f"{what!r} refers to place {str(place)[:40]!r} of 'suite.{list_}', which has {len(known)}")
    return known[place]
