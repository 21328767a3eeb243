"""The error that is the user's to correct."""

from __future__ import annotations


class UsageError(ValueError):
    """What the user asked for cannot be done; the message is a sentence that says what to change."""


def not_installed(error: ModuleNotFoundError) -> str:
    """What a command says of a package that it cannot import: a traceback would end it with the status of a failure."""
    return f"the package {error.name} is not installed; install it, or all that the project requires (pip install -e .)"
