"""Latencies carried to the pace of a host, by hand."""

import numpy as np
import pytest

from regression.runs.pace import EXPONENT, QUANTILE, REFERENCE_S, at_pace, carried


def test_a_visit_beside_the_reference_calibration_stays_as_it_was() -> None:
    assert at_pace([0.004] * 5, [REFERENCE_S] * 5) == pytest.approx((0.004, REFERENCE_S))


def test_a_host_half_as_fast_is_carried_by_the_exponent() -> None:
    assert carried(0.004 * 2**EXPONENT, 2e-3, 1e-3) == pytest.approx(0.004)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 30])
def test_the_quantile_is_numpys(count):
    latencies = np.random.default_rng(count).uniform(1e-3, 2e-3, count).tolist()
    found, _ = at_pace(latencies, [REFERENCE_S] * count)
    assert found == pytest.approx(np.quantile(latencies, QUANTILE))


def test_visits_of_a_host_that_changes_its_pace_agree() -> None:
    """A quarter, half or all of the visits on a host that is slower by two thirds: the same latency."""
    random = np.random.default_rng(1)

    def visits(slow: float) -> float:
        pace = np.where(np.arange(40) < 40 * slow, 1.2e-3, 0.7e-3) * np.exp(0.03 * random.standard_normal(40))
        latency = 0.004 * (pace / REFERENCE_S) ** EXPONENT * np.exp(0.03 * random.standard_normal(40))
        return at_pace(latency.tolist(), pace.tolist())[0]

    assert [visits(slow) for slow in (0, 0.25, 0.5, 1)] == pytest.approx([0.004] * 4, rel=0.04)
