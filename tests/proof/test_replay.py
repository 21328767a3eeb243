"""Replayed rehearsals of the recorded pairs: unchanged ones are never called changed, and 15 % is found."""

from __future__ import annotations

from pathlib import Path

from proof.rehearsals.replay import main, verdicts
from regression.judge.verdict import Verdict
from rehearsal.record import read

FILE = Path(__file__).resolve().parents[2] / "proof" / "rehearsals" / "unchanged-cpu.json"
TIMES = 200


def test_one_environment_on_both_sides_is_wrong_in_at_most_one_percent():
    found = verdicts(read(FILE), 1.0, TIMES)
    wrong = sum(any(said[0] in (Verdict.SLOWER, Verdict.FASTER) for said in one.values()) for one in found)
    assert wrong <= TIMES * 0.01
    assert all(holds for one in found for _, _, holds in one.values())


def test_fifteen_percent_is_found():
    found = verdicts(read(FILE), 1.15, TIMES)
    slower = [said[0] is Verdict.SLOWER for one in found for said in one.values()]
    assert sum(slower) >= 0.95 * len(slower)


def test_the_command_prints_a_table(capsys):
    assert main([str(FILE), "--times", "3", "--slower", "0"]) == 0
    assert "| 0 % | any benchmark wrong | 0 of 3 rehearsals |" in capsys.readouterr().out
