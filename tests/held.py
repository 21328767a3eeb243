"""A plugin of the real sessions that tests start: at exactly one point it holds or ends a process, or fills the disk.

It asks the environment, which fresh processes inherit:

HELD_FOLDER: where fresh processes say that they are there.
HELD: which fresh process waits in its first test, for ever.
ENDED: a signal that the session gets in the third round of its second benchmark.
DIES: where it is set, fresh processes die in their second test.
DISTURBED: where it is set, the session finds its GPU slowed down, and its fresh processes do not.
FULL: while a fresh process does this, such as `confirming`, the disk is full from its beginning on.
NO_LOG: likewise, what is printed finds no room; `measuring` is after the first test.
ONCE: where it is set, one fresh process suffices to confirm.
"""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path

import pytest
from pytest_benchmark.stats import Stats


def is_fresh(config: pytest.Config) -> bool:
    return bool(config.getoption("judge") == "off")


def fill_log() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(full, stream)


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("DISTURBED") and not is_fresh(config):
        from fixtures.machine.gpu_state import Sample
        from fixtures.suite import Suite

        hot = Sample(
            sm_clock_mhz=345, temperature_c=91, power_w=400.0, throttle_reasons=("hw_slowdown",), other_processes=0
        )
        setattr(Suite, "samples", lambda self: [hot])  # noqa: B010
    if os.environ.get("ONCE"):
        from regression import session

        setattr(session, "CONFIRMATIONS", 1)  # noqa: B010
    if os.environ.get("ENDED"):
        end_in_third_round_of_second_benchmark(int(os.environ["ENDED"]))


def end_in_third_round_of_second_benchmark(number: int) -> None:
    update, begun = Stats.update, []

    def counted(stats: Stats, duration: float) -> None:
        update(stats, duration)
        if stats not in begun:
            begun.append(stats)
        if len(begun) == 2 and len(stats.data) == 3:
            Path(os.environ["HELD_FOLDER"], "ended").touch()
            os.kill(os.getpid(), number)

    setattr(Stats, "update", counted)  # noqa: B010


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    if is_fresh(item.config):
        folder = Path(os.environ["HELD_FOLDER"])
        number = 1 + len(list(folder.iterdir()))
        mine = folder / f"{os.getpid()}"
        if not mine.exists():
            mine.touch()
            while number == int(os.environ.get("HELD", "0")):
                signal.pause()
        elif os.environ.get("DIES"):
            os.kill(os.getpid(), signal.SIGKILL)


def pytest_runtest_logfinish() -> None:
    if os.environ.get("NO_LOG") == "measuring":
        fill_log()


@pytest.hookimpl(tryfirst=True, optionalhook=True)
def pytest_judge_interruptible(config: pytest.Config, doing: str) -> None:
    if doing == os.environ.get("FULL"):
        # the limit kills a git that refreshes the checkout's index, and its lock would stay there
        os.environ["GIT_DIR"] = os.devnull
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    if doing == os.environ.get("NO_LOG"):
        fill_log()
