"""Types of command-line options, for pytest and argparse alike: each refuses what it cannot read, with a sentence."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from common import output

MOST = 99_999


def names(text: str) -> tuple[str, ...]:
    """Names separated by commas, each once, in the order given."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not found:
        raise argparse.ArgumentTypeError("names at least one, separated by commas")
    return found


def counts(text: str) -> tuple[int, ...]:
    """Positive whole numbers separated by commas, each once, in the order given."""
    return tuple(dict.fromkeys(count(word) for word in names(text)))


def sizes(text: str) -> tuple[int | str, ...]:
    """Sizes in pixels and the word `test`, separated by commas, each once, in the order given."""
    return tuple(dict.fromkeys("test" if word == "test" else count(word) for word in names(text)))


def count(text: str) -> int:
    """A positive whole number, at most MOST."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(MOST)) or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {MOST:,}")
    return int(text)


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return value


def output_file(text: str) -> Path:
    """A path that a file can be written to, checked at once so that nothing runs in vain."""
    path = Path(text)
    try:
        output.check(path)
    except output.UnwritableOutput as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return path
