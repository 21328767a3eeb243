"""Changes as users write them, such as `+3%`, and the option that sets the smallest that matter."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

from regression.metric import Metric
from regression.metrics import METRICS


class WrongChange(ValueError):
    """A change or a metric that cannot be read; the message is a sentence for the user."""


def with_min_changes(texts: Iterable[str], metrics: tuple[Metric, ...] = METRICS) -> tuple[Metric, ...]:
    """The table with the minimum effects replaced by `--judge-min-change` texts like `kernel_time=1%`.

    What is worth knowing grows along to at least twice that: a change as large as the minimum effect is reported only
    half of the time, however small the noise.
    """
    wanted = dict(_min_change(text, metrics) for text in texts)
    changed = []
    for metric in metrics:
        min_effect = wanted.get(metric.key, wanted.get(metric.part_of))
        if min_effect is not None:
            worth_knowing = max(metric.worth_knowing, 2 * min_effect)
            metric = dataclasses.replace(metric, min_effect=min_effect, worth_knowing=worth_knowing)
        changed.append(metric)
    return tuple(changed)


def _min_change(text: str, metrics: tuple[Metric, ...]) -> tuple[str, float]:
    key, equals, change = text.partition("=")
    key = key.strip()
    judged = [metric.key for metric in metrics if metric.is_confirmed]
    if not equals or key not in judged:
        raise WrongChange(f"--judge-min-change {text!r} must be METRIC=CHANGE, METRIC one of {', '.join(judged)}.")
    value = parse_change(change)
    if not 0 <= value <= 10:
        raise WrongChange(f"--judge-min-change {text!r}: the change must lie between 0 % and 1000 %.")
    return key, value


def parse_change(text: str) -> float:
    """A fraction from a text like `1%`, `+3 %`, `-0.5%`; the sign % is required, so that 1 is never 100 %."""
    number, percent, rest = text.strip().partition("%")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not percent or rest or not math.isfinite(value):
        raise WrongChange(f"The change {text!r} must be a number with a percent sign, such as 1% or +3%.")
    return value / 100
