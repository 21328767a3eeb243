"""Who works when: the sides take turns at each benchmark, one at a time, in an order that is drawn each round."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from rehearsal.protocol import CORES
from rehearsal.record import Turns

MOST_CALLS, LEAST_CALLS, LONGEST_S = 5, 2, 0.03
LEAST_ROUNDS = 5
SHARE = 0.2
"""Of what else a pair takes, so that more pairs are not bought with too few rounds of each."""

TakeTurn = Callable[[str, str, int, int | None], Sequence[float]]
"""Side, benchmark, calls, and the core that makes them, to the seconds of each call."""


def calls(latency_s: float) -> int:
    """Timed calls of a turn for a call that takes so long."""
    return max(LEAST_CALLS, min(MOST_CALLS, int(LONGEST_S / latency_s)))


def planned(
    left_s: float, between_s: float, shortest_s: float, longest_s: float, most_pairs: int, needed_pairs: int
) -> tuple[int, float] | None:
    """As many pairs as find room, and for how many seconds each takes turns; None where there is no room for one.

    Args:
        left_s: for the turns of all pairs, and for what lies between them.
        between_s: what a further pair takes beside its turns.
        shortest_s: the turns of a pair take so long at least.
        longest_s: the turns of a pair take no longer, unless they have to.
        needed_pairs: so many have short turns rather than be fewer.
    """
    for pairs in range(most_pairs, 0, -1):
        seconds = (left_s - (pairs - 1) * between_s) / pairs
        enough_s = shortest_s if pairs <= needed_pairs else max(shortest_s, SHARE * between_s)
        if seconds >= enough_s:
            return pairs, min(seconds, max(enough_s, longest_s))
    return None


def take_turns(
    sides: Sequence[str],
    counts: Mapping[str, int],
    seconds: float,
    take: TakeTurn,
    turns: dict[str, Turns],
    draw: random.Random,
    shown: Callable[[], Any] = lambda: None,
    cores: Sequence[int] = (),
) -> None:
    """Take rounds for so many seconds, at least LEAST_ROUNDS of every benchmark.

    In a round every benchmark gets one turn of each side; the two follow each other, so that they share what the
    machine does at that moment. Whatever `take` raises ends the turns; rounds that were whole are kept.

    Args:
        counts: timed calls of a turn, by benchmark.
        turns: filled in, by benchmark.
        shown: called after every round.
        cores: of the host, of which one is drawn for each two turns that are compared: the cores of a shared host are
            slow each by itself. Without any, the system places the calls.
    """
    ends = time.monotonic() + seconds
    rounds = 0
    while counts and (rounds < LEAST_ROUNDS or time.monotonic() < ends):
        for benchmark in draw.sample(sorted(counts), len(counts)):
            found: dict[str, Sequence[float]] = {}
            core = draw.choice(cores) if cores else None
            for side in draw.sample(sides, len(sides)):
                found[side] = take(side, benchmark, counts[benchmark], core)
            turns.setdefault(benchmark, Turns(counts[benchmark])).add(found)
            if rounds >= LEAST_ROUNDS and time.monotonic() >= ends:
                break
        rounds += 1
        shown()


def common_cores(descriptions: Iterable[Mapping[str, Any]]) -> list[int]:
    """The cores of the host that all sides can be told to use; none where a side cannot be told."""
    return sorted(set.intersection(*(set(one.get(CORES, ())) for one in descriptions)))


def on(core: int | None) -> dict[str, int]:
    """The core as an argument of a request; sides of older checkouts know none."""
    return {} if core is None else {"core": core}


def order(sides: Collection[str], draw: random.Random) -> list[str]:
    """The sides in an order that is drawn: who starts and builds first must not always be the same."""
    return draw.sample(sorted(sides), len(sides))
