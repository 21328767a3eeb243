"""Changes as users write them, and the option that changes the table of metrics."""

import math

import pytest

from regression.changes import WrongChange, parse_change, with_min_changes
from regression.metrics import METRICS


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
