"""What a disturbed host explains of a latency is no change; a host that is exchanged explains nothing for long."""

import dataclasses
import datetime
import math
from pathlib import Path

import numpy as np
import pytest

from regression.history.host import excused
from regression.history.night import Night, as_json, from_json
from regression.history.reader import Reader
from regression.history.series import trace
from tests.regression.recorder import IDS, Recorder

ID = IDS[-1]


def test_a_night_on_a_slower_or_faster_host_is_excused_by_what_that_explains() -> None:
    calibrations = [1.0] * 10 + [1.13] + [1.0] * 5 + [0.9] + [1.02] * 5
    values = [2.0] * 10 + [3.0] + [2.0] * 5 + [1.9] + [2.0] * 5
    found = excused(values, calibrations)
    assert [at for at, (raw, value) in enumerate(zip(values, found, strict=True)) if raw != value] == [10, 16]
    assert found[10] == pytest.approx(3.0 * math.exp(-2 * (math.log(1.13) - 0.03))) and found[16] == pytest.approx(2.0)


def test_what_goes_the_other_way_is_not_excused() -> None:
    values, calibrations = [2.0] * 5 + [1.5] + [2.0] * 5, [1.0] * 5 + [1.3] + [1.0] * 5
    assert excused(values, calibrations) == values


def test_a_host_that_is_exchanged_moves_nothing_for_long() -> None:
    values = [1.0] * 30 + [1.4] * 30
    found = excused(values, [1.0] * 30 + [1.5] * 30)
    assert found[:28] == values[:28] and found[32:] == values[32:]


@pytest.mark.parametrize("calibrations", [[1.0], [1.0, 2.0, 1.0], [None] * 20, [1.0, None, 3.0, None, 1.0]])
def test_too_few_neighbours_say_nothing(calibrations: list[float | None]) -> None:
    values = [float(number + 1) for number in range(len(calibrations))]
    assert excused(values, calibrations) == values


def test_latencies_of_a_disturbed_host_are_no_change(recorder: Recorder) -> None:
    """Four bad nights in forty."""
    first = Reader().night(recorder.run().path)
    random = np.random.default_rng(1)
    nights: list[Night] = []
    for number in range(40):
        slow = 1.3 if 20 <= number < 24 else 1.0
        values = dict(first.values) | {
            (ID, "latency"): 0.005 * slow * math.exp(0.003 * random.standard_normal()),
            (ID, "kernel_time"): 0.004 * math.exp(0.0005 * random.standard_normal()),
            (ID, "host_calibration"): 0.002 * slow,
        }
        when = first.when + datetime.timedelta(days=number)
        night = dataclasses.replace(first, file=Path(f"{number}.json"), run_id=f"{number}", when=when, values=values)
        nights.append(from_json(as_json(night), night.file))
    (past,) = trace(nights)
    assert past.events == ()
    assert max(value for _, value in past.values(ID, "latency")) > 0.006  # shown as it was measured
    assert not any(one.metric.key == "host_calibration" for one in past.short)
    without = [dataclasses.replace(night, values={key: value for key, value in night.values.items()
               if key[1] != "host_calibration"}) for night in nights]  # fmt: skip
    (seen,) = trace(without)
    assert seen.events and {event.metric.key for event in seen.events} == {"latency"}
