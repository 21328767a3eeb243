"""Hooks by which the suite and the gate ask each other for what only the other knows."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest


@pytest.hookspec(firstresult=True)
def pytest_store_folder(config: pytest.Config, slug: str) -> tuple[Path, list[str]] | None:
    """The folder that holds a GPU's stored runs on this machine, where a store is named, and lines for the header.

    The suite calls this hook; the store answers it.
    """
    raise NotImplementedError


@pytest.hookspec
def pytest_judge_fresh_process_arguments(config: pytest.Config) -> list[str]:
    """Arguments that make a fresh pytest process measure as this session does, beside the tests' node ids."""
    raise NotImplementedError


@pytest.hookspec(firstresult=True)
def pytest_judge_interruptible(config: pytest.Config, doing: str) -> AbstractContextManager[None]:
    """While a fresh process measures, the session may be interrupted, although it ends: raises KeyboardInterrupt."""
    raise NotImplementedError


@pytest.hookspec(firstresult=True)
def pytest_judge_release_device(config: pytest.Config) -> bool:
    """Give the GPU back to fresh processes: called once, before the first. Whether this process holds nothing on it."""
    raise NotImplementedError


@pytest.hookspec(firstresult=True)
def pytest_judge_label_sheet(config: pytest.Config) -> bytes | None:
    """The session's label sheet as PNG, for the report page."""
    raise NotImplementedError
