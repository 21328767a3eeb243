"""The baselines in a store, GPU by GPU: their runs, what the marks make of each, and how a user names one."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from common import marks
from common.errors import UsageError
from common.marks import Mark, Standing
from common.schema import RUN_FILE
from regression.runs.find import walk
from regression.runs.marks import entry_of, limit, read_marks
from regression.runs.read import read
from regression.runs.run import LeftOut, Run, UnusableRun
from regression.store.keys import is_run
from regression.store.objects import StoreAway
from regression.store.opening import named, opened
from regression.store.store import Store
from regression.text import escaped
from regression.values import lookup

Kind = tuple[str, str, str]
"""Slug, MIG profile and precision policy: only runs that share them are one baseline."""
UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Stored:
    """One stored run and what the marks make of it."""

    run: Run
    standing: Standing

    @property
    def file(self) -> Path:
        return self.run.path

    @property
    def is_baseline(self) -> bool:
        return self.standing.is_baseline and not self.run.interrupted


@dataclasses.dataclass(frozen=True)
class Gpu:
    """All runs of one kind that are, were or may become a baseline."""

    kind: Kind
    runs: tuple[Stored, ...]
    marks: tuple[Mark, ...]

    @property
    def baselines(self) -> list[Run]:
        """The runs of the baseline, each once and with the benchmarks that it counts for."""
        limited = {one.run.identity: limit(one.run, one.standing) for one in self.runs if one.is_baseline}
        return [run for run in limited.values() if run.benchmarks]

    @property
    def title(self) -> str:
        """Such as `NVIDIA H200 (nvidia-h200)`, with a MIG profile where there is one."""
        slug, mig, _ = self.kind
        name = next((str(name) for one in self.runs if (name := lookup(one.run.machine, ("gpu", "name")))), "")
        told = f"{name} ({slug})" if name else slug or UNKNOWN
        return escaped(f"{told}, MIG {mig}" if mig else told)


@contextlib.contextmanager
def open_place(url: str | None, default: Path) -> Iterator[Store]:
    """The store that `--store` or the environment names, else the project's folder.

    Raises:
        UsageError: it cannot be opened, or does not answer.
    """
    try:
        with opened(named(url) or default) as store:
            yield store
    except StoreAway as problem:
        raise UsageError(f"the store does not answer ({problem}); try again when it does.") from None


def gpus(folder: Path, *, every_run: bool = False) -> tuple[list[Gpu], list[LeftOut], list[str]]:
    """What a folder of stored runs holds, by kind; what cannot be read; and sentences on what is no mark.

    Args:
        every_run: also runs that neither are nor were a baseline, which takes longer.
    """
    left_out: list[LeftOut] = []
    said, wrong = read_marks([folder])
    files = walk(folder, left_out) if folder.exists() else []  # the first day
    runs: list[Run] = []
    wanted = [file for file in files if RUN_FILE.fullmatch(file.name)] if every_run else marks.candidates(files)
    for file in wanted:
        try:
            runs.append(read(file))
        except UnusableRun as problem:
            left_out.append(LeftOut(problem.path, problem.reason))
    entries = [entry_of(run) for run in runs]
    found: dict[Kind, list[Stored]] = {}
    for run, entry, standing in zip(runs, entries, marks.standings(entries, said), strict=True):
        found.setdefault(entry.of, []).append(Stored(run, standing))
    by_kind = [
        Gpu(kind, tuple(sorted(found[kind], key=lambda one: (one.run.datetime, one.file))), said)
        for kind in sorted(found)
    ]
    return by_kind, left_out, wrong


def find(name: str, known: Sequence[Gpu]) -> Stored:
    """The run that a user means by its file, its file's name or number, or the beginning of its identity.

    Raises:
        UsageError: there is none, or more than one.
    """
    runs = [one for gpu in known for one in gpu.runs]
    path = Path(name)
    found = [one for one in runs if path.suffix == ".json" and path.exists() and one.file.resolve() == path.resolve()]
    if not found:
        found = [one for one in runs if name in (one.file.name, one.file.stem, one.file.name.partition("_")[0])]
    if not found and len(name) >= 4:
        found = [one for one in runs if one.run.identity.startswith(name)]
    if len(found) == 1:
        return found[0]
    several = {one.run.identity for one in found}
    if len(several) == 1:
        return found[0]
    if found:
        paths = ", ".join(escaped(one.file) for one in found[:4])
        raise UsageError(f"{escaped(name)} may be any of {len(found)} runs ({paths}, ...); give the path of one.")
    raise UsageError(
        f"{escaped(name)} is no run of this store; give a file, its number such as 0003, or its identity "
        "(`python -m regression baseline list` shows them)."
    )


def at_hand(store: Store, names: Sequence[str]) -> list[str]:
    """The names of runs that a user gave, and those runs in the mirror, which else has only the latest.

    A name as `shown` gives it becomes that of a file.
    """
    if store.is_local:
        return list(names)
    place = store.named("")
    keys_ = {name: name.removeprefix(place) for name in names if name.startswith(place)}
    called = {*keys_.values(), *names}

    def wanted(key: str) -> bool:
        name = PurePosixPath(key).name
        return is_run(key) and not called.isdisjoint((key, name, name.removesuffix(".json"), name.partition("_")[0]))

    store.fetch(wanted=wanted)
    return [str(store.folder / keys_[name]) if name in keys_ else name for name in names]


def mark(store: Store, gpu_folder: str, kind: str, runs: Sequence[str], **fields: object) -> None:
    """Append a mark to the store. Where the store is away by now, the mark waits, and that is said."""
    place, text = marks.written(kind, runs, **fields)  # type: ignore[arg-type]
    # The folder of one GPU may be given as a store, too.
    own = store.is_local and store.folder.resolve().name == gpu_folder
    delivered = store.append(place if own else f"{gpu_folder}/{place}", text.encode())
    if not delivered.key:
        print(delivered.said, file=sys.stderr)


def shown(store: Store, file: Path) -> str:
    """A stored run as the store calls it."""
    key = store.key_of(file)
    return store.named(key) if key else escaped(file)


def folder_of(store: Store, run: Run) -> str:
    """The GPU's folder in the store that a run lies in, or belongs to."""
    try:
        first = run.path.resolve().relative_to(store.folder.resolve()).parts[0]
    except ValueError:
        first = ""
    slug = run.slug
    return slug if slug and (not first or store.folder.name == slug) else first or slug or UNKNOWN
