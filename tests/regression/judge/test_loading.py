"""Engines, weights and activations that another version of the suite had in other places of the GPU's memory."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from common.schema import LOADING, WEIGHTS_MOVE
from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Report, Verdict
from regression.priors import KERNEL_TIME, SAME_KERNELS
from regression.runs.read import read
from regression.runs.run import Run
from tests.regression.recorder import Recorder

ENGINE, EAGER = "efficientnet_b0-tensorrt-fp16-b128", "efficientnet_b0-eager-fp32-b128"
HOST_BOUND = "efficientnet_b0-eager-fp32-b1"
SAME = "same_kernels"
ROOT = Path(__file__).resolve().parents[3]
# What an H200 took more for this engine when the suite began to load engines in the background.
STRAYED = 1.014


def stored(recorder: Recorder, name: str, factors: dict[str, float] | None = None, **options: Any) -> Run:
    document = recorder.document(factors, **options)
    for record in document["benchmarks"]:
        if "tensorrt" in record["param"]:
            record["extra_info"]["engine_bytes"] = 27_001_156
        waits = 7 if record["params"]["batch_size"] == 1 else 1.03
        record["stats"]["median"] = waits * record["extra_info"]["kernel_time_s"]
    return read(recorder.store(document, name))


def judged(recorder: Recorder, then: dict[str, Any], now: dict[str, Any]) -> Report:
    factors = dict.fromkeys((ENGINE, EAGER, HOST_BOUND), STRAYED)
    again = [recorder.again(factors, noise=0.0003) for _ in range(2)]
    baselines = [stored(recorder, f"000{number}_baseline.json", **then) for number in range(1, 6)]
    return judge(stored(recorder, "now/0099_nightly.json", factors, day=2, confirmations=again, **now), baselines)


def of(report: Report, id_: str) -> Judgement:
    return next(item for item in report.judgements if (item.benchmark, item.metric) == (id_, "kernel_time"))


@pytest.mark.parametrize("then", [{}, {"loading": LOADING - 1}], ids=["as older suites", "another number"])
def test_what_lies_elsewhere_is_not_accused_of_its_place(recorder, then):
    report = judged(recorder, then, {"loading": LOADING})
    for moved in (of(report, ENGINE), of(report, HOST_BOUND)):
        assert moved.verdict is Verdict.UNSURE
        assert moved.detectable_ratio is not None and 1.03 < moved.detectable_ratio < 1.12
    assert of(report, EAGER).verdict is Verdict.SLOWER, "long kernels take as long with their tensors anywhere"
    assert [note for note in report.notes if "has engines, weights or activations in other places" in note]


@pytest.mark.parametrize("loading", [{}, {"loading": LOADING}], ids=["both older", "both today's"])
def test_what_lies_where_it_lay_is_slower(recorder, loading):
    report = judged(recorder, loading, loading)
    assert {of(report, id_).verdict for id_ in (ENGINE, EAGER, HOST_BOUND)} == {Verdict.SLOWER}
    assert not [note for note in report.notes if "in other places" in note]


def test_on_a_cpu_nothing_lies_elsewhere(recorder):
    before, now = (
        stored(recorder, name, uuid="", loading=loading)
        for name, loading in (("0001_baseline.json", LOADING - 1), ("now/0099_nightly.json", LOADING))
    )
    assert not [note for note in judge(now, [before] * 3).notes if "in other places" in note]


def test_a_run_that_says_nonsense_of_its_loading_loaded_as_older_suites(recorder):
    assert stored(recorder, "0001_baseline.json", loading="fast").loading == 1
    assert stored(recorder, "0002_baseline.json", loading=True).loading == 1


@pytest.mark.parametrize(("loadings", "same_s"), [([4, 5, LOADING], 5e-9), ([LOADING, 3], 6e-9), ([1, 1], 6e-9)])
def test_the_same_kernels_stray_less_where_weights_move(loadings, same_s):
    assert SAME_KERNELS.choice_among(loadings) == same_s
    assert KERNEL_TIME.choice_among(loadings) == 52e-9


def test_a_run_whose_weights_move_shows_smaller_changes_of_the_same_kernels():
    """The same five real runs, as they are and as if their suite had left weights in one place."""
    runs = [read(path) for path in sorted((ROOT / "baselines" / "nvidia-h200").rglob("*_baseline.json"))]
    in_place = [dataclasses.replace(run, suite={**run.suite, "loading": 3}) for run in runs]
    assert all(run.loading >= WEIGHTS_MOVE for run in runs)
    shown = [
        {
            item.benchmark: item.detectable_ratio or math.nan
            for item in judge(night, others).judgements
            if item.metric == SAME
        }
        for night, *others in (runs, in_place)
    ]
    wider = {id_: (fixed - 1) / (shown[0][id_] - 1) for id_, fixed in shown[1].items()}
    assert wider["efficientnet_b0-eager-fp16-b1"] > 1.1
    assert wider["efficientnet_b0-tensorrt-fp16-b1"] == 1, "its kernels do not vary"
