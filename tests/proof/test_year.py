"""A month of generated nights: told as it happened; and what happened otherwise is found."""

from __future__ import annotations

import dataclasses
import os

import pytest

from proof.year.__main__ import happen
from proof.year.calendar import H100, H200, MONTH, TENSORRT, Change
from proof.year.score import Score


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, os.environ.get(name, ""))  # what the month sets ends with it
        yield happen(MONTH, tmp_path_factory.mktemp("month"))


def test_a_month_is_told_as_it_happened(month):
    assert month.wrong == []
    assert f"the store holds {3 * MONTH.nights} of {3 * MONTH.nights} nights" in month.lines


def test_deliveries_were_lost_and_made_up_for(month):
    lost = {(told.gpu, told.night) for told in month.nightly.told if not told.delivered}
    assert lost == MONTH.lost and len(lost) == 2


@pytest.mark.parametrize(
    "otherwise",
    [
        {"changes": MONTH.changes[1:]},
        {"changes": (*MONTH.changes, Change(H200, TENSORRT, night=20, change=0.02, until=25))},
        {"changes": (*MONTH.changes, Change(H100, TENSORRT, night=25, change=-0.02))},
        {"swapped": {}},
        {"renamed": 20},
        {"refreshed": 29},
        {"nights": 31},
    ],
    ids=lambda otherwise: next(iter(otherwise)),
)
def test_another_month_would_be_told_otherwise(month, otherwise):
    calendar = dataclasses.replace(MONTH, **otherwise)
    score = Score(month.nightly, month.histories.values(), calendar)
    score.stored_once(month.stored)
    assert score.wrong
