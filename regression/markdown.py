"""Text from stored files as Markdown that shows it and does nothing else: no markup, no link, no mention of a user."""

import re

from regression.kernelnames import printable

ACTIVE = re.compile(r"([\\`*_\[\]<>|~&$])")
# GitHub makes mentions and references of these; no escape stops it, a character without width after them does.
REFERRING = re.compile(r"([@#])(?=\w)")
BLOCK = re.compile(r"^([-+#=]|\d+[.)])")


def code(text: str) -> str:
    """Inline code, also inside a table."""
    flat = printable(text).replace("`", "'").replace("|", "\\|")
    return f"`{flat}`" if flat else "(no name)"


def plain(text: str) -> str:
    """A sentence on one line, in which every character that Markdown or GitHub could act on is escaped."""
    flat = ACTIVE.sub(r"\\\1", printable(text))
    return BLOCK.sub(lambda match: match[1][:-1] + "\\" + match[1][-1], REFERRING.sub("\\1\u200b", flat))
