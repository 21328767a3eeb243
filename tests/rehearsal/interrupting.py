"""Sends this process a signal, as Ctrl-C does, once something is the case."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

LONGEST_S = 120.0


@contextlib.contextmanager
def interrupted(when: Callable[[], object], how: signal.Signals) -> Iterator[None]:
    """The body has to end by the signal; an assertion says so where it was never sent."""
    sent, ended = threading.Event(), threading.Event()

    def send() -> None:
        deadline = time.monotonic() + LONGEST_S
        while time.monotonic() < deadline and not ended.is_set():
            if when():
                sent.set()
                os.kill(os.getpid(), how)
                return
            time.sleep(0.02)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        ended.set()
        sender.join()
    assert sent.is_set(), "it ended by itself"
