"""Leaves runs out everywhere: of baselines, comparisons and histories. They are kept, and shown as left out."""

from __future__ import annotations

import argparse

from common.errors import UsageError
from common.marks import EXCLUDE
from regression.baseline.place import at_hand, find, folder_of, gpus, mark, open_place, shown
from regression.project import baselines_folder
from regression.text import count, escaped


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", nargs="+", metavar="RUN", help="a file, its number such as 0003, or its identity")
    parser.add_argument("--why", required=True, metavar="TEXT", help="shown wherever the run is left out")


def run(options: argparse.Namespace) -> int:
    """Exit status 0. Raises UsageError where a run cannot be told, or is excluded."""
    if not options.why.strip():
        raise UsageError("--why says nothing; say why the run is left out.")
    with open_place(options.store, baselines_folder()) as store:
        names = at_hand(store, options.run)
        known, _, _ = gpus(store.folder, every_run=True)
        found = [find(name, known) for name in names]
        for one in found:
            if one.standing.excluded is not None:
                raise UsageError(f"{shown(store, one.file)} is excluded already, on {one.standing.excluded.day}.")
        for one in found:
            mark(store, folder_of(store, one.run), EXCLUDE, [one.run.identity], why=options.why.strip())
            print(f"excluded {shown(store, one.file)}: {escaped(options.why.strip())}")
        out = {one.run.identity for one in found}
        for gpu in known:
            left = [run for run in gpu.baselines if run.identity not in out]
            if len(left) < len(gpu.baselines):
                print(f"the baseline of {gpu.title} has {count(len(left), 'run')} left")
    return 0
