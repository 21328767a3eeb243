"""What the pages say that a command prints of stored runs, it prints."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence

import pytest

from regression.__main__ import main
from tests.docs.pages import PAGES, ROOT, blocks, text

PROMPT = "$ python -m regression "
SCRIPT = "$ python - <<'PY'\n"
# Other commands that read stored files alone.
READERS = tuple(
    f"$ python -m {command}"
    for command in (
        "rehearsal --from",
        "proof.score.spreads",
        "proof.neighbours proof/runs/neighbours-h200.json",
        "proof.service proof/questions/",
    )
)
# Markdown that a command prints stands in the page as it is, between two comments.
RENDERED = re.compile(r"^<!-- \$ python (-m [^\n]*) -->\n(.*?)^<!-- end -->", re.MULTILINE | re.DOTALL)
# Judge 64 nights and 400, in a minute and more each.
SLOW = ("for three in itertools.combinations(gpus, 3):", "for alike in (True, False):")
BLOCKS = [(page, block) for page in PAGES for block in blocks(page)]
PRINTED = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}, {block.splitlines()[0].removeprefix(PROMPT)[:60]}")
    for page, block in BLOCKS
    if block.startswith(PROMPT)
]
READ = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}, {number}")
    for number, (page, block) in enumerate(BLOCKS)
    if block.startswith((SCRIPT, *READERS)) and not any(line in block for line in SLOW)
]
PASTED = [
    pytest.param(command, shown, id=f"{page.relative_to(ROOT)}, {command[:60]}")
    for page in PAGES
    for command, shown in RENDERED.findall(text(page))
]


def test_the_readme_shows_a_verdict_table():
    assert any("README.md" in str(block.id) for block in PRINTED)


def test_slow_blocks_are_there():
    assert all(any(line in block for _, block in BLOCKS) for line in SLOW)


@pytest.mark.parametrize("block", PRINTED)
def test_a_block_is_what_its_command_prints(block, monkeypatch, capsys):
    command, *shown = block.splitlines()
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(command.removeprefix(PROMPT))) in (0, 1)
    compare(shown, capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("block", READ)
def test_a_block_is_what_its_script_prints(block):
    if block.startswith(SCRIPT):
        script, _, shown = block.removeprefix(SCRIPT).partition("\nPY\n")
        words = [sys.executable, "-"]
    else:
        command, _, shown = block.partition("\n")
        script, words = "", [sys.executable, *shlex.split(command.removeprefix("$ python "))]
    compare(shown.splitlines(), printed(words, script))


@pytest.mark.parametrize(("command", "shown"), PASTED)
def test_markdown_is_what_its_command_prints(command, shown):
    assert shown.strip().splitlines() == printed([sys.executable, *shlex.split(command)])


def test_no_number_depends_on_what_this_machine_has_stored():
    """The folder `baselines` holds a user's own runs as well."""
    said = [line for page in PAGES for line in re.findall(r"python -m proof[^`\n]*", text(page))]
    assert len(said) > 20 and not [line for line in said if "baselines" in line.split()]


def test_no_page_waits_for_a_number():
    assert not [str(page.relative_to(ROOT)) for page in PAGES if "TODO" in text(page)]


def printed(words: Sequence[str], script: str = "") -> list[str]:
    done = subprocess.run(words, input=script, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout.splitlines()


def compare(shown: Sequence[str], said: Sequence[str]) -> None:
    """`...` stands for lines left out; what stands between two of them is printed without a gap."""
    at = 0
    for left_out, piece in itertools.groupby(shown, key="...".__eq__):
        if left_out:
            continue
        lines = list(piece)
        starts = (start for start in range(at, len(said)) if said[start : start + len(lines)] == lines)
        start = next(starts, None)
        assert start is not None, "not printed:\n" + "\n".join(lines)
        at = start + len(lines)
