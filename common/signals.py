"""Signals that ask a process to end, heeded for a while."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Collection, Iterator
from types import FrameType

# A cancelled job sends the first, a closed terminal the second.
ENDING = (signal.SIGTERM, signal.SIGHUP)


def interrupting() -> contextlib.AbstractContextManager[None]:
    """In here SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does."""
    return heeded(ENDING, signal.default_int_handler)


@contextlib.contextmanager
def heeded(signals: Collection[signal.Signals], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """In here these signals call a handler; only a main thread can have that.

    What is ignored stays so, as SIGHUP under nohup.
    """
    numbers = [number for number in signals if signal.getsignal(number) not in (signal.SIG_IGN, None)]
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
