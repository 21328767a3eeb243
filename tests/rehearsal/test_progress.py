"""The line of progress: a bar, written over itself on a terminal, and nothing elsewhere."""

from __future__ import annotations

import errno
import fcntl
import io
import os
import pty
import struct
import termios

import pytest

from rehearsal.progress import BAR, Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("share", "filled"), [(-0.1, 0), (0.0, 0), (0.5, BAR // 2), (1.0, BAR), (7.0, BAR)])
def test_the_bar_is_filled_as_far_as_the_budget_is_spent(share, filled):
    terminal = Terminal()
    Progress(terminal).show("pair 1", share)
    assert terminal.getvalue() == f"\r[{'#' * filled}{'.' * (BAR - filled)}] pair 1"


def test_a_shorter_line_covers_a_longer_one_and_it_can_be_taken_away():
    terminal = Terminal()
    progress = Progress(terminal)
    progress.show("a longer line", 0.0)
    progress.show("short", 0.0)
    lines = terminal.getvalue().split("\r")
    assert len(lines[1]) == len(lines[2]) and lines[2].rstrip().endswith("] short")
    progress.clear()
    assert terminal.getvalue().endswith(f"\r{' ' * len(lines[2].rstrip())}\r")


@pytest.mark.parametrize("columns", [60, 130])
def test_a_line_is_as_wide_as_its_terminal(columns):
    """Whatever standard output is."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(ours, "rb", buffering=0) as reader, open(theirs, "w") as terminal:  # noqa: PTH123  a descriptor
        Progress(terminal).show("pair 1 of 8, 0 of 2 decided, 9:59 left: building " + "x" * 100, 0.5)
        line = reader.read(1000).decode().strip()
    assert len(line) == columns - 1
    assert line.startswith("[#####.....] pair 1 of 8")


def test_what_is_no_terminal_gets_nothing():
    stream = io.StringIO()
    Progress(stream).show("pair 1", 0.5)
    Progress(stream).clear()
    assert stream.getvalue() == ""


def test_a_closed_terminal_ends_nothing(monkeypatch):
    terminal = Terminal()
    progress = Progress(terminal)
    progress.show("pair 1", 0.5)

    def write(text):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(terminal, "write", write)
    progress.show("pair 2", 0.6)
    progress.clear()
