"""How a metric reads its value."""

import math

import pytest

from regression.metrics import METRICS


@pytest.mark.parametrize(
    ("times", "calls"),
    [
        ({"launch": 1e-6}, {"launch": 10**400}),
        ({"launch": math.inf, "free": -math.inf}, {"launch": 1, "free": 1}),
        ({"launch": 1.7e308, "free": 1.7e308}, {"launch": 1, "free": 1}),
        ({"launch": math.nan}, {"launch": 1}),
        ({"launch": -1e-6}, {"launch": 1}),
    ],
)
def test_times_and_calls_beyond_reckoning_have_no_sum(times: dict[str, float], calls: dict[str, int]) -> None:
    (api_time,) = [metric for metric in METRICS if metric.key == "api_time"]
    assert api_time.value({"extra_info": {"api_call_times_s": times, "api_calls": calls}}) is None
