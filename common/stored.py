"""What every reader of a stored run's JSON does with its fields, which may hold anything."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from common.schema import INTERRUPTED, LOST_BY

EMPTY: Mapping[str, Any] = MappingProxyType({})
# What a GPU model or CPU without a slug is called.
UNKNOWN_DEVICE = "unknown device"


def mapping(value: object) -> Mapping[str, Any]:
    """The object that a field holds; empty where it holds something else."""
    return value if isinstance(value, dict) else EMPTY


def slug_of(machine: Mapping[str, Any]) -> str:
    """Slug of the GPU model, or of the CPU, that a run's `machine_info` tells of; empty where it tells of none."""
    slug = mapping(machine.get("gpu")).get("slug") or machine.get("slug")
    return str(slug) if slug else ""


def moment(text: Any) -> datetime.datetime | None:
    """A date and time in ISO 8601, in UTC where it names no zone; None for what is none."""
    try:
        when = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=datetime.UTC)


def interrupted(document: Mapping[str, Any]) -> str:
    """What ended the session of a stored run early; empty where it ran to its end."""
    return str(mapping(document.get("suite")).get(INTERRUPTED) or "")


def failures(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The benchmarks of a stored run that failed, by id."""
    return mapping(mapping(document.get("suite")).get("failed"))


def lost_by(sentence: str) -> str:
    """The benchmark that had lost the GPU where a sentence in `suite.failed` says that for another; else empty."""
    return sentence.removeprefix(LOST_BY).partition(" (")[0] if sentence.startswith(LOST_BY) else ""
