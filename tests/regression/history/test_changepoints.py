"""Simulated histories with known answers: what is found in them, when, and how large; and that noise is left alone."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proof.history_alarms import BENCHMARKS, KINDS, NIGHTS, SERIES, TIMES, alarms
from regression.history import series
from regression.history.noise import penalty
from regression.history.search import changes

NOISE = 0.001
FALSE_ALARM = series.FALSE_ALARM / SERIES


def simulated(shape, seed=0):
    """Milliseconds: a level that is changed by `shape` (relative), with noise of a tenth of a percent."""
    random = np.random.default_rng(seed)
    return 0.005 * np.exp(np.asarray(shape) + random.normal(scale=NOISE, size=len(shape)))


def found(shape, seed=0, **options):
    return changes(simulated(shape, seed), FALSE_ALARM, **options)


@pytest.mark.parametrize("seed", range(5))
def test_a_step_is_found_on_its_night_with_its_size(seed):
    shape = np.zeros(60)
    shape[37:] = 0.01
    (step,) = found(shape, seed)
    assert (step.kind, step.first, step.last) == ("step", 37, 37)
    assert step.ratio == pytest.approx(1.01, abs=0.001)


@pytest.mark.parametrize("seed", range(5))
def test_a_step_back_is_two_changes(seed):
    shape = np.zeros(60)
    shape[20:35] = -0.02
    down, up = found(shape, seed)
    assert (down.first, up.first) == (20, 35)
    assert down.ratio < 1 < up.ratio


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("a_night", "nights"), [(0.005, 12), (0.0005, 40)])
def test_a_drift_is_one_change_with_its_beginning_and_end(seed, a_night, nights):
    """Half a percent a night; and half a tenth, which no two nights ever show in this noise."""
    shape = np.clip(np.arange(90) - 29, 0, nights) * a_night
    (drift,) = found(shape, seed)
    slack = 2 if a_night > NOISE else 12
    assert drift.kind == "drift"
    assert abs(drift.first - 30) <= slack
    assert abs(drift.last - (29 + nights)) <= slack
    assert drift.ratio == pytest.approx(np.exp(a_night * nights), abs=0.003)


@pytest.mark.parametrize("seed", range(20))
def test_a_drift_that_is_still_going_on_is_found(seed):
    """After 22 nights; 20 are enough for the error of 150 series, and not always for that of 250."""
    (drift,) = found(np.clip(np.arange(42) - 20, 0, None) * 0.002, seed)
    assert drift.kind == "drift"
    assert drift.last >= 38


@pytest.mark.parametrize("seed", range(3))
def test_one_bad_night_is_no_change_and_hides_none(seed):
    shape = np.zeros(60)
    shape[12] = shape[59] = 1.0
    assert found(shape, seed) == []
    shape[40:] += 0.01
    (step,) = found(shape, seed)
    assert step.first == 40


@pytest.mark.parametrize("kind", KINDS)
def test_noise_alone_is_left_alone(kind):
    """400 histories of each kind; at 1 in 15,000 a history, three false alarms in them are not chance."""
    random = np.random.default_rng(5)
    assert sum(alarms(kind, nights, 100, random, FALSE_ALARM) for nights in (10, 20, 60, 200)) < 0.03


def test_a_change_too_small_to_matter_is_not_reported():
    shape = np.zeros(100)
    shape[50:] = 0.004
    assert len(found(shape)) == 1
    assert found(shape, smallest=0.005) == []


def test_values_without_noise_change_only_beyond_the_floor():
    values = [275.0] * 10 + [276.0] * 10
    assert [step.first for step in changes(values, FALSE_ALARM, noise_floor=0.0003)] == [10]
    assert changes(values, FALSE_ALARM, noise_floor=0.01) == []
    assert changes([275.0] * 20, FALSE_ALARM) == []


def test_too_few_values_have_no_changes():
    assert changes([1.0, 1.0, 1.0, 2.0, 2.0], FALSE_ALARM) == []


@given(st.lists(st.floats(1e-9, 1e6), min_size=1, max_size=60), st.floats(1e-6, 0.1))
def test_whatever_the_values_changes_are_in_order_and_inside(values, false_alarm):
    last = 0
    for change in changes(values, false_alarm):
        assert last < change.first <= change.last < len(values)
        assert change.ratio > 0
        last = change.first


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_value_that_is_no_time_is_refused(bad):
    with pytest.raises(ValueError, match="positive"):
        changes([1.0] * 9 + [bad], FALSE_ALARM)


def test_the_page_says_of_how_many_series_and_what_a_change_costs_there():
    page = (Path(__file__).parents[3] / "docs" / "history.md").read_text(encoding="utf-8")
    costs = [f"{penalty(nights, FALSE_ALARM):.0f}" for nights in NIGHTS]
    assert (
        f"For {SERIES} series, the five times of {BENCHMARKS} benchmarks, the penalty is {costs[0]} variances" in page
    )
    assert f"for 10 nights, {costs[1]} for 20, {costs[2]} for 60 and {costs[3]} for 200." in page
    assert len(TIMES) == 5 and f"with the penalty for {SERIES} series." in page
    assert f"at most {FALSE_ALARM * 100:.2g} % of series" in page


def test_a_drift_in_a_quiet_series_is_one_event_and_no_step_beside_it() -> None:
    """Where noise is a tenth of a night's way, a ramp that begins two nights too early costs more than it explains."""
    for seed in range(60):
        way = np.clip((np.arange(365) - 199) / 20, 0, 1)
        noise = 0.00045 * np.random.default_rng(seed).standard_normal(365)
        (found,) = changes(1.1**way * np.exp(noise), 0.01 / 20, 0.005, 0.0005)
        assert found.kind == "drift" and abs(found.first - 200) <= 1 and abs(found.last - 219) <= 1, seed
