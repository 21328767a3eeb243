"""What a rehearsal recorded: every turn, count and output, as one JSON file that is judged again anywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.errors import UsageError
from common.numbers import significant
from rehearsal import shapes
from rehearsal.protocol import LOADS, OLD, SIDES
from rehearsal.steps import Bisection

SCHEMA = 1
LARGEST_FILE_BYTES = 64 * 2**20


class UnusableRecord(UsageError):
    """A file is no rehearsal that can be judged; the message says why."""


@dataclass
class Turns:
    """The turns of one benchmark in one pair, by side and round, in seconds; of more processes by their names.

    Attributes:
        calls: timed calls of a turn.
        min_s: the shortest call of each turn.
        median_s: the median call of each turn.
    """

    calls: int
    min_s: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})
    median_s: dict[str, list[float]] = field(default_factory=lambda: {side: [] for side in SIDES})

    def add(self, found: Mapping[str, Sequence[float]]) -> None:
        """Add a round: the seconds of each call of every side's turn."""
        for side, times_s in found.items():
            ordered = sorted(times_s)
            middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
            self.min_s[side].append(significant(ordered[0]))
            self.median_s[side].append(significant(middle))

    @property
    def rounds(self) -> int:
        return len(next(iter(self.min_s.values())))


@dataclass
class Pair:
    """Two fresh processes, one a side.

    Attributes:
        turns: by benchmark.
        measured: by side and benchmark what else was measured, as `extra_info` of a stored run.
        lists: by side the lists that the tables in `measured` point into, as `suite` of a stored run.
    """

    turns: dict[str, Turns] = field(default_factory=dict)
    measured: dict[str, dict[str, Any]] = field(default_factory=lambda: {side: {} for side in SIDES})
    lists: dict[str, dict[str, Any]] = field(default_factory=lambda: {side: {} for side in SIDES})


@dataclass
class Record:
    """One rehearsal.

    Attributes:
        sides: by side: python, checkout, arguments, and what the side said of itself.
        missing: by side and benchmark why the side cannot have it.
        failed: by side and benchmark why the side, which has it, could not run it.
        outputs: by benchmark how the outputs of the two sides compare.
        interrupted: why it ended before it was done; empty where it did not.
        bisection: the search for the package to blame; None where there was none.
    """

    sides: dict[str, dict[str, Any]]
    budget_s: float
    datetime: str = ""
    missing: dict[str, dict[str, str]] = field(default_factory=lambda: {side: {} for side in SIDES})
    failed: dict[str, dict[str, str]] = field(default_factory=lambda: {side: {} for side in SIDES})
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    interrupted: str = ""
    took_s: float = 0.0
    bisection: Bisection | None = None

    @property
    def is_cuda(self) -> bool:
        return bool(self.sides[OLD]["device"]["is_cuda"])

    @property
    def loads_alike(self) -> bool:
        """Whether both sides' suites load engines and place weights and activations in one way."""
        return len(set(self.loadings)) == 1

    @property
    def loadings(self) -> list[int]:
        """Of each side, how its suite loads engines and places weights and activations (`common.schema.LOADING`)."""
        found = (self.sides[side].get(LOADS) for side in SIDES)
        return [one if type(one) is int else 1 for one in found]

    def benchmarks(self) -> list[str]:
        """Every benchmark that a side has or was asked for, in the order of the sides' matrices."""
        named = [name for side in SIDES for name in self.sides[side]["benchmarks"]]
        return list(dict.fromkeys([*named, *(name for side in SIDES for name in self.failed[side])]))

    def compared(self) -> list[str]:
        """The benchmarks that both sides have and none failed to run."""
        return [
            name
            for name in self.benchmarks()
            if all(name in self.sides[side]["benchmarks"] for side in SIDES)
            and not any(name in self.missing[side] or name in self.failed[side] for side in SIDES)
        ]

    def to_json(self) -> str:
        """The record as compact JSON."""
        document = {
            "rehearsal": SCHEMA,
            **{key: value for key, value in vars(self).items() if key not in ("pairs", "bisection")},
            "bisection": self.bisection and self.bisection.to_dict(),
            "pairs": [
                {
                    "turns": {name: vars(turns) for name, turns in pair.turns.items()},
                    "measured": pair.measured,
                    "lists": pair.lists,
                }
                for pair in self.pairs
            ],
        }
        return json.dumps(document, separators=(",", ":"))


def read(path: Path) -> Record:
    """The record of a file that `--json` wrote.

    Raises:
        UnusableRecord: it cannot be read, or is something else.
    """
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise UnusableRecord(f"{path} is larger than any rehearsal; give a file that --json wrote")
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UnusableRecord(f"{path} does not exist; give a file that --json wrote") from None
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or "it is not JSON"
        raise UnusableRecord(f"{path} cannot be read: {reason}") from None
    if not isinstance(document, dict) or "rehearsal" not in document:
        raise UnusableRecord(f"{path} is no rehearsal; give a file that `python -m rehearsal --json FILE` wrote")
    if document["rehearsal"] != SCHEMA:
        raise UnusableRecord(
            f"{path} has schema {str(document['rehearsal'])[:20]}, this version reads {SCHEMA}; "
            "judge it with the version that wrote it"
        )
    try:
        return _record(document)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise UnusableRecord(f"{path} is damaged ({type(error).__name__}: {str(error)[:80]})") from None


def _record(document: Mapping[str, Any]) -> Record:
    known = {key: value for key, value in document.items() if key not in ("rehearsal", "pairs", "bisection")}
    searched = document.get("bisection")
    if searched:
        shapes.check(searched, shapes.BISECTION, "bisection")
    record = Record(**known, bisection=Bisection.of(searched) if searched else None)
    shapes.check({**vars(record), "pairs": document["pairs"]})
    for benchmark, outputs in record.outputs.items():
        if not outputs["problem"]:
            shapes.check(outputs, shapes.COMPARED, f"outputs.{benchmark}")
    for stored in document["pairs"]:
        turns = {name: Turns(**one) for name, one in stored["turns"].items()}
        for one in turns.values():
            _check(one)
        record.pairs.append(Pair(turns, stored["measured"], stored["lists"]))
    return record


def _check(turns: Turns) -> None:
    kinds = (turns.min_s, turns.median_s)
    if len({len(times_s[side]) for times_s in kinds for side in SIDES}) != 1:
        raise ValueError("turns of different numbers")
    for times_s in kinds:
        for side in SIDES:
            if not all(isinstance(value, float) and 0 < value < math.inf for value in times_s[side]):
                raise ValueError("a turn that is no positive number")
