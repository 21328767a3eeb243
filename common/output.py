"""Output files: whether a path can become one, asked before anything runs; and writing it whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


class UnwritableOutput(ValueError):
    """An output cannot be written where it was asked for; the message names the path and what is in the way."""


def check(path: Path) -> None:
    """Refuse a path that cannot become a file; its folders need not exist yet.

    Raises:
        UnwritableOutput: it is a folder, may not be written, or its nearest existing ancestor may not be written to.
    """
    try:
        if path.is_dir():
            raise UnwritableOutput(f"{path} is a folder; name a file in it, such as {path / 'report.html'}")
        if path.exists():
            if not os.access(path, os.W_OK):
                raise UnwritableOutput(f"{path} cannot be written; choose another path or change its permissions")
            return
        ancestor = next(parent for parent in path.absolute().parents if parent.exists())
        if not ancestor.is_dir():
            raise UnwritableOutput(f"{path} cannot be written: {ancestor} is not a folder; choose another path")
        with tempfile.TemporaryFile(dir=ancestor):
            pass
    except OSError as error:
        raise UnwritableOutput(f"{path} cannot be written: {error.strerror}; choose another path") from None


def write(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all, with the folders that it needs. Text is UTF-8.

    Raises:
        UnwritableOutput: the disk is full, or something came into the way since `check`.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            partial = Path(file.name)
            file.write(data)
        # A temporary file is its owner's alone.
        partial.chmod(0o644)
        partial.replace(path)
    except OSError as error:
        if partial is not None:
            with contextlib.suppress(OSError):
                partial.unlink()
        raise UnwritableOutput(f"{path} cannot be written: {error.strerror}") from None
