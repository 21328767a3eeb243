"""Delivering and fetching, against a folder and a real S3 server alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from regression.store.delivery import deliver
from regression.store.keys import is_run
from regression.store.opening import open_store


@pytest.fixture(params=["folder", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "shared") if request.param == "folder" else request.getfixturevalue("bucket")


def keys(url: str) -> list[str]:
    return [found.key for found in open_store(url).objects.list() if is_run(found.key)]


def test_a_run_is_delivered_once_under_whatever_name(url: str, saved: Callable[..., Path]) -> None:
    first = saved(run_id="one")
    artifact = saved("run.json", run_id="one")
    other = saved("0001_nightly.json", run_id="two")
    store = open_store(url)
    assert deliver(store, artifact).new
    saved("0001_nightly.json", run_id="one")
    assert not deliver(store, first).new
    saved("0001_nightly.json", run_id="two")
    assert deliver(store, other).new
    assert len(keys(url)) == 2


def test_a_run_that_was_saved_into_a_folder_store_is_there(tmp_path: Path, saved: Callable[..., Path]) -> None:
    store = open_store(str(tmp_path / "shared"))
    deliver(store, saved(run_id="one"))
    (file,) = store.folder.rglob("*.json")
    delivered = deliver(store, file)
    assert (delivered.new, delivered.key) == (False, "nvidia-h200/64bit/0001_nightly.json")


def test_a_local_store_of_a_relative_path_is_another_one_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = open_store("runs").cache
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert open_store("runs").cache != here


def test_many_writers_at_once_lose_nothing(url: str, saved: Callable[..., Path]) -> None:
    files = [saved(f"writer{number}/0001_nightly.json", run_id=f"run-{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        delivered = list(pool.map(lambda file: deliver(open_store(url), file), files))
    assert all(one.new for one in delivered)
    stored = open_store(url)
    ids = {json.loads(stored.objects.read(key))["suite"]["run_id"] for key in keys(url)}
    assert ids == {f"run-{number}" for number in range(8)}
    assert sorted(Path(key).name for key in keys(url)) == [f"{number:04d}_nightly.json" for number in range(1, 9)]


def test_the_mirror_holds_what_is_needed(url: str, saved: Callable[..., Path]) -> None:
    store = open_store(url)
    deliver(store, saved("0001_baseline.json", run_id="base"))
    for night in range(2, 6):
        deliver(store, saved(f"000{night}_nightly.json", run_id=f"night {night}", day=night))
    store.append("nvidia-h200/marks/20260301T000000-a.json", b"{}")
    here = open_store(url)
    here.fetch("nvidia-h200", latest=2)
    names = sorted(path.name for path in here.folder.rglob("*.json"))
    expected = ["0001_baseline.json", "0004_nightly.json", "0005_nightly.json", "20260301T000000-a.json"]
    assert set(expected) <= set(names)
    assert here.is_local or names == expected


def test_the_mirror_follows_the_store(
    bucket: str, saved: Callable[..., Path], another_machine: Callable[[], None]
) -> None:
    there = open_store(bucket)
    for name in ("one", "two"):
        deliver(there, saved("0001_baseline.json", run_id=name))
    another_machine()
    here = open_store(bucket)
    here.fetch()
    first, second = sorted(here.folder.rglob("*_baseline.json"))
    unsaved = first.with_name("0007_nightly.json")
    unsaved.write_bytes(saved(run_id="a session beside this one").read_bytes())
    there.objects.remove(here.key_of(first))
    there.objects.remove(here.key_of(second))
    there.objects.append(here.key_of(second), saved(run_id="another").read_bytes())
    here.fetch()
    assert sorted(path.name for path in here.folder.rglob("*.json")) == [second.name, unsaved.name]
    assert json.loads(second.read_text())["suite"]["run_id"] == "another"


def test_another_gpus_part_of_the_mirror_is_left_alone(bucket: str, saved: Callable[..., Path]) -> None:
    store = open_store(bucket)
    deliver(store, saved("0001_baseline.json", run_id="one"))
    store.fetch()
    store.fetch("nvidia-l4")
    assert len(list(store.folder.rglob("*.json"))) == 1


def test_a_mirror_whose_list_is_damaged_is_fetched_again(bucket: str, saved: Callable[..., Path]) -> None:
    store = open_store(bucket)
    deliver(store, saved("0001_baseline.json", run_id="one"))
    store.fetch()
    (store.cache / "fetched.json").write_text("{")
    next(store.folder.rglob("*.json")).write_text("{")
    store.fetch()
    assert json.loads(next(store.folder.rglob("*.json")).read_text())["suite"]["run_id"] == "one"


def test_a_folder_that_cannot_be_written_is_away(tmp_path: Path, saved: Callable[..., Path]) -> None:
    (tmp_path / "shared").write_text("a file is in the way")
    store = open_store(str(tmp_path / "shared" / "runs"))
    delivered = deliver(store, saved(run_id="one"))
    assert not delivered.key and "is away" in delivered.said and len(store.waiting()) == 1


def test_any_filesystem_of_fsspec_is_a_store(saved: Callable[..., Path]) -> None:
    store = open_store("memory://runs")
    assert store.objects.exclusive
    assert deliver(store, saved(run_id="one")).key == "nvidia-h200/64bit/0001_nightly.json"
    assert not deliver(open_store("memory://runs"), saved(run_id="one")).new
