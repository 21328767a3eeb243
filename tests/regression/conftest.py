"""Folders of made-up stored runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from recorder import Recorder


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "storage" / "nvidia-h200")


@pytest.fixture
def new_recorder(tmp_path: Path) -> Callable[[str], Recorder]:
    """Recorders of further folders."""
    return lambda name: Recorder(tmp_path / "storage" / name, seed=11)
