"""A store for a command that reads: what is not on this machine yet is fetched, and an absent store is said."""

from __future__ import annotations

import sys
from pathlib import Path

from common import output
from common.marks import excluded
from regression.history.night import Night
from regression.runs.marks import left_out_by, read_marks
from regression.store import index
from regression.store.keys import is_mark
from regression.store.objects import StoreAway
from regression.store.opening import open_store
from regression.store.store import LATEST, Store
from regression.text import escaped

# Reading fewer runs than this takes no time to speak of.
WORTH_SAYING = 200


def opened(url: str, slug: str = "", *, latest: int = LATEST) -> Store:
    """A store whose `folder` holds the baselines, marks and latest runs of a GPU, or of all.

    Where the store is away, the folder is what this machine had of it, and stderr says so.

    Raises:
        regression.store.objects.WrongStore: the URL opens no store.
    """
    store = open_store(url)
    try:
        store.fetch(slug, latest=latest)
    except (StoreAway, output.UnwritableOutput) as problem:
        _say(f"{escaped(url)} is away ({problem}); this goes by what {store.folder} has of it.")
    return store


def gpus(store: Store) -> list[Path]:
    """The folders of the GPUs that have a baseline or other runs on this machine."""
    try:
        return sorted(
            folder for folder in store.folder.iterdir() if folder.is_dir() and not folder.name.startswith(".")
        )
    except OSError:
        return []


def nights(store: Store, slug: str = "") -> tuple[list[Night], list[str]]:
    """Every night of a GPU, or of all, and a sentence for each run that is left out."""
    try:
        store.fetch(slug, wanted=is_mark)
        indexed = index.read_all(store, slug, progress=progress)
    except StoreAway as problem:
        _say(f"{escaped(store.url)} is away ({problem}); this is the history of when it last answered.")
        return counted(store, slug, index.last_known(store, slug))
    for clause in indexed.said:
        _say(f"{clause}.")
    kept, marked = counted(store, slug, indexed.nights)
    return kept, [*marked, *indexed.left_out]


def counted(store: Store, slug: str, found: list[Night]) -> tuple[list[Night], list[str]]:
    """The nights that no mark excludes, by the marks on this machine, and a sentence for each that one does."""
    said, left_out = read_marks([store.folder / slug])
    out = excluded(said)
    left_out += [str(left_out_by(out[night.run_id], night.file)) for night in found if night.run_id in out]
    return [night for night in found if night.run_id not in out], left_out


def progress(done: int, total: int) -> None:
    """A line on stderr now and then, where the index lacks many runs."""
    if total >= WORTH_SAYING and (done % 500 == 0 or done == total):
        print(f"read {done:,} of {total:,} runs that the index did not have", file=sys.stderr)


def _say(sentence: str) -> None:
    print(f"regression: {sentence}", file=sys.stderr)
