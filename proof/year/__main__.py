"""Lets a year of generated nights happen, and says what was told of it: `python -m proof.year [--month]`."""

from __future__ import annotations

import argparse
import datetime
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common import output
from proof.year.calendar import GPUS, MONTH, YEAR, Calendar
from proof.year.nightly import Nightly
from proof.year.score import Score
from proof.year.world import World
from regression.history.series import trace
from regression.store.index import read_all


def happen(calendar: Calendar, scratch: Path, store: str = "", seed: int = 1) -> Score:
    """A calendar's nights, one after the other, up to last night.

    Args:
        scratch: an empty folder for artifacts, for what waits to be delivered, and for the store without a URL.
    """
    os.environ |= {"XDG_CACHE_HOME": str(scratch / "cache"), "XDG_STATE_HOME": str(scratch / "state")}
    today = datetime.datetime.now(tz=datetime.UTC).replace(hour=2, minute=30, second=0, microsecond=0)
    first = today - datetime.timedelta(days=calendar.nights)
    nightly = Nightly(World(calendar, first, seed), store or str(scratch / "runs"), scratch)
    nightly.begin()
    for night in range(calendar.nights):
        nightly.night(night)
    indexed = read_all(nightly.store)
    score = Score(nightly, trace(indexed.nights))
    score.stored_once(entry.run for entry in indexed.entries if entry.run)
    return score


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0, or 1 where something was told that did not happen, or the other way round."""
    parser = argparse.ArgumentParser(prog="python -m proof.year", description=__doc__)
    parser.add_argument("--month", action="store_true", help="30 nights with fewer events, as the tests have them")
    parser.add_argument("--store", default="", metavar="URL", help="an empty store (default: a temporary folder)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(argv)
    calendar = MONTH if options.month else YEAR
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        score = happen(calendar, Path(folder), options.store, options.seed)
    print(*score.lines, sep="\n")
    print(f"{calendar.nights} nights of {len(GPUS)} GPU models in {time.monotonic() - began:.0f} s")
    print(*(f"WRONG {sentence}" for sentence in score.wrong), sep="\n") if score.wrong else print("all as it happened")
    return 1 if score.wrong else 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
