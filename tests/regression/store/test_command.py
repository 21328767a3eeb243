"""`python -m regression ... --store`: what it prints, what it refuses, and what it never removes."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from common.schema import STORE
from regression.__main__ import main
from regression.store.keys import is_run
from regression.store.opening import open_store
from tests.regression.recorder import Recorder


@pytest.fixture
def nights(saved: Callable[..., Path], bucket: str) -> list[Path]:
    """Five baselines and eight nights in the bucket, three nights of them older than thirty days; their files."""
    now = datetime.datetime.now(tz=datetime.UTC)
    files = []
    for number in range(13):
        name = "baseline" if number < 5 else "nightly"
        file = saved(f"{number + 1:04d}_{name}.json", run_id=f"run {number}")
        document = json.loads(file.read_text())
        document["datetime"] = (now - datetime.timedelta(days=60 - 5 * number)).isoformat()
        file.write_text(json.dumps(document))
        files.append(file)
    assert main(["store", "deliver", "--store", bucket, *map(str, files)]) == 0
    return files


def names(url: str) -> list[str]:
    return [Path(found.key).name for found in open_store(url).objects.list() if is_run(found.key)]


def test_one_run_and_one_day_are_told_as_one(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    recorder.store(recorder.document(), "0001_nightly.json")
    store = str(recorder.folder.parent)
    assert main(["store", "list", "--store", store]) == 0
    assert "0 runs saved as baseline, 1 other, from" in capsys.readouterr().out
    assert main(["store", "prune", "--keep", "1d", "--dry-run", "--store", store]) == 0
    assert "1 run older than 1 day; 0 stay" in capsys.readouterr().out


def test_the_commands_read_a_store_as_they_read_a_folder(
    nights: list[Path], bucket: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    capsys.readouterr()
    assert main(["history", "--store", bucket]) == 0
    assert capsys.readouterr().out.startswith("nvidia-h200: 13 stored runs from ")
    assert main(["detectable", "--store", bucket]) == 0
    assert "5 baseline runs of " in capsys.readouterr().out
    elsewhere = tmp_path / "artifact.json"
    elsewhere.write_text(nights[-1].read_text())
    page = tmp_path / "page.html"
    assert main([str(elsewhere), "--store", bucket, "--format", "markdown", "--report", str(page)]) == 0
    assert "against 5 baseline runs" in capsys.readouterr().out
    assert "13 stored runs from " in page.read_text()
    assert main(["store", "list", "--store", bucket]) == 0
    assert capsys.readouterr().out.startswith("nvidia-h200: 5 runs saved as baseline, 8 others, from ")


def test_without_a_name_the_commands_read_the_folder_baselines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(STORE, raising=False)
    commands = [["history"], ["detectable"], ["fleet"], ["store", "list"]]
    assert [main(words) for words in commands] == [2, 2, 2, 0]
    assert "there is no stored run in baselines." in capsys.readouterr().err
    recorder = Recorder(tmp_path / "baselines" / "nvidia-h200" / "Linux")
    recorder.baselines()
    now = recorder.store(recorder.document(day=2), "0009_nightly.json")
    assert [main(words) for words in [*commands, [str(now)]]] == [0] * 5
    told = capsys.readouterr().out
    assert "6 stored runs from " in told and "against 5 baseline runs of baselines" in told


def test_an_artifact_delivered_as_well_changes_nothing(
    nights: list[Path], bucket: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    artifact = tmp_path / "artifact"
    artifact.mkdir()
    (artifact / "run.json").write_text(nights[-1].read_text())
    (artifact / "verdict.json").write_text('{"status": "passed"}')
    capsys.readouterr()
    assert main(["store", "deliver", "--store", bucket, str(artifact)]) == 0
    said = capsys.readouterr().out
    assert "run.json: was there already: " in said and "verdict.json cannot be delivered: it is no stored run." in said
    assert len(names(bucket)) == 13


def test_prune_keeps_baselines_marked_runs_and_what_is_recent(
    nights: list[Path], bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mark = {"schema": 1, "when": "2026-01-01T00:00:00+00:00", "kind": "exclude", "runs": ["run 5"], "why": "odd"}
    open_store(bucket).append("nvidia-h200/marks/20260101T000000-a.json", json.dumps(mark).encode())
    open_store(bucket).objects.append("nvidia-h200/64bit/0099_broken.json", b"{")
    before = names(bucket)
    prune = ["store", "prune", "--keep", "30d", "--store", bucket]
    capsys.readouterr()
    assert main([*prune, "--dry-run"]) == 0
    assert names(bucket) == before
    assert "would remove nvidia-h200/64bit/0007_nightly.json" in capsys.readouterr().out
    assert main(prune) == 0
    assert capsys.readouterr().out.endswith("1 run older than 30 days; 13 stay\n")
    assert set(before) - set(names(bucket)) == {"0007_nightly.json"}
    assert [found.key for found in open_store(bucket).objects.list("nvidia-h200/marks")]
    assert main(["history", "--store", bucket]) == 0
    said = capsys.readouterr()
    assert "11 stored runs" in said.out and "0006_nightly.json: was excluded" in said.err


def test_rebuild_says_what_it_read(nights: list[Path], bucket: str, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["store", "rebuild", "--store", bucket]) == 0
    assert capsys.readouterr().out == "the index knows 13 runs, 0 of them unusable\n"


def test_a_store_that_is_away_is_said(
    nights: list[Path], bucket: str, endpoint: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", "--store", bucket]) == 0
    assert main(["detectable", "--store", bucket]) == 0
    endpoint("http://127.0.0.1:1")
    capsys.readouterr()
    assert main(["history", "--store", bucket]) == 0
    said = capsys.readouterr()
    assert "13 stored runs" in said.out and "is away (EndpointConnectionError" in said.err
    assert main(["detectable", "--store", bucket]) == 0
    assert "5 baseline runs" in capsys.readouterr().out
    assert main(["store", "list", "--store", bucket]) == 1
    assert main(["store", "deliver", "--store", bucket, str(nights[0])]) == 1
    said = capsys.readouterr()
    assert "; kept in " in said.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["store", "list", "--store", "s3:/bucket"], "is no URL; give a folder or a URL such as s3://bucket/runs."),
        (["history", "--store", "nonsense://x/y"], "--store nonsense://x/y: Protocol not known: nonsense"),
        (
            ["store", "deliver", "--store", "folder", "no.json"],
            "no.json cannot be delivered: No such file or directory.",
        ),
        (["store", "deliver", "--store", "gs://x/y"], "gs:// needs gcsfs"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert sentence in capsys.readouterr().err


def test_runs_in_folders_nested_by_host_are_found_and_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder = Recorder(tmp_path / "shared" / "nvidia-h200")
    for number in range(5):
        host = ("Linux-CPython-3.12-64bit/host-a", "Linux-CPython-3.12-64bit/rack/host-b")[number % 2]
        recorder.store(recorder.document(run_id=f"run {number}"), f"{host}/000{number}_baseline.json")
    run = recorder.store(recorder.document(day=2, run_id="now"), "../../now.json")
    assert main([str(run), "--store", str(tmp_path / "shared")]) == 0
    assert "against 5 baseline runs" in capsys.readouterr().out
