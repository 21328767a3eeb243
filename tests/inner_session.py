"""What an inner pytest session of the suite is called with."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def suite_arguments(*arguments: str, tests: str = "") -> list[str]:
    """The arguments of pytest that run benchmarks/ from whatever folder, or one module of it."""
    what = str(ROOT / "benchmarks" / tests) if tests else str(ROOT / "benchmarks")
    return ["-c", str(ROOT / "pytest.ini"), f"--rootdir={ROOT}", what, "-p", "no:cacheprovider", *arguments]
