"""What marks beside stored runs make of them."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pytest

from common import marks
from common.identity import identity
from common.marks import Entry, Mark, Standing

H200 = ("nvidia-h200", "", "TF32 convolutions")
MIG = ("nvidia-h200", "1g.18gb", "TF32 convolutions")


def day(number: int) -> datetime.datetime:
    return datetime.datetime(2026, 3, number, tzinfo=datetime.UTC)


def run(name: str, number: int = 1, of: tuple[str, str, str] = H200, *, named: bool = True) -> Entry:
    return Entry(name, day(number), of, named)


def mark(kind: str, *runs: str, on: int, benchmarks: tuple[str, ...] = ()) -> Mark:
    return Mark(kind=kind, runs=runs, when=day(on), benchmarks=benchmarks)


def baseline(entries: list[Entry], said: list[Mark], benchmark: str = "b1") -> list[str]:
    """The runs whose value of a benchmark is one of the baseline's."""
    found = marks.standings(entries, said)
    return [entry.identity for entry, one in zip(entries, found, strict=True) if one.counts_for(benchmark)]


def test_without_marks_the_name_decides() -> None:
    assert baseline([run("a"), run("b", named=False)], []) == ["a"]


def test_an_excluded_run_is_out_until_it_is_restored() -> None:
    entries = [run("a"), run("b")]
    said = [mark("exclude", "a", on=2)]
    assert baseline(entries, said) == ["b"]
    assert marks.standings(entries, said)[0] == Standing(False, excluded=said[0])
    assert baseline(entries, [*said, mark("restore", "a", on=3)]) == ["a", "b"]
    assert baseline(entries, [*said, mark("restore", "a", on=3), mark("exclude", "a", on=4)]) == ["b"]


def test_a_baseline_replaces_the_older_one_whole_and_a_later_run_of_that_name_joins_it() -> None:
    entries = [run("old"), run("new", 2, named=False), run("later", 4), run("slice", 1, MIG)]
    said = [mark("baseline", "new", on=3)]
    assert baseline(entries, said) == ["new", "later", "slice"]
    assert baseline(entries, [*said, mark("baseline", "old", on=5)]) == ["old", "slice"]


def test_a_mark_whose_runs_are_not_there_replaces_nothing() -> None:
    assert baseline([run("old")], [mark("baseline", "gone", on=3)]) == ["old"]


def test_newer_values_take_the_place_of_older_ones_for_some_benchmarks_alone() -> None:
    entries = [run("old"), run("new", 2, named=False), run("slice", 1, MIG)]
    said = [mark("refresh", "new", on=3, benchmarks=("b1",))]
    assert baseline(entries, said, "b1") == ["new", "slice"]
    assert baseline(entries, said, "b8") == ["old", "slice"]
    assert baseline(entries, [*said, mark("exclude", "new", on=4)], "b1") == ["old", "slice"]
    assert baseline(entries, [*said, mark("baseline", "old", on=4)], "b1") == ["old", "slice"]


def test_of_two_refreshes_the_newer_holds_and_the_older_is_no_baseline_of_the_rest() -> None:
    entries = [run("old"), run("first", 2), run("second", 3)]
    said = [
        mark("refresh", "first", on=4, benchmarks=("b1", "b8")),
        mark("refresh", "second", on=5, benchmarks=("b1",)),
    ]
    assert baseline(entries, said, "b1") == ["second"]
    assert baseline(entries, said, "b8") == ["first"]
    assert baseline(entries, said, "b128") == ["old"]


def test_a_refresh_is_noted_as_long_as_it_holds() -> None:
    entries = [run("old"), run("new", 2, named=False)]
    said = [mark("refresh", "new", on=3, benchmarks=("b1", "b8"))]
    (note,) = marks.notes(entries, said)
    assert note == "The baseline's values of b1, b8 were refreshed on 2026-03-03."
    assert marks.notes(entries, [*said, mark("baseline", "old", on=4)]) == []


def test_a_run_of_the_baseline_that_is_not_there_is_noted() -> None:
    (note,) = marks.notes([run("a")], [mark("baseline", "a", "gone", on=3)])
    assert note.startswith("1 of 2 runs of the baseline of 2026-03-03 are not there: gone")


def test_marks_are_appended_and_read_in_time_order_from_above_and_below(tmp_path: Path) -> None:
    gpu = tmp_path / "nvidia-h200"
    machine = gpu / "host-a" / "Linux"
    machine.mkdir(parents=True)
    second = marks.append(gpu, "restore", ["a"], when=day(3))
    first = marks.append(gpu, "exclude", ["a"], why="a fan\nfailed", when=day(2))
    for place in (tmp_path, gpu, machine, machine / "0001_baseline.json"):
        found, wrong = marks.read([place])
        assert [one.file.name for one in found] == [first.name, second.name] and not wrong
    assert found[0].why == "a fan failed" and found[0].runs == ("a",)
    assert set(json.loads(first.read_text())) == {"schema", "when", "who", "kind", "runs", "why"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "Expecting"),
        ("[]", "no `schema`"),
        ('{"schema": 2}', "newer version"),
        ('{"schema": 1, "kind": "remove"}', "`kind`"),
        ('{"schema": 1, "kind": "exclude", "runs": []}', "`runs`"),
        ('{"schema": 1, "kind": "exclude", "runs": ["a"], "when": "today"}', "`when`"),
    ],
)
def test_what_is_no_mark_is_said_and_ignored(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "marks" / "mark.json"
    path.parent.mkdir()
    path.write_text(text)
    found, (said,) = marks.read([tmp_path])
    assert not found and str(path) in said and why in said


def test_copies_of_a_run_have_one_identity() -> None:
    stats = {"min": 1.0, "max": 2.0, "mean": 1.5, "stddev": 0.1, "median": 1.4, "rounds": 5}
    saved = {"datetime": "2026-03-01", "benchmarks": [{"fullname": "a", "stats": stats}]}
    artifact = {"datetime": "2026-03-02", "benchmarks": [{"fullname": "a", "stats": stats | {"data": [1.0, 2.0]}}]}
    other = {"datetime": "2026-03-01", "benchmarks": [{"fullname": "a", "stats": stats | {"min": 0.9}}]}
    assert identity(saved) == identity(artifact) != identity(other)
    assert identity(saved | {"suite": {"run_id": "x"}}) == "x"
    assert identity({"benchmarks": 3}) == identity({"benchmarks": 3}) != identity({"datetime": "2026"})
