"""Runs dated later than they can be are pointed out, whatever their zone."""

import dataclasses
import datetime

import pytest

from regression.runs.dates import from_the_future
from tests.regression.recorder import Recorder

NOW = datetime.datetime(2026, 3, 20, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("2026-03-20T11:59:00", False),
        ("2026-03-20T12:30:00", False),  # two clocks
        ("2026-03-20T15:00:00", True),
        ("2026-03-20T15:00:00+05:00", False),
        ("2027-03-20", True),
        ("", False),
    ],
)
def test_a_run_from_the_future_is_pointed_out(recorder: Recorder, date: str, ahead: bool) -> None:
    run = dataclasses.replace(recorder.run(), datetime=date)
    said = from_the_future([run], NOW)
    assert bool(said) == ahead
    assert not ahead or f"{run.path.name} is dated {date[:16]}: in the future. Set the clock" in said[0]


def test_several_are_one_sentence(recorder: Recorder) -> None:
    runs = [dataclasses.replace(recorder.run(), datetime="2027-03-20") for _ in range(3)]
    (said,) = from_the_future(runs, NOW)
    assert ", and 2 other runs: in the future" in said
