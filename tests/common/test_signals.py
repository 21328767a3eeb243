"""Signals that end a command as Ctrl-C does."""

from __future__ import annotations

import os
import signal

import pytest

from common.signals import ENDING, interrupting


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_interrupts_and_is_given_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupting():
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_what_is_ignored_stays_so() -> None:
    """As SIGHUP under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupting():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
