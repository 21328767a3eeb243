"""How a process that hangs is ended."""

from __future__ import annotations

import signal
import subprocess
import sys

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


def test_a_process_that_does_not_react_is_killed() -> None:
    ignores = "import signal\nsignal.signal(signal.SIGABRT, signal.SIG_IGN)"
    process = started(HANGS.replace("faulthandler.enable()", ignores))
    assert abort(process, grace_s=0.2) == -signal.SIGKILL
    process.communicate()


def test_a_process_that_has_ended_is_left_alone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    process.wait()
    assert abort(process) == 3
