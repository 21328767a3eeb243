"""Brings runs into a store, each once; what cannot be delivered now waits on this machine."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path, PurePosixPath
from typing import Any

from common import output
from common.identity import identity
from common.stored import interrupted
from regression.store import index, keys
from regression.store.objects import StoreAway, WrongStore
from regression.store.store import Delivered, Store, files
from regression.text import escaped, why

# A session that still measures writes its file again within this time.
LEFT_BEHIND_S = 6 * 3600.0
EARLIER = "of an earlier session, "


class Known:
    """What a store has, read once for all that is delivered to it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._of_gpu: dict[str, dict[str, tuple[str, bool]]] = {}

    def runs(self, slug: str) -> dict[str, tuple[str, bool]]:
        """Key to identity, and whether the run is whole. Raises StoreAway."""
        if slug not in self._of_gpu:
            entries = index.read_all(self._store, slug).entries
            self._of_gpu[slug] = {entry.of.key: (entry.run, not entry.cut_short) for entry in entries}
        return self._of_gpu[slug]


def deliver(store: Store, file: Path, known: Known | None = None, *, name: str = "") -> Delivered:
    """Append a stored run, once; where the store is away, it waits in the outbox.

    Args:
        known: of this store, where more than one run is delivered.
        name: such as `baseline-candidate.json`, where the store is to call the run other than its file is called.

    Raises:
        WrongStore: the file is no stored run.
        common.output.UnwritableOutput: the store is away, and the outbox cannot be written.
    """
    data, document = _load(file)
    name = name or file.name
    run = identity(document)
    inside = store.key_of(file)
    if inside and store.is_local:
        return Delivered(inside, False, f"stored as {store.named(inside)}")
    folder = str(PurePosixPath(inside).parent) if inside else keys.folder_of(document)
    try:
        there = (known or Known(store)).runs(folder.partition("/")[0])
        key, new = _append(store, there, f"{folder}/{name}", run, data, whole=not interrupted(document))
    except StoreAway as problem:
        kept = store.outbox / "runs" / keys.key_of(folder, name, (), run, exclusive=False)
        if kept != file:
            output.write(kept, data)
        return Delivered("", False, store.kept(kept, problem))
    if inside:
        _rename(store, file, key)
    return Delivered(key, new, f"{'delivered' if new else 'was there already'}: {store.named(key)}")


def _append(
    store: Store, there: dict[str, tuple[str, bool]], wanted: str, run: str, data: bytes, *, whole: bool
) -> tuple[str, bool]:
    """The key of the run, and whether it was appended; a run that was cut short gives way to the whole one."""
    for key, (its_run, is_whole) in there.items():
        if its_run == run and (is_whole or not whole):
            return key, False
    folder, _, name = wanted.rpartition("/")
    taken = set(there)
    while True:
        key = keys.key_of(folder, name, taken, run, exclusive=store.objects.exclusive)
        try:
            store.objects.append(key, data)
            there[key] = (run, whole)
            return key, True
        except FileExistsError:
            # Another writer was faster; or this one, where the answer to its first attempt was lost.
            with contextlib.suppress(FileNotFoundError):
                if store.objects.read(key) == data:
                    return key, True
            taken.add(key)


def _rename(store: Store, file: Path, key: str) -> None:
    """The mirror calls a run as the store does."""
    target = store.folder / key
    with contextlib.suppress(OSError, output.UnwritableOutput):  # it is delivered, and fetched again
        if target.resolve() != file.resolve():
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        store.has(key)


def deliver_waiting(store: Store) -> list[str]:
    """Deliver what earlier sessions could not, and what sessions that died left behind; a sentence for each.

    Where the store is away still, the last sentence says so. What was left half-written is removed.
    """
    for folder in (store.folder, store.cache, store.outbox):
        output.remove_abandoned(folder, time.time() - LEFT_BEHIND_S)
    said: list[str] = []
    known = Known(store)
    for file in [*files(store.outbox / "runs"), *_left_behind(store)]:
        try:
            delivered = deliver(store, file, known)
        except WrongStore as problem:
            said.append(f"left out: {problem}")
            continue
        if not delivered.key:
            return [*said, delivered.said]
        said.append(f"{EARLIER}{delivered.said}")
        if store.outbox in file.parents:
            file.unlink(missing_ok=True)
    for file in files(store.outbox / "objects"):
        key = file.relative_to(store.outbox / "objects").as_posix()
        with contextlib.suppress(FileExistsError):
            delivered = store.append(key, file.read_bytes())
            if not delivered.key:
                return [*said, delivered.said]
            said.append(f"{EARLIER}{delivered.said}")
        file.unlink(missing_ok=True)
    return said


def _left_behind(store: Store) -> list[Path]:
    """Runs in the mirror that were never delivered, whose sessions cannot be alive any more."""
    if store.is_local:
        return []
    known, before = store.fetched(), time.time() - LEFT_BEHIND_S
    return [
        file
        for file in files(store.folder)
        if (key := store.key_of(file)) not in known and keys.is_run(key) and file.stat().st_mtime < before
    ]


def _load(file: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        data = file.read_bytes()
        document = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise WrongStore(f"{escaped(file)} cannot be delivered: {why(error)}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        raise WrongStore(f"{escaped(file)} cannot be delivered: it is no stored run.")
    return data, document
