"""A store as this machine sees it: its objects, a local mirror of what is needed, and what waits to be delivered."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from common import output
from common.identity import identity
from common.stored import mapping
from regression.store import keys, places
from regression.store.objects import Folder, Object, Objects, StoreAway
from regression.text import escaped

# Of one GPU, beside its baselines: enough for patience and for a next number.
LATEST = 30
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
        cache: the folder of its mirror and of what else may be deleted at any time.
        outbox: the folder of what waits to be delivered.
    """

    def __init__(self, url: str, objects: Objects) -> None:
        self.url, self.objects = url, objects
        self.is_local = isinstance(objects, Folder) and _is_writable(objects.root)
        # A relative path is another folder elsewhere.
        place = str(objects.root.absolute()) if isinstance(objects, Folder) else url
        self.cache = places.mirror_of(place)
        self.folder = objects.root if self.is_local and isinstance(objects, Folder) else self.cache / "runs"
        self.outbox = places.outbox_of(place)
        self._manifest = self.cache / "fetched.json"

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
        known = self.fetched()  # before the list: what a session beside this one delivers since then stays
        listed = self.objects.list(slug)
        chosen = [found for found in listed if wanted(found.key)] if wanted else _needed(listed, latest)
        missing = [found for found in chosen if known.get(found.key) != found.tag or not self._local(found).exists()]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for found, data in zip(missing, pool.map(self._read_or_none, missing), strict=True):
                if data is not None and (found.key in known or not self._is_anothers(found, data)):
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

    def _is_anothers(self, found: Object, data: bytes) -> bool:
        """Whether in the object's place lies another run, such as one whose session was killed and never delivered it.

        That run is nowhere else, and is delivered under a key of its own.
        """
        with contextlib.suppress(OSError, ValueError, RecursionError):
            mine, theirs = json.loads(self._local(found).read_bytes()), json.loads(data)
            return keys.is_run(found.key) and identity(mapping(mine)) != identity(mapping(theirs))
        return False

    def _local(self, found: Object) -> Path:
        return self.folder / found.key

    def fetched(self) -> dict[str, str]:
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
            return Delivered(key, True, f"stored as {self.named(key)}")
        except StoreAway as problem:
            kept = self.outbox / "objects" / key
            output.write(kept, data)
            return Delivered("", False, self.kept(kept, problem))

    def has(self, key: str) -> None:
        """Note that the store has what the mirror has under this key."""
        output.write(self._manifest, json.dumps(self.fetched() | {key: ""}))

    def key_of(self, file: Path) -> str:
        """The key of a file in the store's folder on this machine; empty where it lies elsewhere."""
        file, folder = file.resolve(), self.folder.resolve()
        return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else ""

    def named(self, key: str) -> str:
        return f"{escaped(self.url).rstrip('/')}/{escaped(key)}"

    def kept(self, kept: Path, problem: StoreAway) -> str:
        return f"{escaped(self.url)} is away ({problem}); kept in {kept}, and the next session delivers it"

    def waiting(self) -> list[Path]:
        """What waits in the outbox."""
        return files(self.outbox)


def _needed(listed: Iterable[Object], latest: int) -> list[Object]:
    needed: list[Object] = []
    others: dict[str, list[Object]] = {}
    for found in listed:
        if keys.is_baseline(found.key) or keys.is_mark(found.key):
            needed.append(found)
        elif keys.is_run(found.key):
            others.setdefault(found.key.partition("/")[0], []).append(found)
    for runs in others.values():
        runs.sort(key=lambda found: (found.modified, PurePosixPath(found.key).name), reverse=True)
        needed += runs[:latest]
    return needed


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.json") if path.is_file())


def _is_writable(folder: Path) -> bool:
    try:
        output.check(folder / "0000_run.json")
    except output.UnwritableOutput:
        return False
    return True
