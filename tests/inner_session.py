"""What an inner pytest session of the suite is called with."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def suite_arguments(*arguments: str) -> list[str]:
    """The arguments of pytest that run benchmarks/ from whatever folder."""
    files = ("-c", str(ROOT / "pytest.ini"), f"--rootdir={ROOT}", str(ROOT / "benchmarks"))
    return [*files, "-p", "no:cacheprovider", *arguments]
