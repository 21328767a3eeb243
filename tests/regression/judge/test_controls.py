"""How far controls shifted, and when that is subtracted."""

import numpy as np
import pytest

from regression.judge.controls import SHIFTED, shift


def test_a_shift_beyond_the_controls_own_noise_is_their_weighted_mean() -> None:
    deviations, precisions = np.array([0.010, 0.020, 9.0]), np.array([1 / 0.001**2, 1 / 0.002**2, 0.0])
    mean, variance = shift(deviations, precisions)
    assert mean == pytest.approx((0.010 * 4 + 0.020) / 5)
    assert variance == pytest.approx(1 / (1 / 0.001**2 + 1 / 0.002**2))


@pytest.mark.parametrize("factor, subtracted", [(0.99, False), (1.01, True), (-0.99, False), (-1.01, True)])
def test_within_their_noise_controls_lie_where_they_lay(factor: float, subtracted: bool) -> None:
    controls = 4
    at = factor * SHIFTED * 0.001 / controls**0.5
    mean, variance = shift(np.full(controls, at), np.full(controls, 1 / 0.001**2))
    assert (mean, variance) == pytest.approx((at, 0.001**2 / controls) if subtracted else (0, 0))
    assert pytest.approx(2.576, abs=1e-3) == SHIFTED


def test_without_controls_nothing_is_subtracted() -> None:
    mean, variance = shift(np.array([0.5, np.nan]), np.zeros(2))
    assert (float(mean), float(variance)) == (0, 0)
    mean, variance = shift(np.zeros((2, 0)), np.zeros((2, 0)))
    assert mean.tolist() == variance.tolist() == [0, 0]


def test_controls_that_move_together_weigh_as_much_as_the_best_of_them() -> None:
    """Eager and TorchScript share the kernels that a process chose, so that ten of them know no more than one."""
    together = np.array([True] * 10 + [False])
    precisions = np.array([1 / 0.001**2] * 9 + [1 / 0.004**2] + [1 / 0.001**2])
    deviations = np.array([0.01] * 10 + [0.02])
    mean, variance = shift(deviations, precisions, together)
    assert (mean, variance) == pytest.approx((0.015, 0.001**2 / 2))
    apart, smaller = shift(deviations, precisions)
    assert apart < 0.0111 and smaller < 0.001**2 / 10


def test_every_confirmation_has_its_own_shift() -> None:
    deviations = np.array([[0.01, 0.01], [0.0, 0.0]])
    mean, variance = shift(deviations, np.full(2, 1 / 0.001**2))
    assert mean == pytest.approx([0.01, 0]) and variance == pytest.approx([0.001**2 / 2, 0])
