"""Output files: refused before anything runs, and written whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common import output


def test_a_path_in_folders_that_do_not_exist_yet_is_fine_and_left_alone(tmp_path: Path) -> None:
    output.check(tmp_path / "new" / "folders" / "page.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "said"),
    [(".", "is a folder; name a file in it"), ("file/page.html", "file is not a folder"), ("/proc/page.html", "/proc")],
)
def test_what_is_in_the_way_is_said(tmp_path: Path, path: str, said: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(output.UnwritableOutput, match=said):
        output.check(tmp_path / path)


def test_a_file_that_may_not_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page.html").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(output.UnwritableOutput, match="change its permissions"):
        output.check(tmp_path / "page.html")


@pytest.mark.parametrize("content", ["höher\n", b"\x89PNG"])
def test_it_is_written_with_the_folders_that_it_needs(tmp_path: Path, content: str | bytes) -> None:
    path = tmp_path / "new" / "page.html"
    output.write(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert path.stat().st_mode & 0o777 == 0o644
    output.write(path, "new")
    assert path.read_text() == "new"


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "page.html"
    path.write_text("old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(output.UnwritableOutput, match=r"page\.html cannot be written: No space left"):
        output.write(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


PRINTS = """
import sys
from common import output
with output.reader_may_leave():
    for number in range(100_000):
        print(number)
    sys.exit(3)
"""


def test_a_reader_who_leaves_ends_the_command_quietly() -> None:
    with subprocess.Popen([sys.executable, "-c", PRINTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"0\n"
        process.stdout.close()
        assert process.stderr and process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize("lines", [1, 100_000])
def test_an_output_that_finds_no_room_is_a_sentence_and_no_regression(lines: int) -> None:
    """Whether Python notices while it prints or at the end; 1 would be a regression."""
    prints = PRINTS.replace("100_000", str(lines)).replace("exit(3)", "exit(1)")
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([sys.executable, "-c", prints], stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 2
    assert ended.stderr == b"the output cannot be written: No space left on device; free some space and repeat\n"


def test_every_command_lets_its_reader_leave() -> None:
    root = Path(__file__).parents[2]
    commands = [
        path
        for room in ("regression", "rehearsal", "proof")
        for path in sorted(root.joinpath(room).rglob("*.py"))
        if '__name__ == "__main__"' in path.read_text()
    ]
    assert len(commands) > 10
    assert [str(path) for path in commands if "with output.reader_may_leave():" not in path.read_text()] == []
