"""Shows all GPU models of a store: `python -m regression fleet STORE [--report FILE.html]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from common import option_types, output
from common.schema import STORE
from regression.fleet import night
from regression.fleet.fleet import fleet
from regression.report import fleet as terminal
from regression.runs.find import is_folder
from regression.store import opening, reading
from regression.store.objects import WrongStore
from regression.text import count, escaped

DONE, UNUSABLE = 0, 2
# Runs of a GPU model that are fetched, where several machines measure it every night.
LATEST = 4 * night.NIGHTS


def main(argv: Sequence[str]) -> int:
    """Exit status 0, also where GPU models fail; 2 where the store has no night that can be shown."""
    options = _parser().parse_args(argv)
    url = opening.named_or_default(options.store)
    try:
        store = reading.opened(url, latest=LATEST).folder
    except WrongStore as error:
        print(f"regression fleet: {error}", file=sys.stderr)
        return UNUSABLE
    if not is_folder(store):
        print(
            f"{escaped(url)} is no folder and no URL of a store; give one with stored runs, such as baselines.",
            file=sys.stderr,
        )
        return UNUSABLE
    nights, left_out = night.read(store)
    for sentence in left_out:
        print(f"Left out {sentence}", file=sys.stderr)
    found = fleet(nights)
    if found is None:
        print(
            f"No night is stored in {escaped(url)}: a night is a run saved under another name than baseline, "
            "as by --benchmark-save=nightly.",
            file=sys.stderr,
        )
        return UNUSABLE
    if options.report is not None:
        from regression.report import fleet_page

        try:
            output.write(options.report, fleet_page.html(found))
        except output.UnwritableOutput as error:
            print(f"regression fleet: {error}", file=sys.stderr)
            return UNUSABLE
    print(terminal.text(found))
    if options.report is not None:
        print(f"\nThe page of {count(len(found.models), 'GPU model')}: {options.report}")
    return DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m regression fleet",
        description="Show the last night and the last thirty of every GPU model, and where GPU models disagree.",
    )
    parser.add_argument(
        "store",
        nargs="?",
        metavar="STORE",
        help=f"a folder of stored runs, or the URL of a store (default: ${STORE}, else {opening.DEFAULT})",
    )
    parser.add_argument(
        "--report", type=option_types.output_file, metavar="FILE.html", help="write the fleet as one page, too"
    )
    return parser
