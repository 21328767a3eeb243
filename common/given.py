"""The suite's options that a session was given, as its stored run keeps them: a command that repeats it says them."""

from __future__ import annotations

import shlex

RECORD = "python -m regression baseline record"
"""The command that records a baseline."""

OPTIONS = "options"
"""The field of `suite` that holds them, each `--name=value` or a flag."""

NAMES = (
    "--models",
    "--input-size",
    "--num-classes",
    "--class-names",
    "--variants",
    "--batch-sizes",
    "--device",
    "--weights",
    "--images",
    "--build-timeout",
    "--no-cudnn-benchmark",
    "--precision-policy",
)
"""Options that decide what is measured, and how."""


def checked(stored: object) -> tuple[str, ...]:
    """The options of a stored run; what is none of the suite's, or cannot be printed on one line, is left out."""
    found = stored if isinstance(stored, list) else []
    return tuple(
        word for word in found if isinstance(word, str) and word.partition("=")[0] in NAMES and word.isprintable()
    )


def at_store(command: str, store: str | None) -> str:
    """The command for the store that the user named by `--store`; as it is for the one that needs no naming."""
    return f"{command} {shlex.quote(f'--store={store}')}" if store else command
