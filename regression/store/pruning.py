"""Which runs of a store are old and may go."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections.abc import Container, Iterable

from regression.store import keys
from regression.store.segments import Entry
from regression.store.store import Store


def older(entries: Iterable[Entry], named: Container[str], before: datetime.datetime) -> list[Entry]:
    """The runs from before a moment, by their own date, that are neither a baseline nor named in a mark.

    What cannot be read has no date, and stays.
    """
    return [
        entry
        for entry in entries
        if entry.night is not None
        and entry.night.when < before
        and entry.run not in named
        and not keys.is_baseline(entry.of.key)
    ]


def named_in_marks(store: Store) -> set[str]:
    """The identities of all runs that a mark names, whatever it says of them.

    Raises:
        regression.store.objects.StoreAway: a mark cannot be read.
    """
    named: set[str] = set()
    for found in store.objects.list():
        if keys.is_mark(found.key):
            with contextlib.suppress(FileNotFoundError, ValueError):
                mark = json.loads(store.objects.read(found.key))
                runs = mark.get("runs") if isinstance(mark, dict) else None
                named |= {run for run in runs if isinstance(run, str)} if isinstance(runs, list) else set()
    return named
