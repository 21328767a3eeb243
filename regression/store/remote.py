"""A store behind a URL that fsspec opens: object storage such as s3://, gs:// and az://."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import fsspec

from regression.store.objects import Object, StoreAway, WrongStore
from regression.text import escaped

# s3fs tries five times more, and botocore by default would multiply that by five.
PATIENCE: Mapping[str, Mapping[str, Any]] = {
    "s3": {"config_kwargs": {"connect_timeout": 10, "read_timeout": 30, "retries": {"max_attempts": 1}}},
}
EXTRAS: Mapping[str, str] = {
    "s3": "s3fs (pip install '.[store-s3]')",
    "gs": "gcsfs (pip install '.[store-gs]')",
    "gcs": "gcsfs (pip install '.[store-gs]')",
    "az": "adlfs (pip install '.[store-az]')",
    "abfs": "adlfs (pip install '.[store-az]')",
}
# What the filesystems call the time of the last change.
MODIFIED = ("LastModified", "last_modified", "updated", "mtime")
# Written once by the first writer; every later one asks to create it again, which an exclusive store refuses.
MARKER = "store.json"


class Remote:
    """An fsspec filesystem. What it raises, of whatever library, becomes StoreAway."""

    def __init__(self, url: str) -> None:
        protocol = url.partition("://")[0]
        options = dict(PATIENCE.get(protocol, {}))
        try:
            self._system, root = fsspec.url_to_fs(url, use_listings_cache=False, **options)
        except ImportError:
            package = EXTRAS.get(protocol, "a package for it")
            raise WrongStore(f"--store {url}: {protocol}:// needs {package}.") from None
        except ValueError as error:
            raise WrongStore(f"--store {url}: {error}; give a folder or a URL such as s3://bucket/runs.") from None
        self._root = str(root).rstrip("/")

    @cached_property
    def exclusive(self) -> bool:
        """Not every S3 server heeds the condition that the object be new, so it is tried once."""
        for _ in range(2):
            try:
                self._create(MARKER, b'{"schema": 1}\n')
            except FileExistsError:
                return True
            except StoreAway as problem:
                if isinstance(problem.__cause__, NotImplementedError):
                    return False
                raise
        return False

    def list(self, prefix: str = "") -> list[Object]:
        with _away():
            self._system.invalidate_cache()
            try:
                found = self._system.find(self._path(prefix), detail=True)
            except FileNotFoundError:
                return []
        objects = (self._object(path, info) for path, info in found.items() if info.get("type") == "file")
        return sorted((one for one in objects if one.key), key=lambda one: one.key)

    def read(self, key: str) -> bytes:
        with _away():
            data: bytes = self._system.cat_file(self._path(key))
            return data

    def append(self, key: str, data: bytes) -> None:
        if self.exclusive:
            self._create(key, data)
            return
        with _away():
            if self._system.exists(self._path(key)):
                raise FileExistsError(key)
            self._system.pipe_file(self._path(key), data)

    def remove(self, key: str) -> None:
        with _away(), contextlib.suppress(FileNotFoundError):
            self._system.rm_file(self._path(key))

    def _create(self, key: str, data: bytes) -> None:
        path = self._path(key)
        try:
            with _away():
                self._system.pipe_file(path, data, mode="create")
        except FileExistsError:
            raise FileExistsError(key) from None
        except StoreAway:
            # The refusal has another type in every library; what is there tells it from a failure.
            with _away():
                exists = self._system.exists(path)
            if exists:
                raise FileExistsError(key) from None
            raise

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}".rstrip("/") if key else self._root

    def _object(self, path: str, info: Mapping[str, Any]) -> Object:
        key = path.removeprefix(self._root).lstrip("/")
        modified = next((info[name] for name in MODIFIED if name in info), 0)
        seconds = _seconds(modified)
        tag = next((str(info[name]) for name in ("ETag", "etag", "md5Hash") if info.get(name)), str(seconds))
        return Object(key, int(info.get("size") or 0), tag.strip('"'), seconds)


def _seconds(modified: Any) -> float:
    if isinstance(modified, str):
        with contextlib.suppress(ValueError):
            modified = datetime.datetime.fromisoformat(modified)
    if isinstance(modified, datetime.datetime):
        return modified.timestamp()
    return float(modified) if isinstance(modified, (int, float)) else 0.0


@contextlib.contextmanager
def _away() -> Iterator[None]:
    """Libraries for object storage raise what they like, and none of it is worth a traceback."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, StoreAway):
        raise
    except Exception as error:
        said = " ".join(escaped(str(error)).split())[:200]
        raise StoreAway(f"{type(error).__name__}{f': {said}' if said else ''}") from error
