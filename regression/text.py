"""Text for people: amounts with their units, words on one line, Markdown that does nothing."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path

WIDTH = 100
"""Columns of a terminal that everything fits into, longer paths aside."""
LONGEST_NAME = 64

TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
SIZES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
SCALES = {"s": TIMES, "B": SIZES}
MICROSECOND = 1e-6
UNIT = re.compile(r"(?<=\d) (?=(?:%|[mnuµ]?s|[KMG]i?B|B|x)(?!\w))")
"""The space between an amount and its unit."""

ACTIVE = re.compile(r"([\\`*_\[\]<>|~&$])")
# GitHub makes mentions and references of these; no escape stops it, a character without width after them does.
REFERRING = re.compile(r"([@#])(?=\w)")
BLOCK = re.compile(r"^([-+#=]|\d+[.)])")


# Amounts.


def measure(value: float | None, like: float | None, unit: str) -> str:
    """A value with its unit, scaled as `like` would be, so that two values in a row can be compared."""
    if value is None:
        return "-"
    if unit not in SCALES or not value:
        # A count is written out, whatever its size.
        return f"{value:.{15 if float(value).is_integer() else 5}g} {unit}".rstrip()
    size, name = scale(value if like is None else like, unit)
    # There is no part of a byte.
    return f"{value:.0f} B" if name == "B" else f"{value / size:#.5g} {name}"


def scale(value: float, unit: str) -> tuple[float, str]:
    """The multiple of a unit (0.001, `ms`) in which a value is written; other units than `s` and `B` have one alone."""
    scales = SCALES.get(unit, ((1.0, unit),))
    return next((item for item in scales if value >= item[0]), scales[-1])


def difference(before: float | None, now: float | None, unit: str) -> str:
    """What came on top of an amount, with its sign."""
    if before is None or now is None:
        return "-"
    return f"{'-' if now < before else '+'}{measure(abs(now - before), None, unit)}"


def change(ratio: float | None, sign: str = "+") -> str:
    """A ratio as a change in percent, with as many digits as it deserves."""
    if ratio is None:
        return "-"
    # Adding zero turns -0.00 into 0.00.
    percent = round((ratio - 1) * 100, 2) + 0.0
    if percent >= 1000:
        return f"{ratio:.3g} x" if ratio < 1000 else "over 1000 x"
    return f"{percent:{sign}.{2 if abs(percent) < 10 else 1}f} %"


def percent(log_ratio: float) -> str:
    """A logarithm of a ratio as a change in percent; from +1000 % on a factor, as in `change`."""
    found = math.expm1(log_ratio) * 100
    return f"{found:+.2f} %" if found < 1000 else change(1 + found / 100)


def microseconds(seconds: float) -> str:
    """A change in seconds as signed microseconds."""
    digits = 2 if abs(seconds) < 99.95 * MICROSECOND else 0
    return f"{seconds / MICROSECOND:+.{digits}f} us"


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where that is due."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """`A`, `A and B`, `A, B and C`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


# Words on one line, whatever a stored file says.


def escaped(path: Path | str) -> str:
    """A path or field as one line that loses nothing: a line break becomes the two characters `\\n`."""
    text = str(path)
    if text.isprintable():  # nearly always, and judging escapes every field of every run
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def flattened(text: str) -> str:
    """A name as one line that reads well: a run of spaces, line breaks and control characters becomes one space."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def why(error: Exception) -> str:
    """What an exception says, on one line."""
    return escaped(getattr(error, "strerror", None) or str(error)[:120] or type(error).__name__)


def fit(text: str, room: int = LONGEST_NAME) -> str:
    """Cut to `room` characters in the middle: the family stands first, and what differs often last."""
    if len(text) <= room:
        return text
    front = room * 2 // 3
    return f"{text[:front]}…{text[len(text) - (room - front - 1) :]}"


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """The text in lines of at most `width` columns, longer paths aside; all but the first are indented."""
    # A path stays whole, so that it can be copied, and an amount beside its unit.
    lines = textwrap.wrap(
        UNIT.sub("\N{NO-BREAK SPACE}", text),
        width,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


# Markdown.


def code(text: str) -> str:
    """Inline code, also inside a table."""
    flat = flattened(text).replace("`", "'").replace("|", "\\|")
    return f"`{flat}`" if flat else "(no name)"


def plain(text: str) -> str:
    """A sentence on one line, in which every character that Markdown or GitHub could act on is escaped."""
    flat = ACTIVE.sub(r"\\\1", flattened(text))
    return BLOCK.sub(lambda match: match[1][:-1] + "\\" + match[1][-1], REFERRING.sub("\\1\u200b", flat))
