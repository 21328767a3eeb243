"""A rehearsal's JSON is read as it was written, and whatever else a file holds is refused with a sentence."""

from __future__ import annotations

import json

import pytest

from rehearsal.judge import judge
from rehearsal.record import UnusableRecord, read
from tests.rehearsal.records import record, searched


def test_what_is_read_is_judged_as_what_was_written(tmp_path):
    found = record(change=0.15, new_version="2.12.0")
    file = tmp_path / "rehearsal.json"
    file.write_text(found.to_json())
    assert read(file) == found
    assert judge(read(file)) == judge(found)


def test_a_search_is_read_as_it_was_written(tmp_path):
    found = record(change=0.15)
    found.bisection = searched()
    file = tmp_path / "rehearsal.json"
    file.write_text(found.to_json())
    assert read(file) == found


@pytest.mark.parametrize(
    "damage",
    [
        {"steps": [{"groups": [7], "answer": "carries"}]},
        {"steps": [{"groups": [0], "answer": "perhaps"}]},
        {"steps": [{"groups": [0], "answer": "carries", "ratio": "x"}]},
        {"steps": None},
        {"blamed": [[9]]},
        {"versions": {}},
        {"followed": {"benchmark": "a"}},
        {"pins": []},
        {"more": 1},
    ],
    ids=str,
)
def test_a_damaged_search_is_refused(damage, tmp_path):
    found = record(change=0.15)
    found.bisection = searched()
    document = json.loads(found.to_json())
    document["bisection"].update(damage)
    file = tmp_path / "rehearsal.json"
    file.write_text(json.dumps(document))
    with pytest.raises(UnusableRecord, match="damaged"):
        read(file)


DAMAGED = {
    "no JSON": "{",
    "something else": "[1]",
    "another file": '{"benchmarks": []}',
    "a newer schema": '{"rehearsal": 99}',
    "without sides": '{"rehearsal": 1, "pairs": []}',
    "an unknown field": '{"rehearsal": 1, "pairs": [], "sides": {}, "budget_s": 1, "what": 2}',
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_other_files_are_refused(text, tmp_path):
    file = tmp_path / "other.json"
    file.write_text(text)
    with pytest.raises(UnusableRecord, match=r"other\.json (cannot be read|is no rehearsal|has schema|is damaged)"):
        read(file)


@pytest.mark.parametrize("value", [0, -1.0, "x", None, 1e999])
def test_turns_that_are_no_times_are_refused(value, tmp_path):
    document = json.loads(record(pairs=1).to_json())
    next(iter(document["pairs"][0]["turns"].values()))["min_s"]["new"][3] = value
    file = tmp_path / "rehearsal.json"
    file.write_text(json.dumps(document))
    with pytest.raises(UnusableRecord, match="damaged"):
        read(file)


def test_sides_with_different_numbers_of_turns_are_refused(tmp_path):
    document = json.loads(record(pairs=1).to_json())
    next(iter(document["pairs"][0]["turns"].values()))["min_s"]["new"].pop()
    file = tmp_path / "rehearsal.json"
    file.write_text(json.dumps(document))
    with pytest.raises(UnusableRecord, match="turns of different numbers"):
        read(file)


def test_a_file_that_does_not_exist_is_a_sentence(tmp_path):
    with pytest.raises(UnusableRecord, match="does not exist"):
        read(tmp_path / "none.json")
