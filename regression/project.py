"""Where the project lies: its folder of baselines and its accepted changes, wherever a command is started."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder of the suite itself."""
BASELINES = "baselines"
ACCEPTED = "accepted.toml"


def baselines_folder() -> Path:
    """The project's folder of stored runs: that of the nearest folder above the current one, else the suite's own."""
    return next((found for folder in above(Path.cwd()) if (found := folder / BASELINES).is_dir()), ROOT / BASELINES)


def accepted_file(places: Iterable[Path]) -> Path | None:
    """The accepted changes that go with stored runs: in the project that a place lies in, else in this folder's.

    Args:
        places: files and folders, the most telling first.
    """
    for place in [*places, Path.cwd()]:
        for folder in above(place):
            for found in (folder / ACCEPTED, folder / BASELINES / ACCEPTED):
                if found.is_file() and found.parent.name == BASELINES:
                    return found
    return None


def above(place: Path) -> Iterable[Path]:
    """The place and the folders above it, nearest first."""
    here = place.absolute()
    return (here, *here.parents)
