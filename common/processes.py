"""Processes that a session starts end with it, even where it is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Mapping

SESSION = "INFERENCE_SESSION_PID"
"""Environment variable: the process that a process was started by, and ends with."""
PR_SET_PDEATHSIG = 1


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
