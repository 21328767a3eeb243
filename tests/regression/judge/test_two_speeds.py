"""A baseline that was recorded before and after an upgrade is noticed; one of one speed is not."""

from __future__ import annotations

import pytest

from proof.two_speeds import QUIET, UPGRADED, noticed
from regression.judge.two_speeds import find, notes
from regression.runs.read import read
from regression.runs.run import Run
from tests.regression.recorder import IDS, Recorder


def recorded(
    recorder: Recorder, factors: list[float], *, driver: str = "", uuids: str = "111111", first: int = 0
) -> list[Run]:
    runs = []
    for number, factor in enumerate(factors):
        document = recorder.document(dict.fromkeys(IDS[3:], factor), hour=first + number, uuid=f"GPU-{uuids[number]}")
        document["machine_info"]["software"]["driver"] = driver if factor != 1 and driver else "580.95"
        runs.append(read(recorder.store(document)))
    return runs


def test_an_upgrade_half_way_is_said_with_its_cause(recorder: Recorder) -> None:
    runs = recorded(recorder, [1, 1, 1, 1.01, 1.01], driver="590.12")
    (said,) = notes(runs)
    assert said.startswith("The baseline has two speeds: +1.0")
    assert "kernel time in 6 of 9 benchmarks in the 2 runs from 2026-03-01 03:03 on, against the 3 runs before" in said
    assert "software.driver 580.95 -> 590.12" in said
    split = find(runs)
    assert split is not None and [run.path for run in split.later] == [run.path for run in runs[3:]]


@pytest.mark.parametrize(
    ("factors", "uuids"),
    [
        ([1, 1, 1, 1, 1], "111111"),
        ([1, 1, 1, 1, 1.01], "111111"),  # one run is no speed
        ([1, 1, 1.01], "111111"),
        ([1, 1, 1, 1.01, 1.01], "111222"),  # another GPU has its own
        ([1, 1.01, 1, 1.01, 1, 1.01], "121212"),
    ],
)
def test_one_speed_is_not_two(recorder: Recorder, factors: list[float], uuids: str) -> None:
    assert find(recorded(recorder, factors, uuids=uuids)) is None


def test_gpus_that_were_all_upgraded_show_it_together(recorder: Recorder) -> None:
    """With one run of each GPU before and after nothing tells how noisy they are: a large shift shows."""
    assert find(recorded(recorder, [1, 1, 1, 1.1, 1.1, 1.1], uuids="123123")) is not None


def test_kinds_of_runs_are_looked_at_apart(recorder: Recorder) -> None:
    runs = recorded(recorder, [1, 1, 1])
    others = [dict(run.machine) | {"settings": {"device": "cuda", "precision_policy": "FP32"}} for run in runs]
    slower = recorded(recorder, [1.01, 1.01, 1.01], first=3)
    mixed = [*runs, *(type(run)(**(vars(run) | {"machine": other})) for run, other in zip(slower, others, strict=True))]
    assert notes(mixed) == [] and len(notes([*runs, *slower])) == 1


def test_made_up_baselines_are_rarely_called_two_and_upgraded_ones_nearly_always() -> None:
    """python -m proof.two_speeds does the same with 2,000 of each."""
    assert sum(noticed(case, 30) for case in QUIET) <= 1
    assert all(noticed(case, 15) >= 13 for case in UPGRADED)
