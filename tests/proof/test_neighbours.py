"""What a neighbour does is told beside how far the phases alone lie apart by themselves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from proof.neighbours import ALONE, BESIDE, Looks, lines, lines_of_visits, main


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
    head, latency, kernels, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["alone", "beside", "change", "alone,", "its", "phases"]
    assert latency.split() == ["latency", "eager-b1", "10.05", "ms", "11", "ms", "+9.45%", "within", "1.00%"]
    assert kernels.split() == ["kernel", "time", "eager-b1", "0.5", "ms", "0.5", "ms", "+0.00%", "within", "0.00%"]


def test_what_has_no_other_side_is_left_out() -> None:
    phase = {"phase": ALONE, "looks": {"latency": {"eager-b1": [0.01]}}}
    assert len(lines({"phases": [phase]})) == 1


def test_visits_of_a_steady_call_agree_however_many_they_are() -> None:
    rng = np.random.default_rng(1)
    steady = 0.01 * np.exp(rng.normal(0, 0.001, 6000))
    restless = 0.01 * np.exp(rng.normal(0, 0.3, 6000))
    looks = {"latency": {"steady": steady.tolist(), "restless": restless.tolist(), "short": [0.01] * 60}}
    rows = dict(
        re.split(r"\s{2,}", line, maxsplit=1)
        for line in lines_of_visits({"phases": [{"phase": BESIDE, "looks": looks}]})
    )
    assert list(rows) == ["latency from", "steady", "restless"]  # one stretch alone says nothing
    strays = {name: [float(value.rstrip("%")) for value in row.split()] for name, row in list(rows.items())[1:]}
    assert max(strays["steady"]) < 0.1 and strays["restless"][0] > 1.3 * strays["restless"][-1] > 4


def test_a_file_that_is_none_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.json")]) == 2
    assert "cannot be read" in capsys.readouterr().err
