"""Known changes that are reported as accepted instead of failing, until a date: `baselines/accepted.toml`."""

from __future__ import annotations

import dataclasses
import datetime
import math
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regression.metrics import METRICS, Metric, WrongChange, parse_change
from regression.text import escaped

ACCEPTED_FILE = "baselines/accepted.toml"
"""Where accepted changes are kept, under the project's folder."""
FIELDS = ("benchmark", "metric", "change", "reason", "expires")


class WrongAccepted(Exception):
    """A file of accepted changes that cannot be read at all; the message is a sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Accepted:
    """One known change: of this benchmark and metric, up to `change` (a fraction), because of `reason`."""

    benchmark: str
    metric: str
    change: float
    reason: str
    expires: datetime.date

    def covers(self, benchmark: str, metric: str, today: datetime.date) -> bool:
        return (self.benchmark, self.metric) == (benchmark, metric) and today <= self.expires


def read_accepted(path: Path, metrics: Sequence[Metric] = METRICS) -> tuple[tuple[Accepted, ...], tuple[str, ...]]:
    """The entries of a TOML file (an array of tables `accepted`), and a sentence for each that is wrong.

    Raises WrongAccepted where the file as a whole cannot be read.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise WrongAccepted(f"{escaped(path)}: cannot be read as TOML: {escaped(why)}.") from None
    entries = document.get("accepted", [])
    if not isinstance(entries, list) or set(document) - {"accepted"}:
        raise WrongAccepted(f"{escaped(path)}: must hold tables named [[accepted]] and nothing else.")
    good: list[Accepted] = []
    wrong: list[str] = []
    for number, entry in enumerate(entries, start=1):
        try:
            good.append(_entry(entry, metrics))
        except WrongChange as error:
            wrong.append(f"{escaped(path)}: entry {number} is ignored: {error}")
    return tuple(good), tuple(wrong)


def _entry(entry: Any, metrics: Sequence[Metric]) -> Accepted:
    if not isinstance(entry, Mapping) or set(entry) != set(FIELDS):
        raise WrongChange(f"it must have the fields {', '.join(FIELDS)} and no others.")
    for field in ("benchmark", "metric", "change", "reason"):
        if not isinstance(entry[field], str) or not entry[field].strip():
            raise WrongChange(f"`{field}` must be a text that is not empty.")
    judged = [metric.key for metric in metrics if metric.judged]
    if entry["metric"] not in judged:
        raise WrongChange(f"`metric` is {escaped(entry['metric'])}; it must be one of {', '.join(judged)}.")
    change = parse_change(entry["change"])
    if not 0 < change <= 10:
        raise WrongChange(f"`change` is {escaped(entry['change'])}; only a change for the worse can be accepted.")
    expires = entry["expires"]
    if not isinstance(expires, datetime.date) or isinstance(expires, datetime.datetime):
        raise WrongChange("`expires` must be a date such as 2026-12-31, without quotes.")
    return Accepted(entry["benchmark"], entry["metric"], change, escaped(entry["reason"]), expires)


def allowance(entry: Accepted, noise: float) -> float:
    """The largest logarithm of a ratio that an entry covers: its change, and the noise of measuring it."""
    return math.log1p(entry.change) + noise


def stale(entries: Sequence[Accepted], used: set[Accepted], known: set[str], today: datetime.date) -> list[str]:
    """A sentence for every entry that expired, names an unknown benchmark, or covers nothing in this run."""
    said = []
    for entry in entries:
        name = f"accepted change of {escaped(entry.benchmark)}, {entry.metric}"
        if today > entry.expires:
            said.append(f"The {name} expired on {entry.expires}; it fails again: remove the entry or renew it.")
        elif entry.benchmark not in known:
            said.append(f"The {name} names a benchmark that neither this run nor the baseline has; correct the entry.")
        elif entry not in used:
            said.append(f"The {name} covers nothing in this run; remove the entry if it stays so.")
    return said
