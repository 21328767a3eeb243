"""What pairs say of a latency on a host whose cores are slow each by itself, with the host calibration of each turn."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence

import pytest

from regression.runs.pace import EXPONENT
from rehearsal.described import processes
from rehearsal.judge import judge
from rehearsal.paired import LATENCY, Differences, continuous, latency_differences
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import Pair, Record, Turns
from tests.rehearsal import records

ROUNDS, PAIRS, SLOWER = 60, 6, 0.1
FAST_S, SLOW_S = 0.7e-3, 1.2e-3
NAME = records.NAMES[0]


def calibrations_s(draw: random.Random) -> list[float]:
    """Of a core that is slow for some rounds, and as it should be for others."""
    found, slow = [], False
    for _ in range(ROUNDS):
        slow = draw.random() < 0.5 if draw.random() < 0.3 else slow
        found.append((SLOW_S if slow else FAST_S) * math.exp(draw.gauss(0, 0.02)))
    return found


def pairs(seed: int, slower: float = SLOWER, exponent: float = EXPONENT) -> list[Turns]:
    """Pairs whose new side takes so much longer; latencies follow their own core by the exponent."""
    draw = random.Random(seed)
    found = []
    for _ in range(PAIRS):
        paces = {side: calibrations_s(draw) for side in SIDES}
        times_s = {
            side: [
                0.001 * (1 + slower * (side == NEW)) * (pace_s / FAST_S) ** exponent * math.exp(draw.gauss(0, 0.02))
                for pace_s in paces[side]
            ]
            for side in SIDES
        }
        found.append(Turns(2, times_s, times_s, paces))
    return found


def judged(turns: Sequence[Turns], kernel_time_s: float | None, *, is_cuda: bool = True) -> Differences:
    """What a rehearsal of these pairs takes for their latency."""
    record = Record(sides={side: records.side() for side in SIDES}, budget_s=60.0)
    for side in SIDES:
        record.sides[side]["device"] |= {"is_cuda": is_cuda}
    for one in turns:
        pair = Pair({NAME: one})
        for side in SIDES:
            kernels = {} if kernel_time_s is None else {"kernel_time_s": kernel_time_s, "launches": 2}
            pair.measured[side][NAME] = {"build_s": 0.1, **kernels}
        record.pairs.append(pair)
    found = continuous(record, processes(record))
    return next(measured for key, _, measured, _ in found if key == LATENCY)


def far(found: Sequence[Differences]) -> float:
    """How far the pairs are from the truth, in the middle."""
    errors = [value - math.log1p(SLOWER) for one in found for value in one.values]
    return math.sqrt(statistics.fmean(error**2 for error in errors))


def test_a_latency_that_waits_for_the_host_is_carried_to_one_pace():
    several = [pairs(seed) for seed in range(5)]
    carried = [judged(turns, 0.0004) for turns in several]
    as_it_was = [latency_differences(turns, 0.001, is_host_bound=False) for turns in several]
    assert far(carried) < 0.01
    assert far(as_it_was) > 5 * far(carried)
    # the times that are shown are those that were measured
    medians = [statistics.median(one.min_s[OLD]) for one in several[0]]
    assert carried[0].old == pytest.approx(statistics.geometric_mean(medians), rel=1e-3)
    assert carried[0].new / carried[0].old == pytest.approx(1 + SLOWER, rel=0.01)


@pytest.mark.parametrize("kernel_time_s", [None, 0.0007, 0.0009])
def test_one_that_hardly_waits_is_not(kernel_time_s):
    turns = pairs(1, exponent=0.0)
    found = judged(turns, kernel_time_s)
    is_host_bound = kernel_time_s in (None, 0.0007)
    assert found == latency_differences(turns, found.old, is_host_bound=is_host_bound)


def test_without_calibrations_of_both_sides_nothing_is_carried():
    turns = pairs(1)
    for one in turns:
        one.calibration_s = {}
    found = judged(turns, 0.0004)
    assert found == latency_differences(pairs(1), found.old, is_host_bound=False)


def test_on_a_cpu_nothing_is_carried():
    turns = pairs(1)
    found = judged(turns, None, is_cuda=False)
    assert found == latency_differences(turns, found.old, is_host_bound=False)


def test_exchanged_sides_differ_as_much_the_other_way():
    turns = pairs(3)
    exchanged = [
        Turns(2, *({OLD: kind[NEW], NEW: kind[OLD]} for kind in (one.min_s, one.median_s, one.calibration_s)))
        for one in turns
    ]
    found, other_way = judged(turns, 0.0004), judged(exchanged, 0.0004)
    assert found.values == pytest.approx([-value for value in other_way.values])
    assert found.within == pytest.approx(other_way.within)


def test_a_rehearsal_without_a_whole_turn_says_nothing_of_latency():
    record = Record(sides={side: records.side() for side in SIDES}, budget_s=60.0)
    record.pairs.append(Pair({NAME: Turns(2, {side: [0.001] * 4 for side in SIDES}, {side: [] for side in SIDES})}))
    (row,) = (row for row in judge(record).rows if row.judgement.benchmark == NAME)
    assert row.judgement.detail.startswith("0 pairs")
