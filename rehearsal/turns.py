"""Who works when: the sides take turns at each benchmark, one at a time, in an order that is drawn each round."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from rehearsal.record import Turns

MOST_CALLS, LEAST_CALLS, LONGEST_S = 5, 2, 0.03
LEAST_ROUNDS = 5

TakeTurn = Callable[[str, str, int], Sequence[float]]
"""Side, benchmark and calls to the seconds of each call."""


def calls(latency_s: float) -> int:
    """Timed calls of a turn for a call that takes so long."""
    return max(LEAST_CALLS, min(MOST_CALLS, int(LONGEST_S / latency_s)))


def take_turns(
    sides: Sequence[str],
    counts: Mapping[str, int],
    seconds: float,
    take: TakeTurn,
    turns: dict[str, Turns],
    draw: random.Random,
    shown: Callable[[], Any] = lambda: None,
    calibrate: Callable[[str, str], float] | None = None,
) -> None:
    """Take rounds for so many seconds, at least LEAST_ROUNDS of every benchmark.

    In a round every benchmark gets one turn of each side; the two follow each other, so that they share what the
    machine does at that moment. Whatever `take` raises ends the turns; rounds that were whole are kept.

    Args:
        counts: timed calls of a turn, by benchmark.
        turns: filled in, by benchmark.
        shown: called after every round.
        calibrate: called right before every turn; side and benchmark to the seconds of the side's host calibration.
    """
    ends = time.monotonic() + seconds
    rounds = 0
    while counts and (rounds < LEAST_ROUNDS or time.monotonic() < ends):
        for benchmark in draw.sample(sorted(counts), len(counts)):
            found: dict[str, Sequence[float]] = {}
            calibrations_s: dict[str, float] = {}
            for side in draw.sample(sides, len(sides)):
                if calibrate is not None:
                    calibrations_s[side] = calibrate(side, benchmark)
                found[side] = take(side, benchmark, counts[benchmark])
            turns.setdefault(benchmark, Turns(counts[benchmark])).add(found, calibrations_s)
            if rounds >= LEAST_ROUNDS and time.monotonic() >= ends:
                break
        rounds += 1
        shown()


def order(sides: Collection[str], draw: random.Random) -> list[str]:
    """The sides in an order that is drawn: who starts and builds first must not always be the same."""
    return draw.sample(sorted(sides), len(sides))
