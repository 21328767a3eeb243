"""The table of metrics and the option that changes it."""

import math

import pytest

from regression.metrics import METRICS, WrongChange, parse_change, with_min_changes


def test_shares_of_the_error_add_up_to_one_and_those_of_questions_take_little_of_it() -> None:
    assert math.isclose(sum(metric.share for metric in METRICS if not metric.of_questions), 1)
    assert sum(metric.share for metric in METRICS if metric.of_questions) <= 0.1


def test_what_matters_lies_well_below_what_is_claimed_to_be_seen() -> None:
    min_effects = {metric.key: metric.min_effect for metric in METRICS if metric.share and not metric.of_questions}
    assert min_effects == {"kernel_time": 0.0025, "same_kernels": 0.0025, "selection": 0.0025, "latency": 0.05}


def test_a_minimum_replaces_one_metric_and_leaves_the_others() -> None:
    changed = with_min_changes(["latency=3%"])
    before = [metric for metric in METRICS if metric.key != "latency"]
    (latency,) = [metric for metric in changed if metric not in before]
    assert latency.key == "latency" and (latency.min_effect, latency.worth_knowing) == (0.03, 0.2)
    assert [metric for metric in changed if metric in before] == before


def test_a_minimum_of_kernel_time_holds_for_its_parts_unless_they_have_their_own() -> None:
    changed = {metric.key: metric for metric in with_min_changes(["kernel_time=3%", "selection=40%"])}
    assert [changed[key].min_effect for key in ("kernel_time", "same_kernels", "selection")] == [0.03, 0.03, 0.4]
    assert [changed[key].worth_knowing for key in ("kernel_time", "same_kernels", "selection")] == [0.06, 0.06, 0.8]


@pytest.mark.parametrize(
    "text", ["", "kernel_time", "kernel_time=1", "kernel_time=%", "launches=1%", "kernel_time=-1%", "kernel_time=nan%"]
)
def test_a_wrong_minimum_is_said_with_its_text(text: str) -> None:
    with pytest.raises(WrongChange, match=r"\.$"):
        with_min_changes([text])


@pytest.mark.parametrize(("text", "value"), [("1%", 0.01), ("+3 %", 0.03), ("-0.5%", -0.005)])
def test_changes_are_read_with_their_sign(text: str, value: float) -> None:
    assert math.isclose(parse_change(text), value)


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
