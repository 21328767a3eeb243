"""Removes runs that were recorded for a baseline and are of none any more, and marks that speak of them alone."""

from __future__ import annotations

import argparse
import datetime

from common import marks
from common.errors import UsageError
from regression.baseline.place import Gpu, Stored, gpus, open_place, shown
from regression.project import baselines_folder
from regression.store.command import days
from regression.store.objects import StoreAway
from regression.store.store import Store
from regression.text import count, escaped

USUAL = datetime.timedelta(days=90)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--keep",
        type=days,
        default=USUAL,
        metavar="DAYS",
        help=f"how many days of such runs stay (default: {USUAL.days}d)",
    )
    parser.add_argument("--excluded", action="store_true", help="also excluded runs, which otherwise stay")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def run(options: argparse.Namespace) -> int:
    """Exit status 0. Raises UsageError where the store does not answer."""
    before = datetime.datetime.now(tz=datetime.UTC) - options.keep
    with open_place(options.store, baselines_folder()) as store:
        known, _, _ = gpus(store.folder)
        old = [one for gpu in known for one in removable(gpu, before, excluded=options.excluded)]
        gone = {one.run.identity for one in old}
        # A copy that stays keeps its marks.
        gone -= {one.run.identity for gpu in known for one in gpu.runs if one not in old}
        silent = {mark.file for gpu in known for mark in gpu.marks if gone.issuperset(mark.runs)}
        files = [*(one.file for one in old), *sorted(silent)]
        for file in files:
            if not options.dry_run:
                _remove(store, store.key_of(file))
            print(f"{'would remove' if options.dry_run else 'removed'} {shown(store, file)}")
        print(f"{count(len(old), 'run')} that no baseline needs, older than {count(options.keep.days, 'day')}")
        return 0


def removable(gpu: Gpu, before: datetime.datetime, *, excluded: bool = False) -> list[Stored]:
    """The runs from before a moment that are a baseline of no benchmark; excluded ones only where that is asked for."""
    needed = {run.identity for run in gpu.baselines}
    return [
        one
        for one in gpu.runs
        if one.run.identity not in needed
        and (excluded or one.standing.excluded is None)
        and marks.NEVER < marks.moment(one.run.datetime) < before
    ]


def _remove(store: Store, key: str) -> None:
    try:
        store.objects.remove(key)
    except StoreAway as problem:
        raise UsageError(f"{escaped(key)} could not be removed ({problem}); what is printed above is gone.") from None
    if not store.is_local:
        (store.folder / key).unlink(missing_ok=True)
