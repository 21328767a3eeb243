"""Pruning and migrating baselines, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from common import marks
from common.identity import identity
from common.schema import SCHEMA
from regression.runs.find import collect
from regression.runs.read import read
from tests.regression.recorder import IDS, Recorder

Call = Callable[..., tuple[int, str, str]]
GPU = Path("baselines/nvidia-h200")


def test_runs_that_no_baseline_needs_are_removed_with_marks_that_speak_of_them_alone(
    project: Recorder, call: Call
) -> None:
    old = project.baselines(3)
    excluded = project.baselines(1)[0]
    night = project.store(project.document(), "0050_nightly.json")
    new = [read(project.store(project.document(day=5), f"{number:04d}_baseline-candidate.json")) for number in (20, 21)]
    stray = project.store(project.document(day=4), "0030_baseline-candidate.json")
    marks.append(GPU, "exclude", [old[0].identity], when=marks.moment("2026-03-02"))
    marks.append(GPU, "restore", [old[0].identity], when=marks.moment("2026-03-03"))
    marks.append(GPU, "baseline", [run.identity for run in new], when=marks.moment("2026-03-06"))
    marks.append(GPU, "exclude", [excluded.identity], when=marks.moment("2026-03-07"))
    before = sorted(Path("baselines").rglob("*.json"))
    assert call("prune", "--keep", "99999d")[0] == 0
    status, told, _ = call("prune", "--keep", "1d", "--dry-run")
    assert (
        status == 0 and "4 runs that no baseline needs" in told and sorted(Path("baselines").rglob("*.json")) == before
    )
    assert call("prune", "--keep", "1d")[0] == 0
    left = sorted(path for path in GPU.rglob("*.json") if path.parent.name != "marks")
    assert left == sorted([excluded.path.relative_to(Path.cwd()), *(run.path.relative_to(Path.cwd()) for run in new),
                           night.relative_to(Path.cwd())])  # fmt: skip
    assert not stray.exists() and len(list((GPU / "marks").iterdir())) == 2
    assert [run.path.name for run in collect([Path("baselines")]).baselines] == [run.path.name for run in new]
    assert call("prune", "--keep", "1d", "--excluded")[0] == 0
    assert not excluded.path.exists() and len(list((GPU / "marks").iterdir())) == 1


@pytest.mark.parametrize("words", [["--keep", "soon"], ["--keep", "0d"], ["--keep"]])
def test_a_wrong_number_of_days_is_refused(project: Recorder, call: Call, words: list[str]) -> None:
    project.baselines(1)
    assert call("prune", *words)[0] == 2


def test_an_older_schema_is_carried_over_with_the_runs_identity(project: Recorder, call: Call) -> None:
    paths = []
    for _ in range(2):
        document = project.document(confirmations=[project.again(ids=IDS[:1])])
        document["suite"]["schema"] = 1
        document["benchmarks"][0]["extra_info"]["host_pace_s"] = 0.002
        document["suite"]["confirmations"][0]["benchmarks"][IDS[0]]["host_pace_s"] = 0.003
        paths.append(project.store(document))
    project.store(project.document(schema=SCHEMA))
    before = {path: (read(path), identity(json.loads(path.read_text()))) for path in paths}
    marks.append(GPU, "exclude", [before[paths[0]][1]])
    assert call("migrate", "--dry-run")[0] == 1
    assert json.loads(paths[0].read_text())["suite"]["schema"] == 1
    status, told, _ = call("migrate")
    assert status == 1  # it lacks what is measured today
    assert f"2 of 3 runs rewritten in schema {SCHEMA}" in told
    assert "cannot be carried over: latency from visits" in told and "record the baseline anew" in told
    for path, (run, its_identity) in before.items():
        document = json.loads(path.read_text())
        assert (document["suite"]["schema"], identity(document)) == (SCHEMA, its_identity)
        assert document["benchmarks"][0]["extra_info"]["host_calibration_s"] == 0.002
        again = read(path)
        assert {id_: one.values for id_, one in again.benchmarks.items()} == {
            id_: one.values for id_, one in run.benchmarks.items()
        }
        assert again.confirmations == run.confirmations
    assert len(collect([Path("baselines")]).baselines) == 2  # the mark still holds
    status, told, _ = call("migrate")
    assert status == 0 and told == f"NVIDIA H200 (nvidia-h200): 0 of 3 runs rewritten in schema {SCHEMA}\n"


def test_a_store_without_a_baseline_has_nothing_to_migrate(call: Call) -> None:
    Path("baselines").mkdir()
    status, _, error = call("migrate")
    assert status == 2 and "holds no baseline" in error
