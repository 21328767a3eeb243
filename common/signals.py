"""Signals that ask a process to end, heeded for a while."""

from __future__ import annotations

import contextlib
import math
import signal
import time
from collections.abc import Callable, Collection, Iterator
from types import FrameType

# A cancelled job sends the first, a closed terminal the second.
ENDING = (signal.SIGTERM, signal.SIGHUP)
SAME_WISH_S = 10.0
"""A signal that follows another sooner says nothing new: a closed terminal sends several, a cancelled job two."""


def interrupting() -> contextlib.AbstractContextManager[None]:
    """In here SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does.

    What follows within SAME_WISH_S is not heeded, so that what the first one ends is ended in order.
    """
    raised_s = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal raised_s
        if time.monotonic() - raised_s >= SAME_WISH_S:
            raised_s = time.monotonic()
            signal.default_int_handler(number, frame)

    return heeded((signal.SIGINT, *ENDING), interrupt)


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
