"""Numbers as they are stored."""

from __future__ import annotations

SHOWN = 5
"""Digits of a series that is only shown, such as the latencies of all visits."""


def significant(value: float, digits: int = 6) -> float:
    """The value to so many significant digits, which is more than was measured."""
    return float(f"{value:.{digits}g}")
