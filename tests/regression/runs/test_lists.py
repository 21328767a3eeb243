"""What repeats in a run: put into its lists, read in full again, judged as it was in older runs, and malformed."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from common.repeated import Repeated
from regression.baseline.migrating import migrated
from regression.judge.judge import judge
from regression.report import json as json_report
from regression.report import markdown, terminal
from regression.report.content import content
from regression.runs.lists import Lists, in_full
from regression.runs.read import parse
from regression.runs.run import Run
from tests.regression.recorder import IDS, Recorder

ROOT = Path(__file__).parents[3]
BASELINES = sorted((ROOT / "proof" / "example").glob("*_baseline.json"))  # in the form of schema 1
CONFIRMED, SLOWED = (
    ROOT / "proof" / "runs" / f"nvidia-h200-{name}.json" for name in ("confirmed-kernel-10", "slowed-kernel-2")
)
FIELDS: Mapping[str, Any] = {
    "kernels": {"kernel": ["conv", "add"], "launches": [1, 2], "time_s": [0.5, 0.25]},
    "operators": {
        "operator": ["stem aten::conv2d", "aten::add"],
        "kernels": [["conv", "add"], []],
        "time_ns": [1500, 0],
        "api_calls": [{"cudaLaunchKernel": 2}, {}],
    },
    "host_work": {"python_calls": 33, "by_name": {"python_calls": {"b.run": 3, "a.run": 30}}},
    "engine_layers": ["conv_myl0_1", "act_myl0_2", "conv_myl0_1"],
    "launches": 3,
}


def test_fields_are_in_full_again_whatever_stood_in_the_lists_before() -> None:
    suite: dict[str, Any] = {"kernels": ["gemm"], "engine_layers": ["act_myl0_2"]}
    repeated = Repeated(suite)
    first, second = repeated.put(FIELDS), Repeated(suite).put(FIELDS)
    assert first == second and first["operators"]["operator"] == 0
    assert first["engine_layers"] == [1, 0, 1] and suite["kernels"] == ["gemm", "conv", "add"]
    assert in_full(json.loads(json.dumps(first)), Lists.of(suite)) == FIELDS


def test_fields_with_grids_are_in_full_again() -> None:
    suite: dict[str, Any] = {}
    fields = {**FIELDS, "operators": {**FIELDS["operators"], "grids": [[[8, 4, 6], None], []]}}
    stored, without = Repeated(suite).put(fields), Repeated(suite).put(FIELDS)
    assert suite["launches"] == [[[0, 1], [[8, 4, 6], None]], [[], []], [[0, 1], None], [[], None]]
    assert (stored["operators"]["kernels"], without["operators"]["kernels"]) == ([0, 1], [2, 3])
    assert in_full(json.loads(json.dumps(stored)), Lists.of(suite)) == fields
    assert in_full(json.loads(json.dumps(without)), Lists.of(suite)) == FIELDS


def test_fields_of_older_runs_are_in_full_too() -> None:
    suite = {
        "kernels": ["conv", "add"],
        "operators": ["stem aten::conv2d", "aten::add"],
        "api_calls": [{"cudaLaunchKernel": 2}, {}],
        "host_work": [{"b.run": 3, "a.run": 30}],
    }
    stored = {
        **FIELDS,
        "kernels": {**FIELDS["kernels"], "kernel": [0, 1]},
        "operators": {"operator": [0, 1], "kernels": [[0, 1], []], "time_ns": [1500, 0], "api_calls": [0, 1]},
        "host_work": {"python_calls": 33, "by_name": {"python_calls": 0}},
    }
    assert in_full(stored, Lists.of(suite)) == FIELDS


def documents(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """A run as it was stored, and in today's form."""
    document = json.loads(path.read_bytes())
    return document, json.loads(json.dumps(migrated(document)))


def said(run: Run, baselines: list[Run]) -> str:
    told = content(judge(run, baselines), run, baselines)
    return "\n".join((terminal.text(told), terminal.every_row(told), markdown.text(told), json_report.text(told)))


@pytest.mark.parametrize("path", [BASELINES[-1], CONFIRMED, SLOWED], ids=lambda path: path.stem)
def test_a_run_and_its_baseline_in_todays_form_are_judged_as_they_were(path: Path) -> None:
    others = [other for other in BASELINES if other != path]
    (old, *before), (new, *compact) = zip(
        *([parse(one, where) for one in documents(where)] for where in (path, *others)), strict=True
    )
    assert not old.problems and not new.problems and new.identity == old.identity
    assert new.labels == old.labels and new.confirmations == old.confirmations
    report = said(old, before)
    assert said(new, compact) == report
    assert said(new, before) == report


def test_todays_form_of_a_whole_run_is_the_smaller_one_and_stays_as_it_is() -> None:
    old, new = documents(SLOWED)
    size, compact = (len(json.dumps(one, separators=(",", ":"))) for one in (old, new))
    assert compact < 0.85 * size
    assert migrated(new) == new


def test_a_malformed_table_stays_as_it_is(recorder: Recorder) -> None:
    document = recorder.document()
    document["benchmarks"][0]["extra_info"] |= {"engine_layers": ["conv", 7]}
    document["benchmarks"][1]["extra_info"] |= {"engine_layers": ["conv"]}
    fields = [item["extra_info"]["engine_layers"] for item in migrated(document)["benchmarks"][:2]]
    assert fields == [["conv", 7], ["conv"]]


@pytest.mark.parametrize(
    ("suite", "fields", "what"),
    [
        ({}, {"engine_layers": [0]}, "its engine layers are left out: 'engine_layers' refers to place '0' of"),
        ({"engine_layers": ["conv"]}, {"engine_layers": [0, "conv"]}, "place 'conv' of 'suite.engine_layers'"),
        ({"engine_layers": 3}, {"engine_layers": [0]}, "'suite.engine_layers', which has 0"),
        ({}, {"gpu_state": {"power_w": [1.0], "other_processes": []}}, "`gpu_state` is left out: its lists differ"),
        ({}, {"gpu_state": "hot"}, "`gpu_state` is left out: it is no mapping of names to lists"),
        *(
            (
                {"host_work": [table], "host_work_names": ["a.run"]},
                {"host_work": {"python_calls": 3, "inferences": 3, "by_name": {"python_calls": 0}}},
                "the names of its host work are left out: 'host_work.by_name' refers to place '0' of",
            )
            for table in (
                {"name": [1], "count": [3]}, {"name": [0], "count": []}, {"name": [0, 0], "count": [1, 2]},
                {"name": [0]}, {"name": [0], "count": [-3]}, {"name": [None], "count": [3]},
            )
        ),
    ],
)  # fmt: skip
def test_malformed_fields_are_left_out_with_a_sentence(
    recorder: Recorder, suite: Mapping[str, Any], fields: Mapping[str, Any], what: str
) -> None:
    document = recorder.document()
    document["suite"] |= suite
    document["benchmarks"][0]["extra_info"] |= copy.deepcopy(fields)
    run = parse(document, Path("run.json"))
    (problem,) = map(str, run.problems)
    assert f"{IDS[0]}: " in problem and what in problem
    assert run.benchmarks[IDS[0]].values["kernel_time"] > 0, "the rest of the benchmark is used"
    assert "engine_layers" not in run.benchmarks[IDS[0]].values


IMAGES: Mapping[str, Any] = {
    "image": ["cat.jpg", "dog.jpg"], "label": [3, 4], "probability": [0.9, 0.5], "reference_label": [3, 5],
    "reference_probability": [0.9, 0.5], "margin": [2.0, 0.1], "near_tie": [False, True], "agrees": [True, True],
    "correct": [None, None],
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "what", "left"),
    [
        ({"label": [3]}, "the labels of its pictures are left out: its lists differ in length", []),
        ({"label": 3}, "the labels of its pictures are left out: it is no mapping of names to lists", []),
        ({"image": ["cat.jpg"] * 2}, "the labels of its pictures are left out: a file stands there twice", []),
        ({"label": [3, -1]}, "the label of dog.jpg is malformed; left out", ["cat.jpg"]),
    ],
)
def test_malformed_columns_of_pictures_are_left_out_with_a_sentence(
    recorder: Recorder, change: Mapping[str, Any], what: str, left: list[str]
) -> None:
    document = recorder.document()
    document["suite"]["labels"] = {IDS[0]: {"passed": True, "relative_error": 0.01, "images": {**IMAGES, **change}}}
    run = parse(document, Path("run.json"))
    (problem,) = map(str, run.problems)
    assert f"{IDS[0]}: {what}" in problem
    assert list(run.labels[IDS[0]].images) == left and run.labels[IDS[0]].relative_error == 0.01
