"""One rehearsal at a time on one GPU: a second one would disturb the first, and be disturbed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common.errors import UsageError


class Taken(UsageError):
    """Another rehearsal is under way on the device; the message says which."""


@contextlib.contextmanager
def locked(uuid: str) -> Iterator[None]:
    """Hold the device's lock, which the system gives back however this process ends. A CPU (no UUID) has none.

    Raises:
        Taken: another process holds it.
    """
    if not uuid:
        yield
        return
    name = "rehearsal-" + re.sub(r"[^\w-]", "_", uuid) + ".lock"
    try:
        descriptor = _opened(Path(tempfile.gettempdir(), name))
    except OSError as error:
        raise UsageError(
            f"{error.filename or name}, which tells rehearsals on one GPU apart, cannot be opened: {error.strerror}; "
            "set TMPDIR"
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Taken(
                f"another rehearsal is under way on {uuid}, and the two would disturb each other; wait for its end"
            ) from None
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """The file, open for reading: another user's is locked as well, and nobody may write it."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL, 0o444))
    return os.open(path, os.O_RDONLY)
