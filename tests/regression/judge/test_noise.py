"""Centre and spread of a baseline, redone by hand and at the edges."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression.judge.limits import limits
from regression.judge.noise import Layout, estimate
from regression.metrics import METRICS
from regression.spread import Spread

SPREAD = Spread(process=0.001, process_df=8, unseen=0.02, day=0.0003, gpu=0.002)
FIVE = np.log([5.2386, 5.2390, 5.2410, 5.2393, 5.2432])


def layout(*places: str, now: str = "a") -> Layout:
    """Places are like `a1`: GPU a, day 1."""
    return Layout(tuple(place[0] for place in places), tuple(place[1:] for place in places), now)


def test_one_morning_of_one_gpu_by_hand() -> None:
    noise = estimate(FIVE[None], layout(*["a1"] * 5), SPREAD)
    pooled = (4 * statistics.variance(FIVE) + 8 * 0.001**2) / 12
    assert noise.centre[0] == pytest.approx(statistics.mean(FIVE))
    assert noise.process[0] ** 2 == pytest.approx(pooled)
    assert noise.df[0] == 12
    assert noise.shared[0] == pytest.approx(2 * 0.0003**2)
    assert noise.deviation(3)[0] ** 2 == pytest.approx(pooled * (1 / 5 + 1 / 3) + 2 * 0.0003**2)


def test_a_spread_that_the_prior_would_not_produce_stands_for_itself() -> None:
    overdispersed = np.log([1.0, 1.04, 0.97, 1.01, 1.05])
    noise = estimate(overdispersed[None], layout(*["a1"] * 5), SPREAD)
    assert noise.df[0] == pytest.approx(4, abs=0.001)
    assert noise.process[0] == pytest.approx(statistics.stdev(overdispersed), rel=1e-3)


def test_the_prior_fades_without_a_step() -> None:
    """One of five runs moves away from the others by 0.01 % at a time; the noise grows along, and by no jump."""
    rows = np.array([FIVE + np.array([0, 0, 0, 0, step * 0.0001]) for step in range(-200, 201)])
    for metric in METRICS:
        if metric.spread is None or metric.of_questions:  # a smaller share of the error makes every step larger
            continue
        scale = metric.spread.process / 0.0006
        noise = estimate((rows - FIVE.mean()) * scale, layout(*["a1"] * 5), metric.spread)
        detectable = limits(noise, 0.0, metric.share, 24).detectable
        assert detectable.max() > 10 * detectable.min()
        assert np.abs(np.diff(np.log(detectable))).max() < 0.06
        assert np.abs(np.diff(noise.df)).max() < 1


def test_a_run_that_is_not_trusted_is_as_if_it_were_not_there() -> None:
    five = np.vstack([np.append(FIVE, 9.0), np.append(FIVE, np.nan)])
    places = layout(*["a1"] * 5, "a2")
    noise, plain = (
        estimate(five, places, SPREAD, trust=np.array([1, 1, 1, 1, 1, 0])),
        estimate(FIVE[None], layout(*["a1"] * 5), SPREAD),
    )
    for field in ("runs", "centre", "process", "shared", "df"):
        assert getattr(noise, field) == pytest.approx(getattr(plain, field)[[0, 0]])


def test_a_run_that_is_half_trusted_moves_the_centre_less() -> None:
    six, places = np.append(FIVE, FIVE.mean() + 0.01)[None], layout(*["a1"] * 6)
    full, half = (estimate(six, places, SPREAD, trust=np.array([1, 1, 1, 1, 1, part])) for part in (1, 0.5))
    assert full.centre[0] - FIVE.mean() == pytest.approx(0.01 / 6)
    assert half.centre[0] - FIVE.mean() == pytest.approx(0.005 / 5.5)
    assert half.process[0] < full.process[0] and 5 < half.runs[0] < 6


def test_a_benchmark_that_only_distrusted_runs_measured_keeps_them() -> None:
    noise = estimate(np.array([[np.nan] * 4 + [0.5]]), layout(*["a1"] * 5), SPREAD, trust=np.array([1, 1, 1, 1, 0]))
    assert noise.centre[0] == 0.5 and noise.runs[0] == 1


@pytest.mark.parametrize("runs", [1, 2])
def test_too_few_runs_to_tell_quiet_from_overdispersed_take_the_wide_prior(runs: int) -> None:
    noise = estimate(FIVE[None, :runs], layout(*["a1"] * runs), SPREAD)
    assert noise.process[0] > 0.01


def test_what_else_is_known_of_the_spread_widens_the_prior() -> None:
    noise = estimate(np.vstack([FIVE, FIVE]), layout(*["a1"] * 5), SPREAD, np.array([0.0, 0.1]))
    assert noise.process[1] == pytest.approx(0.1 * (8 / 12) ** 0.5, rel=0.01) and noise.df[1] == 12
    assert noise.process[0] < 0.001


def test_what_else_is_known_of_days_widens_their_prior_alone() -> None:
    noise = estimate(np.vstack([FIVE, FIVE]), layout(*["a1"] * 5), SPREAD, day=np.array([0.0, 0.1]))
    assert noise.shared == pytest.approx([2 * 0.0003**2, 2 * (0.0003**2 + 0.1**2)])
    assert noise.process[0] == noise.process[1]


def test_another_gpu_adds_the_spread_between_gpus() -> None:
    same = estimate(FIVE[None], layout(*["a1"] * 5), SPREAD)
    other = estimate(FIVE[None], layout(*["a1"] * 5, now="b"), SPREAD)
    assert other.shared[0] - same.shared[0] == pytest.approx(2 * 0.002**2)


def test_runs_of_the_own_gpu_are_enough_by_themselves() -> None:
    values = np.concatenate([FIVE, FIVE + 0.003])
    noise = estimate(values[None], layout(*["a1"] * 5, *["b1"] * 5), SPREAD)
    assert noise.runs[0] == 5 and noise.centre[0] == pytest.approx(FIVE.mean())


def test_runs_of_other_gpus_tell_how_far_processes_stray() -> None:
    """Each within its own GPU and day: three runs that lie apart by chance are not the only evidence."""
    others = [FIVE + 0.003, FIVE[:2] - 0.002, FIVE[2:4] - 0.001]
    values, places = np.concatenate([FIVE[:3], *others]), ["a1"] * 3 + ["b1"] * 5 + ["c1"] * 2 + ["c2"] * 2
    noise = estimate(values[None], layout(*places), SPREAD)
    squares = [len(group) * statistics.pvariance(group) for group in (FIVE[:3], *others)]
    assert noise.df[0] == 2 + 4 + 1 + 1 + 8
    assert noise.process[0] ** 2 == pytest.approx((sum(squares) + 8 * 0.001**2) / 16)
    alone = estimate(FIVE[None, :3], layout(*["a1"] * 3), SPREAD)
    assert noise.centre[0] == pytest.approx(alone.centre[0]) and noise.shared[0] == pytest.approx(alone.shared[0])


def test_two_runs_of_the_own_gpu_among_others_are_not_enough() -> None:
    noise = estimate(FIVE[None], layout("a1", "a1", "b1", "b1", "b1"), SPREAD)
    assert noise.runs[0] == 5 and noise.shared[0] > 0.002**2


def test_days_that_differ_move_the_spread_between_days() -> None:
    days = [f"a{day}" for day in (1, 2, 3, 4) for _ in range(3)]
    quiet = np.tile([-0.001, 0.0, 0.001], 4)
    steady = estimate(quiet[None], layout(*days), SPREAD)
    moving = estimate((quiet + np.repeat([-0.01, 0.01, -0.01, 0.01], 3))[None], layout(*days), SPREAD)
    assert moving.process[0] == pytest.approx(steady.process[0])
    found = 0.01**2 * 4 / 3 - moving.process[0] ** 2 / 3
    assert moving.shared[0] == pytest.approx((12 * 0.0003**2 + 3 * found) / 15 * (1 + 1 / 4))
    assert steady.shared[0] < 2 * 0.0003**2


def test_gpus_that_differ_move_the_spread_between_gpus() -> None:
    places = [f"{gpu}1" for gpu in "bcde" for _ in range(3)]
    quiet = np.tile([-0.001, 0.0, 0.001], 4)
    steady = estimate(quiet[None], layout(*places), SPREAD)
    moving = estimate((quiet + np.repeat([-0.02, 0.02, -0.02, 0.02], 3))[None], layout(*places), SPREAD)
    assert moving.shared[0] > 10 * steady.shared[0]


def test_a_run_a_day_counts_days_as_processes() -> None:
    noise = estimate(FIVE[None], layout("a1", "a2", "a3", "a4", "a5"), SPREAD)
    assert noise.df[0] == 12
    assert noise.process[0] ** 2 == pytest.approx((4 * statistics.variance(FIVE) + 8 * 0.001**2) / 12)


def test_missing_values_are_as_if_the_run_were_not_there() -> None:
    holes = np.insert(FIVE, 2, np.nan)
    places = layout("a1", "a1", "b9", "a1", "a1", "a1")
    noise, plain = estimate(holes[None], places, SPREAD), estimate(FIVE[None], layout(*["a1"] * 5), SPREAD)
    for field in ("runs", "centre", "process", "shared", "df"):
        assert getattr(noise, field)[0] == pytest.approx(getattr(plain, field)[0])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(-30, 30) | st.just(float("nan")), min_size=4, max_size=4), min_size=1, max_size=5),
    st.lists(st.sampled_from(["a1", "a2", "b1", "b2", "c3"]), min_size=4, max_size=4),
    st.floats(-20, 20),
)
def test_noise_is_positive_finite_and_does_not_depend_on_the_gpu_of_measurement(
    rows: list[list[float]], places: list[str], factor: float
) -> None:
    logs = np.array([row for row in rows if not all(np.isnan(row))]).reshape(-1, 4)
    for metric in METRICS:
        if metric.spread is None:
            continue
        noise = estimate(logs, layout(*places), metric.spread)
        moved = estimate(logs + factor, layout(*places), metric.spread)
        assert (noise.deviation() > 0).all() and np.isfinite(noise.deviation()).all() and (noise.df > 0).all()
        np.testing.assert_allclose(moved.deviation(), noise.deviation(), rtol=1e-6)
        np.testing.assert_allclose(moved.centre - factor, noise.centre, atol=1e-9)
