"""The second environment: what the first has, with what is to be tried."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from proof.rehearsals import wheels
from rehearsal.environments import installed
from rehearsal.second import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Makes the second environment of one with part-a 1.0 and part-b 1.0; part-b 2.0 needs part-a 2.0."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    wheels.write_parts(tmp_path / "wheels", wheels.PARTS[:2], {}, {"part-b": ["part-a>=2"]})
    old = wheels.environment(tmp_path / "old", tmp_path / "wheels", ["part-a==1.0", "part-b==1.0"])
    options = ["--old", str(old), "--find-links", str(tmp_path / "wheels"), "--no-index"]

    def make(*requirements: str, folder: str = "new") -> tuple[int, Path]:
        return main([str(tmp_path / folder), *options, "--", *requirements]), tmp_path / folder

    return make


def versions(folder: Path) -> dict[str, str]:
    return {name: one.version for name, one in installed(folder / "bin" / "python")[1].items()}


def test_it_differs_in_what_is_tried_and_in_what_that_needs(made, capsys):
    status, folder = made("part-a==2.*")
    assert (status, versions(folder)) == (0, {"part-a": "2.0", "part-b": "1.0"})
    assert "part-a 1.0 -> 2.0" in capsys.readouterr().out
    status, folder = made("part-b>1")  # replaces the folder
    assert (status, versions(folder)) == (0, {"part-a": "2.0", "part-b": "2.0"})


def test_what_cannot_be_had_is_a_sentence_and_leaves_no_environment(made, capsys):
    status, folder = made("part-a==3")
    said = capsys.readouterr().err
    assert status == 2 and not folder.exists()
    assert said.startswith(f"rehearsal: {folder} cannot be made: ") and len(said.splitlines()) == 1


def test_a_folder_that_is_something_else_is_left_alone(made, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    status, folder = made("part-a==2.0", folder="mine")
    assert status == 2 and (folder / "file").exists()
    assert "it exists and is no environment" in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["old", "elsewhere/../old", "."])
def test_the_old_environment_is_not_made_anew(made, tmp_path, monkeypatch, folder, capsys):
    (tmp_path / "pyvenv.cfg").touch()
    monkeypatch.chdir(tmp_path)
    status, _ = made("part-a==2.0", folder=folder)
    assert status == 2 and versions(tmp_path / "old") == {"part-a": "1.0", "part-b": "1.0"}
    assert "which it is made from, is in it; choose another folder" in capsys.readouterr().err


@pytest.mark.parametrize("word", ["-r requirements.txt", "--index-url=https://x", "a b"])
def test_only_requirements_are_taken(made, word, capsys):
    with pytest.raises(SystemExit):
        made(word)
    assert "is no requirement such as timm==1.0.31" in capsys.readouterr().err


def make(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`make rehearsal` in a folder whose interpreter says what it was asked for."""
    shutil.copy(ROOT / "Makefile", folder)
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!{sys.executable}\nimport sys\nprint(sys.argv[1:])\n")
    python.chmod(0o755)
    for name in ("pyproject.toml", "constraints.txt", ".venv/.installed"):
        (folder / name).touch()
    return subprocess.run(["make", "--silent", "rehearsal", *words], cwd=folder, capture_output=True, text=True)


def test_make_makes_it_and_rehearses(tmp_path):
    done = make(tmp_path, "NEW=torch-tensorrt==2.12.* timm>1", "ARGS=--budget 5m")
    assert done.stdout.splitlines() == [
        str(["-m", "rehearsal.second", ".venv-new", "--", "torch-tensorrt==2.12.*", "timm>1"]),
        str(["-m", "rehearsal", "--new", ".venv-new/bin/python", "--budget", "5m"]),
    ]


def test_make_asks_what_to_try(tmp_path):
    done = make(tmp_path)
    assert done.returncode and "say what to try, such as make rehearsal NEW='timm==1.0.31'" in done.stderr
    assert not done.stdout


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_it_is_said(tmp_path, monkeypatch, capsys, how):
    monkeypatch.setattr("rehearsal.second.make", lambda *_: os.kill(os.getpid(), how))
    assert main([str(tmp_path / "new"), "--", "part-a==2.0"]) == 2
    assert capsys.readouterr().err == f"rehearsal: interrupted; {tmp_path / 'new'} is not there\n"
    (tmp_path / "new").mkdir()
    assert main([str(tmp_path / "new"), "--", "part-a==2.0"]) == 2
    assert capsys.readouterr().err == f"rehearsal: interrupted; {tmp_path / 'new'} is as it was\n"
