"""Marks beside stored runs: which runs are excluded, which are the baseline, and which values were refreshed.

A mark is a small JSON file in `<gpu slug>/marks/`. Marking changes and deletes nothing that is stored.
"""

from __future__ import annotations

import dataclasses
import datetime
import getpass
import json
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import output, stored
from common.identity import identity
from common.schema import BASELINE_FILE, MARKS, PERHAPS_BASELINE_FILE
from common.stored import mapping, slug_of

SCHEMA = 1
EXCLUDE, RESTORE, BASELINE, REFRESH = "exclude", "restore", "baseline", "refresh"
KINDS = (EXCLUDE, RESTORE, BASELINE, REFRESH)
# A mark takes some hundred bytes; what is larger is none.
LARGEST_BYTES = 2**20
# Marks lie in a GPU's folder; runs lie in folders of machines, and perhaps of hosts, below it.
LEVELS_UP = 3
NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mark:
    """One thing that was said of stored runs."""

    kind: str
    runs: tuple[str, ...]
    """Identities."""
    when: datetime.datetime
    who: str = ""
    why: str = ""
    benchmarks: tuple[str, ...] = ()
    """Ids that `refresh` is for."""
    file: Path = Path()

    @property
    def day(self) -> str:
        return f"{self.when:%Y-%m-%d}"


@dataclasses.dataclass(frozen=True)
class Entry:
    """What marks need to know of a stored run."""

    identity: str
    when: datetime.datetime
    of: tuple[str, str, str]
    """Slug, MIG profile and precision policy: only runs that share them are one baseline."""
    named: bool
    """Whether it was saved as `baseline`."""


@dataclasses.dataclass(frozen=True)
class Standing:
    """What a stored run is, by its name and by the marks."""

    is_baseline: bool
    excluded: Mark | None = None
    only: frozenset[str] | None = None
    """The benchmarks that it is a baseline of; None for all."""
    without: frozenset[str] = frozenset()
    """Benchmarks that newer runs are the baseline of."""

    def counts_for(self, benchmark: str) -> bool:
        """Whether its value of this benchmark is one of the baseline's."""
        return self.is_baseline and (self.only is None or benchmark in self.only) and benchmark not in self.without


def written(
    kind: str,
    runs: Sequence[str],
    *,
    why: str = "",
    benchmarks: Sequence[str] = (),
    when: datetime.datetime | None = None,
) -> tuple[str, str]:
    """A new mark: where it belongs, below the GPU's folder, and its text."""
    when = when or datetime.datetime.now(tz=datetime.UTC)
    document = {
        "schema": SCHEMA,
        "when": when.isoformat(),
        "who": _who(),
        "kind": kind,
        "runs": list(runs),
        "why": why,
        **({"benchmarks": list(benchmarks)} if benchmarks else {}),
    }
    name = f"{when:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}.json"
    return f"{MARKS}/{name}", json.dumps(document, indent=1) + "\n"


def append(gpu_folder: Path, kind: str, runs: Sequence[str], **fields: Any) -> Path:
    """Write a new mark into a GPU's folder on this machine; the fields are those of `written`.

    Raises:
        common.output.UnwritableOutput: the folder cannot be written to.
    """
    place, text = written(kind, runs, **fields)
    output.create(gpu_folder / place, text)
    return gpu_folder / place


def read(paths: Iterable[Path]) -> tuple[tuple[Mark, ...], tuple[str, ...]]:
    """The marks that hold for what lies under these folders or for these files, in time order.

    Returns:
        The marks, and a sentence for every file among them that is none.
    """
    found: dict[str, Mark] = {}
    wrong: list[str] = []
    for path in dict.fromkeys(file for folder in _folders(paths) for file in sorted(folder.glob("*.json"))):
        try:
            found.setdefault(path.name, _mark(path))
        except (OSError, ValueError, RecursionError) as error:
            why = getattr(error, "strerror", None) or str(error)
            wrong.append(f"{path}: is ignored, since it is no mark that this version reads ({why})")
    return tuple(sorted(found.values(), key=lambda mark: (mark.when, mark.file.name))), tuple(wrong)


def is_mark(path: Path) -> bool:
    """Whether a file lies where marks do."""
    return path.parent.name == MARKS


def excluded(marks: Iterable[Mark]) -> dict[str, Mark]:
    """Identity to the mark that excludes the run."""
    out: dict[str, Mark] = {}
    for mark in marks:
        if mark.kind == EXCLUDE:
            out |= dict.fromkeys(mark.runs, mark)
        elif mark.kind == RESTORE:
            for run in mark.runs:
                out.pop(run, None)
    return out


def standings(entries: Sequence[Entry], marks: Sequence[Mark]) -> list[Standing]:
    """What each stored run is. Without marks, those saved as `baseline` are the baseline."""
    out = excluded(marks)
    of = {entry.identity: entry.of for entry in entries}
    whole: dict[tuple[str, str, str], Mark] = {}
    # Of each kind of run: a benchmark to the mark that refreshed it last.
    refreshed: dict[tuple[str, str, str], dict[str, Mark]] = {}
    for mark in marks:
        for kind in dict.fromkeys(of[run] for run in mark.runs if run in of):
            if mark.kind == BASELINE:
                whole[kind] = mark
                refreshed.pop(kind, None)
            elif mark.kind == REFRESH and any(of.get(run) == kind and run not in out for run in mark.runs):
                refreshed.setdefault(kind, {}).update(dict.fromkeys(mark.benchmarks, mark))
    return [_standing(entry, out, whole.get(entry.of), refreshed.get(entry.of, {}), marks) for entry in entries]


def _standing(
    entry: Entry, out: Mapping[str, Mark], whole: Mark | None, refreshed: Mapping[str, Mark], marks: Sequence[Mark]
) -> Standing:
    if entry.identity in out:
        return Standing(False, excluded=out[entry.identity])
    listed = whole is not None and entry.identity in whole.runs
    in_whole = listed or (entry.named and (whole is None or entry.when > whole.when))
    mine = frozenset(benchmark for benchmark, mark in refreshed.items() if entry.identity in mark.runs)
    # What was recorded to refresh some benchmarks is no baseline of the others, also where newer values replaced it.
    refreshes = any(mark.kind == REFRESH and entry.identity in mark.runs for mark in marks)
    if refreshes and not listed:
        return Standing(bool(mine), only=mine)
    return Standing(in_whole, without=frozenset(refreshed.keys() - mine)) if in_whole else Standing(False)


def entry_of(document: Mapping[str, Any], path: Path) -> Entry:
    """What marks need to know of a stored run's JSON."""
    machine = mapping(document.get("machine_info"))
    return Entry(identity(document), moment(document.get("datetime")), kind_of(machine), named(path))


def kind_of(machine: Mapping[str, Any]) -> tuple[str, str, str]:
    """Slug, MIG profile and precision policy of a run's `machine_info`."""
    gpu, settings = mapping(machine.get("gpu")), mapping(machine.get("settings"))
    mig, policy = (str(value) if value else "" for value in (gpu.get("mig"), settings.get("precision_policy")))
    return slug_of(machine), mig, policy


def moment(text: Any) -> datetime.datetime:
    """A date and time in ISO 8601; what is none is older than everything."""
    return stored.moment(text) or NEVER


def named(path: Path) -> bool:
    """Whether a run was saved as `baseline`."""
    return bool(BASELINE_FILE.fullmatch(path.name))


def perhaps_baseline(files: Sequence[Path], marks: Sequence[Mark]) -> list[Path]:
    """The files that may be of the baseline: those of that name, and with marks those of candidates."""
    if any(mark.kind in (BASELINE, REFRESH) for mark in marks):
        return candidates(files)
    return [path for path in files if named(path)]


def candidates(files: Iterable[Path]) -> list[Path]:
    """The files that are a baseline by their name, or may become one by a mark."""
    return [path for path in files if PERHAPS_BASELINE_FILE.fullmatch(path.name)]


def notes(entries: Sequence[Entry], marks: Sequence[Mark]) -> list[str]:
    """Sentences on refreshed values, and on runs of the baseline that are not there."""
    said = []
    of = {entry.identity: entry for entry in entries}
    found = standings(entries, marks)
    for mark in marks:
        if mark.kind == BASELINE and not any(later.kind == BASELINE and later.when > mark.when for later in marks):
            gone = [run for run in mark.runs if run not in of]
            if gone:
                said.append(
                    f"{len(gone)} of {len(mark.runs)} runs of the baseline of {mark.day} are not there: "
                    f"{', '.join(gone)}; restore their files, or record the baseline again."
                )
        if mark.kind == REFRESH:
            theirs = [one for entry, one in zip(entries, found, strict=True) if entry.identity in mark.runs]
            names = [name for name in mark.benchmarks if any(one.counts_for(name) for one in theirs)]
            if names and any(name in one.without for one in found for name in names):
                said.append(f"The baseline's values of {_some(names)} were refreshed on {mark.day}{_because(mark)}.")
    return said


def sentence(mark: Mark) -> str:
    """Why an excluded run is left out."""
    who = f" by {mark.who}" if mark.who else ""
    return f"was excluded on {mark.day}{who}{_because(mark)}; `python -m regression baseline restore` takes it back."


def _because(mark: Mark) -> str:
    return f" ({mark.why})" if mark.why else ""


def _some(names: Sequence[str], most: int = 3) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _folders(paths: Iterable[Path]) -> list[Path]:
    """The folders of marks under and above each path, each once."""
    found: dict[Path, Path] = {}
    for path in paths:
        here = path.absolute()
        beneath = []
        if os.path.isdir(here):  # noqa: PTH112 (Path.is_dir raises where a parent may not be read)
            beneath = [Path(where, MARKS) for where, names, _ in os.walk(here) if MARKS in names]
        above = [parent / MARKS for parent in [here, *here.parents][: LEVELS_UP + 1]]
        for folder in [*beneath, *above]:
            if os.path.isdir(folder):  # noqa: PTH112
                found.setdefault(folder.resolve(), folder)
    return list(found.values())


def _mark(path: Path) -> Mark:
    if path.stat().st_size > LARGEST_BYTES:
        raise ValueError(f"it has more than {LARGEST_BYTES >> 20} MiB")
    document = json.loads(path.read_bytes())
    if not isinstance(document, dict) or type(document.get("schema")) is not int:
        raise ValueError("it has no `schema`")
    if document["schema"] > SCHEMA:
        raise ValueError(f"`schema` is {document['schema']}, written by a newer version")
    runs, when = document.get("runs"), moment(document.get("when"))
    if document.get("kind") not in KINDS:
        raise ValueError(f"`kind` is none of {', '.join(KINDS)}")
    if not isinstance(runs, list) or not runs or not all(isinstance(run, str) for run in runs):
        raise ValueError("`runs` is no list of identities")
    if when == NEVER:
        raise ValueError("`when` is no date and time")
    benchmarks = document.get("benchmarks", [])
    if not isinstance(benchmarks, list) or not all(isinstance(one, str) for one in benchmarks):
        raise ValueError("`benchmarks` is no list of ids")
    who, why = (_line(document.get(field)) for field in ("who", "why"))
    return Mark(
        kind=document["kind"],
        runs=tuple(runs),
        when=when,
        who=who,
        why=why,
        benchmarks=tuple(benchmarks),
        file=path,
    )


def _line(text: Any) -> str:
    told = text if isinstance(text, str) else ""
    return " ".join("".join(char if char.isprintable() else " " for char in told).split())[:300]


def _who() -> str:
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
