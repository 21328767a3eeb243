"""Every run of a store as a history needs it, from the index, and from the runs that the index does not know.

The list of runs is what counts. An entry of the index holds for the object of its key, size and tag alone; a run
without one is read and added, so an index that is behind, damaged or missing mends itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from common.stored import interrupted
from regression.history import night as nights
from regression.history.night import Night
from regression.runs import read
from regression.runs.run import UnusableRun
from regression.store import keys
from regression.store.objects import Object
from regression.store.segments import SMALL, Entry, Segments
from regression.store.store import AT_ONCE, Store

# So many runs are in memory at a time.
TOGETHER = 4 * AT_ONCE
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Indexed:
    """Every run of a store, by key.

    Attributes:
        read: how many runs the index did not know.
        said: clauses on what went wrong with the index.
    """

    entries: tuple[Entry, ...]
    read: int
    said: tuple[str, ...]

    @property
    def nights(self) -> list[Night]:
        """Each session's once."""
        return nights.once(entry.night for entry in self.entries if entry.night is not None)

    @property
    def left_out(self) -> list[str]:
        return [entry.why for entry in self.entries if entry.why]


def read_all(store: Store, slug: str = "", *, afresh: bool = False, progress: Progress | None = None) -> Indexed:
    """Every run of one GPU, or of all; brings the index up to date.

    Args:
        afresh: read every run again, and replace the index.
        progress: called with how many of how many unknown runs were read.

    Raises:
        regression.store.objects.StoreAway: the store does not answer.
    """
    listed = store.objects.list(slug)
    runs = {found.key: found for found in listed if keys.is_run(found.key)}
    segments = Segments(store, slug)
    found = segments.listed(listed, every_reader=afresh)
    known: dict[str, Entry] = {}
    small: dict[str, list[Entry]] = {}
    for segment in () if afresh else found:
        entries = segments.read(segment)
        holding = [entry for entry in entries if _holds(entry, runs)]
        known |= {entry.of.key: entry for entry in holding}
        if len(entries) < SMALL:
            small[segment.key] = holding
    missing = [one for key, one in runs.items() if key not in known]
    added = 0
    for first in range(0, len(missing), SMALL):  # each part is kept where a later one is interrupted
        entries = []
        for entry in _read(store, missing[first : first + SMALL]):
            entries.append(entry)
            if progress is not None:
                progress(first + len(entries), len(missing))
        known |= {entry.of.key: entry for entry in entries}
        added += segments.append(entries)
    if afresh:
        for segment in found:
            segments.remove(segment.key)
    else:
        segments.compact(small, added)
    return Indexed(tuple(known[key] for key in sorted(known)), len(missing), tuple(segments.said))


def last_known(store: Store, slug: str = "") -> list[Night]:
    """The nights of the last time that the store answered, as far as this machine has them."""
    return nights.once(entry.night for entry in Segments(store, slug).copies() if entry.night is not None)


def _read(store: Store, missing: Sequence[Object]) -> Iterator[Entry]:
    def data_of(found: Object) -> bytes | None:
        if found.size > read.LARGEST_FILE_BYTES:
            return b""
        with contextlib.suppress(FileNotFoundError):  # removed since it was listed
            return store.objects.read(found.key)
        return None

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for first in range(0, len(missing), TOGETHER):
            part = missing[first : first + TOGETHER]
            for one, data in zip(part, pool.map(data_of, part), strict=True):
                if data is not None:
                    yield _entry(one, data, store.folder)


def _entry(found: Object, data: bytes, folder: Path) -> Entry:
    path, run, cut_short = folder / found.key, "", ""
    try:
        read.check_size(found.size, path)
        document = read.decode(data, path)
        parsed = read.parse(document, path)
        run, cut_short = parsed.identity, interrupted(document)
        return Entry(found, run, cut_short, nights.of(parsed), "")
    except UnusableRun as problem:
        return Entry(found, run, cut_short, None, str(problem))


def _holds(entry: Entry, runs: dict[str, Object]) -> bool:
    there = runs.get(entry.of.key)
    return there is not None and (there.size, there.tag) == (entry.of.size, entry.of.tag)
