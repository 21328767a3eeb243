"""Whether every injection is reported as its rule says: made-up runs in which the answer is known."""

from __future__ import annotations

import copy

import pytest

from proof.score import unchanged
from proof.score.sight import alone, enough, injections, main, only, score
from proof.score.stored import read_all
from proof.sight import NIGHT, ON_A_CPU, PLANS, RULES
from regression.shared import EVERY
from tests.proof.sight_runs import IDS, MODEL, Runs, everything, slowed


@pytest.fixture
def runs(tmp_path):
    return Runs(tmp_path / "runs").add(5)


def read(runs):
    found, left_out = read_all([runs.path])
    assert not left_out
    return found


@pytest.mark.parametrize("plan", [*PLANS.values(), ON_A_CPU])
def test_a_plan_injects_one_thing_into_a_benchmark_and_leaves_some_alone(plan):
    benchmarks = [one.benchmark for one in plan.injections]
    assert len(set(benchmarks)) == len(benchmarks) and set(benchmarks) <= set(plan.benchmarks)
    assert {f"{MODEL}-{benchmark}" for benchmark in plan.benchmarks} <= set(IDS)


def test_a_night_has_every_kind_of_injection():
    assert {one.kind for one in NIGHT.injections} == RULES.keys()
    batches = {(one.kind, one.benchmark.rpartition("-")[2]) for one in NIGHT.injections}
    assert {(kind, batch) for kind in ("operator", "kernel") for batch in ("b1", "b128")} < batches


def test_every_injection_is_reported_and_named_and_nothing_else(runs, capsys):
    runs.add(3, **slowed(), name="slowed")
    scores = score(read(runs))
    assert scores.judged == 3 and not scores.accused and not scores.listed and scores.others > 250
    assert scores.seen.keys() == {(one.kind, one.benchmark) for one in NIGHT.injections}
    for place, found in scores.seen.items():
        assert [one.reported for one in found] == [True] * 3, (place, found[0].said)
        assert all(one.named is (True if RULES[place[0]].named else None) for one in found), place
    sizes = {kind: found[0].size for (kind, _), found in scores.seen.items()}
    assert sizes["host"] == pytest.approx(0.3, rel=0.01) and sizes["kernel"] == pytest.approx(0.01, rel=0.02)
    assert sizes["operator"] == pytest.approx(0.01, rel=0.02) and sizes["launch"] is None
    assert scores.passed and main([str(runs.path)]) == 0
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if line.startswith("operator eager-fp32-b1 "))
    assert "to 2.0" in line and line.count("3 of 3") == 2
    assert "3 runs judged" in printed and "0 accused and 0 listed of" in printed


def test_what_is_not_there_is_missed(runs, capsys):
    """Each injection that is claimed and was not done, by itself."""
    for benchmark in slowed()["does"]:
        kinds = slowed()
        kinds["does"].pop(benchmark)
        again = Runs(runs.path.parent / benchmark).add(5).add(3, **kinds)
        scores = score(read(again))
        missed = {place for place, found in scores.seen.items() if not enough(place[0], found)}
        assert {f"{MODEL}-{id_}" for _, id_ in missed} == {benchmark}
        assert not scores.passed
    assert main([str(again.path), "-v"]) == 1
    printed = capsys.readouterr().out
    assert "too few" in printed and "missed: python_calls SAME" in printed


def test_an_injection_smaller_than_asked_for_is_not_held_against_the_judge(runs, capsys):
    kinds = copy.deepcopy(slowed())
    for id_, entries in kinds["injected"].items():
        for entry in entries:
            if entry["kind"] == "operator":
                entry["size_s"] /= 2
                del kinds["does"][id_]
    runs.add(3, **kinds)
    scores = score(read(runs))
    assert all(one.undersized for (kind, _), found in scores.seen.items() for one in found if kind == "operator")
    assert scores.passed and main([str(runs.path)]) == 0
    assert capsys.readouterr().out.count("3 others smaller than asked for") == 2


def test_work_of_the_host_stays_its_share_where_the_host_is_slow(runs):
    """Stored in seconds of the host as it was when calibrated, it would look smaller than it is."""
    kinds = copy.deepcopy(slowed())
    (entry,) = kinds["injected"][f"{MODEL}-eager-fp16-b1"]
    entry.update(size_s=entry["size_s"] / 2, share=0.3)
    runs.add(3, **kinds)
    scores = score(read(runs))
    assert [one.size for one in scores.seen["host", "eager-fp16-b1"]] == [0.3] * 3 and scores.passed


def test_what_lengthens_kernels_is_judged_without_the_others_that_do(runs):
    runs.add(3, **slowed())
    run = next(run for run in read(runs) if injections(run))
    (one,) = (one for one in injections(run) if (one.kind, one.benchmark) == ("kernel", f"{MODEL}-tensorrt-fp16-b1"))
    left = set(run.benchmarks) - alone(one, run)
    assert left == {other.benchmark for other in injections(run) if other.kind in ("kernel", "operator")} - {
        one.benchmark
    }
    assert one.benchmark in only(run, alone(one, run)).benchmarks and len(left) == 3


def test_what_was_not_injected_is_accused(runs):
    """A benchmark that became slower, and one that synchronises, though nothing was done to them."""
    kinds = copy.deepcopy(slowed())
    kinds["does"][f"{MODEL}-torchscript-fp32-b1"] = {"kernel": 0.02}
    kinds["does"][f"{MODEL}-eager-fp16-b128"] = {"synchronisation": 1}
    runs.add(3, **kinds)
    scores = score(read(runs))
    accused = {place[0] for place in scores.accused}
    assert accused == {f"{MODEL}-torchscript-fp32-b1", f"{MODEL}-eager-fp16-b128"} and not scores.passed


def test_another_operator_than_the_slow_one_is_a_wrong_name(runs):
    kinds = copy.deepcopy(slowed())
    entry = kinds["injected"][f"{MODEL}-eager-fp32-b1"][0]
    entry["asked"] = entry["asked"].replace("blocks.2.0", "blocks.3.0")
    wrong = Runs(runs.path.parent / "wrong")
    references = {id_: [{"kind": "operator", "asked": kinds["injected"][id_][0]["asked"].partition("+")[0]}]
                  for id_ in (f"{MODEL}-eager-fp32-b1", f"{MODEL}-eager-fp32-b128")}  # fmt: skip
    scores = score(read(wrong.add(5, injected=references).add(3, **kinds)))
    (found,) = (found for place, found in scores.seen.items() if place == ("operator", "eager-fp32-b1"))
    assert all(one.reported and one.named is False for one in found) and not scores.passed


def test_everything_is_a_shift_of_all_benchmarks(runs):
    runs.add(3, **everything(), name="everything")
    scores = score(read(runs))
    (found,) = scores.seen.values()
    assert scores.seen.keys() == {("everything", EVERY)} and all(one.reported for one in found) and scores.passed


def test_runs_confirm_those_that_were_slowed_alike_on_their_gpu(runs, capsys):
    runs.add(2, **slowed())
    larger = copy.deepcopy(slowed())
    larger["injected"][f"{MODEL}-tensorrt-fp16-b1"][0]["asked"] = "3%"
    runs.add(1, **larger)
    runs.add(3, **slowed(), uuid="GPU-2")
    assert main([str(runs.path)]) == 2
    said = capsys.readouterr().err
    assert said.count("5 runs to compare with and 1 other run of its GPU and day") == 2
    assert said.count("0 runs to compare with and 2 other runs") == 3 and "Nothing to judge" in said


def test_runs_without_the_spin_kernel_in_the_operator_are_no_baseline(tmp_path):
    runs = Runs(tmp_path / "plain").add(5, injected=None).add(3, **slowed())
    scores = score(read(runs))
    assert not scores.judged and len(scores.too_few) == 3


def test_runs_to_compare_with_are_unchanged_code(runs, capsys):
    """They differ from each other by nothing; a run without the spin kernel is other code."""
    runs.add(4).add(1, injected=None).add(1, **slowed())
    assert unchanged.main([str(runs.path), "--choices=20"]) == 0
    captured = capsys.readouterr()
    assert "9 unchanged runs of 12 benchmarks" in captured.out
    assert captured.err.count("has a spin kernel in other operators") == 1
