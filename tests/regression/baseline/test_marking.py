"""Excluding, restoring and listing runs, through the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from regression.runs.find import collect
from tests.regression.recorder import IDS, Recorder

Call = Callable[..., tuple[int, str, str]]


def state(told: str, name: str) -> str:
    rows = told.replace("\n      ", " ").splitlines()  # a long row goes on below itself
    (line,) = [line for line in rows if line.strip().startswith(name)]
    return line.split("  ")[-1]


def test_a_run_is_excluded_everywhere_and_restored(project: Recorder, call: Call) -> None:
    runs = project.baselines(4)
    before = {path: path.read_bytes() for path in project.folder.iterdir()}
    status, told, _ = call("exclude", "0002", "--why", "the fan failed")
    assert status == 0 and "0002_baseline.json: the fan failed" in told and "has 3 runs left" in told
    assert [run.path.name[:4] for run in collect([Path("baselines")]).baselines] == ["0001", "0003", "0004"]
    status, told, _ = call("list")
    assert status == 0 and "excluded on" in state(told, "0002") and "the fan failed" in state(told, "0002")
    assert state(told, "0001") == "baseline" and "NVIDIA H200 (nvidia-h200): 3 runs of 9 benchmarks" in told
    assert {path: path.read_bytes() for path in project.folder.iterdir()} == before
    assert call("restore", runs[1].identity[:12])[0] == 0
    assert len(collect([Path("baselines")]).baselines) == 4
    (mark, _) = sorted(Path("baselines/nvidia-h200/marks").iterdir())
    assert json.loads(mark.read_text())["runs"] == [runs[1].identity]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["exclude", "0009", "--why", "x"], "0009 is no run of this store"),
        (["exclude", "0001", "--why", " "], "--why says nothing"),
        (["restore", "0001"], "is not excluded"),
        (["exclude", "0002", "--why", "x"], "may be any of 2 runs"),
        (["exclude", "0001"], "--why"),
        (["remove"], "invalid choice"),
        ([], "COMMAND"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(project: Recorder, call: Call, words: list[str], said: str) -> None:
    project.baselines(2)
    project.store(project.document(), "../Linux-3.99/0002_baseline.json")
    status, _, error = call(*words)
    assert status == 2 and said in error and "Traceback" not in error
    assert not Path("baselines/nvidia-h200/marks").exists()


def test_a_gpus_own_folder_is_a_store_as_well(project: Recorder, call: Call) -> None:
    project.baselines(2)
    assert call("exclude", "0001", "--why", "x", "--store", "baselines/nvidia-h200")[0] == 0
    assert len(list(Path("baselines/nvidia-h200/marks").iterdir())) == 1
    assert len(collect([Path("baselines")]).baselines) == 1


def test_the_odd_run_is_named(project: Recorder, call: Call) -> None:
    project.baselines(5)
    project.store(project.document(dict.fromkeys(IDS, 1.02)))
    status, told, _ = call("list", "-v")
    assert status == 0
    assert state(told, "0006").startswith("baseline, the odd one: +1.9") and state(told, "0001") == "baseline"
    assert "replace it" in told
    assert all(any(line.startswith(id_) for line in told.splitlines()) for id_ in IDS)


def test_each_column_of_the_runs_has_a_name(project: Recorder, call: Call) -> None:
    run = project.baselines(1)[0]
    _, told, _ = call("list")
    heading, line = told.splitlines()[-2:]
    assert heading.split() == ["run", "measured", "GPU", "identity", "standing"]
    assert line[heading.index("identity") :].startswith(run.identity[:12])
    assert line[heading.index("standing") :] == "baseline"


def test_a_list_fits_into_a_hundred_columns_however_long_a_reason_is(project: Recorder, call: Call) -> None:
    project.baselines(2)
    why = " ".join(["the fan failed in the middle of the night"] * 4)
    call("exclude", "0002", "--why", why)
    _, told, _ = call("list", "--store", "baselines")
    assert max(map(len, told.splitlines())) <= 100 and why in " ".join(told.split())
    assert "record five: `python -m regression baseline record --store=baselines`" in " ".join(told.split())


def test_at_least_half_of_the_benchmarks_detect_the_change_that_is_told(project: Recorder, call: Call) -> None:
    for night, noisy in enumerate(IDS[:5]):
        project.store(project.document({noisy: 1.02}, ids=IDS[1:9], hour=4 + night))
    _, told, _ = call("list", "-v")
    cells = [line.split()[1] for line in told.splitlines() if line.startswith(IDS)]
    least, *_, most = detectable = sorted(cells, key=float)
    assert len(detectable) == 8 and float(detectable[3]) < float(detectable[4])
    said = f"kernel time from {least} % to {most} % (half of 8 benchmarks at most {detectable[3]} %)"
    assert said in " ".join(told.split())


def test_one_run_of_one_benchmark_is_told_as_one(project: Recorder, call: Call) -> None:
    run = project.store(project.document(ids=IDS[:1]), "elsewhere.json")
    status, told, _ = call("record", "--runs", "1", "--from", str(run))
    assert status == 0 and told.startswith("1 run is now the baseline, whole")
    (line,) = [line for line in told.splitlines() if "detects" in line]
    assert re.fullmatch(r"  detects kernel time from [\d.]+ % on; latency from [\d.]+ % on", line)


def test_a_copy_is_told_from_its_run(project: Recorder, call: Call) -> None:
    first, _ = project.baselines(2)
    project.store(first.path.read_text(), "host-a/0009_baseline.json")
    _, told, _ = call("list")
    assert "2 runs of 9 benchmarks" in told and state(told, "0001") == "baseline"
    assert state(told, "0009") == "baseline; a copy, which counts once"


def test_a_store_without_a_baseline_says_so(project: Recorder, call: Call) -> None:
    project.store(project.document(), "0001_nightly.json")
    status, told, _ = call("list")
    assert status == 1 and "record one: python -m regression baseline record" in told
    status, told, error = call("list", "--store", "nowhere")
    assert status == 1 and not error
    assert "nowhere holds no baseline; record one: python -m regression baseline record --store=nowhere" in told
    status, _, error = call("refresh", "*", "--store", "no where")
    assert status == 2 and "record one: python -m regression baseline record '--store=no where'" in error
