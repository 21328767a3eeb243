"""The error that is the user's to correct."""

from __future__ import annotations


class UsageError(ValueError):
    """What the user asked for cannot be done; the message is a sentence that says what to change."""
