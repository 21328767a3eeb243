"""Values of a stored benchmark, which may hold anything: where they are, and whether they can be reckoned with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

# Outside these a number is a mistake, and its logarithm would overflow the arithmetic that follows.
SMALLEST_VALUE, LARGEST_VALUE = 1e-12, 1e15


def lookup(record: Mapping[str, Any], path: Iterable[str]) -> Any:
    """The value at `path` in nested mappings and lists, or None where the path ends early."""
    here: Any = record
    for key in path:
        if isinstance(here, list) and key.isdecimal() and int(key) < len(here):
            here = here[int(key)]
        elif isinstance(here, Mapping):
            here = here.get(key)
        else:
            return None
    return here


def positive_number(raw: Any) -> float | None:
    """A stored value that is a positive number within reason, else None."""
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        return None
    return float(raw) if SMALLEST_VALUE <= raw <= LARGEST_VALUE else None


def is_count(raw: Any) -> bool:
    """Whether a stored value is a whole number from 0, and small enough to reckon with."""
    return type(raw) is int and 0 <= raw <= LARGEST_VALUE


def named_counts(raw: Any) -> dict[str, int] | None:
    """How often a stored mapping counts each name, or a list has it; None where it is neither."""
    if isinstance(raw, list):
        return dict(Counter(raw)) if all(isinstance(name, str) for name in raw) else None
    if not isinstance(raw, Mapping) or not all(is_count(count) for count in raw.values()):
        return None
    return {str(name): count for name, count in raw.items()}


def sum_of_products(numbers: Any, counts: Any) -> float | None:
    """The sum of each name's number times its count; None where either is no mapping to numbers."""
    known = named_counts(counts) if isinstance(counts, Mapping) else None
    if known is None or not isinstance(numbers, Mapping):
        return None
    if not all(type(number) is float and 0 <= number <= LARGEST_VALUE for number in numbers.values()):
        return None
    return math.fsum(number * known.get(name, 0) for name, number in numbers.items())
