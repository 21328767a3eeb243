"""Hooks by which the suite tells the gate what only it knows."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest


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
