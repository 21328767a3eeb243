"""What a store of runs can do: list, read and append; and a folder that can."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from common import output
from common.errors import UsageError
from regression.text import why


class StoreAway(Exception):
    """The store does not answer now; the message is a clause that says why, without the URL."""


class WrongStore(UsageError):
    """The store cannot be opened as given; the message is a sentence that says what to change."""


@dataclass(frozen=True)
class Object:
    """One object as the store lists it.

    Attributes:
        key: POSIX path below the store's root, such as `nvidia-h200/Linux-CPython-3.12-64bit/0012_nightly.json`.
        size: bytes.
        tag: changes whenever the content does: an ETag, or the time of the last change.
        modified: seconds since 1970; 0 where the store does not say.
    """

    key: str
    size: int
    tag: str
    modified: float = 0.0


class Objects(Protocol):
    """A tree of objects. Every method raises StoreAway where the store does not answer."""

    @property
    def exclusive(self) -> bool:
        """Whether `append` refuses an object that another writer appends at the same time."""

    def list(self, prefix: str = "") -> list[Object]:
        """The objects below a folder, by key; an empty list where there is none."""

    def read(self, key: str) -> bytes:
        """One object. Raises FileNotFoundError."""

    def append(self, key: str, data: bytes) -> None:
        """Add an object, whole or not at all. Raises FileExistsError where there is one, which stays as it is."""

    def remove(self, key: str) -> None:
        """Remove an object; nothing where there is none. Only `prune` and the index do so."""


class Folder:
    """A folder of files, such as `baselines/`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def exclusive(self) -> bool:
        return True

    def list(self, prefix: str = "") -> list[Object]:
        with _away():
            return sorted(self._walk(self.root / prefix), key=lambda found: found.key)

    def _walk(self, folder: Path) -> Iterator[Object]:
        for where, _, names in os.walk(folder, onerror=_raise):
            for name in names:
                path = Path(where, name)
                if name.endswith(output.PARTIAL):
                    continue
                with contextlib.suppress(FileNotFoundError):  # a link to nothing, or gone by now
                    status = path.stat()
                    key = path.relative_to(self.root).as_posix()
                    yield Object(key, status.st_size, str(status.st_mtime_ns), status.st_mtime)

    def read(self, key: str) -> bytes:
        with _away():
            return (self.root / key).read_bytes()

    def append(self, key: str, data: bytes) -> None:
        try:
            output.create(self.root / key, data)
        except output.UnwritableOutput as error:
            raise StoreAway(str(error)) from None

    def remove(self, key: str) -> None:
        with _away():
            (self.root / key).unlink(missing_ok=True)


def _raise(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise error


@contextlib.contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StoreAway(f"{error.filename or 'the folder'} cannot be read: {why(error)}") from None
