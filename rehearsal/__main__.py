"""The command line: `python -m rehearsal --old PYTHON --new PYTHON` says what changes if the new side is installed."""

from __future__ import annotations

import argparse
import math
import re
import shlex
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common import option_types, output
from common.errors import UsageError
from rehearsal import judge, record, report
from rehearsal.plan import plan
from rehearsal.progress import Progress
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS

if TYPE_CHECKING:
    from rehearsal.side import Place

ROOT = Path(__file__).resolve().parent.parent
PASSED, FAILED, UNUSABLE = 0, 1, 2
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
# Of these a side gets what was given, and else takes its own checkout's default.
PASSED_ON = ("models", "variants", "batch_sizes", "device", "weights", "images", "build_timeout")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 nothing to fail for, 1 slower, wrong or no longer running, 2 not done (a sentence says why)."""
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    options = _parser().parse_args(argv)
    try:
        if options.from_file is not None:
            return _say(options, record.read(options.from_file))
        return _rehearse(options)
    except (UsageError, output.UnwritableOutput) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("rehearsal: interrupted before anything was measured", file=sys.stderr)
        return UNUSABLE


def _rehearse(options: argparse.Namespace) -> int:
    from rehearsal.session import Rehearsal
    from rehearsal.side import SideEnded, UnusableSide

    began = time.monotonic()
    progress = Progress(sys.stderr)
    rehearsal = Rehearsal(
        _places(options),
        options.budget,
        least_pairs=LEAST_PAIRS,
        most_pairs=MOST_PAIRS,
        counted=judge.COUNTED,
        build_timeout_s=options.build_timeout or 600.0,
        turn_timeout_s=options.turn_timeout,
        settled=judge.settled,
        progress=progress.show,
    )
    # A rehearsal that is ended ends its sides.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ended = False
    try:
        try:
            found = rehearsal.describe()
        except SideEnded as error:
            raise UsageError(str(error)) from None
        if options.plan:
            progress.clear()
            output.say(plan(found))
            return PASSED
        try:
            rehearsal.run(found)
            ended = True
        except KeyboardInterrupt:
            found.interrupted = "Interrupted: what was not decided by then is UNSURE."
        except (SideEnded, UnusableSide) as error:
            if not any(pair.turns for pair in found.pairs):
                raise UsageError(str(error)) from None
            found.interrupted = f"Ended early: {error}."
    finally:
        progress.clear()
        rehearsal.end(at_once=not ended)
    found.took_s = round(time.monotonic() - began, 1)
    if options.json is not None:
        output.write(options.json, found.to_json())
    return _say(options, found)


def _say(options: argparse.Namespace, found: record.Record) -> int:
    judged = judge.judge(found)
    output.say(report.FORMS[options.format](found, judged))
    if judged.failed:
        return FAILED
    return UNUSABLE if found.interrupted else PASSED


def _places(options: argparse.Namespace) -> dict[str, Place]:
    from rehearsal.side import Place

    given = {name: getattr(options, name) for name in PASSED_ON if getattr(options, name) is not None}
    shared = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    old = options.old or Path(sys.executable)
    pythons = {OLD: old, NEW: options.new or old}
    checkouts = {OLD: options.old_checkout, NEW: options.new_checkout}
    own = {OLD: options.old_args, NEW: options.new_args}
    if options.no_cudnn_benchmark:
        shared.append("--no-cudnn-benchmark")
    return {side: Place(side, pythons[side], checkouts[side], (*shared, *own[side])) for side in SIDES}


def duration(text: str) -> float:
    """Seconds of `90`, `90s`, `10m` or `1h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    seconds = float(match[1]) * UNITS[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write it as 90s, 10m or 1h")
    return seconds


def words(text: str) -> tuple[str, ...]:
    """Options in one text, as a shell splits them."""
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} cannot be split into options: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m rehearsal", description=__doc__, allow_abbrev=False)
    sides = parser.add_argument_group("the two sides")
    sides.add_argument("--old", type=Path, metavar="PYTHON", help="the old side's interpreter (default: this one)")
    sides.add_argument("--new", type=Path, metavar="PYTHON", help="the new side's interpreter (default: the old one's)")
    for side in SIDES:
        sides.add_argument(
            f"--{side}-checkout", type=Path, default=ROOT, metavar="FOLDER",
            help=f"the folder of the project whose code the {side} side runs (default: this one)",
        )  # fmt: skip
        sides.add_argument(
            f"--{side}-args", type=words, default=(), metavar="'OPTIONS'",
            help=f"options of the suite for the {side} side alone, such as '--no-cudnn-benchmark'",
        )  # fmt: skip
    what = parser.add_argument_group("what is measured, on both sides (default: what the suite measures)")
    for name, metavar in (("models", "NAME[,NAME]"), ("variants", "NAME[,NAME]"), ("batch-sizes", "N[,N]")):
        what.add_argument(f"--{name}", metavar=metavar, help="as in the suite")
    what.add_argument("--device", metavar="DEVICE", help="as in the suite")
    what.add_argument("--weights", metavar="WHICH", help="as in the suite")
    what.add_argument("--images", metavar="FOLDER", help="as in the suite")
    what.add_argument("--no-cudnn-benchmark", action="store_true", help="as in the suite")
    what.add_argument(
        "--build-timeout", type=option_types.seconds, metavar="SECONDS", help="as in the suite (default: 600)"
    )
    what.add_argument(
        "--turn-timeout", type=option_types.seconds, default=120.0, metavar="SECONDS",
        help="a side that takes longer for a turn, a count or a profile is ended (default: 120)",
    )  # fmt: skip
    how = parser.add_argument_group("how long, and what is said")
    how.add_argument(
        "--budget", type=duration, default=600.0, metavar="TIME", help="such as 90s, 10m or 1h (default: 10m)"
    )
    how.add_argument("--plan", action="store_true", help="say what would be measured and how long at most, and stop")
    how.add_argument("--format", choices=report.FORMS, default="table")
    how.add_argument(
        "--json", type=option_types.output_file, metavar="FILE", help="write all that was recorded, for --from"
    )
    how.add_argument(
        "--from",
        dest="from_file",
        type=Path,
        metavar="FILE",
        help="judge a recorded rehearsal; measure nothing",
    )
    return parser


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
