"""What the parts of a stored rehearsal look like, and whether a document has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.protocol import SIDES


@dataclass(frozen=True)
class Of:
    """An object whose values all have one shape, whatever their names."""

    values: Any


NUMBER = (int, float)
TEXT_OR_NONE = (str, type(None))
NUMBER_OR_NONE = (*NUMBER, type(None))
LABELS = Of([int])
SIDE = {
    "interpreter": str,
    "checkout": str,
    "arguments": [str],
    "python": str,
    "packages": Of(str),
    "settings": Of(object),
    "device": {"name": str, "uuid": str, "is_cuda": bool},
    "benchmarks": Of({"model": str, "variant": str, "batch_size": int}),
    "missing": Of(str),
}
OUTPUTS = {"bound": NUMBER, "problem": str}
COMPARED = {
    "relative_error": NUMBER_OR_NONE,
    "old_error": NUMBER_OR_NONE,
    "new_error": NUMBER_OR_NONE,
    "other_labels": LABELS,
    "lost_labels": LABELS,
}
"""Of outputs without a problem."""
RECORD = {
    "sides": dict.fromkeys(SIDES, SIDE),
    "budget_s": NUMBER,
    "datetime": str,
    "missing": dict.fromkeys(SIDES, Of(str)),
    "failed": dict.fromkeys(SIDES, Of(str)),
    "outputs": Of(OUTPUTS),
    "pairs": [
        {
            "turns": Of({"calls": int, "min_s": Of([float]), "median_s": Of([float])}),
            "measured": dict.fromkeys(SIDES, Of(Of(object))),
            "lists": dict.fromkeys(SIDES, Of(object)),
        }
    ],
    "notes": [str],
    "interrupted": str,
    "took_s": NUMBER,
}

BISECTION = {
    "groups": [[str]],
    "pins": [str],
    "versions": Of([TEXT_OR_NONE]),
    "installer": str,
    "step_s": NUMBER,
    "followed": Of((str, *NUMBER_OR_NONE)),
    "steps": [{"groups": [int], "answer": str, "ratio": NUMBER_OR_NONE, "why": str, "is_sure": bool, "took_s": NUMBER}],
    "blamed": [[int]],
    "needed": [int],
    "ended": str,
    "kept": str,
}


def check(value: Any, shape: Any = RECORD, at: str = "") -> None:
    """Compare a value of JSON with a shape: a type or several, a list of one, an object by its least keys, or `Of`.

    Raises:
        ValueError: something has another shape, or a number is not finite; the message says where.
    """
    if shape is object:
        return
    if isinstance(shape, (type, tuple)):
        fits = isinstance(value, shape) and (shape is bool or not isinstance(value, bool))
        if not fits or (isinstance(value, float) and not math.isfinite(value)):
            raise ValueError(f"{at or 'it'} is {str(value)[:20]!r}")
    elif isinstance(shape, list):
        check(value, list, at)
        for number, one in enumerate(value):
            check(one, shape[0], f"{at}[{number}]")
    else:
        check(value, dict, at)
        inside: Mapping[str, Any] = dict.fromkeys(value, shape.values) if isinstance(shape, Of) else shape
        for name, of in inside.items():
            if name not in value:
                raise ValueError(f"{at} has no {name!r}" if at else f"there is no {name!r}")
            check(value[name], of, f"{at}.{name}".lstrip("."))
