"""Signals that end a command as Ctrl-C does."""

from __future__ import annotations

import os
import signal

import pytest

from common import signals
from common.signals import ENDING, interrupting


@pytest.mark.parametrize("number", [signal.SIGINT, *ENDING])
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


def test_signals_that_follow_do_not_disturb_what_the_first_one_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = False
    with interrupting():
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        except KeyboardInterrupt:
            for number in (signal.SIGINT, *ENDING):
                os.kill(os.getpid(), number)
            ended = True
        assert ended
        monkeypatch.setattr(signals, "SAME_WISH_S", 0.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
