"""Finds the stored runs under files and folders: which are baselines, which are history, and which are no use."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from common.marks import excluded, perhaps_baseline
from common.schema import INDEX, MARKS, RUN_FILE
from regression.runs.marks import left_out_by, limit, read_marks, settle
from regression.runs.read import read
from regression.runs.run import LeftOut, Run, UnusableRun
from regression.text import why

NO_BASELINE = (
    "no run in this folder was saved as `baseline`; record some with --benchmark-save=baseline, or name the files."
)


@dataclasses.dataclass(frozen=True)
class Stored:
    """What was found under the paths given: baselines, the files of other runs (oldest first), and what is no use."""

    baselines: tuple[Run, ...]
    history: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...] = ()
    """Sentences on what marks say of the baseline as a whole."""
    excluded: frozenset[str] = frozenset()
    """Identities of runs that marks leave out."""


def collect(paths: Iterable[Path], read: Callable[[Path], Run] = read) -> Stored:
    """Stored runs under `paths`: a file is a baseline whatever its name, in a folder those saved as `baseline` are."""
    left_out: list[LeftOut] = []
    history: list[Path] = []
    paths = list(paths)
    said, notes = read_marks(paths)
    # Whether a file was given by name, or found in a folder, where its name and the marks decide.
    files: dict[Path, bool] = {}
    for path in paths:
        if is_folder(path):
            found = walk(path, left_out)
            perhaps = perhaps_baseline(found, said)
            history += [file for file in found if file not in perhaps and RUN_FILE.fullmatch(file.name)]
            if not perhaps:
                left_out.append(LeftOut(path, NO_BASELINE))
            files = dict.fromkeys(perhaps, False) | files
        else:
            files[path] = True
    given: dict[Path, bool] = {}
    runs: dict[Path, Run] = {}
    for file, by_name in files.items():
        try:
            real = file.resolve()
            given[real] = by_name or given.get(real, False)
            if real not in runs:
                runs[real] = read(file)
        except UnusableRun as error:
            left_out.append(LeftOut(error.path, error.reason))
        except (OSError, RuntimeError, ValueError) as error:
            left_out.append(LeftOut(file, f"cannot be found: {why(error)}."))
    out = excluded(said)
    settled = settle([run for real, run in runs.items() if not given[real]], said)
    of_baseline = {run.path: run for run in settled.baselines}
    baselines = []
    for real, run in runs.items():
        if given[real] and run.identity in out:
            left_out.append(left_out_by(out[run.identity], run.path))
        elif run.interrupted and (given[real] or run.path in of_baseline):
            left_out.append(
                LeftOut(run.path, f"was interrupted ({run.interrupted}), so it is no baseline; record another.")
            )
        elif given[real] or run.path in of_baseline:
            baselines.append(limit(run) if given[real] else of_baseline[run.path])
    history = sorted([*history, *settled.history], key=lambda file: file.name)
    return Stored(
        tuple(baselines),
        tuple(history),
        (*left_out, *settled.left_out),
        (*settled.notes, *notes),
        frozenset(out),
    )


def is_folder(path: Path) -> bool:
    """Path.is_dir without its exception where a parent may not be read."""
    return os.path.isdir(path)  # noqa: PTH112


def walk(folder: Path, left_out: list[LeftOut]) -> list[Path]:
    """The JSON files in a folder and its sub-folders, by path, but no marks and no index.

    Folders that cannot be read go to `left_out`.
    """

    def refused(error: OSError) -> None:
        left_out.append(
            LeftOut(
                Path(error.filename or folder),
                f"this folder cannot be read: {why(error)}; give yourself permission to read it.",
            )
        )

    found: list[Path] = []
    for where, folders, names in os.walk(folder, onerror=refused):
        folders[:] = [name for name in folders if name not in (MARKS, INDEX)]
        found += [Path(where, name) for name in names if name.endswith(".json")]
    return sorted(found)
