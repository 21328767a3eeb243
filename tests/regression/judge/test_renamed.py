"""Benchmarks of the baseline that a run has no longer are named, with their likely new names."""

from __future__ import annotations

import pytest

from regression.judge.judge import judge
from regression.judge.renamed import likely, notes
from regression.runs.run import Benchmark
from tests.regression.recorder import IDS, Recorder


def made(*ids: str) -> dict[str, Benchmark]:
    """Of this suite's matrix where an id has three parts, else without parameters."""
    found = {}
    for id_ in ids:
        parts = id_.split("/")
        params = dict(zip(("model", "variant", "batch_size"), parts, strict=True)) if len(parts) == 3 else {}
        found[id_] = Benchmark(id=id_, params=params)
    return found


@pytest.mark.parametrize(
    ("gone", "new", "expected"),
    [
        (["b0/tensorrt-fp16/1"], ["b0/trt-fp16/1"], {"b0/tensorrt-fp16/1": "b0/trt-fp16/1"}),
        (["b0/tensorrt-fp16/1"], ["b0/tensorrt-fp16/8"], {}),  # another batch size is another benchmark
        (["b0/tensorrt-fp16/1"], ["b0/eager/1"], {}),
        (
            ["b0/tensorrt-fp16/1", "b0/tensorrt-fp32/1"],
            ["b0/trt-fp32/1", "b0/trt-fp16/1"],
            {"b0/tensorrt-fp16/1": "b0/trt-fp16/1", "b0/tensorrt-fp32/1": "b0/trt-fp32/1"},
        ),
        (["b0/eager/1", "b0/eager/8"], ["b0v2/eager/1"], {"b0/eager/1": "b0v2/eager/1"}),
        (["test_speed"], ["test_the_speed"], {"test_speed": "test_the_speed"}),
        (["test_speed"], ["other"], {}),
        ([], ["a"], {}),
    ],
)
def test_likely_new_names(gone: list[str], new: list[str], expected: dict[str, str]) -> None:
    assert likely(made(*gone), made(*new)) == expected


def test_a_report_names_them(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    renamed = [id_.replace("tensorrt", "trt") for id_ in IDS[6:]]
    run = recorder.run(ids=(*IDS[:5], *renamed))
    said = list(notes(run, baselines))
    assert said[0].startswith("3 benchmarks of the baseline are gone, with a likely new name: ")
    assert f"{IDS[6]} -> {renamed[0]}" in said[0]
    assert (
        said[1] == f"1 benchmark of the baseline was not selected, and no new benchmark has a similar name: {IDS[5]}."
    )
    assert set(said) < set(judge(run, baselines).notes)


def test_what_failed_was_skipped_or_left_out_by_intention_has_not_vanished(recorder: Recorder) -> None:
    baselines = recorder.baselines(3)
    assert list(notes(recorder.run(ids=IDS[1:], selected=list(IDS), failed={IDS[0]: "no"}), baselines)) == []
    assert list(notes(recorder.run(ids=IDS[:2]), baselines)) == []  # most are not asked for
    assert list(notes(recorder.run(ids=IDS[1:], deselected=1), baselines)) == []
