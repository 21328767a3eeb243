"""Calibration: simulated nights, and nights drawn from stored runs."""

import functools
from pathlib import Path

import pytest

from proof import simulation
from proof.simulation import WORLDS, Calibration, World, resample, simulate
from regression.changes import with_min_changes
from regression.judge.limits import FAMILY_WISE_ERROR, SCREEN_ERROR
from regression.judge.verdict import Report
from regression.runs.read import read
from regression.runs.run import Run
from tests.regression.recorder import IDS, Recorder


def bound(claimed: float = FAMILY_WISE_ERROR, nights: int = 600) -> float:
    """Three standard errors of so many nights above the claim."""
    return claimed + 3 * (claimed * (1 - claimed) / nights) ** 0.5


@functools.cache
def simulated(world: World) -> Calibration:
    """600 nights, which more than one test looks at."""
    return simulate(world, nights=600, benchmarks=24)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_unchanged_code_fails_no_more_nights_than_claimed_and_claims_hold(world: World) -> None:
    found = simulated(world)
    assert found.failed <= bound(world.claimed)
    assert found.detected is not None and found.detected >= 0.93


def test_the_simulation_would_notice_a_judge_that_is_too_eager(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FAMILY_WISE_ERROR", "SCREEN_ERROR", "AGREEMENT_ERROR"):
        monkeypatch.setattr(f"regression.judge.limits.{name}", 0.5)
    metrics = with_min_changes(["kernel_time=0%", "latency=0%"])
    assert simulate(WORLDS[1], nights=300, benchmarks=24, metrics=metrics).failed > bound()


def test_days_beyond_their_prior_would_fail_nights_without_the_scatter(monkeypatch: pytest.MonkeyPatch) -> None:
    (world,) = [world for world in WORLDS if world.days > 1]
    monkeypatch.setattr("regression.judge.common_shift.TRIGGER", 99)
    assert simulate(world, nights=600, benchmarks=24).failed > 0.15


def test_the_screen_measures_again_no_more_nights_than_it_may() -> None:
    assert 0.02 < simulated(WORLDS[0]).suspected < SCREEN_ERROR


def test_nights_are_drawn_from_stored_runs(recorder: Recorder) -> None:
    runs = recorder.baselines(10)
    found = resample(runs, nights=40)
    assert (found.nights, found.tests, found.failed) == (40, 2 * (len(IDS) + 1), 0)


def test_drawn_nights_with_a_slow_run_are_suspected_and_not_confirmed(recorder: Recorder) -> None:
    runs = [*recorder.baselines(9), recorder.run({IDS[0]: 1.05})]
    found = resample(runs, nights=60)
    assert found.suspected > 0 and found.unconfirmed > 0 and found.failed == 0


def test_drawn_nights_confirm_the_latency_that_is_judged(recorder: Recorder) -> None:
    """By visits where the runs have them: a median beside them confirms nothing."""

    def visited(factor: float) -> Run:
        document = recorder.document()
        for number, record in enumerate(document["benchmarks"]):
            slower = factor if number == 0 else 1.0
            record["extra_info"]["visited_latency_s"] = record["stats"]["median"] * 0.9 * slower
        return read(recorder.store(document))

    baseline, slow = [visited(1.0) for _ in range(5)], [visited(1.5) for _ in range(3)]

    def said(report: Report) -> str:
        (found,) = (item for item in report.judgements if (item.benchmark, item.metric) == (IDS[0], "latency"))
        return f"{found.verdict} {found.reason}"

    before, after = simulation.judge_twice(slow[0], baseline, slow[1:])
    assert (said(before), said(after)) == ("SLOWER unconfirmed", "SLOWER confirmed")
    _, refuted = simulation.judge_twice(slow[0], baseline[:-2], baseline[-2:])
    assert said(refuted) == "UNSURE disagreed"


def test_the_command_says_how_many_independent_nights_there_are(
    recorder: Recorder, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    recorder.baselines(9)
    assert simulation.main([str(recorder.folder), "--nights", "5"]) == 0
    assert "9 runs make 1 independent night;" in capsys.readouterr().out
    assert simulation.main([str(recorder.folder / "0001_baseline.json")]) == 2
    assert "1 stored run given, too few" in capsys.readouterr().err
