"""What benchmarks share: the shift, the scatter, and the baseline run that was bad as a whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression.judge.common_shift import FEWEST, depth, middle, quantiles, run_shifts, scatter, shared, trust, weights
from regression.judge.noise import Floats, Layout, Noise
from regression.metrics import METRICS

ONE_DAY = Layout(("GPU",) * 5, ("day",) * 5, "GPU")
(SPREAD,) = [metric.spread for metric in METRICS if metric.key == "kernel_time" and metric.spread]


def noise(count: int, deviation: float | Floats = 0.001) -> Noise:
    """Noise whose `deviation(1)` is as given: of many runs, and nearly normal."""
    full = np.full(count, 1.0)
    return Noise(runs=full * 1e9, centre=full * 0, process=full * deviation, shared=full * 0, df=full * 1e6)


def test_weighted_quantiles_by_hand() -> None:
    values, weight = np.array([3.0, 1.0, 2.0, np.nan]), np.array([1.0, 1.0, 2.0, 100.0])
    assert np.array_equal(quantiles(values, weight, 0.25), (1, 3))
    assert np.array_equal(quantiles(values, weight, 0.26), (2, 2))
    assert np.array_equal(quantiles(values, weight, 0.75), (2, 2))
    assert np.array_equal(quantiles(values, weight, 0.76), (3, 1))
    assert middle(np.array([1.0, 2.0]), np.ones(2)) == 1.5
    assert np.isnan(quantiles(np.array([np.nan, 1.0]), np.array([1.0, 0.0]), 0.5)).all()


def test_every_variant_has_the_same_weight_in_all() -> None:
    deviation = np.array([0.001, 0.002, 0.1, 0.05])
    weight = weights(deviation, ["a", "a", "a", "b"])
    assert weight[:3].sum() == pytest.approx(weight[3]) and weight[0] == pytest.approx(2 * weight[1])


@pytest.mark.parametrize(
    "values, found",
    [
        ([0.01, 0.01, 0.01, 0.01], 0.01),
        ([-0.01, -0.01, -0.01, -0.02], -0.01),
        ([0.03, 0.02, 0.01, 0.00], 0.01),
        ([0.01, 0.01, 0.0, 0.0], 0.0),
        ([0.01, 0.01, -0.01, -0.01], 0.0),
        ([0.02, 0.02, np.nan, np.nan], 0.02),
    ],
)
def test_a_shift_is_what_nearly_all_show(values: list[float], found: float) -> None:
    assert shared(np.array(values), np.ones(4)) == pytest.approx(found)


def test_what_most_show_lies_below_the_true_shift_by_the_depth() -> None:
    random = np.random.default_rng(1)
    deviation = np.full(24, 0.001)
    found = shared(0.01 + deviation * random.standard_normal((4000, 24)), np.ones(24))
    assert found.mean() == pytest.approx(0.01 - depth(deviation, np.ones(24)), abs=1e-4)


@pytest.mark.parametrize("count", [24, 72, 1000])
@pytest.mark.parametrize("factor", [2.0, 4.0])
def test_scatter_is_found_at_its_size(count: int, factor: float) -> None:
    random, nights = np.random.default_rng(2), min(400, 100_000 // count)
    found = scatter(0.001 * factor * random.standard_normal((nights, count)), np.ones(count), noise(nights * count))
    assert np.median(found) == pytest.approx(factor, rel=0.05)


def test_of_few_tests_no_scatter_is_told() -> None:
    assert scatter(np.array([0.01, -0.01, 0.0] * 3), np.ones(9), noise(9)) == 1


@pytest.mark.parametrize("count", [12, 24, 72])
def test_expected_noise_is_seldom_taken_for_scatter(count: int) -> None:
    random = np.random.default_rng(3)
    found = scatter(0.001 * random.standard_normal((2000, count)), np.ones(count), noise(2000 * count))
    assert (found > 1).mean() < 0.06 and found.min() == 1


def test_neither_a_shift_of_all_nor_regressions_of_a_third_are_scatter() -> None:
    random = np.random.default_rng(4)
    quiet = 0.001 * random.standard_normal((500, 24))
    third = 0.01 * (np.arange(24) < 8)
    assert (scatter(quiet + 0.05, np.ones(24), noise(500 * 24)) > 1).mean() < 0.06
    assert (scatter(quiet + third, np.ones(24), noise(500 * 24)) > 1).mean() < 0.06


@pytest.mark.parametrize("changed", [8, 12])
def test_what_up_to_half_of_the_benchmarks_do_alike_is_no_scatter(changed: int) -> None:
    """Each becomes slower by the same share, which is another number of its own standard deviations."""
    random = np.random.default_rng(6)
    expected = np.where(np.arange(24) % 2, 0.001, 0.004)
    slower = 0.05 * (np.arange(24) < changed)
    nights = expected * random.standard_normal((500, 24)) + slower
    found = scatter(nights, weights(expected, list(range(24))), noise(500 * 24, np.tile(expected, 500)))
    assert (found > 1).mean() < 0.1


def test_a_scatter_about_a_shift_of_all_is_found_at_its_size() -> None:
    random = np.random.default_rng(7)
    found = scatter(0.02 + 0.003 * random.standard_normal((400, 24)), np.ones(24), noise(400 * 24))
    assert np.median(found) == pytest.approx(3, rel=0.05)


def test_a_run_that_is_off_as_a_whole_is_found_and_counts_less() -> None:
    random = np.random.default_rng(5)
    deviation = np.full(10, SPREAD.process)
    weight = []
    sweep = np.arange(0, 0.0101, 0.0001)
    quiet = SPREAD.process / 3 * random.standard_normal((10, 5))
    for change in sweep:
        logs = quiet + np.array([0, 0, change, 0, 0])
        shifts = run_shifts(logs, ONE_DAY, deviation)
        assert shifts[2] == pytest.approx(change, abs=0.0005)
        weight.append(trust(shifts, ONE_DAY, SPREAD, deviation))
        assert weight[-1][[0, 1, 3, 4]].tolist() == [1, 1, 1, 1]
    mine = np.array(weight)[:, 2]
    assert mine[0] == 1 and mine[-1] == 0 and (np.diff(mine) <= 1e-12).all()
    assert np.abs(np.diff(mine)).max() < 0.1, "no step"


def test_few_runs_or_benchmarks_and_other_gpus_tell_of_no_bad_run() -> None:
    bad = np.zeros((10, 5)) + np.array([0, 0, 0.05, 0, 0])
    deviation = np.full(10, 0.001)
    assert run_shifts(bad[:3], ONE_DAY, deviation[:3]).tolist() == [0] * 5
    elsewhere = Layout(("a", "a", "b", "a", "a"), ("day",) * 5, "a")
    assert run_shifts(bad, elsewhere, deviation).tolist() == [0] * 5
    assert run_shifts(bad[:, :3], Layout(("a",) * 3, ("day",) * 3, "a"), deviation).tolist() == [0] * 3
    missing = np.where(np.arange(10)[:, None] >= FEWEST - 1, np.array([0, 0, np.nan, 0, 0]), bad)
    assert run_shifts(missing, ONE_DAY, deviation).tolist() == [0] * 5


@given(
    st.lists(st.floats(-1, 1) | st.just(float("nan")), min_size=1, max_size=12),
    st.floats(0.5, 2),
)
def test_nothing_that_is_missing_makes_a_number_that_is_none(values: list[float], factor: float) -> None:
    found: Floats = np.array(values)
    count = len(values)
    weight = weights(np.full(count, 0.001 * factor), list(range(count)))
    wide = scatter(found, weight, noise(count))
    assert np.isfinite(wide) and wide >= 1
    assert np.isfinite(shared(found, weight)) == bool(np.isfinite(found).any())
    runs = run_shifts(np.repeat(found[:, None], 5, axis=1), ONE_DAY, np.full(count, 0.001))
    assert np.isfinite(trust(runs, ONE_DAY, SPREAD, np.full(count, 0.001))).all()
