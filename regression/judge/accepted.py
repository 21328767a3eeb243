"""Known changes that are reported as accepted instead of failing, until a date: `baselines/accepted.toml`."""

from __future__ import annotations

import dataclasses
import datetime
import math
import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from regression.changes import WrongChange, parse_change
from regression.metric import Metric
from regression.metrics import METRICS
from regression.text import escaped

ACCEPTED_FILE = "baselines/accepted.toml"
"""Where accepted changes are kept, under the project's folder."""
REQUIRED = ("benchmark", "reason", "expires")
OPTIONAL = ("metric", "change", "verdict", "value", "gpu")
# What an entry may accept besides a growth.
MISSING, CHANGED = "MISSING", "CHANGED"
LABELS = "labels"


class WrongAccepted(Exception):
    """A file of accepted changes that cannot be read at all; the message is a sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Accepted:
    """One known change, because of `reason`: a growth up to `change`, a benchmark that is MISSING, or a count's value.

    Attributes:
        benchmark: an id, or a pattern of ids, in which `*` stands for anything.
        metric: empty for every metric of what is MISSING.
        change: the growth as a fraction; None where `verdict` says what is accepted.
        gpu: slug of the GPU model that it holds for; empty for all.
        verdict: `MISSING` or `CHANGED`; empty for a growth.
        value: of a count that is CHANGED, what it may be.
    """

    benchmark: str
    metric: str
    change: float | None
    reason: str
    expires: datetime.date
    gpu: str = ""
    verdict: str = ""
    value: float | None = None

    def names(self, benchmark: str) -> bool:
        """Whether it is for this benchmark; an id names itself, whatever it contains."""
        return self.benchmark == benchmark or fnmatchcase(benchmark, self.benchmark)

    def is_for(self, gpu: str) -> bool:
        return self.gpu in ("", gpu)

    def covers(self, benchmark: str, metric: str, today: datetime.date, gpu: str = "") -> bool:
        return self.names(benchmark) and self.metric in ("", metric) and self.is_for(gpu) and today <= self.expires


def read_accepted(path: Path, metrics: Sequence[Metric] = METRICS) -> tuple[tuple[Accepted, ...], tuple[str, ...]]:
    """The entries of a TOML file (an array of tables `accepted`), and a sentence for each that is wrong.

    Raises WrongAccepted where the file as a whole cannot be read.
    """
    try:
        text = path.read_bytes().decode()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise WrongAccepted(f"{escaped(path)}: cannot be read as TOML: {escaped(why)}.") from None
    return parse_accepted(text, path, metrics)


def parse_accepted(
    text: str, path: Path, metrics: Sequence[Metric] = METRICS
) -> tuple[tuple[Accepted, ...], tuple[str, ...]]:
    """What `read_accepted` returns, of a file's text; `path` is what it is called."""
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise WrongAccepted(f"{escaped(path)}: cannot be read as TOML: {escaped(str(error))}.") from None
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
    fields = set(entry) if isinstance(entry, Mapping) else set()
    if not fields.issuperset(REQUIRED) or not fields.issubset({*REQUIRED, *OPTIONAL}):
        raise WrongChange(
            f"it must have the fields {', '.join(REQUIRED)} and may have {', '.join(OPTIONAL)}, and no others."
        )
    for field in ("benchmark", "reason", *(name for name in OPTIONAL if name in fields and name != "value")):
        if not isinstance(entry[field], str) or not entry[field].strip():
            raise WrongChange(f"`{field}` must be a text that is not empty.")
    verdict, metric = entry.get("verdict", ""), entry.get("metric", "")
    if verdict not in ("", MISSING, CHANGED):
        raise WrongChange(f"`verdict` is {escaped(verdict)}; only {MISSING} and {CHANGED} can be accepted by name.")
    judged = [metric.key for metric in metrics if metric.judged]
    if metric not in judged and not (metric == "" and verdict == MISSING):
        raise WrongChange(f"`metric` is {escaped(metric) or 'not given'}; it must be one of {', '.join(judged)}.")
    if metric == LABELS:
        raise WrongChange("`metric` is labels; a lost label cannot be accepted.")
    expires = entry["expires"]
    if not isinstance(expires, datetime.date) or isinstance(expires, datetime.datetime):
        raise WrongChange("`expires` must be a date such as 2026-12-31, without quotes.")
    return Accepted(
        entry["benchmark"],
        metric,
        _change(entry, verdict),
        escaped(entry["reason"]),
        expires,
        entry.get("gpu", ""),
        verdict,
        _value(entry, verdict),
    )


def _change(entry: Mapping[str, Any], verdict: str) -> float | None:
    if verdict:
        if "change" in entry:
            raise WrongChange(f"`change` says nothing of what is {verdict}; leave it out.")
        return None
    if "change" not in entry:
        raise WrongChange(f"it must have the field change, or the verdict {MISSING} or {CHANGED}.")
    change = parse_change(entry["change"])
    if not 0 < change <= 10:
        raise WrongChange(f"`change` is {escaped(entry['change'])}; only a change for the worse can be accepted.")
    return change


def _value(entry: Mapping[str, Any], verdict: str) -> float | None:
    value = entry.get("value")
    if (value is not None) != (verdict == CHANGED):
        raise WrongChange(f"`value` is the count that is accepted, and belongs to the verdict {CHANGED} alone.")
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0):
        raise WrongChange("`value` must be a number from 0 on, without quotes.")
    return None if value is None else float(value)


def allowance(entry: Accepted, noise: float) -> float:
    """The largest logarithm of a ratio that an entry covers: its change, and the noise of measuring it."""
    return math.log1p(entry.change or 0.0) + noise


def stale(
    entries: Sequence[Accepted],
    used: set[Accepted],
    known: set[str],
    selected: set[str],
    today: datetime.date,
    gpu: str = "",
) -> list[str]:
    """A sentence for every entry that expired, names an unknown benchmark, or covers nothing in this run.

    Of an entry for another GPU, or for none of the benchmarks that the run selected, nothing can be said.
    """
    said = []
    for entry in entries:
        metric = f", {entry.metric}" if entry.metric else ""
        name = f"accepted change of {escaped(entry.benchmark)}{metric}"
        if not entry.is_for(gpu):
            continue
        if today > entry.expires:
            said.append(f"The {name} expired on {entry.expires}; it fails again: remove the entry or renew it.")
        elif not any(map(entry.names, known)):
            said.append(f"The {name} names a benchmark that neither this run nor the baseline has; correct the entry.")
        elif entry not in used and any(map(entry.names, selected)):
            said.append(f"The {name} covers nothing in this run; remove the entry if it stays so.")
    return said
