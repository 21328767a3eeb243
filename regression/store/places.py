"""Where a store's local copies lie on this machine, outside every checkout."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import platformdirs

NAME = "inference-benchmarks"


def mirror_of(url: str) -> Path:
    """The folder of a store's mirror, which may be deleted at any time."""
    return platformdirs.user_cache_path(NAME) / "stores" / _folder_name(url)


def outbox_of(url: str) -> Path:
    """The folder of what waits to be delivered, which is nowhere else."""
    return platformdirs.user_state_path(NAME) / "outbox" / _folder_name(url)


def _folder_name(url: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9.]+", "-", url).strip("-")[-40:]
    return f"{readable}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
