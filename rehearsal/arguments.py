"""The options of `python -m rehearsal`."""

from __future__ import annotations

import argparse
import math
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from common import option_types
from rehearsal.protocol import SIDES

ROOT = Path(__file__).resolve().parent.parent
UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
# A side gets what was given of these, and else takes its own checkout's default.
PASSED_ON = (
    ("models", "NAME[,NAME]"),
    ("input-size", "N[,N]"),
    ("num-classes", "N"),
    ("class-names", "FILE"),
    ("variants", "NAME[,NAME]"),
    ("batch-sizes", "N[,N]"),
    ("device", "DEVICE"),
    ("weights", "WHICH"),
    ("images", "FOLDER"),
    ("precision-policy", "POLICY"),
)


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


def parser(description: str, formats: Iterable[str]) -> argparse.ArgumentParser:
    """The parser of the command."""
    made = argparse.ArgumentParser(prog="python -m rehearsal", description=description, allow_abbrev=False)
    sides = made.add_argument_group("the two sides")
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
    what = made.add_argument_group("what is measured, on both sides (default: what the suite measures)")
    for name, metavar in PASSED_ON:
        what.add_argument(f"--{name}", metavar=metavar, help="as in the suite")
    what.add_argument("--no-cudnn-benchmark", action="store_true", help="as in the suite")
    what.add_argument(
        "--build-timeout", type=option_types.seconds, metavar="SECONDS", help="as in the suite (default: 600)"
    )
    what.add_argument(
        "--turn-timeout", type=option_types.seconds, default=120.0, metavar="SECONDS",
        help="a side that takes longer for a turn, a count or a profile is ended (default: 120)",
    )  # fmt: skip
    how = made.add_argument_group("how long, and what is said")
    how.add_argument(
        "--budget", type=duration, metavar="TIME",
        help="such as 90s, 10m or 1h (default: 1h on a GPU, 10m on a CPU and for each step of --bisect)",
    )  # fmt: skip
    how.add_argument("--plan", action="store_true", help="say what would be measured and how long at most, and stop")
    how.add_argument("--format", choices=list(formats), default="table")
    how.add_argument(
        "--json", type=option_types.output_file, metavar="FILE", help="write all that was recorded, for --from"
    )
    how.add_argument(
        "--report", type=option_types.output_file, metavar="FILE.html", help="write one page with all that is said"
    )
    how.add_argument(
        "--from",
        dest="from_file",
        type=Path,
        metavar="FILE",
        help="judge a recorded rehearsal; measure nothing",
    )
    which = made.add_argument_group("which package is to blame")
    which.add_argument(
        "--bisect", action="store_true",
        help="where something changes, search the packages that differ for the smallest set that carries the change",
    )  # fmt: skip
    which.add_argument(
        "--find-links", action="append", default=[], metavar="FOLDER", help="packages are looked for here as well"
    )
    which.add_argument("--no-index", action="store_true", help="packages are looked for in --find-links alone")
    which.add_argument("--keep", action="store_true", help="leave the environments that the search made")
    return made
