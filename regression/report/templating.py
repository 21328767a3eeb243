"""What the pages share: their templates, and where a line may break."""

from __future__ import annotations

import math
import re
from pathlib import Path

import jinja2
from markupsafe import Markup

from regression.text import UNIT, count

TEMPLATES = Path(__file__).parent / "templates"
# Characters of a word in a headline that a phone has room for.
LONGEST_WHOLE = 24


def environment() -> jinja2.Environment:
    """The templates; whatever is put into one is escaped."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters |= {"breakable": breakable, "kept": kept, "told": told}
    templates.globals |= {"moment": moment, "count": count}
    return templates


def breakable(name: str) -> Markup:
    """A name that a narrow column may break between its words, and not only anywhere."""
    return Markup("<wbr>").join(re.split(r"(?<=[_<:,/-])", name))


def kept(text: str, longest: float = math.inf) -> Markup:
    """A text that breaks between its words alone: not inside `batch-1`, and not after the dashes of an option.

    Args:
        longest: characters of a word that is kept whole; a longer one may break at its dashes.
    """
    keep = Markup('<span class="kept">{}</span>')
    words = text.split(" ")
    return Markup(" ").join(keep.format(word) if "-" in word and len(word) <= longest else word for word in words)


def told(text: str) -> Markup:
    """A sentence that breaks between words, and not between an amount and its unit; what stands in ` is code."""
    words, *others = text.split("`") if text.count("`") % 2 == 0 else [text]
    said = kept(UNIT.sub("\N{NO-BREAK SPACE}", words), LONGEST_WHOLE)
    for code, rest in zip(others[::2], others[1::2], strict=True):
        said += Markup("<code>{}</code>").format(kept(code)) + told(rest)
    return said


def moment(stored: str) -> str:
    """When something was measured, to the minute, with the zone where it is known to be UTC."""
    utc = " UTC" if stored.endswith(("+00:00", "Z")) else ""
    return stored[:16].replace("T", " ") + utc
