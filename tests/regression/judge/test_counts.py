"""Counts are compared exactly: a value that no baseline run has seen is CHANGED, and fails where its metric says so."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression.judge.accepted import Accepted
from regression.judge.algorithms import learn_algorithms
from regression.judge.counts import judge_counts
from regression.judge.judge import judge
from regression.judge.power import typical
from regression.judge.verdict import Judgement, Reason, Report, Verdict, suspects
from regression.metric import Fails, Kind, Metric
from regression.metrics import METRICS
from regression.runs.read import read
from regression.runs.run import Benchmark, Run
from tests.regression.recorder import IDS, Recorder

ONE, OTHER = IDS[0], IDS[1]
COPIES = Metric(
    key="copies",
    title="host-device copies",
    path=("extra_info", "copies"),
    kind=Kind.COUNT,
    judged=True,
    fails=Fails.MORE,
)
TABLE = (*METRICS, COPIES)


def stored(recorder: Recorder, copies: Any, again: tuple[int, ...] = (), **options: Any) -> dict[str, Any]:
    """A document in which ONE copies so often, and every other benchmark never; `again` are its confirmations."""
    document = recorder.document(**options)
    for item in document["benchmarks"]:
        item["extra_info"]["copies"] = copies if item["param"] == ONE else 0
    document["suite"]["confirmations"] = [
        {"controls": [], "benchmarks": {ONE: {"copies": value}, OTHER: {"copies": 0}}} for value in again
    ]
    return document


def judged(
    recorder: Recorder,
    seen: tuple[int, ...],
    now: Any,
    again: tuple[int, ...] = (),
    metric: Metric = COPIES,
    **more: Any,
) -> tuple[Report, Judgement]:
    table = (*METRICS, metric)
    baselines = [read(recorder.store(stored(recorder, value)), table) for value in seen]
    run = read(recorder.store(stored(recorder, now, again, day=2), "now/0099_nightly.json"), table)
    report = judge(run, baselines, metrics=table, **more)
    (found,) = (item for item in report.judgements if (item.benchmark, item.metric) == (ONE, "copies"))
    return report, found


@pytest.mark.parametrize(
    ("seen", "now", "again", "verdict", "reason", "fails"),
    [
        ((0, 0, 0), 0, (), Verdict.SAME, Reason.SEEN_BEFORE, False),
        ((2, 3, 2), 3, (), Verdict.SAME, Reason.SEEN_BEFORE, False),
        ((0, 0, 0), 1, (), Verdict.CHANGED, Reason.UNCONFIRMED, True),
        ((0, 0, 0), 1, (1, 1), Verdict.CHANGED, Reason.CONFIRMED, True),
        ((0, 0, 0), 1, (1, 2), Verdict.CHANGED, Reason.CONFIRMED, True),
        ((0, 0, 0), 1, (1, 0), Verdict.UNSURE, Reason.DISAGREED, False),
        ((0, 0, 0), 1, (1,), Verdict.CHANGED, Reason.UNCONFIRMED, True),
        ((2, 4, 4), 3, (), Verdict.CHANGED, Reason.NEW_VALUE, False),  # between: new, and not more than was seen
        ((2, 2, 2), 1, (), Verdict.CHANGED, Reason.NEW_VALUE, False),
    ],
)  # fmt: skip
def test_a_count_is_compared_with_what_was_seen(
    recorder: Recorder,
    seen: tuple[int, ...],
    now: int,
    again: tuple[int, ...],
    verdict: Verdict,
    reason: Reason,
    fails: bool,
) -> None:
    report, found = judged(recorder, seen, now, again)
    assert (found.verdict, found.reason, found.failed) == (verdict, reason, fails)
    assert report.failed is fails
    assert ((ONE, "copies") in suspects(report)) is (reason is Reason.UNCONFIRMED)


def test_what_the_metric_does_not_fail_is_listed(recorder: Recorder) -> None:
    _, found = judged(recorder, (0, 0, 1), 7, metric=dataclasses.replace(COPIES, fails=Fails.NEVER))
    assert (found.verdict, found.reason, found.failed) == (Verdict.CHANGED, Reason.NEW_VALUE, False)
    assert (found.baseline, found.now, found.ratio, found.detail) == (1, 7, 7, "the baseline has seen 0, 1")


def test_a_growth_within_the_minimum_effect_does_not_fail(recorder: Recorder) -> None:
    metric = dataclasses.replace(COPIES, min_effect=0.05)
    _, small = judged(recorder, (100, 100), 105, metric=metric)
    assert (small.verdict, small.reason) == (Verdict.CHANGED, Reason.NEW_VALUE)
    _, large = judged(recorder, (100, 100), 106, metric=metric)
    assert (large.verdict, large.reason) == (Verdict.CHANGED, Reason.UNCONFIRMED)


def test_a_known_change_is_accepted_until_its_date(recorder: Recorder) -> None:
    entry = Accepted(ONE, "copies", 0.6, "two streams", datetime.date(2026, 12, 31))
    report, found = judged(recorder, (2, 2), 3, (3, 3), accepted=(entry,))
    assert (found.verdict, found.reason, found.failed) == (Verdict.CHANGED, Reason.ACCEPTED, False)
    assert not report.failed
    _, larger = judged(recorder, (2, 2), 4, (4, 4), accepted=(entry,))
    assert larger.failed and larger.detail.startswith("more than the accepted +60.00 %")


@pytest.mark.parametrize("broken", [-1, 1.5, "3", True, float("nan"), 1e300, None])
def test_what_is_no_whole_number_is_no_count(recorder: Recorder, broken: Any) -> None:
    path = recorder.store(stored(recorder, broken))
    run = read(path, TABLE)
    assert "copies" not in run.benchmarks[ONE].values and run.benchmarks[OTHER].values["copies"] == 0
    named = [item.reason for item in run.problems]
    assert named == (
        [] if broken is None else [f"{ONE}: `extra_info.copies` is {broken}, not a whole number; left out."]
    )


def test_counts_make_no_controls_and_spend_no_error(recorder: Recorder) -> None:
    """A benchmark whose copies are SAME says nothing about the host or the GPU of tonight."""
    with_counts, _ = judged(recorder, (0,) * 5, 0)
    run = read(with_counts.run)
    without = judge(run, [read(path) for path in with_counts.baselines])
    assert with_counts.controls == without.controls and with_counts.tests == without.tests
    times = [item for item in with_counts.judgements if item.metric != "copies"]
    assert times == list(without.judgements)


def test_a_count_of_the_baseline_that_is_gone_is_missing(recorder: Recorder) -> None:
    _, found = judged(recorder, (0, 3, 3), None)
    assert (found.verdict, found.baseline, found.failed) == (Verdict.MISSING, 3, True)


def test_a_typical_run_has_counts_that_were_seen(recorder: Recorder) -> None:
    baselines = [read(recorder.store(stored(recorder, value)), TABLE) for value in (0, 5, 7, 9)]
    assert typical(baselines, TABLE).benchmarks[ONE].values["copies"] == 5


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.integers(0, 7))
def test_same_means_seen(seen: list[int], now: int) -> None:
    def run(name: str, value: int) -> Run:
        return Run(path=Path(name), benchmarks={ONE: Benchmark(id=ONE, values={"copies": float(value)})})

    baselines = [run(f"{number}_baseline.json", value) for number, value in enumerate(seen)]
    (found,) = judge_counts(COPIES, run("now.json", now), baselines, [ONE], learn_algorithms(baselines))
    assert (found.verdict is Verdict.SAME) == (now in seen)
    assert (found.reason is Reason.UNCONFIRMED) == (now > max(seen))
