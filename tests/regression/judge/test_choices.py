"""Operators are compared given the kernels chosen: what is learned from a baseline, and what is said of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from regression.changes import with_min_changes
from regression.explain.operators import operator_changes
from regression.judge.algorithms import learn_algorithms
from regression.judge.choices import OtherChoice, learn, match, other_choices, vary
from regression.judge.exchanged import exchanged
from regression.judge.judge import judge
from regression.judge.operator_calls import other_calls
from regression.judge.verdict import Judgement, Reason, Report, Verdict
from regression.runs.operator_table import Launch, StoredOperator
from regression.runs.run import Benchmark, Run
from tests.regression.judge.machine import CONVOLUTIONS, ID, OTHERS, US, Machine, of, operator, sums


def named(*kernels: str) -> tuple[Launch, ...]:
    return tuple(map(Launch, kernels))


def test_a_factor_is_the_deviation_of_a_runs_sum_where_all_choices_are_the_same():
    runs = [[operator("a", "x", 10 * f), operator("b", "y", 90 * f)] for f in (1.0, 1.01, 0.99, 1.02)]
    known = learn(runs)
    logs = np.log([sums(rows) for rows in runs])
    np.testing.assert_allclose(np.log(known.factors), logs - logs.mean(), atol=1e-9)
    assert match(known, runs[1]).share == 1


def test_a_factor_does_not_know_what_other_kernels_cost():
    """The second operator has a slow kernel in two of four runs; but for that they are equal."""
    runs = [[operator("a", "x", 50), operator("b", kernel, us)] for kernel, us in [("y", 10), ("z", 30)] * 2]
    known = learn(runs)
    np.testing.assert_allclose(known.factors, 1)
    slower = match(known, [operator("a", "x", 51), operator("b", "z", 30.6)])
    assert slower.factor == pytest.approx(1.02) and slower.share == 1


def test_a_choice_that_one_run_alone_made_says_nothing_of_that_run():
    runs = [[operator("a", "x", 50), operator("b", "y", 10)]] * 3 + [
        [operator("a", "x", 51), operator("b", "z", 500)],
    ]
    known = learn(runs)
    assert known.factors[3] / known.factors[0] == pytest.approx(1.02)


def test_a_gpu_that_is_slower_does_not_make_its_own_choices_look_slow():
    quick = [[operator("a", "x", 100), operator("b", "y", 10)]] * 3
    slow = [[operator("a", "x", 110), operator("b", "z", 11)]] * 3
    known = learn([*quick, *slow])
    (y_s, z_s) = (known.times_s[("b", 0), named(kernel)] for kernel in "yz")
    assert z_s == pytest.approx(y_s)


def test_a_run_without_operators_is_not_known():
    known = learn([[operator("a", "x", 50)], (), [operator("a", "x", 50)]])
    assert np.isnan(known.factors).tolist() == [False, True, False]
    nothing = learn([(), ()])
    assert match(nothing, [operator("a", "x", 1)]).share == 0 and np.isnan(nothing.factors).all()


def test_equal_names_are_told_apart_by_their_order():
    runs = [[operator("a", "x", 10), operator("a", "y", 20)]] * 2
    assert match(learn(runs), [operator("a", "y", 10), operator("a", "x", 20)]).share == 0


def rounded(others: Sequence[OtherChoice]) -> list[tuple[str, tuple[str, ...], tuple[str, ...], float]]:
    return [(other.operator, names(other.before), names(other.now), round(other.cost_s / US, 6)) for other in others]


def names(launches: Sequence[Launch]) -> tuple[str, ...]:
    return tuple(launch.kernel for launch in launches)


def test_other_choices_are_named_with_what_they_cost():
    runs = [[operator("a", "x", 50), operator("b", kernel, us)] for kernel, us in [("y", 10), ("y", 10), ("z", 16)]]
    now = [operator("a", "x", 55), operator("b", "w", 22), operator("c", "v", 11)]
    assert rounded(other_choices(learn(runs), now)) == [("c", (), ("v",), 10), ("b", ("y",), ("w",), 8)]
    assert rounded(other_choices(learn(runs), now[:1])) == [("b", ("y",), (), -12)]


def test_of_operators_of_one_name_the_number_says_which_was_chosen_anew():
    before = [operator("aten::conv2d", "x", 10)] * 40
    now = [*before[:16], operator("aten::conv2d", "y", 15), *before[17:]]
    assert rounded(other_choices(learn([before] * 3), now)) == [("aten::conv2d #17", ("x",), ("y",), 5)]


CONV = "aten::conv2d"


def convolutions(
    random: np.random.Generator, number: int = 53
) -> tuple[list[list[StoredOperator]], list[StoredOperator]]:
    """Two runs of convolutions of one name, as TorchScript's are, and one more process that mixes what both chose.

    Of every third, the runs chose another kernel each, out of six that all of them share.
    """
    kernels = random.integers(6, size=(number, 2))
    kernels[np.arange(number) % 3 > 0, 1] = kernels[np.arange(number) % 3 > 0, 0]

    def process(choices: Sequence[int]) -> list[StoredOperator]:
        chosen = kernels[np.arange(number), choices].tolist()
        return [operator(CONV, f"kernel_{kernel}", 10 + kernel) for kernel in chosen]

    runs = [process([choice] * number) for choice in (0, 1)]
    return runs, process(random.integers(2, size=number).tolist())


@pytest.mark.parametrize("seed", range(20))
def test_one_that_is_inserted_among_those_of_one_name_is_one_that_is_new(seed):
    random = np.random.default_rng(seed)
    runs, now = convolutions(random)
    number = int(random.integers(len(now) + 1))
    now.insert(number, operator(CONV, "inserted", 7))
    assert rounded(other_choices(learn(runs), now)) == [(f"{CONV} #{number + 1}", (), ("inserted",), 7)]
    found = match(learn(runs), now)
    assert found.share == pytest.approx(1 - 7 * US / sums(now))
    assert found.factor == pytest.approx(sums(now) / (sums(now) - 7 * US)) and found.speed == pytest.approx(1)
    changes = operator_changes(runs, now, 7 * US)
    assert [(one.operator, one.change_s) for one in changes if one.kind == "new"] == [(f"{CONV} #{number + 1}", 7 * US)]
    assert not [one for one in changes if one.kind in ("other kernels", "gone")]


@pytest.mark.parametrize("seed", range(20))
def test_one_that_is_taken_from_those_of_one_name_is_one_that_is_gone(seed):
    random = np.random.default_rng(seed)
    runs, now = convolutions(random)
    runs = [[*run[:20], operator(CONV, "taken", 7), *run[20:]] for run in runs]
    assert rounded(other_choices(learn(runs), now)) == [(f"{CONV} #21", ("taken",), (), -7)]
    assert match(learn(runs), now).factor == pytest.approx(sums(now) / (sums(now) + 7 * US))


@pytest.mark.parametrize("seed", range(20))
def test_one_that_is_inserted_with_a_kernel_of_the_others_is_one_as_well(seed):
    """Which of several that launch the same is the new one, nobody can say."""
    random = np.random.default_rng(seed)
    runs, now = convolutions(random)
    now.insert(int(random.integers(len(now) + 1)), operator(CONV, "kernel_3", 13))
    (found,) = other_choices(learn(runs), now)
    assert found.before == () and not found.is_selection


def test_beside_one_that_is_inserted_another_choice_is_told_as_one():
    runs, now = convolutions(np.random.default_rng(1))
    now[40] = operator(CONV, "other", 15)
    now.insert(16, operator(CONV, "inserted", 7))
    found = {(one.operator, names(one.now)) for one in other_choices(learn(runs), now)}
    assert found == {(f"{CONV} #17", ("inserted",)), (f"{CONV} #42", ("other",))}


def test_of_operators_of_one_name_the_number_says_which_makes_other_calls():
    before = [StoredOperator("aten::conv2d", ("x",), 10 * US, {"cudaLaunchKernel": 1})] * 3
    now = [before[0], dataclasses.replace(before[1], api_calls={"cudaLaunchKernel": 1, "cudaMalloc": 1}), before[2]]
    assert other_calls(now, [before] * 2, learn_algorithms([])) == ["cudaMalloc 0 -> 1 in aten::conv2d #2"]


def test_the_same_kernels_show_what_the_sum_cannot():
    """2 % in every kernel, whose choice moves the sum by 3 %."""
    machine = Machine()
    everywhere = dict.fromkeys(range(CONVOLUTIONS + OTHERS), 1.02)
    report = machine.judged(
        machine.operators(everywhere), machine.operators(everywhere), now=machine.operators(everywhere)
    )
    found = of(report, "same_kernels")
    assert (found.verdict, found.reason) == (Verdict.SLOWER, Reason.WITHOUT_CONTROLS)
    assert found.ratio == pytest.approx(1.02, abs=0.002)
    assert found.detectable_ratio is not None and found.detectable_ratio < 1.02
    assert of(report, "selection").verdict is Verdict.SAME
    whole = of(report, "kernel_time")
    assert (whole.verdict, whole.reason) == (Verdict.UNSURE, Reason.NOISY)
    assert whole.detectable_ratio is not None and whole.detectable_ratio > 1.05


def test_an_unchanged_night_is_same_in_all_three():
    machine = Machine()
    for _ in range(20):
        report = machine.judged(now=machine.operators())
        assert {item.verdict for item in report.judgements} == {Verdict.SAME}
        assert of(report, "kernel_time").reason is Reason.BY_OPERATORS


def test_what_is_shown_are_seconds():
    machine = Machine(noise=0.0, restless=False)
    report = machine.judged(now=machine.operators({5: 1.01}))
    same = of(report, "same_kernels")
    assert same.baseline == pytest.approx(machine.times_us[:, 0].sum() * US)
    assert same.now == pytest.approx(same.baseline + 0.01 * machine.times_us[5, 0] * US)
    selection = of(report, "selection")
    assert selection.baseline == pytest.approx(same.baseline) == selection.now


def test_kernels_that_do_not_vary_make_the_parts_equal_to_the_whole():
    """As with TensorRT, which is one operator."""
    rows = [(operator("tensorrt::execute_engine", "k", 500 * f),) for f in (1.0, 1.0004, 0.9997, 1.0002, 0.9999)]
    machine = Machine()
    before = [machine.run(f"{number}.json", row) for number, row in enumerate(rows)]
    report = judge(machine.run("now.json", (operator("tensorrt::execute_engine", "k", 510),), 2), before)
    same, whole = of(report, "same_kernels"), of(report, "kernel_time")
    assert same.ratio == pytest.approx(whole.ratio) and same.verdict is whole.verdict is Verdict.SLOWER
    assert of(report, "selection").ratio == pytest.approx(1)


def test_a_bad_baseline_run_is_named_once_and_not_for_every_part():
    machine = Machine(restless=False)
    slow = dict.fromkeys(range(CONVOLUTIONS + OTHERS), 1.01)
    ids = [f"net-{variant}-b1" for variant in "abcdef"]
    runs = [machine.run(f"{n}.json", machine.operators(slow if n == 2 else None)) for n in range(6)]
    runs = [dataclasses.replace(r, benchmarks=dict.fromkeys(ids, r.benchmarks[ID])) for r in runs]
    named = [note for note in judge(runs[5], runs[:5]).notes if "replace it" in note]
    assert len(named) == 1 and "2.json" in named[0] and " in kernel time" in named[0]


def test_a_costly_new_choice_is_named_with_operator_and_kernels():
    """A kernel of 5 times the time at ten places, of a model whose choices are otherwise the same."""
    machine = Machine(restless=False, noise=0.0005)
    new = dict.fromkeys(range(0, 100, 10), 3)
    report = machine.judged(*(machine.operators(chosen=new) for _ in range(2)), now=machine.operators(chosen=new))
    same, selection = of(report, "same_kernels"), of(report, "selection")
    assert same.verdict is Verdict.SAME
    assert selection.verdict is Verdict.SLOWER
    costliest = max(new, key=lambda place: machine.times_us[place, 0])
    assert f"blocks.{costliest} +{4 * machine.times_us[costliest, 0]:.2f} us: kernel_0 -> kernel_3" in selection.detail
    assert selection.detail.count("->") == 3, "the costliest three"
    assert of(report, "kernel_time").verdict is Verdict.SLOWER


def test_a_run_that_launches_mostly_other_kernels_is_unsure_and_says_so():
    machine = Machine(restless=False)
    report = machine.judged(now=machine.operators(chosen=dict.fromkeys(range(CONVOLUTIONS + OTHERS - 10), 2)))
    same = of(report, "same_kernels")
    assert (same.verdict, same.reason) == (Verdict.UNSURE, Reason.OTHER_KERNELS)
    assert "% of the time is in operators whose choice of kernels the baseline has seen" in same.detail


def test_an_added_operator_is_no_choice_and_shows_as_the_same_kernels_do():
    """1 %, which the selection could not show."""
    machine = Machine(noise=0.0003)
    added = (operator("blocks.new aten::add", "add", 8.0),)
    now, *again = (machine.operators() + added for _ in range(3))
    report = machine.judged(*again, now=now)
    assert of(report, "selection").verdict is Verdict.SAME
    same = of(report, "same_kernels")
    assert same.verdict is Verdict.SLOWER and same.ratio == pytest.approx(1.01, abs=0.003)
    assert "blocks.new aten::add +" in same.detail and "nothing -> add" in same.detail


def test_an_operator_that_is_gone_makes_it_faster():
    machine = Machine(noise=0.0003)
    now, *again = (machine.operators()[:-2] for _ in range(3))
    report = machine.judged(*again, now=now)
    same = of(report, "same_kernels")
    assert same.verdict is Verdict.FASTER and "kernel_0 -> nothing" in same.detail
    share = machine.times_us[-2:, 0].sum() / np.mean([sums(machine.operators()) for _ in range(50)]) * US
    assert same.ratio == pytest.approx(1 - share, abs=0.003)


def test_a_disturbed_baseline_run_teaches_nothing():
    machine = Machine(restless=False)
    slow = machine.run("slow.json", machine.operators(dict.fromkeys(range(180), 2.0)))
    disturbed = Benchmark(**{**vars(slow.benchmarks[ID]), "disturbances": ("hw_slowdown",)})
    calm = [machine.run(f"{number}.json", machine.operators()) for number in range(5)]
    now = machine.run("now.json", machine.operators(), 2)
    alone = of(judge(now, calm), "same_kernels")
    with_it = judge(now, [*calm, Run(path=Path("slow.json"), datetime="2026-03-01", benchmarks={ID: disturbed})])
    assert of(with_it, "same_kernels").ratio == pytest.approx(alone.ratio)


def test_runs_without_operators_are_judged_as_wholes_and_named():
    machine = Machine(restless=False)
    silent = []
    for number in range(5):
        rows = machine.operators()
        values = {"kernel_time": sums(rows)}
        benchmarks = {ID: Benchmark(id=ID, values=values)}
        silent.append(Run(path=Path(f"{number}.json"), datetime="2026-03-01", benchmarks=benchmarks))
    report = judge(machine.run("now.json", machine.operators(), 2), silent)
    assert {item.metric for item in report.judgements} == {"kernel_time"}
    assert any("5 runs of the baseline cannot speak of operators" in note for note in report.notes)
    backwards = judge(silent[0], [machine.run(f"b{number}.json", machine.operators()) for number in range(5)])
    assert {item.metric for item in backwards.judgements} == {"kernel_time"} and not backwards.failed


def test_a_minimum_effect_of_kernel_time_holds_for_its_parts():
    machine = Machine(restless=False)
    slow = dict.fromkeys(range(180), 1.03)
    again = [machine.operators(slow) for _ in range(2)]
    report = machine.judged(*again, now=machine.operators(slow), metrics=with_min_changes(["kernel_time=5%"]))
    assert {item.verdict for item in report.judgements} == {Verdict.SAME}


def test_unchanged_nights_fail_no_more_often_than_they_may():
    """200 nights whose processes spread as the priors say; each fails with a probability of 1 % at most."""
    failed = 0
    for night in range(200):
        machine = Machine(seed=night, noise=0.0016)
        rows = [machine.operators() for _ in range(3)]
        failed += machine.judged(*rows[1:], now=rows[0]).failed
    assert failed <= 6


ENGINE = ("conv", "mul", "conv", "fc") * 30


@pytest.mark.parametrize(
    "before, now, said",
    [
        (("old",), ("new",), "old -> new"),
        (("old", "copy"), ("new", "copy"), "old -> new"),
        (ENGINE, (*ENGINE, "spin"), "also spin"),
        (ENGINE, (*ENGINE, "spin", "spin"), "also 2 x spin"),
        ((*ENGINE, "spin"), ENGINE, "no longer spin"),
        (ENGINE, ENGINE[::-1], "the same kernels in another order"),
        ((), ("new",), "nothing -> new"),
        (("old",), (), "old -> nothing"),
        (tuple("abcde"), tuple("vwxyz"), "a + b + c + 2 more -> v + w + x + 2 more"),
    ],
)
def test_only_the_kernels_that_came_and_went_are_named(before, now, said):
    assert exchanged(named(*before), named(*now), str) == said


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        ([(8, 4, 6)], [(8, 4, 3)], "a 8x4x6 -> 8x4x3 blocks"),
        ([(8, 4, 6), None, (2, 1, 1)], [(8, 4, 3), None, (2, 1, 1)], "a 8x4x6 -> 8x4x3 blocks"),
        ([None], [(8, 4, 3)], "a unknown -> 8x4x3 blocks"),
        ([(1, 1, 1)] * 5, [(2, 1, 1)] * 5, " + ".join(f"{k} 1x1x1 -> 2x1x1 blocks" for k in "abc") + " + 2 more"),
    ],
)
def test_of_the_same_kernels_the_grids_that_differ_are_named(before, now, said):
    old, new = (tuple(map(Launch, "abcde"[: len(grids)], grids)) for grids in (before, now))
    assert exchanged(old, new, str) == said


Grid = tuple[int, int, int]
TILES = {6: 10.3, 3: 6.65, 2: 14.0}
"""Microseconds of a split matrix product, by how many slices its grid has."""
SPLITS = [(6, 3, 6, 3), (6, 6, 3, 3), (3, 6, 6, 6), (6, 3, 3, 6), (3, 6, 3, 6)]
"""What cuBLASLt chose for four products in each of five processes."""


class Splitting(Machine):
    """A GPU on which four matrix products launch the same two kernels in each process, with one grid or another."""

    def __init__(self, grids: bool = True, seed: int = 3) -> None:
        super().__init__(seed=seed, restless=False)
        self.times_us, self.grids = self.times_us[:10], grids

    def process(self, *slices: int, factor: float = 1.0, grids: bool | None = None) -> tuple[StoredOperator, ...]:
        told = self.grids if grids is None else grids
        rows = [dataclasses.replace(row, grids=((64, 1, 1),) if told else ()) for row in self.operators()]
        noise = rows[0].time_s / (self.times_us[0, 0] * US)
        for place, z in enumerate(slices):
            launched: tuple[Grid, ...] = ((8, 4, z), (2, 1, 1)) if told else ()
            time_s = TILES[z] * US * noise
            rows.append(StoredOperator(f"blocks.{place}.conv_pwl", ("gemm", "splitK"), time_s, grids=launched))
        return tuple(dataclasses.replace(row, time_s=row.time_s * factor) for row in rows)

    def report(self, now, *again, told: Sequence[bool] | None = None) -> Report:
        known = told or [self.grids] * len(SPLITS)
        before = [
            self.run(f"{number}.json", self.process(*slices, grids=grids))
            for number, (slices, grids) in enumerate(zip(SPLITS, known, strict=True))
        ]
        return judge(self.run("now.json", now, 2, again), before)


def test_baseline_runs_that_differ_by_grid_leave_the_spread_of_one_grid():
    machine, same = Splitting(), Splitting()
    report = machine.report(machine.process(*SPLITS[0]))
    of_one = judge(
        same.run("now.json", same.process(*SPLITS[0]), 2),
        [same.run(f"{number}.json", same.process(*SPLITS[0])) for number in range(5)],
    )
    found, least = (of(one, "same_kernels").detectable_ratio for one in (report, of_one))
    assert found is not None and least is not None and found < 1.01
    assert found - 1 < 2 * (least - 1), "the prior of kernels that vary is a little wider"
    blind = Splitting(grids=False)
    by_name = of(blind.report(blind.process(*SPLITS[0])), "same_kernels").detectable_ratio
    assert by_name is not None and by_name > 1.1


def test_three_percent_more_with_grids_that_were_seen_is_slower_in_the_same_kernels():
    machine = Splitting()
    slower = [machine.process(*slices, factor=1.03) for slices in SPLITS[1:4]]
    report = machine.report(*slower)
    found = of(report, "same_kernels")
    assert found.verdict is Verdict.SLOWER and found.ratio == pytest.approx(1.03, abs=0.003)
    assert of(report, "selection").verdict is Verdict.SAME


def test_a_grid_that_no_run_has_seen_counts_in_the_selection_and_is_named():
    machine = Splitting()
    now, *again = (machine.process(2, 3, 2, 6) for _ in range(3))
    report = machine.report(now, *again)
    same, selection = of(report, "same_kernels"), of(report, "selection")
    assert same.verdict is Verdict.SAME and same.ratio == pytest.approx(1, abs=0.003)
    assert selection.ratio == pytest.approx(1.15, abs=0.03)
    others = other_choices(learn([machine.process(*one) for one in SPLITS]), now)
    assert {(other.operator, exchanged(other.before, other.now, str)) for other in others} == {
        ("blocks.0.conv_pwl", "gemm 8x4x6 -> 8x4x2 blocks"),
        ("blocks.2.conv_pwl", "gemm 8x4x3 -> 8x4x2 blocks"),
    }
    assert all(other.is_selection for other in others)


@pytest.mark.parametrize("of_baseline", [False, True], ids=["the baseline", "this run"])
def test_where_one_side_has_no_grids_the_other_is_judged_by_names(of_baseline):
    """As if neither had them."""

    def told(grids: bool, now_grids: bool) -> list[Judgement]:
        machine = Splitting(grids=grids)
        now, *again = (machine.process(*SPLITS[0], factor=1.3, grids=now_grids) for _ in range(3))
        return list(machine.report(now, *again).judgements)

    neither = told(False, False)
    if of_baseline:
        # the prior knows that the baseline's choices vary
        part = "same_kernels"
        one, other = (next(i for i in items if i.metric == part) for items in (told(True, False), neither))
        assert one.ratio == pytest.approx(other.ratio) and one.baseline == pytest.approx(other.baseline)
    else:
        assert told(False, True) == neither


def test_an_older_run_made_the_choice_of_the_newer_ones_where_theirs_is_one():
    """Of the product whose grids differ it says nothing of either; by what is told apart all runs are equal."""
    steady = StoredOperator("a", ("x",), 50 * US, grids=((9, 1, 1),))

    def split(z: int) -> StoredOperator:
        return StoredOperator("b", ("gemm",), TILES[z] * US, grids=((8, 4, z),))

    older = [dataclasses.replace(row, grids=()) for row in (steady, split(3))]
    known = learn([[steady, split(6)], [steady, split(3)], older])
    np.testing.assert_allclose(known.factors, 1)
    assert {launches[0].grid for (name, _), launches in known.times_s if name == "a"} == {(9, 1, 1)}
    assert {launches[0].grid for (name, _), launches in known.times_s if name == "b"} == {(8, 4, 6), (8, 4, 3), None}
    seen, unseen = match(known, [steady, split(3)]), match(known, [steady, split(2)])
    assert seen.share == 1 and seen.factor == pytest.approx(1)
    assert unseen.share == pytest.approx(50 / 64)


def test_a_baseline_that_mixes_older_and_newer_runs_is_judged():
    machine = Splitting()
    slower = [machine.process(*SPLITS[0], factor=1.03) for _ in range(3)]
    found = of(machine.report(*slower, told=(True, True, True, True, False)), "same_kernels")
    assert found.verdict is Verdict.SLOWER and found.ratio == pytest.approx(1.03, abs=0.005)


def test_grids_that_vary_are_kernels_that_vary():
    machine = Splitting()
    runs = [machine.run(f"{z}.json", machine.process(z, 6, 6, 6)).benchmarks[ID] for z in (6, 3)]
    without = [machine.run("older.json", machine.process(6, 6, 6, 6, grids=False)).benchmarks[ID]]
    assert vary(runs) and not vary(runs[:1] * 2) and not vary([*without, runs[0]]) and not vary(without * 2)
