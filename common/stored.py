"""What every reader of a stored run's JSON does with its fields, which may hold anything."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

EMPTY: Mapping[str, Any] = MappingProxyType({})


def mapping(value: object) -> Mapping[str, Any]:
    """The object that a field holds; empty where it holds something else."""
    return value if isinstance(value, dict) else EMPTY


def moment(text: Any) -> datetime.datetime | None:
    """A date and time in ISO 8601, in UTC where it names no zone; None for what is none."""
    try:
        when = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)
