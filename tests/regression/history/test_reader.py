"""A stored run's file is read once, whoever asks for it and as what."""

from __future__ import annotations

import dataclasses
import gc
import os
from pathlib import Path

import pytest

from regression.history.reader import Reader
from regression.runs.run import UnusableRun
from tests.regression.recorder import Recorder


def test_a_run_and_its_night_are_read_once(recorder: Recorder, files_read: list[Path]) -> None:
    path = recorder.store(recorder.document())
    reader = Reader()
    run = reader.run(path)
    assert reader.run(path) is run
    assert reader.night(path).file == path and reader.night(path).run_id == run.identity
    assert files_read == [path]


def test_a_night_outlives_its_run(recorder: Recorder, files_read: list[Path]) -> None:
    """Thousands of nights fit into memory, and thousands of runs do not."""
    path = recorder.store(recorder.document())
    reader = Reader()
    values = dict(reader.run(path).benchmarks)
    gc.collect()
    assert {name for name, _ in reader.night(path).values} == set(values) and files_read == [path]
    reader.run(path)
    assert files_read == [path, path], "nothing held the run"


def test_another_name_of_a_file_is_the_same_file(
    recorder: Recorder, files_read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recorder.store(recorder.document())
    monkeypatch.chdir(path.parent)
    link = path.with_name("link.json")
    os.symlink(path.name, link)  # noqa: PTH211
    reader = Reader()
    run = reader.run(path)
    for other in (Path(path.name), Path("..", path.parent.name, path.name), link):
        assert reader.run(other) == dataclasses.replace(run, path=other)
        assert reader.night(other).file == other
    assert files_read == [path]


def test_what_is_no_run_is_said_each_time_and_read_once(recorder: Recorder, files_read: list[Path]) -> None:
    path = recorder.store("{", "0001_nightly.json")
    reader = Reader()
    for read in (reader.run, reader.night, reader.run):
        with pytest.raises(UnusableRun, match=r"0001_nightly.json: is not JSON"):
            read(path)
    assert files_read == [path]


def test_a_run_without_a_date_has_no_night(recorder: Recorder, files_read: list[Path]) -> None:
    path = recorder.store(recorder.document() | {"datetime": "yesterday"})
    reader = Reader()
    run = reader.run(path)
    for _ in range(2):
        with pytest.raises(UnusableRun, match="has no place in a history"):
            reader.night(path)
    assert run.datetime == "" and files_read == [path]


def test_what_a_session_measured_takes_the_place_of_what_it_had_stored_by_then(
    recorder: Recorder, files_read: list[Path]
) -> None:
    reader = Reader()
    path = recorder.store("{", "0001_nightly.json")
    with pytest.raises(UnusableRun):
        reader.run(path)
    run = dataclasses.replace(recorder.run(), path=path)
    files_read.clear()
    reader.keep(run)
    assert reader.run(path) is run and reader.night(path).run_id == run.identity
    assert files_read == []
