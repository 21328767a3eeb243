"""The files of an index: gzipped lines of JSON, one for each run, which are appended and never changed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import gzip
import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from common import output
from common.schema import INDEX
from regression.history import night as nights
from regression.history.night import Night
from regression.metrics import METRICS
from regression.store.objects import Folder, Object, StoreAway
from regression.store.store import Store
from regression.text import escaped

SUFFIX = ".jsonl.gz"
# A segment of fewer runs is small, and more small ones than this become one.
SMALL, SMALL_SEGMENTS = 500, 32


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the index knows of one run.

    Attributes:
        of: the object that was read.
        run: its identity; empty where it cannot be read.
        cut_short: what ended its session early; empty where nothing did.
        night: for the history; None where the run is no use.
        why: the sentence that says why.
    """

    of: Object
    run: str
    cut_short: str
    night: Night | None
    why: str


@functools.cache
def reader() -> str:
    """Stands for what this version makes of a run; a segment of another version is not read."""
    fields = [field.name for field in dataclasses.fields(Night)]
    metrics = [(one.key, one.path, one.visited, one.kind.value, one.alike, one.by_operator) for one in METRICS]
    return hashlib.sha256(repr((nights.FORM, fields, metrics)).encode()).hexdigest()[:8]


class Segments:
    """The segments of one store, of one GPU or of all.

    Those of a store behind a URL lie in it, with copies on this machine. Those of a folder lie on this machine alone,
    outside the folder, which may be a checkout; so do those that a store refuses.

    Attributes:
        said: a clause for everything that went wrong, none of which loses more than time.
    """

    def __init__(self, store: Store, slug: str = "") -> None:
        self._store, self._slug = store, slug
        self._copies = Folder(store.cache / "index")
        self._own = Folder(store.cache / "own-index")
        self.said: list[str] = []

    def listed(self, objects: Iterable[Object], *, every_reader: bool = False) -> list[Object]:
        """The segments among the store's objects, and this machine's own; of this version or of all."""
        of_store = [one for one in objects if is_segment(one.key)]
        there = {one.key for one in of_store}
        for copy in self._copies.list(self._slug):
            if copy.key not in there:  # compacted or replaced by another writer
                self._copies.remove(copy.key)
        found = [*of_store, *self._own.list(self._slug)]
        return [one for one in found if is_segment(one.key) and (every_reader or _is_mine(one.key))]

    def read(self, segment: Object) -> list[Entry]:
        """The entries of a segment; none where it is damaged or gone, so that its runs are read again."""
        try:
            return list(_entries(self._data(segment), self._store.folder))
        except FileNotFoundError:  # compacted by another writer
            return []
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.said.append(f"part of the index is damaged ({escaped(segment.key)}: {type(error).__name__})")
            self.remove(segment.key)
            return []

    def _data(self, segment: Object) -> bytes:
        """A segment never changes, so a copy of its size is the segment."""
        for here in (self._own, self._copies):
            with contextlib.suppress(FileNotFoundError, StoreAway):
                data = here.read(segment.key)
                if len(data) == segment.size:
                    return data
        data = self._store.objects.read(segment.key)
        self._keep(self._copies, segment.key, data)
        return data

    def copies(self) -> Iterator[Entry]:
        """The entries that this machine has of the store, which may be old."""
        for here in (self._copies, self._own):
            for segment in here.list(self._slug):
                if _is_mine(segment.key):
                    with contextlib.suppress(OSError, EOFError, ValueError, StoreAway):
                        yield from _entries(here.read(segment.key), self._store.folder)

    def append(self, entries: Iterable[Entry]) -> int:
        """Write entries, a segment for each GPU; returns how many segments that makes."""
        of_gpu: dict[str, list[Entry]] = {}
        for entry in entries:
            of_gpu.setdefault(entry.of.key.partition("/")[0], []).append(entry)
        for slug, mine in of_gpu.items():
            now = f"{datetime.datetime.now(tz=datetime.UTC):%Y%m%dT%H%M%S}"
            key = f"{slug}/{INDEX}/{reader()}-{now}-{secrets.token_hex(4)}{SUFFIX}"
            data = _packed(mine)
            try:
                if self._store.is_local:
                    self._keep(self._own, key, data)
                else:
                    self._store.objects.append(key, data)
                    self._keep(self._copies, key, data)
            except StoreAway as problem:
                self.said.append(f"the index is kept on this machine only, since the store refused it ({problem})")
                self._keep(self._own, key, data)
        return len(of_gpu)

    @staticmethod
    def _keep(folder: Folder, key: str, data: bytes) -> None:
        with contextlib.suppress(output.UnwritableOutput):
            output.write(folder.root / key, data)

    def remove(self, key: str) -> None:
        """Remove a segment wherever it lies; one that cannot be removed does no harm."""
        with contextlib.suppress(StoreAway):
            self._copies.remove(key)
            self._own.remove(key)
            if not self._store.is_local:
                self._store.objects.remove(key)

    def compact(self, small: Mapping[str, Sequence[Entry]], added: int) -> None:
        """Make one segment of many small ones. A writer beside this one appends segments of its own, which stay.

        Args:
            small: the keys of small segments to what still holds of their entries.
            added: segments that were appended since.
        """
        if len(small) + added > SMALL_SEGMENTS:
            self.append(entry for entries in small.values() for entry in entries)
            for key in small:
                self.remove(key)


def is_segment(key: str) -> bool:
    """Whether an object is part of an index."""
    path = PurePosixPath(key)
    return path.parent.name == INDEX and path.name.endswith(SUFFIX)


def _is_mine(key: str) -> bool:
    return is_segment(key) and PurePosixPath(key).name.startswith(f"{reader()}-")


def _packed(entries: Iterable[Entry]) -> bytes:
    lines = (
        json.dumps(
            {
                "key": entry.of.key,
                "size": entry.of.size,
                "tag": entry.of.tag,
                "modified": entry.of.modified,
                "run": entry.run,
                "cut_short": entry.cut_short,
                "night": None if entry.night is None else nights.as_json(entry.night),
                "why": entry.why,
            },
            separators=(",", ":"),
        )
        for entry in entries
    )
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def _entries(data: bytes, folder: Path) -> Iterator[Entry]:
    for line in gzip.decompress(data).decode().splitlines():
        stored: dict[str, Any] = json.loads(line)
        of = Object(str(stored["key"]), stored["size"], stored["tag"], stored["modified"])
        night = None if stored["night"] is None else nights.from_json(stored["night"], folder / of.key)
        yield Entry(of, str(stored["run"]), str(stored["cut_short"]), night, str(stored["why"]))
