"""What the pages share: their templates, and how a long name may break."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def environment() -> jinja2.Environment:
    """The templates; whatever is put into one is escaped."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["breakable"] = breakable
    return templates


def breakable(name: str) -> Markup:
    """A name that a narrow column may break between its words, and not only anywhere."""
    return Markup("<wbr>").join(re.split(r"(?<=[_<:,/-])", name))
