"""Mangled stored runs: a report or a sentence comes out, and the check finds what is neither."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from proof import mangled
from regression.metric import Metric
from regression.runs.read import read

RUNS = 200


@pytest.fixture(scope="module")
def originals() -> list[str]:
    return mangled.documents()


def test_what_is_mangled_holds_every_kind_of_field_and_is_sound(originals: list[str], tmp_path: Path) -> None:
    stored = tmp_path / "run.json"
    stored.write_text(originals[0])
    run = read(stored)
    assert not run.problems and len(run.confirmations) == 2 and len(run.labels) == 2
    assert len(run.benchmarks) == 1 + len(run.measured)
    for benchmark in (run.benchmarks[id_] for id_ in run.measured):
        assert benchmark.operators and benchmark.visited and {"python_calls", "relative_error"} <= set(benchmark.values)
    assert len(originals[0]) < 100_000
    assert "FASTER" not in originals[0] and len(originals) == 1 + mangled.BASELINES


def test_nothing_but_a_report_or_a_sentence_comes_of_mangled_runs(originals: list[str], tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for number in range(RUNS):
        folder = tmp_path / str(number)
        folder.mkdir()
        counts[mangled.outcome(number, originals, folder)] += 1
    # All three ways, judged as a rule; and bytes that leave no run.
    assert {what for what, times in counts.items() if times > 20} >= {f"{way}: judged" for way in mangled.WAYS}
    assert counts["other bytes: refused"]


def test_a_run_is_made_of_its_number_alone(originals: list[str], tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        mangled.outcome(7, originals, tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_a_judge_that_believes_broken_numbers_is_found(
    originals: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Metric, "number", lambda self, raw: abs(float(raw)) if type(raw) in (int, float) else None)
    for number in range(0, 90, len(mangled.WAYS)):
        folder = tmp_path / str(number)
        folder.mkdir()
        try:
            mangled.outcome(number, originals, folder)
        except mangled.Defect:
            return
    pytest.fail("none of the runs with broken numbers was found")


def test_the_command_counts_and_fails_where_there_is_a_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mangled.main(["--runs", "4", "--first", "1"]) == 0
    assert capsys.readouterr().out.endswith("4 mangled runs, 0 defects\n")
    monkeypatch.setattr(mangled, "collect", lambda paths: json.loads("{"))
    assert mangled.main(["--runs", "1"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("run 0: broken numbers: Traceback") and said.endswith("1 mangled runs, 1 defects\n")
