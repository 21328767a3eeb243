"""By which latency a benchmark is compared: visits where both sides have them, medians elsewhere."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pytest

from regression import rerun
from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Verdict
from regression.judge.visited import by_visits
from regression.metrics import METRICS
from regression.runs.pace import EXPONENT
from regression.runs.read import read
from regression.runs.run import Run
from tests.regression.recorder import IDS, Recorder

ID = IDS[0]


def visited(
    recorder: Recorder,
    document: dict[str, Any],
    *,
    factor: float = 1.0,
    noise: float = 0.005,
    ids: tuple[str, ...] = IDS,
) -> dict[str, Any]:
    """A document with visits of these ids: nine tenths of the true latency, times the factor."""
    for number, record in enumerate(document["benchmarks"]):
        if record["param"] in ids:
            latency_s = 0.0006 * (number + 1) * 0.9 * factor * float(np.exp(noise * recorder.random.standard_normal()))
            record["extra_info"] |= {
                "visits": {"latency_s": [latency_s], "calibration_s": [0.001], "calls": 20},
                "visited_latency_s": latency_s,
                "visited_calibration_s": 0.001,
            }
    return document


def noisy(document: dict[str, Any], spread: float, recorder: Recorder) -> dict[str, Any]:
    """A document whose medians scatter, as those of one window do on a shared host."""
    for record in document["benchmarks"]:
        factor = float(np.exp(spread * recorder.random.standard_normal()))
        for name in ("median", "q1", "q3"):
            record["stats"][name] *= factor
    return document


def stored(recorder: Recorder, document: dict[str, Any], name: str | None = None) -> Run:
    return read(recorder.store(document, name))


@pytest.fixture
def baselines(recorder: Recorder) -> list[Run]:
    return [stored(recorder, visited(recorder, noisy(recorder.document(), 0.3, recorder))) for _ in range(5)]


def now(recorder: Recorder, document: dict[str, Any]) -> Run:
    return stored(recorder, document, "now/0099_nightly.json")


def latencies(run: Run, baselines: list[Run]) -> dict[str, Judgement]:
    return {item.benchmark: item for item in judge(run, baselines).judgements if item.metric == "latency"}


def test_visits_show_what_medians_cannot(recorder, baselines):
    run = now(recorder, visited(recorder, noisy(recorder.document(day=2), 0.3, recorder)))
    found = latencies(run, baselines)
    assert all(item.verdict is Verdict.SAME for item in found.values())
    assert found[ID].now == pytest.approx(run.benchmarks[ID].visited["latency"])
    assert all((item.detectable_ratio or 9) < 1.2 for item in found.values())
    without = now(recorder, noisy(recorder.document(day=2), 0.3, recorder))
    by_median = latencies(without, baselines)
    assert all((by_median[id_].detectable_ratio or 0) > 1.5 for id_ in IDS)


def test_a_slower_visit_is_reported_and_confirmed_by_visits(recorder, baselines):
    slow = visited(recorder, recorder.document(day=2), factor=1.5, ids=(ID,))
    visited(recorder, slow, ids=IDS[1:])
    run = now(recorder, slow)
    assert latencies(run, baselines)[ID].ratio == pytest.approx(1.5, rel=0.05)
    again = [rerun.confirmation(slow, IDS[1:], METRICS) for _ in range(2)]
    assert again[0]["benchmarks"][ID].keys() >= {"latency_s", "visited_latency_s", "visited_calibration_s"}
    slow["suite"]["confirmations"] = again
    confirmed = latencies(now(recorder, slow), baselines)
    assert confirmed[ID].verdict is Verdict.SLOWER and confirmed[ID].reason == "confirmed"
    assert all(item.verdict is Verdict.SAME for id_, item in confirmed.items() if id_ != ID)
    # a confirmation without visits is none of a visited latency
    for entry in again:
        for values in entry["benchmarks"].values():
            del values["visited_latency_s"]
    assert latencies(now(recorder, slow), baselines)[ID].reason == "unconfirmed"


def test_where_one_side_lacks_visits_both_are_compared_by_medians(recorder):
    plain = [stored(recorder, recorder.document()) for _ in range(5)]
    run = now(recorder, visited(recorder, recorder.document(day=2)))
    found = latencies(run, plain)
    median, from_visits = run.benchmarks[ID].values["latency"], run.benchmarks[ID].visited["latency"]
    assert found[ID].now == pytest.approx(median) != pytest.approx(from_visits)
    assert all(item.verdict is Verdict.SAME for item in found.values())
    (note,) = [note for note in judge(run, plain).notes if "visits" in note]
    assert note.startswith("The latency of 9 benchmarks is compared by medians, since the baseline has no visits")


def test_a_run_without_visits_is_compared_by_medians(recorder, baselines):
    run = now(recorder, recorder.document(day=2))
    assert latencies(run, baselines)[ID].now == pytest.approx(run.benchmarks[ID].values["latency"])
    (note,) = [note for note in judge(run, baselines).notes if "visits" in note]
    assert note == "The latency of 9 benchmarks is compared by medians, since this run has no visits of them."


def test_of_a_mixed_baseline_only_the_runs_with_visits_are_compared(recorder):
    plain = [stored(recorder, recorder.document()) for _ in range(2)]
    mixed = [*plain, *(stored(recorder, visited(recorder, recorder.document(), ids=(ID,))) for _ in range(3))]
    run = now(recorder, visited(recorder, recorder.document(day=2)))
    found = latencies(run, mixed)
    assert found[ID].baseline_runs == 3 and found[ID].now == pytest.approx(run.benchmarks[ID].visited["latency"])
    assert found[IDS[1]].baseline_runs == 5
    notes = [note for note in judge(run, mixed).notes if "visits" in note]
    assert [note[:40] for note in notes] == [
        "The latency of 8 benchmarks is compared ", "In 2 runs of the baseline latencies have",
    ]  # fmt: skip


def test_visits_on_a_disturbed_gpu_alone_are_no_visits(recorder):
    plain = [stored(recorder, recorder.document()) for _ in range(4)]
    disturbed = visited(recorder, recorder.document())
    for record in disturbed["benchmarks"]:
        record["extra_info"]["gpu_state"][0]["other_processes"] = 1
    run = now(recorder, visited(recorder, recorder.document(day=2)))
    found = latencies(run, [*plain, stored(recorder, disturbed)])
    assert found[ID].now == pytest.approx(run.benchmarks[ID].values["latency"]) and found[ID].verdict is Verdict.SAME


def test_the_calibration_beside_the_visits_excuses_a_visited_latency(recorder):
    """Not the one around the window, which here stays as it was."""

    def calibrated(document: dict[str, Any], visits_s: float) -> dict[str, Any]:
        for record in document["benchmarks"]:
            record["extra_info"] |= {"host_calibration_s": 0.003, "visited_calibration_s": visits_s}
        return document

    before = [stored(recorder, calibrated(visited(recorder, recorder.document()), 0.001)) for _ in range(5)]
    slow = visited(recorder, recorder.document(day=2), factor=1.5)
    assert latencies(now(recorder, calibrated(slow, 0.0016)), before)[ID].reason == "disturbed"
    assert latencies(now(recorder, calibrated(slow, 0.001)), before)[ID].reason == "unconfirmed"
    for record in slow["benchmarks"]:
        del record["extra_info"]["visited_calibration_s"]
    run, chosen, _ = by_visits(now(recorder, slow), before)
    assert run.benchmarks[ID].values["host_calibration"] == 0.003
    assert chosen[0].benchmarks[ID].values["host_calibration"] == 0.003


@pytest.mark.parametrize("broken", ["fast", -1.0, 0, True, [0.001], {}, 1e300, float("nan")], ids=repr)
def test_visits_that_are_no_times_are_left_out_and_said(recorder, baselines, broken):
    document = visited(recorder, recorder.document(day=2))
    document["benchmarks"][0]["extra_info"]["visited_latency_s"] = broken
    run = now(recorder, document)
    found = latencies(run, baselines)
    assert found[ID].now == pytest.approx(run.benchmarks[ID].values["latency"])
    assert found[IDS[1]].now == pytest.approx(run.benchmarks[IDS[1]].visited["latency"])
    assert any(f"{ID}: `extra_info.visited_latency_s` is " in str(problem) for problem in run.problems)


def on_a_host(
    recorder: Recorder, document: dict[str, Any], slowness: float, *, slower: dict[str, float] | None = None
) -> dict[str, Any]:
    """A document of benchmarks that wait for a host which is so many times as slow, as visits find it."""
    draw = recorder.random.standard_normal
    for number, record in enumerate(document["benchmarks"]):
        fields = record["extra_info"]
        calibrations = 0.0007 * slowness * np.exp(0.02 * draw(30))
        latency_s = 0.0006 * (number + 1) * (slower or {}).get(record["param"], 1.0) * np.exp(0.01 * draw())
        latencies = latency_s * (calibrations / 0.0007) ** EXPONENT * np.exp(0.02 * draw(30))
        fields["kernel_time_s"] = latency_s / 3
        fields |= {
            "visits": {"latency_s": latencies.tolist(), "calibration_s": calibrations.tolist(), "calls": 20},
            "visited_latency_s": float(np.quantile(latencies, 0.1)),
            "visited_calibration_s": float(np.quantile(calibrations, 0.1)),
        }
    return document


@pytest.fixture
def calm(recorder: Recorder) -> list[Run]:
    return [stored(recorder, on_a_host(recorder, recorder.document(), 1.0)) for _ in range(5)]


def test_on_a_slow_host_latencies_are_compared_at_the_pace_of_the_baselines(recorder, calm):
    run = now(recorder, on_a_host(recorder, recorder.document(day=2), 1.7))
    assert run.benchmarks[ID].visited["latency"] > 1.3 * calm[0].benchmarks[ID].visited["latency"]
    found = latencies(run, calm)
    assert all(found[id_].ratio == pytest.approx(1, abs=0.08) for id_ in IDS)
    assert not any(found[id_].verdict in (Verdict.SLOWER, Verdict.FASTER) for id_ in IDS)
    assert all((found[id_].detectable_ratio or 9) < 1.45 for id_ in IDS)
    (note,) = [note for note in judge(run, calm).notes if "pace" in note]
    assert re.match(r"Beside the visits the host calibration took (6[89]|7[012])% longer than in the baseline: ", note)
    assert note.endswith("the latency of 9 host-bound benchmarks is compared at the pace of the baseline's host.")


def test_a_slow_run_of_the_baseline_hides_nothing(recorder, calm):
    slow_ones = [stored(recorder, on_a_host(recorder, recorder.document(), 1.7)) for _ in range(2)]
    run = now(recorder, on_a_host(recorder, recorder.document(day=2), 1.0))
    found = latencies(run, [*calm[:3], *slow_ones])
    assert all(found[id_].verdict is Verdict.SAME and (found[id_].detectable_ratio or 9) < 1.25 for id_ in IDS)


def test_on_a_slow_host_a_slowdown_is_reported_and_confirmed(recorder, calm):
    slower = {ID: 1.6}
    slow = on_a_host(recorder, recorder.document(day=2), 1.7, slower=slower)
    assert latencies(now(recorder, slow), calm)[ID].reason == "unconfirmed"
    again = [rerun.confirmation(on_a_host(recorder, recorder.document(), pace, slower=slower), IDS[1:], METRICS)
             for pace in (1.0, 1.7)]  # fmt: skip
    assert all("visits" in entry["benchmarks"][ID] for entry in again)
    slow["suite"]["confirmations"] = again
    found = latencies(now(recorder, slow), calm)
    assert found[ID].verdict is Verdict.SLOWER and found[ID].reason in ("confirmed", "without-controls")
    assert found[ID].ratio == pytest.approx(1.6, rel=0.08)


@pytest.mark.parametrize("where", ["this run", "the baseline", "a confirmation"])
def test_where_one_of_them_kept_no_visits_none_is_carried(recorder, calm, where):
    slow = on_a_host(recorder, recorder.document(day=2), 1.7)
    if where == "a confirmation":
        entry = rerun.confirmation(on_a_host(recorder, recorder.document(), 1.7), IDS[1:], METRICS)
        del entry["benchmarks"][ID]["visits"]
        slow["suite"]["confirmations"] = [entry]
    elif where == "this run":
        del slow["benchmarks"][0]["extra_info"]["visits"]
    else:
        old = on_a_host(recorder, recorder.document(), 1.0)
        del old["benchmarks"][0]["extra_info"]["visits"]
        calm.append(stored(recorder, old))
    run = now(recorder, slow)
    found = by_visits(run, calm)[0].benchmarks
    assert found[ID].values["latency"] == run.benchmarks[ID].visited["latency"] and not found[ID].by_pace
    assert found[IDS[1]].by_pace


def test_what_does_not_wait_for_the_host_is_not_carried(recorder, calm):
    run = now(recorder, on_a_host(recorder, recorder.document(day=2), 1.7))
    busy = [dataclasses.replace(one, benchmarks={
        id_: dataclasses.replace(item, values=item.values | {"kernel_time": 0.9 * item.visited["latency"]})
        for id_, item in one.benchmarks.items()}) for one in calm]  # fmt: skip
    assert not any(item.by_pace for item in by_visits(run, busy)[0].benchmarks.values())
    unknown = [dataclasses.replace(one, benchmarks={
        id_: dataclasses.replace(item, values={k: v for k, v in item.values.items() if k != "kernel_time"})
        for id_, item in one.benchmarks.items()}) for one in calm]  # fmt: skip
    assert not any(item.by_pace for item in by_visits(run, unknown)[0].benchmarks.values())


@pytest.mark.parametrize(
    "visits",
    [{}, [], {"latency_s": [0.001], "calibration_s": []}, {"latency_s": [], "calibration_s": []},
     {"latency_s": [0.001, -1.0], "calibration_s": [0.001, 0.001]}, {"latency_s": 7, "calibration_s": [0.001]},
     {"latency_s": [0.001], "calibration_s": ["fast"]}, {"latency_s": [float("nan")], "calibration_s": [0.001]}],
)  # fmt: skip
def test_malformed_visits_are_left_out_and_said(recorder, calm, visits):
    slow = on_a_host(recorder, recorder.document(day=2), 1.7)
    slow["benchmarks"][0]["extra_info"]["visits"] = visits
    run = now(recorder, slow)
    assert run.benchmarks[ID].at_pace == {} and latencies(run, calm)[ID].now is not None
    assert any(f"{ID}: its visits are not as many latencies as calibrations" in str(one) for one in run.problems)


@pytest.mark.parametrize("slowness, warned", [(1.0, True), (1.7, False)])
def test_the_slowest_calls_of_a_slower_host_are_no_news(recorder, slowness, warned):
    def tailed(document: dict[str, Any], factor: float) -> dict[str, Any]:
        for number, record in enumerate(document["benchmarks"]):
            times = [0.0006 * (number + 1)] * 99 + [0.0009 * (number + 1) * factor] * 2
            record["extra_info"]["latency_quantiles_s"] = times
        return document

    baseline = [stored(recorder, tailed(on_a_host(recorder, recorder.document(), 1.0), 1.0)) for _ in range(5)]
    run = now(recorder, tailed(on_a_host(recorder, recorder.document(day=2), slowness), 1.6))
    assert any("the 99 % quantile of the latency grew" in note for note in judge(run, baseline).notes) == warned
