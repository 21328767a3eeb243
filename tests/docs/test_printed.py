"""What the pages say that `python -m regression` prints, it prints."""

from __future__ import annotations

import itertools
import shlex

import pytest

from regression.__main__ import main
from tests.docs.pages import PAGES, ROOT, blocks

PROMPT = "$ python -m regression "
PRINTED = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}, {block.splitlines()[0].removeprefix(PROMPT)[:60]}")
    for page in PAGES
    for block in blocks(page)
    if block.startswith(PROMPT)
]


def test_the_readme_shows_a_verdict_table():
    assert any("README.md" in str(block.id) for block in PRINTED)


@pytest.mark.parametrize("block", PRINTED)
def test_a_block_is_what_its_command_prints(block, monkeypatch, capsys):
    """`...` stands for lines left out; what stands between two of them is printed without a gap."""
    command, *shown = block.splitlines()
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command.removeprefix(PROMPT))) in (0, 1)
    printed = capsys.readouterr().out.splitlines()
    at = 0
    for left_out, piece in itertools.groupby(shown, key="...".__eq__):
        if left_out:
            continue
        lines = list(piece)
        starts = (start for start in range(at, len(printed)) if printed[start : start + len(lines)] == lines)
        start = next(starts, None)
        assert start is not None, "not printed:\n" + "\n".join(lines)
        at = start + len(lines)
