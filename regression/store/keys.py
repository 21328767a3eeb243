"""Where in a store a run lies: `<GPU>/<machine folder>/NNNN_<name>.json`, as pytest-benchmark stores it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from common.schema import INDEX, MARKS, PERHAPS_BASELINE_FILE, RUN_FILE
from common.stored import mapping, slug_of

UNKNOWN = "unknown"


def is_run(key: str) -> bool:
    """Whether an object is a stored run by its name."""
    path = PurePosixPath(key)
    return bool(RUN_FILE.fullmatch(path.name)) and not {INDEX, MARKS} & set(path.parts[:-1])


def is_baseline(key: str) -> bool:
    """Whether an object is a run that was saved as `baseline`, or that a mark may make one of the baseline."""
    return is_run(key) and bool(PERHAPS_BASELINE_FILE.fullmatch(PurePosixPath(key).name))


def is_mark(key: str) -> bool:
    path = PurePosixPath(key)
    return MARKS in path.parts[:-1] and path.suffix == ".json"


def folder_of(document: Mapping[str, Any]) -> str:
    """The GPU's folder and the machine's in it, from what a stored run says of its machine."""
    machine = mapping(document.get("machine_info"))
    return f"{_safe(slug_of(machine))}/{_machine_folder(machine)}"


def key_of(folder: str, name: str, taken: Iterable[str], run: str, *, exclusive: bool) -> str:
    """The key under which a run is appended.

    Args:
        folder: the folder of its GPU and machine.
        name: of its file, such as `0012_nightly.json`; it keeps its number where that is free.
        taken: the keys that the store has.
        run: its identity; where a store lets one writer overwrite another, it becomes a folder of its own.
        exclusive: whether the store does not.
    """
    number, saved_as = split(name)
    numbers = {split(PurePosixPath(key).name)[0] for key in taken if key.startswith(f"{folder}/") and is_run(key)}
    if number is None or number in numbers:
        number = max((found for found in numbers if found is not None), default=0) + 1
    own = "" if exclusive else f"{hashlib.sha256(run.encode()).hexdigest()[:12]}/"
    return f"{folder}/{own}{number:04d}_{saved_as}.json"


def split(name: str) -> tuple[int | None, str]:
    """The number of a stored run's file, None where it has none, and the name it was saved as."""
    stem = name.removesuffix(".json")
    number, _, saved_as = stem.partition("_")
    if RUN_FILE.fullmatch(name):
        return int(number), _safe(saved_as)
    return None, _safe(stem)


def _machine_folder(machine: Mapping[str, Any]) -> str:
    """As pytest-benchmark calls it; the stored run does not say how many bits Python has."""
    version = ".".join(str(machine.get("python_version") or "").split(".")[:2])
    parts = (machine.get("system"), machine.get("python_implementation"), version)
    return "-".join([*(_safe(part) for part in parts if part), "64bit"])


def _safe(text: Any) -> str:
    """Letters, digits, dots and dashes: what is a file's name everywhere, and never a path."""
    safe = re.sub(r"[^A-Za-z0-9._+-]+", "-", str(text or "")).strip(".-")[:100]
    return safe or UNKNOWN
