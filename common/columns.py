"""Tables of a stored run as columns: each field's name once, and not once in every row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Field to its values, one for each row; empty where there is no row. ValueError where their fields differ."""
    found: dict[str, list[Any]] = {}
    for number, row in enumerate(rows):
        if number and row.keys() != found.keys():
            raise ValueError("the rows have not all the same fields")
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return found


def rows(stored: object) -> list[dict[str, Any]]:
    """The rows of a table. ValueError where it is no mapping of names to lists of one length, with what is wrong."""
    if not isinstance(stored, dict) or not all(isinstance(column, list) for column in stored.values()):
        raise ValueError("it is no mapping of names to lists")
    if len({len(column) for column in stored.values()}) > 1:
        raise ValueError("its lists differ in length")
    return [dict(zip(stored, row, strict=True)) for row in zip(*stored.values(), strict=True)]
