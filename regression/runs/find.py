"""Finds the stored runs under files and folders: which are baselines, which are history, and which are no use."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.schema import BASELINE_FILE, INDEX, MARKS, RUN_FILE
from regression.metrics import METRICS, Metric
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


def collect(paths: Iterable[Path], metrics: Sequence[Metric] = METRICS) -> Stored:
    """Stored runs under `paths`: a file is a baseline whatever its name, in a folder those saved as `baseline` are."""
    left_out: list[LeftOut] = []
    files: dict[Path, None] = {}
    history: list[Path] = []
    for path in paths:
        if is_folder(path):
            found = walk(path, left_out)
            named = [file for file in found if BASELINE_FILE.fullmatch(file.name)]
            history += [file for file in found if file not in named and RUN_FILE.fullmatch(file.name)]
            if not named:
                left_out.append(LeftOut(path, NO_BASELINE))
            files |= dict.fromkeys(named)
        else:
            files[path] = None
    runs: dict[Path, Run] = {}
    for file in files:
        try:
            real = file.resolve()
            if real not in runs:
                run = read(file, metrics)
                if run.interrupted:
                    raise UnusableRun(
                        file, f"was interrupted ({run.interrupted}), so it is no baseline; record another."
                    )
                runs[real] = run
        except UnusableRun as error:
            left_out.append(LeftOut(error.path, error.reason))
        except (OSError, RuntimeError, ValueError) as error:
            left_out.append(LeftOut(file, f"cannot be found: {why(error)}."))
    return Stored(tuple(runs.values()), tuple(sorted(history, key=lambda file: file.name)), tuple(left_out))


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
