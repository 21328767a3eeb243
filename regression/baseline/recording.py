"""Records a baseline: so many runs in fresh processes, which replace the old one whole, and only when all are there."""

from __future__ import annotations

import argparse
import sys

from common import option_types
from common.given import RECORD, at_store
from common.marks import BASELINE
from regression.baseline.listing import told_of
from regression.baseline.measuring import USUAL_RUNS, Candidates, given, measure
from regression.baseline.place import at_hand, folder_of, gpus, mark, open_place
from regression.project import baselines_folder
from regression.text import count, escaped


def add_options(parser: argparse.ArgumentParser) -> None:
    add_measuring_options(parser)
    parser.add_argument("-v", "--verbose", action="store_true", help="also say how much each benchmark can show")


def add_measuring_options(parser: argparse.ArgumentParser) -> None:
    """What `record` and `refresh` share; arguments after `--` are pytest's."""
    parser.epilog = "Arguments after -- are pytest's, such as -- --models efficientnet_b0."
    parser.add_argument(
        "--runs",
        type=option_types.count,
        default=USUAL_RUNS,
        metavar="N",
        help=f"how many runs make the baseline (default: {USUAL_RUNS})",
    )
    parser.add_argument(
        "--from",
        dest="given",
        nargs="+",
        metavar="RUN",
        help="take runs that were measured before, such as one of each runner, instead of measuring",
    )
    parser.add_argument("--tests", metavar="PATH", help="what pytest runs (default: the suite's benchmarks/)")
    parser.add_argument("--why", default="", metavar="TEXT", help="kept with the baseline")


def run(options: argparse.Namespace) -> int:
    """Exit status: 0; 1 where a benchmark failed and therefore has no value. Raises UsageError where none was made."""
    with open_place(options.store, baselines_folder()) as store:
        if options.given:
            names = at_hand(store, options.given)
            recorded = given(store, names, gpus(store.folder, every_run=True)[0], options.runs)
        else:
            recorded = [measure(store, options.runs, options.tests, options.extra, options.store)]
        for found in recorded:
            mark(store, folder_of(store, found.runs[0]), BASELINE, found.identities, why=options.why.strip())
        store.fetch()
        known, _, _ = gpus(store.folder)
        for found in recorded:
            mine = next(gpu for gpu in known if gpu.kind == found.kind)
            are = "is" if len(found.runs) == 1 else "are"
            print(f"{count(len(found.runs), 'run')} {are} now the baseline, whole; older runs of it are history\n")
            print(f"{told_of(mine, at_store(RECORD, options.store), verbose=options.verbose)}\n")
        return max(map(say_what_failed, recorded))


def say_what_failed(found: Candidates) -> int:
    """Name the benchmarks without a value; returns the exit status."""
    failed = found.without_value()
    for id_, times in failed.items():
        message = next(run.failed[id_] for run in found.runs if id_ in run.failed)
        lost = "has no baseline value" if times == len(found.runs) else f"has no value of {count(times, 'run')}"
        print(f"{escaped(id_)} failed in {times} of {len(found.runs)} runs and {lost}: {message}", file=sys.stderr)
    return 1 if failed else 0
