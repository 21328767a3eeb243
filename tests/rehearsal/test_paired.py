"""What pairs say of a latency on a host whose cores are slow each by itself."""

from __future__ import annotations

import math
import random
import statistics

import pytest

from rehearsal.judge import judge
from rehearsal.paired import latency_differences
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import Pair, Record, Turns
from tests.rehearsal import records

ROUNDS, PAIRS, SLOWER = 60, 6, 0.1
FAST_S, SLOW = 1e-3, 1.6
NAME = records.NAMES[0]


def paces(draw: random.Random) -> list[float]:
    """Of a core that is slow for some rounds, and as it should be for others."""
    found, slow = [], False
    for _ in range(ROUNDS):
        slow = draw.random() < 0.5 if draw.random() < 0.3 else slow
        found.append(SLOW if slow else 1.0)
    return found


def pairs(seed: int, *, one_core: bool) -> list[Turns]:
    """Pairs whose new side takes SLOWER longer, on one core or on one each."""
    draw = random.Random(seed)
    found = []
    for _ in range(PAIRS):
        cores = [paces(draw)] * 2 if one_core else [paces(draw), paces(draw)]
        times_s = {
            side: [FAST_S * (1 + SLOWER * (side == NEW)) * pace * math.exp(draw.gauss(0, 0.02)) for pace in core]
            for side, core in zip(SIDES, cores, strict=True)
        }
        found.append(Turns(2, times_s, times_s))
    return found


def far(turns: list[Turns]) -> float:
    """How far the pairs are from the truth."""
    errors = [value - math.log1p(SLOWER) for value in latency_differences(turns, FAST_S).values]
    return math.sqrt(statistics.fmean(error**2 for error in errors))


def test_what_neighbouring_turns_share_cancels_out():
    shared, apart = (statistics.fmean(far(pairs(seed, one_core=one)) for seed in range(5)) for one in (True, False))
    assert shared < 0.01
    assert apart > 5 * shared


def test_exchanged_sides_differ_as_much_the_other_way():
    turns = pairs(3, one_core=True)
    exchanged = [Turns(2, *({OLD: kind[NEW], NEW: kind[OLD]} for kind in (one.min_s, one.median_s))) for one in turns]
    found, other_way = (latency_differences(some, FAST_S) for some in (turns, exchanged))
    assert found.values == pytest.approx([-value for value in other_way.values])
    assert found.within == pytest.approx(other_way.within)


def test_a_rehearsal_without_a_whole_turn_says_nothing_of_latency():
    record = Record(sides={side: records.side() for side in SIDES}, budget_s=60.0)
    record.pairs.append(Pair({NAME: Turns(2, {side: [0.001] * 4 for side in SIDES}, {side: [] for side in SIDES})}))
    (row,) = (row for row in judge(record).rows if row.judgement.benchmark == NAME)
    assert row.judgement.detail.startswith("0 pairs")
