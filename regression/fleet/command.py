"""Shows all GPU models of a store: `python -m regression fleet STORE [--report FILE.html]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common import option_types, output
from regression.fleet import night
from regression.fleet.fleet import fleet
from regression.report import fleet as terminal
from regression.runs.find import is_folder
from regression.text import count, escaped

DONE, UNUSABLE = 0, 2


def main(argv: Sequence[str]) -> int:
    """Exit status 0, also where GPU models fail; 2 where the store has no night that can be shown."""
    options = _parser().parse_args(argv)
    if not is_folder(options.store):
        print(
            f"{escaped(options.store)} is no folder; give a folder of stored runs, such as baselines.", file=sys.stderr
        )
        return UNUSABLE
    nights, left_out = night.read(options.store)
    for sentence in left_out:
        print(f"Left out {sentence}", file=sys.stderr)
    found = fleet(nights)
    if found is None:
        print(
            f"No night is stored in {escaped(options.store)}: a night is a run saved under another name than baseline, "
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
    parser.add_argument("store", type=Path, metavar="STORE", help="a folder of stored runs, such as baselines")
    parser.add_argument(
        "--report", type=option_types.output_file, metavar="FILE.html", help="write the fleet as one page, too"
    )
    return parser
