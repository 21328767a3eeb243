"""How processes end: those of a session with it, even where it is killed, and one that hangs with where it did."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

SESSION = "INFERENCE_SESSION_PID"
"""Environment variable: the process that a process was started by, and ends with."""
PR_SET_PDEATHSIG = 1
LAST_WORDS_S = 10.0


def environment_of_child(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that calls `end_with_parent`."""
    return {**environment, SESSION: str(os.getpid())}


def end_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends, if it was started to end with it."""
    parent = os.environ.pop(SESSION, "")
    if not parent or sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if str(os.getppid()) != parent:  # it was faster
        os.kill(os.getpid(), signal.SIGKILL)


def abort(process: subprocess.Popen[Any], grace_s: float = LAST_WORDS_S) -> int:
    """End a process that takes too long; a session of pytest first writes to its standard error where it is.

    SIGABRT makes faulthandler, which pytest enables, write the traceback of every thread. No core is dumped: one that
    maps a GPU's memory would fill the disk.

    Args:
        grace_s: after so many seconds it is killed; at once where this call is interrupted.

    Returns:
        Its exit status.
    """
    try:
        if sys.platform == "linux":
            import resource

            with contextlib.suppress(OSError):
                resource.prlimit(process.pid, resource.RLIMIT_CORE, (0, 0))
        process.send_signal(signal.SIGABRT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace_s)
    finally:
        process.kill()  # does nothing where it has ended
    return process.wait()
