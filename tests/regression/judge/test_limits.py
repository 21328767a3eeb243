"""Limits: what they let through of unchanged and of changed code."""

import numpy as np
import pytest
from scipy import stats

from regression.judge.limits import FAMILY_WISE_ERROR, POWER, SCREEN_ERROR, detectable, limits, settled
from regression.judge.noise import Layout, Noise, estimate
from regression.metrics import METRICS

KERNEL_TIME = METRICS[0]
# As it is spent where no operators are told apart.
SHARE = sum(metric.share for metric in METRICS if KERNEL_TIME.key in (metric.key, metric.part_of))
ONE_UNIT = Layout(("a",) * 5, ("1",) * 5, "a")


def noise_of(process: float, rows: int = 1, df: float = 12.0, shared: float = 0.0) -> Noise:
    full = np.ones(rows)
    return Noise(np.full(rows, 5), 0 * full, process * full, shared * full, df * full)


def test_limits_by_hand() -> None:
    known = limits(noise_of(0.001), 0.0001, 0.7, 72, 0.0004**2)
    error = 0.7 / 72
    one, three = 0.001 * np.sqrt(1.2), 0.001 * np.sqrt(1 / 5 + 1 / 3)
    assert known.error == pytest.approx(FAMILY_WISE_ERROR * error)
    assert known.screen[0] == pytest.approx(stats.t.isf(SCREEN_ERROR * error / 2, 12) * one)
    assert known.alone[0] == pytest.approx(stats.t.isf(FAMILY_WISE_ERROR * error / 2, 5) * one)
    assert known.each[0] == pytest.approx(stats.t.isf(0.05, 12) * np.hypot(one, 0.0004))
    assert known.final[0] == pytest.approx(
        stats.t.isf(FAMILY_WISE_ERROR * error / 2, 12) * np.hypot(three, 0.0004 * 2 / 3)
    )
    two = 0.001 * np.sqrt(1 / 5 + 1 / 2)
    assert known.again[0] == pytest.approx(stats.t.isf(FAMILY_WISE_ERROR * error / 2, 12) * np.hypot(two, 0.0004))


def test_what_does_not_matter_is_never_reported() -> None:
    known = limits(noise_of(1e-6), 0.0025, 1, 1)
    assert not known.suspect(np.array([0.0024]))[0] and known.suspect(np.array([0.0026]))[0]
    assert not known.reported(np.array([0.0026]), np.array([[0.0023, 0.0024]]))[0]
    assert known.reported(np.array([0.0026]), np.array([[0.0026, 0.0026]]))[0]


@pytest.mark.parametrize(
    ("first", "again", "reported"),
    [
        (0.02, [0.02, 0.02], True),
        (-0.02, [-0.02, -0.02], True),
        (0.02, [0.02, 0.0], False),
        (0.02, [0.02, -0.02], False),
        (-0.02, [0.02, 0.02], False),
        (0.02, [0.02, np.nan], False),
        (0.0, [0.02, 0.02], False),
        (0.02, [0.02, 0.02, 0.02], True),
        (0.02, [0.02, 0.02, 0.0], False),
    ],
)
def test_both_confirmations_must_agree(first: float, again: list[float], reported: bool) -> None:
    known = limits(noise_of(0.001), 0.0025, 0.7, 72)
    assert known.reported(np.array([first]), np.array([again]))[0] == reported


@pytest.mark.parametrize(
    ("first", "again", "agreed"),
    [
        (0.001, [1.01, 1.01], True),
        (-0.001, [-1.01, -1.01], True),
        # Two processes must be further away than three, each of them away, in the direction of the initial run.
        (0.001, [0.99, 0.99], False),
        (0.001, [2.02, 0.0], False),
        (-0.001, [1.01, 1.01], False),
        (0.001, [1.01, np.nan], False),
        (0.001, [1.01, np.nan, 1.01], True),
        (0.0, [1.01, 1.01], False),
    ],
)
def test_confirmations_alone_must_be_beyond_their_own_limit(first: float, again: list[float], agreed: bool) -> None:
    known = limits(noise_of(0.001), 0.0025, 0.7, 72)
    assert known.again > known.final
    assert known.agreed_alone(np.array([first]), known.again[0] * np.array([again]))[0] == agreed


def test_confirmations_alone_report_nothing_that_does_not_matter() -> None:
    known = limits(noise_of(1e-6), 0.0025, 1, 1)
    assert not known.agreed_alone(np.array([0.01]), np.array([[0.0024, 0.0025]]))[0]
    assert known.agreed_alone(np.array([0.01]), np.array([[0.0026, 0.0026]]))[0]


def test_settled_ignores_what_was_not_measured() -> None:
    found = settled(np.array([[1.0, 3.0], [np.nan, 2.0], [np.nan, np.nan]]))
    np.testing.assert_array_equal(found, [2.0, 2.0, np.nan])


def test_all_gates_together_stop_the_detectable_change_as_often_as_they_may() -> None:
    """Whatever the gates and the degrees of freedom, from Cauchy's to nearly normal ones."""
    random, rows = np.random.default_rng(3), 20_000
    df, deviation = np.exp(random.uniform(0, np.log(200), rows)), np.exp(random.uniform(-9, -2, rows))
    gates = [
        (deviation * np.exp(random.uniform(-1, 2, rows)), deviation * np.exp(random.uniform(-0.6, 0.5, rows)))
        for _ in range(4)
    ]
    found = detectable([*gates, gates[0]], df)
    stopped = sum(stats.t.cdf((limit - found) / deviation, df) for limit, deviation in [*gates, gates[0]])
    np.testing.assert_allclose(stopped, 1 - POWER, rtol=1e-6)


@pytest.mark.parametrize("shared", [0.0, 0.0008**2])
def test_the_detectable_change_is_reported_as_often_as_claimed_and_not_much_more(shared: float) -> None:
    random, rows = np.random.default_rng(3), 60_000
    known = limits(noise_of(0.001, rows, df=1000, shared=shared), 0.0001, 0.7, 72)
    centre = random.standard_normal(rows) * np.sqrt(0.001**2 / 5 + shared)
    looks = random.standard_normal((rows, 3)) * 0.001 + known.detectable[:, None] + centre[:, None]
    power = known.reported(looks[:, 0], looks[:, 1:]).mean()
    assert 0.95 <= power <= 0.985
    smaller = looks - known.detectable[:, None] * 0.3
    assert known.reported(smaller[:, 0], smaller[:, 1:]).mean() < 0.6


def test_unchanged_tests_are_reported_no_more_often_than_their_share_of_the_error() -> None:
    """The error of one test, made large enough to count: 1 % where a run has a single test."""
    random, rows, prior = np.random.default_rng(5), 60_000, KERNEL_TIME.spread
    assert prior is not None
    process = prior.process * np.sqrt(prior.process_df / random.chisquare(prior.process_df, (rows, 1)))
    baseline = random.standard_normal((rows, 5)) * process + random.standard_normal((rows, 1)) * prior.day
    looks = random.standard_normal((rows, 3)) * process + random.standard_normal((rows, 1)) * prior.day
    noise = estimate(baseline, ONE_UNIT, prior)
    looks -= noise.centre[:, None]
    known = limits(noise, 0, 1, 1)
    assert known.suspect(looks[:, 0]).mean() == pytest.approx(SCREEN_ERROR, abs=0.03)
    assert known.certain(looks[:, 0]).mean() <= FAMILY_WISE_ERROR
    reported = known.reported(looks[:, 0], looks[:, 1:]).mean()
    assert 0.1 * FAMILY_WISE_ERROR <= reported <= FAMILY_WISE_ERROR
    # Whatever the host did to the initial run: in either direction no more often than that.
    for direction in (1.0, -1.0):
        alone = known.agreed_alone(np.full(rows, direction), looks[:, 1:]).mean()
        assert 0.1 * FAMILY_WISE_ERROR / 2 <= alone <= FAMILY_WISE_ERROR / 2


@pytest.mark.parametrize(
    "values",
    [
        [0.4955, 0.4954, 0.4953, 0.4954, 0.4955],
        [5.2386, 5.2390, 5.2410, 5.2393, 5.2432],
        [1.0, 1.00025, 1.0005, 1.00075, 1.001],
    ],
    ids=["TensorRT FP16 batch 1", "TensorRT FP16 batch 128", "five runs within 0.1 %"],
)
def test_half_a_percent_is_detectable_of_a_quiet_benchmark_on_one_unit(values: list[float]) -> None:
    """The claim, for baselines as measured on an H200, in a run of 72 benchmarks."""
    assert KERNEL_TIME.spread is not None
    noise = estimate(np.log([values]), ONE_UNIT, KERNEL_TIME.spread)
    known = limits(noise, KERNEL_TIME.min_effect, SHARE, 72)
    assert np.expm1(known.detectable[0]) <= 0.005
