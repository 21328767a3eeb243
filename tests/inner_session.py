"""What an inner pytest session of the suite is called with."""

from __future__ import annotations

import os
from pathlib import Path

from tests import quick

ROOT = Path(__file__).resolve().parent.parent


def suite_arguments(*arguments: str, tests: str = "") -> list[str]:
    """The arguments of pytest that run benchmarks/ from whatever folder, or one module of it."""
    what = str(ROOT / "benchmarks" / tests) if tests else str(ROOT / "benchmarks")
    return ["-c", str(ROOT / "pytest.ini"), f"--rootdir={ROOT}", what, "-p", "no:cacheprovider", *arguments]


def environment(**more: str) -> dict[str, str]:
    """The environment of a session in a process of its own, with `tests.quick` and what the test adds."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return kept | quickly() | more


def quickly() -> dict[str, str]:
    """The variables that load `tests.quick`, where nothing else of this process's environment is to be inherited."""
    quick.get_cpu_info()
    return {"PYTEST_PLUGINS": quick.__name__, "PYTHONPATH": str(ROOT), quick.FOUND: os.environ[quick.FOUND]}
