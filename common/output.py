"""Output: files, asked for before anything runs and written whole or not at all; a terminal whose reader may leave."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

# What a process that dies while it writes may leave; no reader takes it for a run.
PARTIAL = ".partial"
_BESIDE = re.compile(rf"\..+\.[a-z0-9_]{{8}}{re.escape(PARTIAL)}")  # as tempfile.mkstemp calls it
# A disk, a quota and the largest file of a process.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# The exit status of a command whose output is not whole: 1 would be a regression.
UNWRITTEN = 2


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

    Devices and pipes are written to, and a link's target is replaced instead of the link.

    Raises:
        UnwritableOutput: the disk is full, or something came into the way since `check`.
    """
    data = _bytes(content)
    try:
        if path.exists() and (not path.is_file() or path.absolute().parts[1] in ("dev", "proc")):
            path.write_bytes(data)
            return
        target = path.resolve() if path.is_symlink() else path
        with _written_beside(target, data) as partial:
            partial.replace(target)
    except OSError as error:
        raise UnwritableOutput(f"{path} cannot be written: {error.strerror}") from None


def create(path: Path, content: str | bytes) -> None:
    """Write a new file whole or not at all, as `write` does.

    Raises:
        FileExistsError: another process was faster, or the file was there before; it is as it was.
        UnwritableOutput: the disk is full, or something is in the way.
    """
    try:
        with _written_beside(path, _bytes(content)) as partial:
            try:
                path.hardlink_to(partial)
            except FileExistsError:
                raise
            except OSError:  # a file system without links
                path.open("xb").close()
                partial.replace(path)
    except FileExistsError:
        raise
    except OSError as error:
        raise UnwritableOutput(f"{path} cannot be written: {error.strerror}") from None


@contextlib.contextmanager
def _written_beside(path: Path, data: bytes) -> Iterator[Path]:
    """A file in the same folder that holds the data, for the time being."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PARTIAL)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        # A temporary file is its owner's alone.
        partial.chmod(0o644)
        yield partial
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def remove_abandoned(folder: Path, before: float) -> None:
    """Remove what writers that died left half-written in a folder and its folders; what cannot be removed stays.

    Args:
        before: in seconds since 1970; a writer that began later may be alive, here or on another machine.
    """
    for where, _, names in os.walk(folder):
        for path in (Path(where, name) for name in names if _BESIDE.fullmatch(name)):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < before:
                    path.unlink()


def _bytes(content: str | bytes) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def say(text: str) -> None:
    """Print to a reader who may have left, such as `| head`; the exit status that follows stays what it is."""
    with reader_may_leave():
        print(text)


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """What prints here ends quietly once its reader has seen enough; where the disk is full, with a sentence and 2."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard_what_is_left()
    except OSError as error:
        if error.errno not in FULL:
            raise
        _discard_what_is_left()
        where = f"{error.filename} " if error.filename else "the output "
        print(f"{where}cannot be written: {error.strerror}; free some space and repeat", file=sys.stderr)
        sys.exit(UNWRITTEN)


def _discard_what_is_left() -> None:
    """Python would complain once more when it closes the stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
