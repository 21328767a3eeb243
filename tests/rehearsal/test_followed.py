"""Which change a search follows, and what a record of one of its steps says of it."""

from __future__ import annotations

import pytest

from rehearsal.bisection import Answer
from rehearsal.followed import LEAST_PAIRS, follow
from rehearsal.judge import judge
from rehearsal.protocol import NEW, OLD
from tests.rehearsal.records import NAMES, record
from tests.rehearsal.test_judge import profiled

FIRST, SECOND = NAMES
WRONG = {"new_error": 1e-3}


def followed(found):
    made = follow(judge(found), 6)
    assert made is not None
    return made


def counted(calls, *, new_version="2.11.0"):
    found = record(new_version=new_version)
    for pair in found.pairs:
        pair.measured[NEW][FIRST]["host_work"]["python_calls"] = calls
    return found


def broken(side=NEW):
    found = record(pairs=1)
    found.failed[side][FIRST] = "building it failed"
    return found


def wrong():
    found = record(pairs=1)
    found.outputs[FIRST].update(WRONG)
    return found


def test_nothing_is_followed_where_nothing_changed():
    assert follow(judge(record()), 6) is None


def test_what_no_longer_runs_comes_before_what_is_slower_and_that_before_what_is_wrong():
    found = record(change=0.3)
    found.outputs[FIRST].update(WRONG)
    assert followed(found).metric == "latency"
    found.failed[NEW][SECOND] = "building it failed"
    assert (followed(found).benchmark, followed(found).is_failure) == (SECOND, True)


def test_what_fails_comes_before_what_does_not():
    found = record(change=-0.3)
    assert followed(found).metric == "latency"
    found.outputs[FIRST].update(WRONG)
    assert followed(found).metric == "outputs"


def test_the_clearest_of_the_slower_ones_is_followed():
    found = record(change=0.2)
    slower = record(change=0.6, seed=2)
    for pair, other in zip(found.pairs, slower.pairs, strict=True):
        pair.turns[SECOND] = other.turns[SECOND]
    assert followed(found).benchmark == SECOND


@pytest.mark.parametrize(
    ("change", "answer"), [(0.3, Answer.CARRIES), (0.25, Answer.CARRIES), (0.03, Answer.LACKS), (0.0, Answer.LACKS)]
)
def test_a_time_carries_the_change_if_it_is_likelier_with_it(change, answer):
    change_of = followed(record(change=0.3))
    seen = change_of.seen(record(change=change, pairs=3))
    assert (seen.answer, seen.is_sure) == (answer, True)
    assert change_of.settled(record(change=change, pairs=3)) == (set(NAMES), set(NAMES))


def test_a_time_is_not_decided_by_one_pair_and_not_by_what_lies_between():
    change_of = followed(record(change=0.3))
    for undecided in (record(change=0.3, pairs=LEAST_PAIRS - 1), record(change=0.14, pairs=2, process=0.001)):
        assert not change_of.seen(undecided).is_sure
        assert change_of.settled(undecided) == (set(), set(NAMES))
    assert change_of.seen(record(pairs=0)).answer is None


def test_a_faster_side_is_followed_as_well():
    change_of = followed(record(change=-0.3))
    assert change_of.seen(record(change=-0.3, pairs=3)).answer is Answer.CARRIES
    assert change_of.seen(record(pairs=3)).answer is Answer.LACKS


def test_of_kernel_time_the_profiles_go_on_and_the_latency_does_not():
    change_of = followed(profiled(record(), 1.02))
    assert change_of.metric == "same_kernels"
    assert change_of.settled(record(pairs=0)) == (set(NAMES), set())
    assert change_of.seen(profiled(record(pairs=3), 1.02)).answer is Answer.CARRIES
    assert change_of.seen(profiled(record(pairs=3))).answer is Answer.LACKS


@pytest.mark.parametrize(
    ("calls", "answer"), [(6000, Answer.CARRIES), (3000, Answer.LACKS), (3003, Answer.LACKS), (5700, Answer.CARRIES)]
)
def test_a_count_carries_the_change_if_it_is_nearer_to_the_new_sides(calls, answer):
    change_of = followed(counted(6000))
    assert change_of.metric == "python_calls"
    seen = change_of.seen(counted(calls))
    assert (seen.answer, seen.is_sure) == (answer, True)
    assert change_of.settled(record(pairs=0)) == (set(NAMES), set()), "one pair that takes no turns"


def test_outputs_carry_the_change_if_they_are_wrong_again():
    change_of = followed(wrong())
    assert change_of.seen(wrong()).answer is Answer.CARRIES
    assert change_of.seen(record(pairs=1)).answer is Answer.LACKS


def test_what_no_longer_runs_carries_the_change_if_it_does_not_run():
    change_of = followed(broken())
    assert change_of.seen(broken()).answer is Answer.CARRIES
    assert change_of.seen(record(pairs=1)).answer is Answer.LACKS
    assert change_of.seen(broken(OLD)).answer is Answer.UNTRIED
    assert change_of.settled(record(pairs=0)) == (set(), set()), "it may fail in a turn or in a profile"


def test_what_an_environment_cannot_run_or_have_says_nothing():
    change_of = followed(record(change=0.3))
    lacking = record(pairs=1)
    lacking.missing[NEW][change_of.benchmark] = "timm has no such model"
    seen = change_of.seen(lacking)
    assert (seen.answer, seen.why) == (Answer.UNTRIED, "timm has no such model")
