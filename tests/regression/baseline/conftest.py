"""A project's folder of baselines, in which commands are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from common.schema import STORE
from regression.baseline import command
from tests.regression.recorder import Recorder


@pytest.fixture(autouse=True)
def own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's outbox, nor the user's store."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv(STORE, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Recorder:
    """Records runs into `baselines/nvidia-h200/Linux` of the current folder."""
    return Recorder(tmp_path / "baselines" / "nvidia-h200" / "Linux")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Calls `python -m regression baseline`; exit status, standard output and standard error."""

    def run(*words: str) -> tuple[int, str, str]:
        try:
            status = command.main(words)
        except SystemExit as ended:
            status = int(ended.code or 0)
        told = capsys.readouterr()
        return status, told.out, told.err

    return run
