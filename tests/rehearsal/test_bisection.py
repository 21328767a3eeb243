"""The search for the packages to blame: every small case, in memory."""

from __future__ import annotations

import itertools
import random

import pytest

from rehearsal.bisection import Answer, most_asked, search

ALONE = (frozenset[int](),)


def oracle_of(*causes, untried=lambda groups: False):
    """A change that any of the causes, sets of groups, carries; and what was asked for."""
    asked = []

    def oracle(groups):
        asked.append(groups)
        if untried(groups):
            return Answer.UNTRIED
        return Answer.CARRIES if any(cause <= groups for cause in causes) else Answer.LACKS

    return oracle, asked


def blamed(outcome):
    return {group for block in outcome.blamed for group in block}


@pytest.mark.parametrize("number", range(1, 21))
def test_one_of_any_number_is_found_within_what_was_announced(number):
    for guilty in range(number):
        oracle, asked = oracle_of({guilty})
        found = search(ALONE * number, oracle)
        assert found.blamed == ((guilty,),)
        assert found.needed == ()
        assert found.asked == len(asked) == len(set(asked)) <= most_asked(number)


@pytest.mark.parametrize("together", [2, 3])
@pytest.mark.parametrize("number", [2, 3, 5, 8, 12])
def test_those_that_carry_it_only_together_are_all_found(number, together):
    for guilty in map(frozenset, itertools.combinations(range(number), together)):
        oracle, asked = oracle_of(guilty)
        found = search(ALONE * number, oracle)
        assert blamed(found) == guilty
        assert len(asked) <= most_asked(number, together)


def test_of_twelve_with_one_to_blame_it_takes_six():
    assert most_asked(12) == 6
    assert [most_asked(number) for number in (0, 1, 2)] == [0, 1, 3]


def test_every_monotone_change_of_four_is_reduced_to_a_smallest_set():
    """Every family of causes: the found set carries the change, and with any group less it does not."""
    subsets = [frozenset(one) for size in range(1, 5) for one in itertools.combinations(range(4), size)]
    tried = 0
    for size in (1, 2, 3):
        for causes in itertools.combinations(subsets, size):
            oracle, asked = oracle_of(*causes)
            found = blamed(search(ALONE * 4, oracle))
            assert any(cause <= found for cause in causes)
            assert not any(cause <= found - {one} for cause in causes for one in found)
            assert len(asked) <= most_asked(4, len(found))
            tried += 1
    assert tried == 15 + 105 + 455


def test_where_all_together_do_not_carry_it_nothing_is_blamed():
    oracle, asked = oracle_of()
    found = search(ALONE * 12, oracle)
    assert not found.is_found
    assert asked == [frozenset(range(12))]
    assert not search((), oracle).is_found


def test_only_sets_are_asked_for_whose_needs_are_in_them():
    """Random needs, one or two to blame: what comes along is said, and is not blamed."""
    draw = random.Random(3)
    for _ in range(300):
        number = draw.randint(2, 12)
        needs: list[frozenset[int]] = []
        for one in range(number):
            direct = {other for other in range(one) if draw.random() < 0.2}
            needs.append(frozenset(direct).union(*(needs[other] for other in direct)))
        guilty = frozenset(draw.sample(range(number), draw.randint(1, 2)))
        oracle, asked = oracle_of(guilty)
        found = search(needs, oracle)
        assert all(needs[one] <= groups for groups in asked for one in groups)
        assert blamed(found) <= guilty <= blamed(found) | set(found.needed)
        assert set(found.needed) == frozenset().union(*(needs[one] for one in blamed(found))) - blamed(found)
        assert len(asked) <= most_asked(number, len(guilty))


def test_what_cannot_be_tried_is_gone_round():
    oracle, _ = oracle_of({2}, untried=lambda groups: len(groups) == 6)
    assert search(ALONE * 12, oracle).blamed == ((2,),)


def test_neighbours_that_cannot_be_tried_apart_are_blamed_together():
    """Groups 4 to 6 break whatever has some of them and not all."""

    def untried(groups):
        return len(groups & {4, 5, 6}) in (1, 2)

    oracle, _ = oracle_of({5}, untried=untried)
    assert search(ALONE * 12, oracle).blamed == ((4, 5, 6),)


def test_it_ends_where_nothing_but_all_can_be_tried():
    oracle, _ = oracle_of({3}, untried=lambda groups: len(groups) < 7)
    assert search(ALONE * 7, oracle).blamed == (tuple(range(7)),)


def test_a_change_that_another_version_hides_ends_with_a_set_that_carries_it():
    """Group 1 slows, group 2 hides it, group 4 brings it back: no smallest set is promised, but one that carries."""

    def carries(groups):
        return 1 in groups and (2 not in groups or 4 in groups)

    found = search(ALONE * 6, lambda groups: Answer.CARRIES if carries(groups) else Answer.LACKS)
    assert carries(blamed(found))
