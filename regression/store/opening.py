"""Opens a store by what `--store` or the environment says, and adds that option."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common.schema import STORE
from regression.store.delivery import deliver_waiting
from regression.store.objects import Folder, WrongStore
from regression.store.store import Store

DEFAULT = "baselines"
"""The folder that is the store where neither names one."""


def add_option(add: Callable[..., Any]) -> None:
    """Add `--store` through argparse's `add_argument` or pytest's `addoption`; without it the value is None."""
    add(
        "--store",
        metavar="URL",
        default=None,
        help="where stored runs live: a folder, s3://, gs://, az:// or another URL that fsspec opens "
        f"(default: ${STORE}, else the folder {DEFAULT})",
    )


def named(option: str | None) -> str | None:
    """The URL that the option or the environment gives; None where neither does."""
    return option or os.environ.get(STORE) or None


def named_or_default(option: str | None) -> str:
    """The same for a command that reads; the folder `baselines` where neither gives one."""
    return named(option) or DEFAULT


def open_store(url: str | Path) -> Store:
    """A store by its URL or folder; nothing is read yet.

    Raises:
        WrongStore: the URL is none, or the package for it is not installed.
    """
    text = str(url)
    if re.match(r"[a-z][a-z0-9+]+:(?!//)", text):
        raise WrongStore(f"--store {text} is no URL; give a folder or a URL such as s3://bucket/runs.")
    if "://" not in text or text.startswith("file://"):
        root = Path(text.removeprefix("file://"))
        if root.is_file():
            raise WrongStore(f"--store {text}: it is a file; give a folder or a URL such as s3://bucket/runs.")
        return Store(text, Folder(root))
    if not all(text.partition("://")[::2]):
        raise WrongStore(f"--store {text} names no place; give a folder or a URL such as s3://bucket/runs.")
    # fsspec takes a while to import, and a folder does not need it.
    from regression.store.remote import Remote

    return Store(text, Remote(text))


@contextlib.contextmanager
def opened(url: str | Path, slug: str = "") -> Iterator[Store]:
    """A store whose `folder` holds its baselines, marks and latest runs; of one GPU, or of all.

    Raises:
        WrongStore: as `open_store` does.
        StoreAway: it does not answer.
    """
    store = open_store(url)
    deliver_waiting(store)
    store.fetch(slug)
    yield store
