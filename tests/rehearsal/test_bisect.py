"""The search for the package to blame, with environments of small wheels that are made for it."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from pathlib import Path

import pytest

from proof.rehearsals import wheels
from rehearsal import environments, installer, session
from rehearsal.__main__ import main
from rehearsal.environments import Environments
from rehearsal.groups import Distribution
from rehearsal.installer import NoRoom, NotMade
from tests.rehearsal.interrupting import interrupted
from tests.rehearsal.test_side import script

PARTS = wheels.PARTS[:4]
MORE = 60_000
"""Steps that make an inference of four parts several times as slow, which no busy machine hides."""


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """Folders of its own for temporary files and for what uv caches by name and version; short turns."""
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(session, "LEAST_TURNS_S", 0.1)
    monkeypatch.setattr(session, "MOST_TURNS_S", 0.2)
    yield
    monkeypatch.setattr("tempfile.tempdir", None)


class Sides:
    """An old and a new environment, and the command that compares them."""

    def __init__(self, folder: Path, slow: dict[str, list[str]], more: int = MORE) -> None:
        self.wheels = folder / "wheels"
        wheels.write_parts(self.wheels, PARTS, slow, more=more)
        self.pythons = wheels.sides(folder, self.wheels, PARTS)
        self.checkout = wheels.checkout(folder / "checkout")

    def command(self, *arguments: str) -> list[str]:
        sides = [f"--{name}={python}" for name, python in self.pythons.items()]
        sides += [f"--{name}-checkout={self.checkout}" for name in self.pythons]
        return [*sides, "--bisect", f"--find-links={self.wheels}", "--no-index", "--budget=30s", *arguments]


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "temp").iterdir()]


def test_two_packages_that_are_slow_only_together_are_found(tmp_path, capsys):
    sides = Sides(tmp_path, {"part-b": ["part-d"]})
    report = tmp_path / "report.html"
    assert main(sides.command("--format=json", f"--json={tmp_path / 'r.json'}", f"--report={report}")) == 1
    out, said = capsys.readouterr()
    found = json.loads(out)["search"]
    assert found["verdict"] == "To blame, only together: part-b 1.0 -> 2.0, part-d 1.0 -> 2.0."
    assert {found["groups"][group][0] for block in found["blamed"] for group in block} == {"part-b", "part-d"}
    assert "takes at most 4 further rehearsals of at most 30 s, 2 min in all" in " ".join(said.split())
    assert "at most 7 if two are to blame only together" in " ".join(said.split())
    assert len(found["steps"]) <= 7
    assert left(tmp_path) == []
    assert "To blame, only together" in report.read_text()
    assert main(["--from", str(tmp_path / "r.json")]) == 1
    assert "To blame, only together: part-b 1.0 -> 2.0, part-d 1.0 -> 2.0." in capsys.readouterr().out


def test_where_the_packages_are_not_to_blame_it_is_said(tmp_path, capsys):
    """Somebody changed a file of the new environment by hand."""
    sides = Sides(tmp_path, {})
    (module,) = (tmp_path / "new").glob("lib/python*/site-packages/part_c.py")
    module.unlink()  # it may be a hard link
    module.write_text(wheels.PART.format(version="2.0", work=wheels.WORK, more=MORE, slow=True))
    assert main(sides.command()) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "No package is to blame: an environment with the new versions of all of them does not show" in out
    assert "1 rehearsal of at most 4" in out


def test_an_environment_that_cannot_be_made_is_gone_round(tmp_path, capsys):
    """The old wheel of part-b is no longer to be had, so it is new wherever it can be: nothing can be halved there."""
    sides = Sides(tmp_path, {"part-a": []})
    (sides.wheels / "part_b-1.0-py3-none-any.whl").unlink()
    shutil.rmtree(tmp_path / "cache", ignore_errors=True)
    assert main(sides.command("--keep")) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "Environments between these could not be tried" in out
    assert "part-a 1.0 -> 2.0, part-b 1.0 -> 2.0" in out
    assert "its environment cannot be made" in out
    (kept,) = left(tmp_path)
    assert f"The environments are in {tmp_path / 'temp' / kept}" in out
    assert list((tmp_path / "temp" / kept).glob("*/bin/python"))


@pytest.fixture
def few_pairs(monkeypatch):
    """For a first rehearsal in which no time changes."""
    monkeypatch.setattr(sys.modules[main.__module__], "MOST_PAIRS", 3)


def test_a_count_is_followed_without_taking_turns(tmp_path, capsys, few_pairs):
    """The new part-c makes two more calls, which take no time: six of an inference instead of four."""
    assert main(Sides(tmp_path, {"part-c": []}, more=0).command("--format=json")) == 0
    found = json.loads(capsys.readouterr().out)["search"]
    assert (found["followed"]["metric"], found["followed"]["verdict"]) == ("python_calls", "CHANGED")
    assert found["verdict"] == "To blame: part-c 1.0 -> 2.0."
    assert [step["ratio"] for step in found["steps"] if step["answer"] == "carries"][-1] == 6 / 4


def test_without_a_change_nothing_is_searched_for(tmp_path, capsys, few_pairs):
    assert main(Sides(tmp_path, {}).command()) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Nothing is searched for" in out
    assert left(tmp_path) == []


def test_the_plan_says_what_it_costs(tmp_path, capsys):
    assert main(Sides(tmp_path, {}).command("--plan")) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "4 packages of the two sides differ. The search for the one to blame takes at most 4" in out
    assert left(tmp_path) == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_removes_the_environments_and_reports_what_was_found(tmp_path, capsys, how):
    sides = Sides(tmp_path, {"part-c": []})
    with interrupted(lambda: list((tmp_path / "temp").glob("rehearsal-environments-*/*/bin/python")), how):
        status = main(sides.command())
    out, said = capsys.readouterr()
    assert status == 1, said
    assert "SLOWER" in out
    assert "The search was interrupted before it found the package to blame." in " ".join(out.split())
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--new-args=--no-cudnn-benchmark"], "the sides differ in checkout or options as well"),
        ([], "have the same packages in the same versions"),
    ],
)
def test_what_cannot_be_searched_is_one_sentence(arguments, sentence, tmp_path, capsys):
    assert main(["--bisect", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("rehearsal: ") and sentence in said
    assert len(said.splitlines()) == 1
    assert left(tmp_path) == []


def parts(*names: str) -> list[Distribution]:
    return [Distribution(name, wheels.OLD_VERSION) for name in names]


@pytest.mark.parametrize("with_uv", [True, False], ids=["uv", "venv and pip"])
def test_environments_are_made_with_uv_and_without(tmp_path, monkeypatch, with_uv):
    if not with_uv:
        monkeypatch.setattr(installer, "uv", list)
    wheels.write_parts(tmp_path / "wheels", PARTS, {})
    options = ["--no-index", f"--find-links={tmp_path / 'wheels'}"]
    with Environments(Path(sys.executable), options) as made:
        assert made.installer == ("uv" if with_uv else "venv and pip")
        python = made.make(parts("part-a", "part-b"))
        assert made.make(parts("part-a", "part-b")) == python
        version, found = environments.installed(python)
        assert version == ".".join(map(str, sys.version_info[:3]))
        assert {"part-a", "part-b"} <= found.keys() and "part-c" not in found
        with pytest.raises(NotMade, match="part-z"):
            made.make(parts("part-z"))
        assert len(list(made.folder.glob("*/"))) == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "said", ["No space left on device (os error 28)", "OSError: [Errno 28] No space left on device"]
)
def test_a_full_disk_is_a_sentence(tmp_path, monkeypatch, said):
    full = script(tmp_path / "uv", f'#!/bin/sh\necho "error: Failed to install: {said}" >&2\nexit 2\n')
    monkeypatch.setattr(installer, "uv", lambda: [str(full)])
    with Environments(Path(sys.executable)) as made, pytest.raises(NoRoom, match=r"is full.*set TMPDIR"):
        made.make(parts("part-a"))
    assert left(tmp_path) == []


def test_no_folder_for_environments_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(NoRoom, match="no temporary folder for environments can be made: No such file or directory"):
        Environments(Path(sys.executable))
