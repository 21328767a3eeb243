"""Who works when: one side at a time, neighbours in every round, the order drawn, and only whole rounds kept."""

from __future__ import annotations

import random

import pytest

from rehearsal.protocol import SIDES
from rehearsal.record import Turns
from rehearsal.turns import LEAST_ROUNDS, calls, common_cores, planned, take_turns


class Taker:
    """Remembers who worked when; from the `breaks`-th turn on nobody does."""

    def __init__(self, breaks: int = 10**9) -> None:
        self.taken: list[tuple[str, str]] = []
        self.cores: list[int | None] = []
        self.breaks = breaks

    def __call__(self, side, benchmark, count, core):
        if len(self.taken) >= self.breaks:
            raise RuntimeError("the side ended")
        self.taken.append((side, benchmark))
        self.cores.append(core)
        return [0.02 + 0.001 * number for number in range(count)]


def test_both_sides_take_their_turns_at_a_benchmark_one_after_the_other():
    taker = Taker()
    found: dict[str, Turns] = {}
    take_turns(SIDES, {"a": 2, "b": 3}, 0.0, taker, found, random.Random(1))
    assert {name: turns.rounds for name, turns in found.items()} == {"a": LEAST_ROUNDS, "b": LEAST_ROUNDS}
    for first, second in zip(taker.taken[::2], taker.taken[1::2], strict=True):
        assert first[1] == second[1]
        assert {first[0], second[0]} == set(SIDES)


def test_the_order_is_drawn_anew():
    taker = Taker()
    take_turns(SIDES, {"a": 2, "b": 2}, 0.02, taker, {}, random.Random(1))
    assert len({tuple(taker.taken[place : place + 4]) for place in range(0, 80, 4)}) > 4


def test_turns_that_are_compared_run_on_one_core_and_others_on_others():
    taker = Taker()
    take_turns(SIDES, {"a": 2, "b": 2}, 0.02, taker, {}, random.Random(1), cores=(3, 5, 7))
    assert taker.cores[::2] == taker.cores[1::2]
    assert set(taker.cores) == {3, 5, 7}


def test_cores_are_those_that_all_sides_can_be_told():
    assert common_cores([{"cores": [0, 1, 2, 3]}, {"cores": [1, 3, 5]}]) == [1, 3]
    assert common_cores([{"cores": [0, 1]}, {}]) == []


def test_a_round_that_breaks_off_leaves_whole_rounds():
    found: dict[str, Turns] = {}
    with pytest.raises(RuntimeError):
        take_turns(SIDES, {"a": 2}, 60.0, Taker(breaks=7), found, random.Random(1))
    assert found["a"].rounds == 3
    assert found["a"].min_s == {side: [0.02] * 3 for side in SIDES}
    assert found["a"].median_s == {side: [0.0205] * 3 for side in SIDES}


def test_a_turn_is_short_and_never_a_single_call():
    assert [calls(latency_s) for latency_s in (0.0001, 0.01, 1.0)] == [5, 3, 2]


@pytest.mark.parametrize(
    ("left_s", "found"),
    [
        (2.9, None),  # not even one pair
        (3.0, (1, 3.0)),
        (49.0, (3, 3.0)),  # needed pairs have short turns rather than be fewer
        (75.9, (3, pytest.approx(35.9 / 3))),
        (76.0, (4, 4.0)),  # a fourth has a fifth of what lies between
        (1000.0, (8, 60.0)),
    ],
)
def test_as_many_pairs_are_planned_as_find_room_for_their_turns(left_s, found):
    assert planned(left_s, 20.0, 3.0, 60.0, most_pairs=8, needed_pairs=3) == found
