"""One line of progress with a bar on a terminal, written over itself; elsewhere nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import IO

from regression.text import fit

BAR = 10


class Progress:
    """Shows the newest line.

    Args:
        stream: where; a stream that is no terminal gets nothing.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._shown = 0

    def show(self, text: str, share: float) -> None:
        """Write the line over the one before, behind a bar that is filled as far as `share`, from 0 to 1, says."""
        if self._stream.isatty():
            done = round(BAR * min(max(share, 0.0), 1.0))
            line = fit(f"[{'#' * done}{'.' * (BAR - done)}] {text}", max(20, self._columns() - 1))
            self._write(f"\r{line.ljust(self._shown)}")
            self._shown = len(line)

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._write(f"\r{' ' * self._shown}\r")
            self._shown = 0

    def _columns(self) -> int:
        """Of the stream itself: standard output may be a pipe."""
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or shutil.get_terminal_size().columns
        except (OSError, ValueError):
            return shutil.get_terminal_size().columns

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal was closed
            self._stream.write(text)
            self._stream.flush()
