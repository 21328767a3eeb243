"""A rehearsal's JSON is read as it was written, and whatever else a file holds is refused with a sentence."""

from __future__ import annotations

import json
import math

import pytest

from rehearsal.judge import judge
from rehearsal.protocol import NEW
from rehearsal.record import UnusableRecord, read
from rehearsal.report import as_json, markdown, table
from tests.rehearsal.records import NAMES, record, searched


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


def parts(node, path=()):
    """The paths of all that is in a document, but for the times of turns."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if key not in ("min_s", "median_s"):
            yield (*path, key)
            yield from parts(value, (*path, key))


def whole():
    found = record(pairs=1, rounds=5, new_version="2.12.0")
    found.bisection = searched()
    found.failed[NEW][NAMES[1]] = "building it failed"
    return json.loads(found.to_json())


@pytest.mark.parametrize("value", [..., None, "x", 7, math.nan, [None], {}], ids=str)
def test_whatever_is_damaged_is_refused_or_judged(value, tmp_path):
    """Every part in its turn, removed (...) or replaced."""
    file = tmp_path / "rehearsal.json"
    refused = 0
    for path in parts(whole()):
        document = whole()
        node = document
        for key in path[:-1]:
            node = node[key]
        if value is ...:
            del node[path[-1]]
        else:
            node[path[-1]] = value
        file.write_text(json.dumps(document))
        try:
            found = read(file)
        except UnusableRecord as error:
            assert "\n" not in str(error)
            refused += 1
        else:
            judged = judge(found)
            assert table(found, judged) and markdown(found, judged)
            json.loads(as_json(found, judged), parse_constant=pytest.fail)
    assert refused > 20


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
