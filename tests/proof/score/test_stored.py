"""Stored runs for the proofs: which judgings there are, what confirms, and what so few runs bound."""

from __future__ import annotations

import math

import pytest

from proof.score.stored import choices, count_choices, largest_share, read_all
from proof.simulation import judge_twice
from regression.judge.verdict import Reason, Verdict
from tests.proof.proof_runs import IDS, TENSORRT, Folder


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "runs")


@pytest.mark.parametrize("runs, number", [(7, 0), (8, 56 * 3), (9, 126 * 4 * 3)])
def test_every_choice_is_made_once(runs, number):
    found = choices(["a night"] * runs, 10_000, seed=1)
    assert len(set(found)) == len(found) == count_choices(runs) == number
    assert all(len({*item.baseline, item.run, *item.again}) == 8 for item in found)


def test_choices_that_are_too_many_are_drawn_without_repeats_and_repeatably():
    nights = [*"aaaaaaaabbbbbccdefgh"]
    found = choices(nights, 500, seed=3)
    assert len(set(found)) == 500 and found == choices(nights, 500, seed=3) != choices(nights, 500, seed=4)
    assert count_choices(20) == math.comb(20, 5) * 15 * math.comb(14, 2)
    assert {item.run for item in found} == set(range(20))
    assert all(len({*item.baseline, item.run, *item.again}) == 8 for item in found)


def test_every_other_choice_that_is_drawn_is_confirmed_in_its_own_night():
    nights = [*"aaaabbbccdefghijklmn"]
    found = choices(nights, 100, seed=3)
    confirmed = [item for item in found if len({nights[run] for run in (item.run, *item.again)}) == 1]
    assert 50 <= len(confirmed) < 60 and {nights[item.run] for item in confirmed} == {"a", "b"}
    apart = choices([*"abcdefghijklmnopqrst"], 100, seed=3)
    assert len(apart) == 100, "no night has three runs"


@pytest.mark.parametrize(
    "found, independent, share", [(0, 1, 0.95), (0, 20, 1 - 0.05 ** (1 / 20)), (1, 20, 0.2161), (4, 4, 1)]
)
def test_largest_share_is_clopper_and_pearsons(found, independent, share):
    assert largest_share(found, independent) == pytest.approx(share, abs=1e-4)


def test_rule_of_three():
    assert largest_share(0, 300) == pytest.approx(3 / 300, rel=0.01)


def test_what_cannot_be_compared_is_left_out_and_named(folder, tmp_path):
    (first,) = folder.add()
    (other,) = folder.add(gpu="nvidia-h100")
    (broken,) = folder.add()
    broken.write_text("{")
    twin = first.with_name("0009_copy.json")
    twin.write_text(first.read_text())
    runs, left_out = read_all([folder.path])
    assert [run.path for run in runs] == [first]
    assert {item.path for item in left_out} == {other, broken, twin}
    assert set(runs[0].benchmarks[TENSORRT].values) >= {"mean", "median", "min", "kernel_time", "latency"}


@pytest.mark.parametrize("confirmed, verdict", [(True, Verdict.SLOWER), (False, Verdict.UNSURE)])
def test_other_runs_confirm_or_do_not(folder, confirmed, verdict):
    folder.add(5)
    folder.add(1, extra={TENSORRT: 0.02})
    folder.add(2, extra={TENSORRT: 0.02 if confirmed else 0.0})
    runs = folder.runs()
    before, after = judge_twice(runs[5], runs[:5], runs[6:])
    said = {(item.benchmark, item.metric): item for item in after.judgements}
    assert said[TENSORRT, "kernel_time"].verdict is verdict
    assert said[TENSORRT, "kernel_time"].reason is (Reason.CONFIRMED if confirmed else Reason.DISAGREED)
    assert "beside 5 controls" in said[TENSORRT, "kernel_time"].detail
    unsure = [item for item in before.judgements if item.reason is Reason.UNCONFIRMED]
    assert [item.benchmark for item in unsure] == [TENSORRT]
    assert {said[id_, "kernel_time"].verdict for id_ in IDS[:5]} == {Verdict.SAME}
