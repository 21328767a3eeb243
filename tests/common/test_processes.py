"""How a process that hangs is ended."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading

import pytest

from common.processes import abort

HANGS = """
import faulthandler, time
faulthandler.enable()

def hang():
    print("begins", flush=True)
    while True:
        time.sleep(60)

hang()
"""


def started(program: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "begins\n"
    return process


def test_a_process_that_hangs_says_where() -> None:
    process = started(HANGS)
    assert abort(process) == -signal.SIGABRT
    said = process.communicate()[1]
    assert "Fatal Python error: Aborted" in said and "in hang" in said


IGNORES = HANGS.replace("faulthandler.enable()", "import signal\nsignal.signal(signal.SIGABRT, signal.SIG_IGN)")


def test_a_process_that_does_not_react_is_killed() -> None:
    process = started(IGNORES)
    assert abort(process, grace_s=0.2) == -signal.SIGKILL
    process.communicate()


def test_who_does_not_wait_for_last_words_leaves_no_process_behind() -> None:
    process = started(IGNORES)
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        abort(process, grace_s=30)
    assert process.wait(timeout=5) == -signal.SIGKILL
    process.communicate()


def test_where_no_limit_can_be_set_it_says_where_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*asked: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr("resource.prlimit", refuse)
    process = started(HANGS)
    assert abort(process) == -signal.SIGABRT
    assert "in hang" in process.communicate()[1]


def test_a_process_that_has_ended_is_left_alone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    process.wait()
    assert abort(process) == 3
