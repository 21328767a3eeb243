"""What a neighbour does is told beside how far the phases alone lie apart by themselves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from proof.neighbours import ALONE, BESIDE, Looks, lines, main


def test_phases_are_compared_and_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "looks.json"
    looks = Looks(file, {"device": "a GPU", "command": ["pytest"]})
    for phase, value_s in ((ALONE, 0.010), (ALONE, 0.0101), (BESIDE, 0.0110)):
        looks.begin(phase)
        for disturbed in (1.0, 1.0, 3.0):
            looks.add("latency", "eager-b1", value_s * disturbed)
        looks.add("kernel time", "eager-b1", 500e-6)
    looks.store()
    assert json.loads(file.read_text()) == looks.all()
    assert main([str(file)]) == 0
    head, latency, kernels = capsys.readouterr().out.splitlines()
    assert head.split() == ["alone", "beside", "change", "alone,", "its", "phases"]
    assert latency.split() == ["latency", "eager-b1", "10.05", "ms", "11", "ms", "+9.45%", "within", "1.00%"]
    assert kernels.split() == ["kernel", "time", "eager-b1", "500", "us", "500", "us", "+0.00%", "within", "0.00%"]


def test_what_has_no_other_side_is_left_out() -> None:
    look = {"metric": "latency", "benchmark": "eager-b1", "phase": ALONE, "number": 1, "at_s": 0.0, "value_s": 0.01}
    assert len(lines({"looks": [look]})) == 1


def test_a_file_that_is_none_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err
