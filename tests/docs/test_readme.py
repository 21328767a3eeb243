"""The README: short, and its verdict table is what the command beside it prints."""

from __future__ import annotations

import shlex

from regression.__main__ import main
from tests.docs.pages import ROOT, blocks, text

README = ROOT / "README.md"
PROMPT = "$ python -m regression "


def test_it_is_short():
    assert len(text(README).splitlines()) <= 150


def test_it_names_the_two_commands_and_what_pytest_benchmark_adds():
    for words in ("make bench", "make test", "--benchmark-compare", "--benchmark-histogram", "docs/images/report.png"):
        assert words in text(README)


def test_the_verdict_table_is_what_the_command_prints(monkeypatch, capsys):
    (block,) = (block for block in blocks(README) if block.startswith(PROMPT))
    command, *shown = block.splitlines()
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command.removeprefix(PROMPT))) == 1
    printed = capsys.readouterr().out.splitlines()
    # `...` stands for lines left out; what stands between two of them is printed without a gap.
    assert "..." in shown
    at = 0
    for piece in "\n".join(shown).split("...\n"):
        lines = piece.splitlines()
        starts = (start for start in range(at, len(printed)) if printed[start : start + len(lines)] == lines)
        start = next(starts, None)
        assert start is not None, f"not printed:\n{piece}"
        at = start + len(lines)
