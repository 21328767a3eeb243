"""What an inner pytest session of the suite is called with."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The suite's own modules but for those that start processes, which would take seconds in every inner session.
WITHOUT_PROCESSES = f"--ignore={ROOT / 'benchmarks' / 'test_cold_start.py'}"


def suite_arguments(*arguments: str, tests: str = "") -> list[str]:
    """The arguments of pytest that run benchmarks/ from whatever folder, or one module of it."""
    what = [str(ROOT / "benchmarks" / tests)] if tests else [str(ROOT / "benchmarks"), WITHOUT_PROCESSES]
    return ["-c", str(ROOT / "pytest.ini"), f"--rootdir={ROOT}", *what, "-p", "no:cacheprovider", *arguments]
