"""The sequential test: its error holds at every look, and what it calls detectable is found."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from rehearsal.sequential import (
    ERROR,
    LEAST_PAIRS,
    LOOKS,
    MOST_PAIRS,
    POWER,
    expected,
    interval,
    likelihood,
    likelihood_bound,
)

PROCESS, WITHIN, TESTS = 0.02, 0.01, 4


def looks(pairs: np.ndarray, process: float = PROCESS):
    """The intervals of one rehearsal's pairs at every look."""
    found = [interval(list(pairs[:k]), [WITHIN] * k, process, TESTS) for k in range(LEAST_PAIRS, len(pairs) + 1)]
    assert len(found) == LOOKS
    return [one for one in found if one is not None]


def drawn(count: int, true: float, scale: float = 1.0, seed: int = 5) -> np.ndarray:
    deviation = math.sqrt(2 * (scale * PROCESS) ** 2 + WITHIN**2)
    return np.random.default_rng(seed).normal(true, deviation, (count, MOST_PAIRS))


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.0])
def test_the_error_of_all_tests_holds_though_it_looks_after_every_pair(scale):
    """Also where processes differ by twice the prior: of 2,000 tests, of which a rehearsal has four, at most 1 %."""
    rehearsals = 500
    wrong = sum(
        any(one.low > 0 or one.high < 0 for one in looks(pairs)) for pairs in drawn(rehearsals * TESTS, 0.0, scale)
    )
    assert wrong <= rehearsals * ERROR


@pytest.mark.parametrize(("scale", "documented"), [(1.8, ERROR), (2.0, 0.015)])
def test_the_error_of_a_single_test_is_what_the_docs_say(scale, documented):
    """With fewer tests each has more of the error, and the prior's weight shows: see `docs/rehearsal.md`."""
    deviation, rehearsals = scale * math.sqrt(2) * PROCESS, 8000
    wrong = sum(
        any(
            abs(one.centre) > one.half
            for k in range(LEAST_PAIRS, MOST_PAIRS + 1)
            if (one := interval(list(pairs[:k]), [0.0] * k, PROCESS, 1)) is not None
        )
        for pairs in np.random.default_rng(5).normal(0.0, deviation, (rehearsals, MOST_PAIRS))
    )
    assert wrong <= rehearsals * documented


def test_spreads_far_beyond_the_prior_widen_the_interval():
    calm, wild = (expected_half(scale) for scale in (1.0, 5.0))
    assert wild > 3 * calm


def expected_half(scale: float) -> float:
    return float(np.median([looks(pairs)[-1].half for pairs in drawn(200, 0.0, scale)]))


def test_pairs_that_agree_by_chance_do_not_narrow_it():
    equal = interval([0.0] * MOST_PAIRS, [WITHIN] * MOST_PAIRS, PROCESS, TESTS)
    assert equal is not None
    assert equal.half == pytest.approx(expected(MOST_PAIRS, WITHIN, PROCESS, TESTS).half, rel=0.3)


def test_what_is_detectable_is_found_with_the_power_that_it_says():
    detectable = expected(MOST_PAIRS, WITHIN, PROCESS, TESTS).detectable
    found = [looks(pairs)[-1].low > 0 for pairs in drawn(1000, detectable)]
    assert np.mean(found) > POWER - 0.05


def test_it_is_students_t_at_the_error_of_one_test_and_look():
    said = interval([0.1, 0.3, -0.1, 0.2], [WITHIN] * 4, PROCESS, TESTS)
    assert said is not None
    prior = 2 * PROCESS**2 + WITHIN**2
    own = np.var([0.1, 0.3, -0.1, 0.2], ddof=1)
    prior_df = 4 * math.sqrt(special.fdtrc(3, 4, own / prior) / 0.05)
    variance = (3 * own + prior_df * prior) / (3 + prior_df)
    half = -special.stdtrit(3 + prior_df, 0.01 / TESTS / LOOKS / 2) * math.sqrt(variance / 4)
    assert said.centre == pytest.approx(0.125)
    assert said.half == pytest.approx(half)


def test_fewer_pairs_than_a_verdict_needs_say_nothing():
    assert interval([0.5] * (LEAST_PAIRS - 1), [WITHIN] * (LEAST_PAIRS - 1), PROCESS, TESTS) is None


QUESTIONS = 6


def answered(pairs: np.ndarray, change: float) -> tuple[float, int]:
    """The likelihood with which a search goes on, and after how many pairs it was decided."""
    for count in range(2, len(pairs) + 1):
        said = likelihood(list(pairs[:count]), [WITHIN] * count, PROCESS, change)
        if abs(said) >= likelihood_bound(QUESTIONS):
            break
    return said, count


@pytest.mark.parametrize("true", [0.0, 1.0])
def test_a_question_is_answered_wrongly_as_seldom_as_all_questions_allow(true):
    """A change of three standard deviations of a pair, which a rehearsal finds; of 3,000 questions, six a search."""
    change = 3 * math.sqrt(2 * PROCESS**2 + WITHIN**2)
    said = [answered(pairs, change) for pairs in drawn(3000, true * change)]
    wrong = sum((likelihood > 0) != bool(true) for likelihood, _ in said)
    assert wrong <= 3000 * ERROR / QUESTIONS
    assert np.mean([count for _, count in said]) < 3


@pytest.mark.parametrize(("deviations", "documented"), [(3, 0.04), (5, 0.01)])
def test_a_question_is_answered_wrongly_more_often_where_processes_differ_by_twice_the_prior(deviations, documented):
    """As often as docs/rehearsal.md says, of 2,000 questions."""
    change = deviations * math.sqrt(2 * PROCESS**2 + WITHIN**2)
    wrong = sum(
        (answered(pairs, change)[0] > 0) != bool(true)
        for true in (0.0, 1.0)
        for pairs in drawn(1000, true * change, 2.0)
    )
    assert wrong / 2000 == pytest.approx(documented, abs=0.01)


def test_a_likelihood_is_walds_for_normal_values():
    values, change = [0.04, 0.05, 0.06], 0.05
    variance = 2 * PROCESS**2 + WITHIN**2  # the pairs' own is smaller
    densities = [sum(-((value - mean) ** 2) for value in values) / 2 / variance for mean in (change, 0.0)]
    assert likelihood(values, [WITHIN] * 3, PROCESS, change) == pytest.approx(densities[0] - densities[1])
    assert likelihood([], [], PROCESS, change) == 0
