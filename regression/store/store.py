"""A store as this machine sees it: its objects, a local mirror of what is needed, and what waits to be delivered."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from common import harness, output
from regression.runs.identity import identity
from regression.store import keys, places
from regression.store.objects import Folder, Object, Objects, StoreAway, WrongStore
from regression.text import escaped

# Of one GPU, beside its baselines: enough for patience and for a next number.
LATEST = 30
# A session that still measures writes its file again within this time.
LEFT_BEHIND_S = 6 * 3600.0
AT_ONCE = 16


@dataclass(frozen=True)
class Delivered:
    """Where a run lies in the store.

    Attributes:
        key: of the object; empty where the store was away, and the run waits in the outbox.
        new: whether this delivery added it.
        said: one sentence.
    """

    key: str
    new: bool
    said: str


class Store:
    """One store.

    Attributes:
        url: as it was given.
        objects: the store itself.
        folder: where its runs can be read on this machine: the folder that is the store, else the mirror.
    """

    def __init__(self, url: str, objects: Objects) -> None:
        self.url, self.objects = url, objects
        self.is_local = isinstance(objects, Folder) and _is_writable(objects.root)
        self.folder = objects.root if self.is_local and isinstance(objects, Folder) else places.mirror_of(url) / "runs"
        self.outbox = places.outbox_of(url)
        self._manifest = places.mirror_of(url) / "fetched.json"

    # Reading

    def fetch(self, slug: str = "", *, latest: int = LATEST, wanted: Callable[[str], bool] | None = None) -> None:
        """Bring the mirror up to date: baselines, marks, and the latest other runs of each GPU.

        Args:
            slug: of one GPU; empty for all.
            latest: how many other runs.
            wanted: tells by its key whether an object is fetched; replaces all of that.

        Raises:
            StoreAway: the mirror is as it was.
        """
        if self.is_local:
            return
        listed = self.objects.list(slug)
        chosen = [found for found in listed if wanted(found.key)] if wanted else _needed(listed, latest)
        known = self._fetched()
        missing = [found for found in chosen if known.get(found.key) != found.tag or not self._local(found).exists()]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for found, data in zip(missing, pool.map(self._read_or_none, missing), strict=True):
                if data is not None:
                    output.write(self._local(found), data)
                    known[found.key] = found.tag
        there = {found.key for found in listed}
        for key in [key for key in known if key not in there and (not slug or key.startswith(f"{slug}/"))]:
            (self.folder / key).unlink(missing_ok=True)
            del known[key]
        output.write(self._manifest, json.dumps(known))

    def _read_or_none(self, found: Object) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            return self.objects.read(found.key)
        return None

    def _local(self, found: Object) -> Path:
        return self.folder / found.key

    def _fetched(self) -> dict[str, str]:
        """Key to tag of what the mirror has from the store; what it has beside that was never delivered."""
        try:
            known = json.loads(self._manifest.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}

    # Appending

    def append(self, key: str, data: bytes) -> Delivered:
        """Add an object that is no run, such as a mark; where the store is away, it waits in the outbox.

        Raises:
            FileExistsError: there is one.
        """
        if not self.is_local:
            with contextlib.suppress(FileExistsError):
                output.create(self.folder / key, data)
        try:
            self.objects.append(key, data)
            return Delivered(key, True, f"stored as {self._named(key)}")
        except StoreAway as problem:
            kept = self.outbox / "objects" / key
            output.write(kept, data)
            return Delivered("", False, self._kept(kept, problem))

    def deliver(self, file: Path) -> Delivered:
        """Append a stored run, once; where the store is away, it waits in the outbox.

        Raises:
            UsageError: the file is no stored run.
        """
        data, document = _load(file)
        run = identity(document)
        inside = self._key_of_local(file)
        if inside and self.is_local:
            return Delivered(inside, False, f"stored as {self._named(inside)}")
        folder = str(PurePosixPath(inside).parent) if inside else keys.folder_of(document)
        try:
            key, new = self._append_run(folder, file.name, run, data)
        except StoreAway as problem:
            kept = self.outbox / "runs" / keys.key_of("", file.name, (), run, exclusive=False).lstrip("/")
            output.write(kept, data)
            return Delivered("", False, self._kept(kept, problem))
        if inside:
            self._moved(file, key)
        return Delivered(key, new, f"{'delivered' if new else 'was there already'}: {self._named(key)}")

    def _append_run(self, folder: str, name: str, run: str, data: bytes) -> tuple[str, bool]:
        listed = self.objects.list(folder.partition("/")[0])
        found = self._same(listed, run, json.loads(data))
        if found:
            return found, False
        taken = {one.key for one in listed}
        while True:
            key = keys.key_of(folder, name, taken, run, exclusive=self.objects.exclusive)
            try:
                self.objects.append(key, data)
                return key, True
            except FileExistsError:
                # Another writer was faster; or this one, where the answer to its first attempt was lost.
                with contextlib.suppress(FileNotFoundError, ValueError):
                    if identity(json.loads(self.objects.read(key))) == run:
                        return key, False
                taken.add(key)

    def _same(self, listed: Iterable[Object], run: str, document: dict[str, Any]) -> str:
        """The key of the same session's run, as whole as this one; empty where there is none."""
        for found in listed:
            if not keys.is_run(found.key):
                continue
            with contextlib.suppress(FileNotFoundError, ValueError):
                other = json.loads(self.objects.read(found.key))
                if identity(other) == run and (harness.interrupted(document) or not harness.interrupted(other)):
                    return found.key
        return ""

    def deliver_waiting(self) -> list[str]:
        """Deliver what earlier sessions could not, and what sessions that died left behind; a sentence for each."""
        said: list[str] = []
        for file in [*_files(self.outbox / "runs"), *self._left_behind()]:
            with contextlib.suppress(WrongStore):
                delivered = self.deliver(file)
                if not delivered.key:
                    return [*said, delivered.said]
                said.append(f"of an earlier session, {delivered.said}")
                if self.outbox in file.parents:
                    file.unlink(missing_ok=True)
        for file in _files(self.outbox / "objects"):
            key = file.relative_to(self.outbox / "objects").as_posix()
            with contextlib.suppress(FileExistsError):
                delivered = self.append(key, file.read_bytes())
                if not delivered.key:
                    return [*said, delivered.said]
                said.append(f"of an earlier session, {delivered.said}")
            file.unlink(missing_ok=True)
        return said

    def _left_behind(self) -> list[Path]:
        """Runs in the mirror that were never delivered, whose sessions cannot be alive any more."""
        if self.is_local:
            return []
        known, before = self._fetched(), time.time() - LEFT_BEHIND_S
        return [
            file
            for file in _files(self.folder)
            if (key := file.relative_to(self.folder).as_posix()) not in known
            and keys.is_run(key)
            and file.stat().st_mtime < before
        ]

    def _key_of_local(self, file: Path) -> str:
        """The key of a file in the store's folder on this machine; empty where it lies elsewhere."""
        file, folder = file.resolve(), self.folder.resolve()
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else ""

    def _moved(self, file: Path, key: str) -> None:
        """The mirror calls the run as the store does, and knows that it has it."""
        target = self.folder / key
        if target.resolve() != file.resolve():
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
        known = self._fetched()
        known[key] = ""
        output.write(self._manifest, json.dumps(known))

    def _named(self, key: str) -> str:
        return f"{escaped(self.url).rstrip('/')}/{escaped(key)}"

    def _kept(self, kept: Path, problem: StoreAway) -> str:
        return f"{escaped(self.url)} is away ({problem}); kept in {kept}, and the next session delivers it"

    def waiting(self) -> list[Path]:
        """What waits in the outbox."""
        return _files(self.outbox)


def _needed(listed: Iterable[Object], latest: int) -> list[Object]:
    needed: list[Object] = []
    others: dict[str, list[Object]] = {}
    for found in listed:
        if keys.is_baseline(found.key) or keys.is_mark(found.key):
            needed.append(found)
        elif keys.is_run(found.key):
            others.setdefault(found.key.partition("/")[0], []).append(found)
    for runs in others.values():
        needed += sorted(runs, key=lambda found: (found.modified, PurePosixPath(found.key).name))[-latest:]
    return needed


def _load(file: Path) -> tuple[bytes, dict[str, Any]]:
    try:
        data = file.read_bytes()
        document = json.loads(data)
    except (OSError, ValueError, RecursionError) as error:
        raise WrongStore(f"{escaped(file)} cannot be delivered: {escaped(str(error))[:200]}.") from None
    if not isinstance(document, dict) or not isinstance(document.get("benchmarks"), list):
        raise WrongStore(f"{escaped(file)} cannot be delivered: it is no stored run.")
    return data, document


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.json") if path.is_file())


def _is_writable(folder: Path) -> bool:
    try:
        output.check(folder / "0000_run.json")
    except output.UnwritableOutput:
        return False
    return True
