"""What every page shows of an explanation: which operators and kernels, and how their times are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jinja2

from regression.explain.explanation import operators_worth_showing, sentence, worth_showing
from regression.explain.kernels import Change, Explanation
from regression.explain.operators import OperatorChange
from regression.text import microseconds

MOST_KERNELS = 12
MOST_OPERATORS = 8


@dataclass(frozen=True)
class Explained:
    """The parts of an explanation that deserve a row, for the macro of `explained.html.j2`."""

    told: Explanation
    operators: Sequence[OperatorChange]
    shown: Sequence[Change]
    others: Sequence[Change]


def explained(told: Explanation) -> Explained:
    """The parts that a page shows."""
    return Explained(told, operators_worth_showing(told, MOST_OPERATORS), *worth_showing(told, MOST_KERNELS))


def add_filters(templates: jinja2.Environment) -> None:
    """What the macro and texts beside it need."""
    templates.filters |= {"us": _us, "micro": _micro}
    templates.globals |= {"sentence": sentence}


def _us(seconds: float) -> str:
    return _micro(microseconds(seconds))


def _micro(text: str) -> str:
    return text.replace(" us", " µs")
