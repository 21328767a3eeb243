"""Signals that end a command as Ctrl-C does."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

# A cancelled job sends the first, a closed terminal the second.
ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interrupting() -> Iterator[None]:
    """In here SIGTERM and SIGHUP raise KeyboardInterrupt; only a main thread can have that.

    What is ignored stays so, as SIGHUP under nohup.
    """
    heeded = [number for number in ENDING if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, signal.default_int_handler) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
