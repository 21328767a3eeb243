"""Takes excluded runs back."""

from __future__ import annotations

import argparse

from common.errors import UsageError
from common.marks import RESTORE
from regression.baseline.place import at_hand, find, folder_of, gpus, mark, open_place, shown
from regression.project import baselines_folder


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="+", metavar="RUN", help="a file, its number such as 0003, or its identity")
    parser.add_argument("--why", default="", metavar="TEXT", help="kept with the mark")


def run(options: argparse.Namespace) -> int:
    """Exit status 0. Raises UsageError where a run cannot be told, or is not excluded."""
    with open_place(options.store, baselines_folder()) as store:
        names = at_hand(store, options.run)
        known, _, _ = gpus(store.folder, every_run=True)
        found = [find(name, known) for name in names]
        for one in found:
            if one.standing.excluded is None:
                raise UsageError(f"{shown(store, one.file)} is not excluded, so there is nothing to restore.")
        for one in found:
            mark(store, folder_of(store, one.run), RESTORE, [one.run.identity], why=options.why.strip())
            print(f"restored {shown(store, one.file)}")
    return 0
