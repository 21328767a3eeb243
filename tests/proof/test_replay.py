"""Replayed rehearsals of the recorded pairs: unchanged ones are never called changed, and 15 % is found."""

from __future__ import annotations

from pathlib import Path

from proof.rehearsals import budget
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


def test_more_pairs_detect_less_and_too_few_detect_nothing():
    record = read(FILE)
    assert [budget.pairs_within(record, 60 * minutes) for minutes in (1, 2, 3, 5, 60)] == [2, 4, 6, 8, 8]
    assert all(one.detectable is None and one.found_percent is None for one in budget.reach(record, 2, 5).values())
    few, many = (budget.reach(record, pairs, 20) for pairs in (3, 8))
    for name in record.compared():
        claims = [one[name].detectable or 0.0 for one in (many, few)]
        assert 0.02 < claims[0] < claims[1] < 0.5
        found = [one[name].found_percent or 0 for one in (many, few)]
        assert 0 < found[0] < found[1] < budget.LARGEST_PERCENT
