"""Fresh processes of one environment that took turns: what was measured, as one compact file."""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import output
from common.numbers import significant
from proof.inject.slowdown import is_reference
from rehearsal.record import LARGEST_FILE_BYTES, Turns, UnusableRecord

SCHEMA = 2
DIGITS = 5
PACKED = ".xz"
SLOWED = "slowed"
"""In the `extra_info` of a process that is slowed: what was injected."""
# What no judgement of a rehearsal reads.
LEFT_OUT = ("kernel_time_repeats_s", "api_call_times_s")


@dataclass
class Process:
    """One fresh process.

    Attributes:
        measured: by benchmark what was measured beside its latency, as `extra_info` of a stored run.
        lists: the lists that the tables in `measured` point into, as `suite` of a stored run.
        slowed: by benchmark what was injected into it: kind, amount asked for, and size in seconds.
    """

    measured: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, Any] = field(default_factory=dict)
    slowed: dict[str, Any] = field(default_factory=dict)

    def keep(self, benchmark: str, extra_info: Mapping[str, Any], lists: dict[str, Any]) -> None:
        """Keep what the process answered of a benchmark."""
        self.measured[benchmark] = {key: value for key, value in extra_info.items() if key != SLOWED}
        self.lists = lists
        if extra_info.get(SLOWED):
            self.slowed[benchmark] = extra_info[SLOWED]

    @property
    def injected(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Benchmarks with what slows them, without what is only there to be compared with."""
        return [
            (benchmark, entry)
            for benchmark, entries in self.slowed.items()
            for entry in entries
            if not is_reference(str(entry["kind"]), str(entry["asked"]))
        ]


@dataclass
class Batch:
    """Processes that lived at the same time.

    Attributes:
        turns: by benchmark; in them the names of the processes stand for the sides.
        processes: by name, those that did all they were asked for.
        apart_s: what it took beside the turns, such as builds and profiles; 0 where that is not known.
        turns_s: what the turns took; 0 where that is not known.
        is_first: whether it compiled what later ones of its rehearsal loaded.
    """

    turns: dict[str, Turns] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    apart_s: float = 0.0
    turns_s: float = 0.0
    is_first: bool = False

    @property
    def unchanged(self) -> list[str]:
        """The names of the processes that nothing was injected into, or only what is there to be compared with."""
        return [name for name, process in self.processes.items() if not process.injected]

    @property
    def slowed(self) -> list[str]:
        """The names of the others."""
        return [name for name, process in self.processes.items() if process.injected]


@dataclass
class Recording:
    """All batches of one environment.

    Attributes:
        side: interpreter, checkout and arguments, and what a process said of itself.
        notes: which processes were left out, and why.
    """

    side: dict[str, Any]
    datetime: str
    batches: list[Batch] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """Write all batches whole or not at all, packed where the name ends in .xz.

        Raises:
            output.UnwritableOutput: as `output.write` does.
        """
        lists: list[Any] = []
        document = {
            "processes": SCHEMA,
            "side": self.side,
            "datetime": self.datetime,
            "notes": self.notes,
            "batches": [_stored(batch, lists) for batch in self.batches],
            "lists": lists,
        }
        data = json.dumps(document, separators=(",", ":")).encode()
        output.write(path, lzma.compress(data, preset=9) if path.suffix == PACKED else data)


def read(paths: Sequence[Path]) -> Recording:
    """The batches of some files, of one environment on one model of device.

    Raises:
        UnusableRecord: one cannot be read, is something else, or is of another environment.
    """
    first, *others = [_read(path) for path in paths]
    for path, other in zip(paths[1:], others, strict=True):
        for key in ("packages", "settings", "arguments", "benchmarks"):
            if other.side[key] != first.side[key]:
                raise UnusableRecord(f"{path} has other {key} than {paths[0]}; judge them apart")
        if other.side["device"]["name"] != first.side["device"]["name"]:
            raise UnusableRecord(f"{path} is of another device than {paths[0]}; judge them apart")
        first.batches += other.batches
        first.notes += other.notes
    return first


def _read(path: Path) -> Recording:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise UnusableRecord(f"{path} is larger than any recording of processes")
        data = path.read_bytes()
        document = json.loads(lzma.decompress(data) if path.suffix == PACKED else data)
    except FileNotFoundError:
        raise UnusableRecord(f"{path} does not exist") from None
    except (OSError, ValueError, RecursionError, EOFError, lzma.LZMAError) as error:
        raise UnusableRecord(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is damaged'}") from None
    if not isinstance(document, dict) or document.get("processes") != SCHEMA:
        raise UnusableRecord(
            f"{path} holds no batches of processes; give a file that `python -m proof.rehearsals.pairs` wrote"
        )
    try:
        batches = [_batch(stored, document["lists"]) for stored in document["batches"]]
        return Recording(document["side"], document["datetime"], batches, document["notes"])
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise UnusableRecord(f"{path} is damaged ({type(error).__name__}: {str(error)[:80]})") from None


def _stored(batch: Batch, lists: list[Any]) -> dict[str, Any]:
    """The batch in types of JSON; lists that processes share are kept once."""
    processes = {}
    for name, process in batch.processes.items():
        if process.lists not in lists:
            lists.append(process.lists)
        measured = {
            benchmark: {key: value for key, value in fields.items() if key not in LEFT_OUT}
            for benchmark, fields in process.measured.items()
        }
        processes[name] = {"measured": measured, "lists": lists.index(process.lists), "slowed": process.slowed}
    turns = {
        benchmark: {
            "calls": one.calls,
            **{
                key: {name: [significant(value, DIGITS) for value in times_s] for name, times_s in found.items()}
                for key, found in vars(one).items()
                if isinstance(found, dict)
            },
        }
        for benchmark, one in batch.turns.items()
    }
    took = {"apart_s": significant(batch.apart_s, DIGITS), "turns_s": significant(batch.turns_s, DIGITS)}
    return {"turns": turns, "processes": processes, **took, "is_first": batch.is_first}


def _batch(stored: Mapping[str, Any], lists: Sequence[Any]) -> Batch:
    processes = {
        name: Process(one["measured"], lists[one["lists"]], one["slowed"]) for name, one in stored["processes"].items()
    }
    turns = {benchmark: Turns(**one) for benchmark, one in stored["turns"].items()}
    for one in turns.values():
        for found in (one.min_s, one.median_s):
            if set(found) != set(processes) or len({len(times_s) for times_s in found.values()}) > 1:
                raise ValueError("turns of different numbers")
    return Batch(turns, processes, float(stored["apart_s"]), float(stored["turns_s"]), bool(stored["is_first"]))
