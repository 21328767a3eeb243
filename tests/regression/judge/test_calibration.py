"""A latency that moved together with host calibration says nothing about the code."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression.judge.calibration import EXCUSE, EXCUSE_AT_PACE, TOLERANCE, explainable, moved, unexplained
from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Reason, Verdict, suspects
from regression.runs.read import read
from regression.runs.run import Run
from tests.regression.recorder import IDS, Recorder

ONE, CONTROLS = IDS[0], IDS[1:5]
HOST_BOUND = tuple(id_ for id_ in IDS if id_.endswith("-b1"))
STEADY = 0.004
WANTED = (ONE, "latency")


def paced(document: dict[str, Any], slowed: dict[str, float], calibration: float) -> dict[str, Any]:
    """The stored run with some latencies slowed, and their host calibration (1 is the baseline's)."""
    for item in document["benchmarks"]:
        factor = slowed.get(item["param"], 1.0)
        item["stats"] = {name: value * factor for name, value in item["stats"].items()}
        item["extra_info"]["host_calibration_s"] = STEADY * calibration
        if item["param"] in HOST_BOUND:
            item["extra_info"]["kernel_time_s"] /= 10
    return document


def confirmation(recorder: Recorder, slowed: dict[str, float], calibration: float) -> dict[str, Any]:
    measured = paced(recorder.document(noise=1e-5), slowed, calibration)["benchmarks"]
    values = {
        item["param"]: {"latency_s": item["stats"]["median"], "host_calibration_s": STEADY * calibration}
        for item in measured
    }
    return {"controls": list(CONTROLS), "benchmarks": values}


def baselines(recorder: Recorder) -> list[Run]:
    return [read(recorder.store(paced(recorder.document(), {}, 1 + 0.002 * number))) for number in range(5)]


def latency(
    recorder: Recorder, slowed: dict[str, float], calibration: float, again: tuple[tuple[float, float], ...]
) -> Any:
    """The report, and its judgement of ONE's latency; `again` are (slowdown of ONE, calibration) of confirmations."""
    stored = baselines(recorder)
    confirmations = [confirmation(recorder, {ONE: factor}, other) for factor, other in again]
    document = paced(recorder.document(noise=1e-5, day=2, confirmations=confirmations), slowed, calibration)
    report = judge(read(recorder.store(document, "now/0099_night.json")), stored)
    (found,) = [item for item in report.judgements if (item.benchmark, item.metric) == WANTED]
    return report, found


def said(found: Judgement) -> tuple[Verdict, Reason]:
    return found.verdict, found.reason


def test_a_slower_host_accuses_no_program_and_is_not_measured_again(recorder: Recorder) -> None:
    report, found = latency(recorder, dict.fromkeys(HOST_BOUND, 1.3), 1.2, ())
    assert said(found) == (Verdict.UNSURE, Reason.DISTURBED)
    assert found.detail.endswith("moved by +15.99 %")
    assert not report.failed and not suspects(report)
    kernel_times = {item.verdict for item in report.judgements if item.metric == "kernel_time"}
    assert kernel_times == {Verdict.SAME}


@pytest.mark.parametrize(
    ("slowed", "calibration", "again", "expected"),
    [
        (1.3, 1.0, ((1.3, 1.0), (1.3, 1.0)), (Verdict.SLOWER, Reason.CONFIRMED)),
        # A calibration within its tolerance excuses nothing, however suspicious the latency.
        (1.3, 1.025, ((1.3, 0.975), (1.3, 1.0)), (Verdict.SLOWER, Reason.CONFIRMED)),
        # Three times as long on a host that takes a fifth longer: the host cannot explain it.
        (3.0, 1.2, ((3.0, 1.2), (3.0, 1.2)), (Verdict.SLOWER, Reason.CONFIRMED)),
        # The host was disturbed while the suspect was measured again.
        (1.3, 1.0, ((1.3, 1.3), (1.3, 1.3)), (Verdict.UNSURE, Reason.DISTURBED)),
        # A faster host does not make a slower program any faster, nor the other way round.
        (1.3, 0.7, ((1.3, 0.7), (1.3, 0.7)), (Verdict.SLOWER, Reason.CONFIRMED)),
        (0.7, 1.3, ((0.7, 1.3), (0.7, 1.3)), (Verdict.FASTER, Reason.CONFIRMED)),
        (0.7, 0.8, ((0.7, 0.8), (0.7, 0.8)), (Verdict.UNSURE, Reason.DISTURBED)),
    ],
)
def test_the_pace_excuses_what_it_can_explain(
    recorder: Recorder, slowed: float, calibration: float, again: Any, expected: tuple[Verdict, Reason]
) -> None:
    _, found = latency(recorder, {ONE: slowed}, calibration, again)
    assert said(found) == expected, found


# Of 38 % more the host explains 35 %, where its calibration takes a fifth longer.
PARTLY, SLOW = 1.38, 1.2


def test_what_the_host_explains_in_part_is_measured_again(recorder: Recorder) -> None:
    report, found = latency(recorder, {ONE: PARTLY}, SLOW, ())
    assert said(found) == (Verdict.UNSURE, Reason.UNCONFIRMED) and found.detail == "not measured again"
    assert suspects(report) == [WANTED]
    once = latency(recorder, {ONE: PARTLY}, SLOW, ((PARTLY, 1.0),))[1]
    assert said(once) == (Verdict.UNSURE, Reason.UNCONFIRMED)


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        # On a calm host the confirmations show it by themselves.
        (((PARTLY, 1.0), (PARTLY, 1.0)), (Verdict.SLOWER, Reason.CONFIRMED)),
        # On a slow one they do not, nor where one of them is as it was, or the other way round.
        (((PARTLY, SLOW), (PARTLY, SLOW)), (Verdict.UNSURE, Reason.DISTURBED)),
        (((PARTLY, 1.0), (1.0, 1.0)), (Verdict.UNSURE, Reason.DISTURBED)),
        (((0.7, 1.0), (0.7, 1.0)), (Verdict.UNSURE, Reason.DISTURBED)),
    ],
)
def test_confirmations_on_a_calm_host_decide_what_it_explained_in_part(
    recorder: Recorder, again: Any, expected: tuple[Verdict, Reason]
) -> None:
    _, found = latency(recorder, {ONE: PARTLY}, SLOW, again)
    assert said(found) == expected, found


def test_visible_allows_for_what_a_slower_host_excuses(recorder: Recorder) -> None:
    """A change as large as what is claimed to be visible is reported on this host as well."""
    (calm,), (slow,) = (
        [
            item
            for item in latency(recorder, {}, calibration, ())[0].judgements
            if (item.benchmark, item.metric) == WANTED
        ]
        for calibration in (1.02, 1.1)
    )
    assert calm.detectable_ratio is not None and slow.detectable_ratio is not None
    excused = EXCUSE * (np.log(1.1 / 1.004) - TOLERANCE)
    assert np.log(slow.detectable_ratio / calm.detectable_ratio) == pytest.approx(excused, abs=0.01)
    factor = slow.detectable_ratio
    assert said(latency(recorder, {ONE: factor}, 1.1, ((factor, 1.1), (factor, 1.1)))[1])[0] is Verdict.SLOWER


def test_on_a_slow_host_a_latency_that_hides_too_much_is_unsure(recorder: Recorder) -> None:
    _, found = latency(recorder, {}, 1.3, ())
    assert said(found) == (Verdict.UNSURE, Reason.NOISY)


def test_runs_without_a_pace_are_judged_as_they_are(recorder: Recorder) -> None:
    stored = recorder.baselines()
    document = paced(recorder.document(noise=1e-5, day=2), {ONE: 3.0}, 2.0)
    report = judge(read(recorder.store(document, "now/0099_night.json")), stored)
    assert (ONE, "latency") in suspects(report)


def test_a_few_disturbed_runs_of_the_baseline_neither_excuse_nor_hide_a_disturbed_night() -> None:
    then = np.log(STEADY) + np.array([[0.0, 0.7, 0.0, 0.01, 0.9], [np.nan, 0.1, np.nan, 0.3, np.nan]])
    now = np.log(STEADY) + np.array([[0.01 + TOLERANCE, 0.5], [np.nan, -0.1]])
    assert moved(then, now) == pytest.approx(np.array([[0.0, 0.49 - TOLERANCE], [0.0, -0.3 + TOLERANCE]]))
    assert moved(then * np.nan, now) == pytest.approx(np.zeros((2, 2)))


@given(st.floats(-2, 2), st.floats(-4, 4))
def test_what_is_left_never_grows_nor_turns_around(deviation: float, explained: float) -> None:
    (left,) = unexplained(np.array([deviation]), np.array([explained]))
    assert 0 <= left * np.sign(deviation) <= abs(deviation)
    if np.sign(deviation) != np.sign(explained):
        assert left == deviation
    else:
        assert abs(left) == pytest.approx(max(abs(deviation) - abs(explained), 0))


def at_most(
    calibration: float, latency: float, kernel_time: float, launching: float, *, at_pace: bool = False
) -> float:
    times = [np.array([value]) for value in (latency, kernel_time, launching)]
    (found,) = explainable(np.array([[calibration]]), times[0], times[1], times[2], np.array([at_pace]))
    return float(found[0])


@pytest.mark.parametrize("calibration", [-0.3, 0.0, 0.2])
def test_where_all_waits_for_the_host_it_may_take_twice_as_long_as_its_pace_says(calibration: float) -> None:
    assert at_most(calibration, 4.4e-3, float("nan"), 4.4e-3) == pytest.approx(EXCUSE * calibration)
    assert at_most(calibration, 4.4e-3, 0.7e-3, 4.4e-3) == pytest.approx(EXCUSE * calibration)


def test_of_a_latency_at_the_pace_of_the_baselines_host_a_calibration_excuses_little() -> None:
    assert at_most(0.5, 4.4e-3, float("nan"), 4.4e-3, at_pace=True) == pytest.approx(EXCUSE_AT_PACE * 0.5)
    assert 0 < at_most(0.5, 4.4e-3, 0.7e-3, 4.4e-3, at_pace=True) <= EXCUSE_AT_PACE * 0.5


def test_what_the_gpu_hides_of_the_host_excuses_nothing() -> None:
    """TensorRT at batch 128 on an H200: 5.45 ms, of which the GPU is busy for 5.24; launching takes 0.95 at most."""
    factor = np.exp(EXCUSE * 0.5)
    assert at_most(0.5, 5.45e-3, 5.24e-3, 0.95e-3) == pytest.approx(np.log((5.24 + 0.21 * factor) / 5.45))
    # Once launching takes longer than the kernels, the GPU hides it no longer.
    assert at_most(1.0, 5.45e-3, 5.24e-3, 0.95e-3) == pytest.approx(np.log((0.95 + 0.21) * np.exp(EXCUSE) / 5.45))


@given(st.floats(-1, 1), st.floats(1e-4, 1), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_bound_is_never_more_than_without_one(
    calibration: float, latency: float, busy: float, launching: float
) -> None:
    found = at_most(calibration, latency, busy * latency, launching * latency)
    assert abs(found) <= EXCUSE * abs(calibration) + 1e-9 and found * calibration >= -1e-9


def test_a_large_batch_that_the_gpu_decides_is_judged_on_a_slow_host(recorder: Recorder) -> None:
    """Calibration alone would excuse 30 %; but the smallest batch bounds launching, and the GPU hides most of it."""
    large = next(id_ for id_ in IDS if id_.endswith("-b128"))
    assert large.rpartition("-")[0] == ONE.rpartition("-")[0]
    slowed = {large: 1.3}
    stored = baselines(recorder)
    again = [confirmation(recorder, slowed, 1.2) for _ in range(2)]
    document = paced(recorder.document(noise=1e-5, day=2, confirmations=again), slowed, 1.2)
    report = judge(read(recorder.store(document, "now/0099_night.json")), stored)
    (found,) = [item for item in report.judgements if (item.benchmark, item.metric) == (large, "latency")]
    assert said(found) == (Verdict.SLOWER, Reason.CONFIRMED)
