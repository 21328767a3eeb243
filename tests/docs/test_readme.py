"""The README is short, and says the commands by which the suite is known."""

from __future__ import annotations

from tests.docs.pages import ROOT, text

README = ROOT / "README.md"


def test_it_is_short():
    assert len(text(README).splitlines()) <= 150


def test_it_names_the_two_commands_and_what_pytest_benchmark_adds():
    for words in ("make bench", "make test", "--benchmark-compare", "--benchmark-histogram", "docs/images/report.png"):
        assert words in text(README)
