"""What repeats from benchmark to benchmark stands once in a stored run: fields hold its place in a list of `suite`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from common.schema import BY_NAME

KERNELS, OPERATORS, SEQUENCES, LAUNCHES = "kernels", "operators", "operator_sequences", "launches"
API_CALLS, HOST_WORK, HOST_WORK_NAMES, ENGINE_LAYERS = "api_calls", "host_work", "host_work_names", "engine_layers"
LISTS = (KERNELS, OPERATORS, SEQUENCES, LAUNCHES, API_CALLS, HOST_WORK, HOST_WORK_NAMES, ENGINE_LAYERS)
"""The lists of `suite`, as docs/stored-runs.md describes them."""


class Repeated:
    """The lists of a run, which grow by what is put into them.

    Args:
        suite: of a stored run, whose lists are added to in place; without it the lists begin empty.
    """

    def __init__(self, suite: dict[str, Any] | None = None) -> None:
        self._suite = {} if suite is None else suite
        self._known: dict[str, dict[str, int]] = {}

    def lists(self) -> dict[str, list[Any]]:
        return {name: self._suite.get(name, []) for name in LISTS}

    def put(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of a benchmark with places for what stands in them in full, in any of these tables.

        `kernels` and `operators` name kernels, operators and API calls, `grids` of `operators` (optional) are those of
        each operator's kernels, `engine_layers` names layers, and `by_name` of `host_work` maps a count to a mapping of
        names to numbers.
        """
        found = dict(fields)
        if kernels := fields.get("kernels"):
            found["kernels"] = kernels | {"kernel": self._places(KERNELS, kernels["kernel"])}
        if operators := fields.get("operators"):
            rest = {name: column for name, column in operators.items() if name != "grids"}
            grids = operators.get("grids", [None] * len(operators["kernels"]))
            found["operators"] = rest | {
                "operator": self._place(SEQUENCES, self._places(OPERATORS, operators["operator"])),
                "kernels": [
                    self._place(LAUNCHES, [self._places(KERNELS, names), of_each])
                    for names, of_each in zip(operators["kernels"], grids, strict=True)
                ],
                "api_calls": self._places(API_CALLS, operators["api_calls"]),
            }
        if layers := fields.get("engine_layers"):
            found["engine_layers"] = self._places(ENGINE_LAYERS, layers)
        host_work = fields.get("host_work") or {}
        if BY_NAME in host_work:
            by_name = {count: self._counts(names) for count, names in host_work[BY_NAME].items()}
            found["host_work"] = host_work | {BY_NAME: by_name}
        return found

    def _counts(self, names: Mapping[str, int]) -> int:
        ordered = sorted(names)
        table = {"name": self._places(HOST_WORK_NAMES, ordered), "count": [names[name] for name in ordered]}
        return self._place(HOST_WORK, table)

    def _places(self, list_: str, values: Iterable[Any]) -> list[int]:
        return [self._place(list_, value) for value in values]

    def _place(self, list_: str, value: Any) -> int:
        values = self._suite.setdefault(list_, [])
        if list_ not in self._known:
            self._known[list_] = {_key(one): place for place, one in enumerate(values)}
        known = self._known[list_]
        key = _key(value)
        if key not in known:
            known[key] = len(values)
            values.append(value)
        return known[key]


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
