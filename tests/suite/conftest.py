"""Runs the suite in inner pytest sessions: a small timm model on the CPU, everything else as it is."""

from __future__ import annotations

import json
import os

import matplotlib.figure  # noqa: F401  a session that imported it would leave half of it behind
import pytest
import pytest_benchmark.histogram  # noqa: F401  its importlib_metadata takes over entry points; not inside a session
import torch
from inner_session import suite_arguments

# One thread for a model this small: two sessions beside each other would wait for each other's spinning threads.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)

SMALL = (
    "--device=cpu", "--models=test_efficientnet", "--weights=seeded", "--batch-sizes=1",
    "--benchmark-max-time=0.05", "--benchmark-min-rounds=5",
)  # fmt: skip


@pytest.fixture
def run_suite(pytester, monkeypatch):
    """Runs `pytest benchmarks/` in this process, storing into `store/` of a folder of its own."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*arguments, small=SMALL, storage="store"):
        storage_option = (f"--benchmark-storage=file://{pytester.path / storage}",) if storage else ()
        return pytester.runpytest_inprocess(*suite_arguments(*small, *storage_option, *arguments))

    return run


@pytest.fixture
def stored_runs(pytester):
    """Reads the runs that were stored, by file name."""
    return lambda: {path.name: json.loads(path.read_text()) for path in sorted(pytester.path.glob("store/*/*.json"))}
