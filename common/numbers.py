"""Numbers as they are stored."""

from __future__ import annotations


def significant(value: float, digits: int = 6) -> float:
    """The value to so many significant digits, which is more than was measured."""
    return float(f"{value:.{digits}g}")
