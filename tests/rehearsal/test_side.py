"""What becomes of a side that cannot start, ends or hangs: a sentence each, and no process that is left.

The sides of most tests run a checkout of their own, whose worker does what the test needs.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from rehearsal.protocol import VERSION
from rehearsal.side import NotAnswered, Place, Side, SideEnded, UnusableSide

PYTHON = Path(sys.executable)
ROOT = Path(__file__).resolve().parents[2]

WORKER = f"""
import os, signal, time
VERSION = {VERSION}
def serve(channel):
    for request in channel:
        do = request["do"]
        if do == "kill": os.kill(os.getpid(), request["signal"])
        elif do == "exit": os._exit(3)
        elif do == "hang": time.sleep(600)
        elif do == "raise": raise RuntimeError("the GPU is lost")
        elif do == "refuse": channel.send({{"error": "it is not to be had"}})
        else: channel.send({{"answer": {{"pid": os.getpid(), "python_path": request.get("arguments")}}}})
"""


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose worker is the given text."""

    def make(worker: str = WORKER, name: str = "checkout") -> Path:
        folder = tmp_path / name / "rehearsal"
        folder.mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "worker.py").write_text(textwrap.dedent(worker))
        return folder.parent

    return make


@pytest.fixture
def side(checkout):
    started = Side(Place("new", PYTHON, checkout(), ("--one",)))
    started.begin()
    yield started
    started.end(at_once=True)
    assert gone(started.description["pid"])


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def refusal(place: Place) -> str:
    with pytest.raises(UnusableSide) as refused:
        place.check()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_this_interpreter_and_checkout_are_fine():
    Place("old", PYTHON, ROOT).check()


def test_an_interpreter_that_does_not_exist(tmp_path):
    assert "--new /nowhere/python does not exist" in refusal(Place("new", Path("/nowhere/python"), ROOT))
    assert "cannot be run" in refusal(Place("new", tmp_path, ROOT))


def test_what_is_no_python(tmp_path):
    assert "is no Python interpreter" in refusal(Place("old", Path("/bin/echo"), ROOT))
    pretends = script(tmp_path / "python", "#!/bin/sh\necho Python 3.12.0\n")
    assert "cannot run a line of Python" in refusal(Place("old", pretends, ROOT))


def test_an_interpreter_that_lacks_torch(tmp_path):
    """-S leaves site-packages out."""
    bare = script(tmp_path / "python", f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    assert "lacks torch, timm" in refusal(Place("new", bare, ROOT))


def test_a_python_that_is_too_old(tmp_path):
    old = script(tmp_path / "python", "#!/bin/sh\n[ $1 = -V ] && echo Python 3.9.1 || echo '[[3, 9], []]'\n")
    assert "is Python 3.9; a side needs 3.11 or later" in refusal(Place("old", old, ROOT))


def test_an_interpreter_that_prints_when_it_starts(tmp_path):
    greets = script(tmp_path / "python", f'#!/bin/sh\necho Welcome\nexec "{sys.executable}" "$@"\n')
    assert "prints 'Welcome' when it starts" in refusal(Place("new", greets, ROOT))


@pytest.mark.parametrize("how", ["exit 7", "kill -9 $$", "echo Welcome; exec sleep 1"])
def test_an_interpreter_that_ends_before_it_listens(tmp_path, checkout, how):
    """Whatever of execnet's handshake it misses."""
    python = script(tmp_path / "python", f"#!/bin/sh\n{how}\n")
    with pytest.raises(SideEnded, match="the new side's interpreter ended while starting"):
        Side(Place("new", python, checkout()))


@pytest.mark.parametrize("full", ["the folder", "every disk"])
def test_a_side_without_room_for_its_log(checkout, tmp_path, monkeypatch, full):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone") if full == "the folder" else None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "gone")])
    said = r"the log of the old side cannot be written to a temporary folder: No .*; free some space, or set TMPDIR"
    with pytest.raises(UnusableSide, match=said):
        Side(Place("old", PYTHON, checkout()))


def test_a_checkout_from_before_the_rehearsal(tmp_path):
    said = refusal(Place("old", PYTHON, tmp_path))
    assert f"--old-checkout {tmp_path} has no rehearsal/worker.py" in said


def test_a_checkout_of_another_protocol(checkout):
    with pytest.raises(UnusableSide, match="speaks version 0 of the rehearsal's protocol, this checkout version"):
        Side(Place("old", PYTHON, checkout("VERSION = 0\ndef serve(channel): channel.receive()"))).begin()


def test_a_checkout_that_cannot_be_imported(checkout):
    with pytest.raises(UnusableSide, match=r"cannot import .*: ModuleNotFoundError: No module named 'not_installed'"):
        Side(Place("new", PYTHON, checkout("import not_installed"))).begin()


def test_a_side_answers_and_goes_on_after_what_it_cannot_do(side):
    with pytest.raises(NotAnswered, match="it is not to be had"):
        side.ask("refuse", "refusing", 10)
    assert side.ask("anything", "answering", 10, arguments=["--two"])["python_path"] == ["--two"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_side_that_a_signal_ends(side, how):
    with pytest.raises(SideEnded, match=f"the new side's process ended by {how.name}.* while building it") as ended:
        side.ask("kill", "building it", 30, signal=int(how))
    assert ended.value.side == "new"
    assert ("ran out of memory" in str(ended.value)) == (how is signal.SIGKILL)
    assert ("Segmentation fault" in str(ended.value)) == (how is signal.SIGSEGV)
    with pytest.raises(SideEnded):
        side.ask("anything", "answering", 10)


def test_a_side_that_exits(side):
    with pytest.raises(SideEnded, match="ended with status 3 while counting"):
        side.ask("exit", "counting", 30)


def test_a_side_whose_worker_raises(side):
    with pytest.raises(SideEnded, match="process ended while counting: RuntimeError: the GPU is lost"):
        side.ask("raise", "counting", 30)


def test_a_side_that_hangs_is_ended_in_time(side):
    began = time.monotonic()
    with pytest.raises(SideEnded, match=r"took longer than 0\.5 s for taking a turn and was ended"):
        side.ask("hang", "taking a turn", 0.5)
    assert time.monotonic() - began < 10


def test_an_interpreter_with_a_blank_in_its_path(tmp_path, checkout):
    folder = tmp_path / "two words"
    folder.mkdir()
    python = script(folder / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    place = Place("new", python, checkout(name="a check//out"))
    place.check()
    started = Side(place)
    started.begin()
    started.end()
    assert gone(started.description["pid"])
