"""What host-bound benchmarks share, and that each of them is judged less that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from regression import rerun
from regression.judge.host_shift import host_bound
from regression.judge.judge import judge
from regression.judge.shared_shift import SharedShift, enough
from regression.judge.verdict import Judgement, Reason, Report, Verdict
from regression.metrics import METRICS
from regression.runs.read import read
from regression.runs.run import Run
from regression.shared import EVERY, HOST_BOUND
from tests.regression.recorder import Recorder

VARIANTS = ("eager-fp32", "eager-fp16", "torchscript-fp32", "tensorrt-fp16")
IDS = tuple(f"{model}-{variant}-b1" for variant in VARIANTS for model in ("efficientnet_b0", "lite0"))
ONE = IDS[0]
# How fast the host was in each baseline run.
PACES = (0.03, 0.0, -0.01, 0.01, -0.03)
(PRIOR,) = [metric.host_bound for metric in METRICS if metric.host_bound]


def document(
    recorder: Recorder, pace: float = 0.0, factors: Mapping[str, float] | None = None, **options: Any
) -> dict[str, Any]:
    """A stored run whose GPU waits for the host for half of every latency; `pace` is a logarithm that all share."""
    found = recorder.document(ids=IDS, **options)
    for number, record in enumerate(found["benchmarks"]):
        noise = 0.01 * float(recorder.random.standard_normal())
        latency_s = 0.001 * (number + 1) * float(np.exp(pace + noise)) * (factors or {}).get(record["param"], 1.0)
        record["extra_info"] |= {
            "visits": {"latency_s": [latency_s], "calibration_s": [0.001], "calls": 20},
            "visited_latency_s": latency_s,
            "visited_calibration_s": 0.001,
        }
    return found


@pytest.fixture
def baselines(recorder: Recorder) -> list[Run]:
    return [read(recorder.store(document(recorder, pace))) for pace in PACES]


def confirmed(recorder: Recorder, pace: float, factors: Mapping[str, float] | None = None, **kept: Any) -> Run:
    """A run of the next day, and two fresh processes that found the same."""
    found = document(recorder, pace, factors, day=2)
    found["suite"]["confirmations"] = [
        rerun.confirmation(document(recorder, pace, factors, day=2), IDS[1:], METRICS, **kept) for _ in range(2)
    ]
    return read(recorder.store(found, "now/0099_nightly.json"))


def latencies(report: Report) -> dict[str, Judgement]:
    return {item.benchmark: item for item in report.judgements if item.metric == "latency"}


def test_a_host_that_is_slower_tonight_is_no_benchmarks_fault_and_is_said(recorder, baselines):
    run = confirmed(recorder, 0.08)
    report = judge(run, baselines)
    found = latencies(report)
    (note,) = [note for note in report.notes if "host-bound" in note]
    assert note.startswith("In latency 8 host-bound benchmarks are judged less the shift that they share, +8.")
    for id_ in IDS:
        assert found[id_].now == pytest.approx((found[id_].ratio or 0) * (found[id_].baseline or 0))
        assert found[id_].now != pytest.approx(run.benchmarks[id_].visited["latency"], rel=0.01)
        assert found[id_].verdict is Verdict.SAME and abs((found[id_].ratio or 0) - 1) < 0.03
        assert found[id_].raw_ratio == pytest.approx(1.083, abs=0.03), "what is subtracted is never silent"
        assert (found[id_].detectable_ratio or 9) < 1.15
    shared = found[HOST_BOUND]
    assert shared.ratio == pytest.approx(1.08, abs=0.02) and shared.now is None and shared.raw_ratio is None
    assert shared.verdict is Verdict.SAME and 1.15 < (shared.detectable_ratio or 0) < 1.35


def test_a_benchmark_that_is_slower_beside_a_slower_host_is_seen_at_its_size(recorder, baselines):
    report = judge(confirmed(recorder, 0.08, {ONE: 1.2}), baselines)
    found = latencies(report)
    assert (found[ONE].verdict, found[ONE].reason) == (Verdict.SLOWER, Reason.CONFIRMED)
    assert found[ONE].ratio == pytest.approx(1.2, abs=0.03)
    assert found[ONE].raw_ratio == pytest.approx(1.2 * 1.083, abs=0.04)
    assert [id_ for id_ in IDS if found[id_].verdict is not Verdict.SAME] == [ONE]


def test_what_all_of_them_became_slower_by_fails_once(recorder, baselines):
    """The host by half, and nothing else: the row of what they share fails, and no other."""
    found = latencies(judge(confirmed(recorder, 0.4), baselines))
    assert found[HOST_BOUND].verdict is Verdict.SLOWER and found[HOST_BOUND].failed
    assert "in 70% of the weight of host-bound benchmarks" in found[HOST_BOUND].detail
    assert all(found[id_].verdict is Verdict.SAME for id_ in IDS)


def test_nothing_is_accused_of_what_the_others_became_faster_by(recorder, baselines):
    faster = {id_: 0.7 for id_ in IDS if "tensorrt" not in id_}
    found = latencies(judge(confirmed(recorder, 0.0, faster), baselines))
    assert found[HOST_BOUND].verdict is Verdict.FASTER
    for id_ in IDS:
        assert found[id_].verdict is not Verdict.SLOWER, id_
    slower = {id_: 1.4 for id_ in IDS if "tensorrt" not in id_}
    found = latencies(judge(confirmed(recorder, 0.0, slower), baselines))
    assert found[HOST_BOUND].verdict is Verdict.SLOWER
    assert all(found[id_].verdict is not Verdict.FASTER for id_ in IDS)


def test_a_faster_host_may_hide_as_much_and_the_detectable_change_says_so(recorder, baselines):
    calm, fast = (
        latencies(judge(confirmed(recorder, pace), baselines))[ONE].detectable_ratio or 0 for pace in (0.0, -0.06)
    )
    assert fast / calm == pytest.approx(1.06, abs=0.015)


def test_a_confirmation_needs_the_visits_of_all_of_them(recorder, baselines):
    """A session keeps them, and nothing else, of what is neither suspected nor a control."""
    briefly = confirmed(recorder, 0.08, {ONE: 1.2}, of={ONE}, visits_of=IDS)
    assert all(entry.values.keys() == {*IDS} for entry in briefly.confirmations)
    assert briefly.confirmations[0].values[ONE] and not briefly.confirmations[0].values[IDS[1]]
    report = judge(briefly, baselines)
    assert report.host_bound == IDS
    assert latencies(report)[ONE].verdict is Verdict.SLOWER
    found = latencies(judge(confirmed(recorder, 0.08, {ONE: 1.2}, of={ONE}), baselines))[ONE]
    assert found.reason is Reason.UNCONFIRMED, "what they share cannot be told from one of them"


@pytest.mark.parametrize("waits, variants, expected", [
    ([0.5] * 4, "abcd", [True] * 4),
    ([0.5, 0.5, 0.1, 0.5, 0.5], "abcde", [True, True, False, True, True]),
    ([0.5] * 3, "abc", [False] * 3),
    ([0.5] * 6, "aaabbb", [False] * 6),
    ([float("nan"), 0.5, 0.5, 0.5], "abcd", [False] * 4),
])  # fmt: skip
def test_what_waits_for_the_host_shares_its_shift_where_there_are_enough(waits, variants, expected):
    found = host_bound(np.array(waits))
    assert (found & enough(found, tuple(variants), PRIOR.fewest_variants)).tolist() == expected


def test_runs_that_measured_too_few_say_nothing_and_too_few_runs_share_nothing():
    logs = np.zeros((4, 5)) + np.array([0.1, 0.0, 0.0, 0.0, -0.1])
    logs[:3, 0] = np.nan
    member = np.ones(4, dtype=bool)
    found = SharedShift.of(HOST_BOUND, PRIOR, logs, member, "abcd")
    assert found is not None and np.isnan(found.baselines[0]) and np.nanmean(found.baselines) == pytest.approx(0)
    assert np.isnan(found.less(logs)[:, 0]).all() and np.nanstd(found.less(logs)[:, 1:]) == pytest.approx(0)
    assert SharedShift.of(HOST_BOUND, PRIOR, logs[:, :3], member, "abcd") is None


def test_a_benchmark_that_was_refreshed_alone_is_judged_as_it_is(recorder):
    """It was measured without the others, in three runs of its own."""
    plain = [document(recorder, pace) for pace in PACES]
    for one in plain:
        one["benchmarks"] = [record for record in one["benchmarks"] if record["param"] != ONE]
    alone = [document(recorder) for _ in range(3)]
    for one in alone:
        one["benchmarks"] = [record for record in one["benchmarks"] if record["param"] == ONE]
    report = judge(confirmed(recorder, 0.0, {ONE: 1.5}), [read(recorder.store(one)) for one in (*plain, *alone)])
    assert report.host_bound == IDS[1:]
    found = latencies(report)[ONE]
    assert found.verdict is Verdict.SLOWER and found.baseline_runs == 3 and found.raw_ratio is None
    assert [id_ for id_ in IDS if latencies(report)[id_].verdict is Verdict.SLOWER] == [ONE]


def test_medians_are_judged_as_they_are(recorder):
    plain = [read(recorder.store(recorder.document(ids=IDS))) for _ in range(5)]
    report = judge(recorder.run(ids=IDS), plain)
    assert HOST_BOUND not in latencies(report) and EVERY in latencies(report) and not report.host_bound


def test_unchanged_nights_on_hosts_that_differ_are_quiet_and_what_is_claimed_is_seen(recorder):
    """100 nights: the host's pace of every process is drawn anew, by as much as the priors say of one day."""

    def night(**options: Any) -> dict[str, Any]:
        return document(recorder, 0.02 * float(recorder.random.standard_normal()), **options)

    slower = seen = claimed = 0
    for number in range(100):
        before = [read(recorder.store(night(), f"{number}/000{run}_baseline.json")) for run in range(5)]
        for factors in ({}, {ONE: 1.15}):
            now = night(factors=factors, day=2)
            now["suite"]["confirmations"] = [
                rerun.confirmation(night(factors=factors, day=2), IDS[1:], METRICS) for _ in range(2)
            ]
            found = latencies(judge(read(recorder.store(now, f"{number}/now.json")), before))
            if not factors:
                slower += any(item.verdict is Verdict.SLOWER for item in found.values())
            elif (found[ONE].detectable_ratio or 9) <= factors[ONE]:
                claimed += 1
                seen += found[ONE].verdict is Verdict.SLOWER
    assert slower <= 1, "1 % of the nights"
    assert claimed > 50 and seen >= 0.95 * claimed
