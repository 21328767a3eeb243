"""Algorithms that cuDNN chooses anew in each process: which counts that explains, and what stays seen beside it.

The runs are five unchanged processes on one H200, each judged against the other four.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from proof.score.stored import read_all
from regression.judge.algorithms import Algorithms, kind_of, learn_algorithms
from regression.judge.choices import all_placed
from regression.judge.counts import judge_counts
from regression.judge.judge import judge
from regression.judge.operator_calls import other_calls
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metric import Kind
from regression.metrics import METRICS
from regression.runs.operator_table import Grid, StoredOperator
from regression.runs.run import Benchmark, Confirmation, Run

ARCHIVE = Path(__file__).resolve().parents[3] / "proof" / "runs" / "nvidia-h200-activations.tar.xz"
RUNS = {run.path.name[:4]: run for run in read_all([ARCHIVE])[0]}
EAGER, TORCHSCRIPT = "efficientnet_b0-eager-fp32-b1", "efficientnet_b0-torchscript-fp32-b1"
CHOSEN = ("aten::conv2d", "aten::_convolution")
MEMSET = "cudaMemsetAsync"
ADDED = ("cudaStreamSynchronize", "cudaMemcpyAsync", "cudaLaunchKernel", "cudaMalloc")
NIGHT, OTHERS = RUNS["0003"], [run for name, run in RUNS.items() if name != "0003"]

Edit = Callable[[StoredOperator], StoredOperator]


def edited(run: Run, id_: str, edit: Edit, **values: float) -> Run:
    """The run with other operators of one benchmark, whose API calls add up as before, and with other values."""
    before = run.benchmarks[id_]
    operators = tuple(edit(row) for row in before.operators)
    calls = Counter(before.parts["api_calls"])
    for old, new in zip(before.operators, operators, strict=True):
        calls.update({call: new.api_calls.get(call, 0) - old.api_calls.get(call, 0) for call in new.api_calls})
    benchmark = dataclasses.replace(
        before,
        operators=operators,
        parts={**before.parts, "api_calls": calls},
        values={**before.values, "api_calls": float(calls.total()), **values},
    )
    benchmarks = {**run.benchmarks, id_: benchmark}
    return dataclasses.replace(run, benchmarks=benchmarks, path=Path("9999_nightly.json"), identity="")


def more(call: str, number: int, *rows: StoredOperator) -> Edit:
    """Every one of these operators, all by default, makes a call so many times more."""

    def edit(row: StoredOperator) -> StoredOperator:
        if rows and not any(row is one for one in rows):
            return row
        return dataclasses.replace(row, api_calls={**row.api_calls, call: row.api_calls.get(call, 0) + number})

    return edit


def judged(run: Run, id_: str = EAGER, metric: str = "api_calls", baseline: Sequence[Run] = OTHERS) -> Judgement:
    (wanted,) = (one for one in METRICS if one.key == metric)
    (found,) = judge_counts(wanted, run, baseline, [id_], learn_algorithms(baseline))
    return found


def known(id_: str, *kinds: str) -> list[tuple[str, StoredOperator]]:
    """Titles and operators of these kinds of NIGHT whose kernels the other runs have seen in the same place."""
    placed = [all_placed(run.benchmarks[id_].operators) for run in OTHERS]
    return [
        (place[0], row)
        for place, row in all_placed(NIGHT.benchmarks[id_].operators).items()
        if kind_of(row.name) in kinds and any(row.kernels == one[place].kernels for one in placed if place in one)
    ]


@pytest.mark.parametrize("name", RUNS)
def test_no_count_of_an_unchanged_run_has_another_value(name: str) -> None:
    report = judge(RUNS[name], [run for other, run in RUNS.items() if other != name])
    counts = {metric.key for metric in METRICS if metric.kind is Kind.COUNT}
    assert {item.verdict for item in report.judgements if item.metric in counts} == {Verdict.SAME}


@pytest.mark.parametrize("runs", [2, 4, 5])
def test_the_baseline_shows_which_call_of_which_operators_varies(runs: int) -> None:
    """One memory set of no size more or less; nothing else, in any two to five of the processes."""
    for chosen in itertools.combinations(RUNS.values(), runs):
        found = learn_algorithms(chosen)
        assert found.calls == {(kind, MEMSET): {0, 1} for kind in CHOSEN} and found.kinds == set(CHOSEN)
    assert learn_algorithms([NIGHT]) == learn_algorithms([]) == Algorithms(frozenset(), {})


@pytest.mark.parametrize("call", ADDED)
@pytest.mark.parametrize("id_", [EAGER, TORCHSCRIPT])
def test_a_call_added_to_any_convolution_is_told(id_: str, call: str) -> None:
    algorithms, baseline = learn_algorithms(OTHERS), [run.benchmarks[id_].operators for run in OTHERS]
    rows = known(id_, *CHOSEN)
    assert len(rows) > 60
    for name, row in rows:
        (told,) = other_calls(edited(NIGHT, id_, more(call, 1, row)).benchmarks[id_].operators, baseline, algorithms)
        number = row.api_calls.get(call, 0)
        assert told.startswith(f"{call} {number} -> {number + 1} in {name[:20]}")
    found = judged(edited(NIGHT, id_, more(call, 1, rows[0][1])), id_)
    assert found.verdict is Verdict.CHANGED and call in found.detail


@pytest.mark.parametrize("kind", ["aten::batch_norm", "aten::linear", "aten::silu_"])
def test_a_memory_set_of_operators_whose_algorithm_never_varies_is_told(kind: str) -> None:
    (name, row), *_ = known(EAGER, kind)
    found = judged(edited(NIGHT, EAGER, more(MEMSET, 1, row)))
    number = row.api_calls.get(MEMSET, 0)
    assert (found.verdict, found.detail) == (Verdict.CHANGED, f"{MEMSET} {number} -> {number + 1} in {name}")


def test_more_memory_sets_than_any_algorithm_makes_are_told() -> None:
    name, row = next((name, row) for name, row in known(EAGER, *CHOSEN) if row.api_calls.get(MEMSET) == 1)
    found = judged(edited(NIGHT, EAGER, more(MEMSET, 1, row)))
    assert found.verdict is Verdict.CHANGED and found.detail == f"{MEMSET} 1 -> 2 in {name}"


@pytest.mark.parametrize("id_", [EAGER, TORCHSCRIPT])
def test_one_memory_set_more_in_every_convolution_is_changed_by_the_total_too(id_: str) -> None:
    without = [row for row in NIGHT.benchmarks[id_].operators if kind_of(row.name) in CHOSEN]
    without = [row for row in without if not row.api_calls.get(MEMSET)]
    some = edited(NIGHT, id_, more(MEMSET, 1, *without))
    found = judged(some, id_)
    most = max(run.benchmarks[id_].values["api_calls"] for run in OTHERS)
    assert found.now is not None and found.now > 1.05 * most
    assert found.verdict is Verdict.CHANGED and found.failed and found.detail.startswith("the baseline has seen ")
    every = edited(NIGHT, id_, more(MEMSET, 1, *(row for _, row in known(id_, *CHOSEN))))
    assert judged(every, id_).detail.startswith(f"{MEMSET} 1 -> 2 in ")


RESTLESS, STEADIER = RUNS["0004"], [run for name, run in RUNS.items() if name != "0004"]


@pytest.mark.parametrize("id_", [EAGER, TORCHSCRIPT])
def test_other_kernels_explain_the_api_calls_that_they_need(id_: str) -> None:
    """In this process cuDNN chose kernels with more calls: 7 % more in all than in any other process."""
    assert judged(RESTLESS, id_, baseline=STEADIER).verdict is Verdict.SAME
    benchmark = dataclasses.replace(RESTLESS.benchmarks[id_], operators=())
    blind = dataclasses.replace(RESTLESS, benchmarks={id_: benchmark})
    assert judged(blind, id_, baseline=STEADIER).failed, "without operators the total is all there is"
    rows = [row for row in RESTLESS.benchmarks[id_].operators if kind_of(row.name) not in CHOSEN]
    assert judged(edited(RESTLESS, id_, more("cudaLaunchKernel", 1, *rows)), id_, baseline=STEADIER).failed


@pytest.mark.parametrize("id_", [EAGER, TORCHSCRIPT])
def test_beside_a_single_baseline_run_other_kernels_explain_api_calls_too(id_: str) -> None:
    """One run shows of no kind that its kernels vary."""
    for run in STEADIER:
        assert not judged(RESTLESS, id_, baseline=[run]).failed


@pytest.mark.parametrize("knows", [True, False])
def test_a_confirmation_is_explained_by_its_own_kernels(knows: bool) -> None:
    rows = [row for row in NIGHT.benchmarks[EAGER].operators if kind_of(row.name) not in CHOSEN]
    changed = edited(NIGHT, EAGER, more("cudaLaunchKernel", 1, *rows))
    other = RESTLESS.benchmarks[EAGER]
    again = Confirmation(
        controls=(),
        values={EAGER: {"api_calls": other.values["api_calls"]}},
        operators={EAGER: other.operators} if knows else {},
    )
    baseline = [run for run in OTHERS if run is not RESTLESS]
    found = judged(dataclasses.replace(changed, confirmations=(again, again)), baseline=baseline)
    assert (found.verdict, found.reason) == (
        (Verdict.UNSURE, Reason.DISAGREED) if knows else (Verdict.CHANGED, Reason.CONFIRMED)
    )


def test_peak_memory_that_grew_is_seen() -> None:
    peak = NIGHT.benchmarks[EAGER].values["peak_memory"]
    listed = judged(edited(NIGHT, EAGER, lambda row: row, peak_memory=peak + 512), metric="peak_memory")
    assert listed.verdict is Verdict.CHANGED and not listed.failed
    assert judged(edited(NIGHT, EAGER, lambda row: row, peak_memory=1.02 * peak), metric="peak_memory").failed


def test_requests_differ_by_at_most_one_for_each_operator_with_another_algorithm() -> None:
    """In all pairs of processes and in all benchmarks, and by as much in some."""
    algorithms, tight = learn_algorithms(list(RUNS.values())), 0
    for one, other in itertools.combinations(RUNS.values(), 2):
        for id_, now in one.benchmarks.items():
            before = other.benchmarks[id_]
            requests = abs(now.values["allocator_requests"] - before.values["allocator_requests"])
            most = algorithms.others(now.operators, before.operators)
            assert requests <= most and (most == 0) == ("tensorrt" in id_)
            tight += 0 < 0.8 * most <= requests
    assert tight >= 4


def test_requests_that_the_choice_of_algorithms_does_not_explain_are_told() -> None:
    seen = {run.benchmarks[EAGER].values["allocator_requests"] for run in OTHERS}
    algorithms, now = learn_algorithms(OTHERS), NIGHT.benchmarks[EAGER].operators
    most = min(
        run.benchmarks[EAGER].values["allocator_requests"] + algorithms.others(now, run.benchmarks[EAGER].operators)
        for run in OTHERS
    )
    assert max(seen) < most
    for requests, verdict in ((most, Verdict.SAME), (most + 1, Verdict.CHANGED)):
        tonight = edited(NIGHT, EAGER, lambda row: row, allocator_requests=requests)
        assert judged(tonight, metric="allocator_requests").verdict is verdict
    # With the very algorithms of a baseline run, its requests alone explain nothing else.
    twin = edited(OTHERS[0], EAGER, lambda row: row, allocator_requests=max(seen) + 1)
    assert judged(twin, metric="allocator_requests").verdict is Verdict.CHANGED


def test_an_operator_that_came_or_whose_kind_never_varies_explains_no_request() -> None:
    algorithms, rows = learn_algorithms(OTHERS), NIGHT.benchmarks[EAGER].operators
    other = [dataclasses.replace(row, kernels=(*row.kernels, "new")) for row in rows if "silu_" in row.name]
    came = StoredOperator("neck aten::conv2d", ("new",), 1e-6)
    changed = [row for row in rows if "silu_" not in row.name] + other + [came]
    assert algorithms.others(changed, rows) == 0
    called = [more("cudaMalloc", 1)(row) for row in rows]
    assert algorithms.others(called, rows) == 0


SAME_NAME = "aten::_convolution"
INSERTED = StoredOperator(SAME_NAME, ("inserted",), 1e-6, {"cudaLaunchKernel": 3})


def convolution(number: int) -> int:
    """Where the operators of NIGHT's TorchScript have the convolution of this number."""
    rows = NIGHT.benchmarks[TORCHSCRIPT].operators
    return [place for place, row in enumerate(rows) if row.name == SAME_NAME][number - 1]


def otherwise(number: int, change: int) -> list[StoredOperator]:
    """The operators of NIGHT's TorchScript with one more before the convolution of this number, or without that one."""
    rows, at = NIGHT.benchmarks[TORCHSCRIPT].operators, convolution(number)
    return [*rows[:at], INSERTED, *rows[at:]] if change > 0 else [*rows[:at], *rows[at + 1 :]]


@pytest.mark.parametrize("number", [17, 40, 61])
def test_of_equally_named_operators_the_one_that_came_or_went_is_told(number: int) -> None:
    algorithms, before = learn_algorithms(OTHERS), [run.benchmarks[TORCHSCRIPT].operators for run in OTHERS]
    came = other_calls(otherwise(number, 1), before, algorithms)
    assert came == [f"cudaLaunchKernel 0 -> 3 in {SAME_NAME} #{number}"]
    calls = [all_placed(rows)[SAME_NAME, number - 1].api_calls for rows in before]
    made = {call: min(one.get(call, 0) for one in calls) for call in calls[0]}
    went = other_calls(otherwise(number, -1), before, algorithms)
    assert went == [f"{call} {least} -> 0 in {SAME_NAME} #{number}" for call, least in made.items() if least]


@pytest.mark.parametrize("change", [1, -1])
def test_behind_one_that_came_or_went_a_call_added_to_another_of_its_name_is_told(change: int) -> None:
    algorithms, before = learn_algorithms(OTHERS), [run.benchmarks[TORCHSCRIPT].operators for run in OTHERS]
    row = NIGHT.benchmarks[TORCHSCRIPT].operators[convolution(60)]
    rows = [more("cudaMalloc", 1, row)(one) for one in otherwise(17, change)]
    assert f"cudaMalloc 0 -> 1 in {SAME_NAME} #{60 + change}" in other_calls(rows, before, algorithms)


@pytest.mark.parametrize("change", [1, -1])
@pytest.mark.parametrize("number", [4, 17, 61])
def test_one_that_came_or_went_explains_no_more_requests(number: int, change: int) -> None:
    algorithms, rows = learn_algorithms(OTHERS), NIGHT.benchmarks[TORCHSCRIPT].operators
    for run in OTHERS:
        before = run.benchmarks[TORCHSCRIPT].operators
        most = algorithms.others(rows, before)
        assert algorithms.others(otherwise(number, change), before) <= most


# Made up from here on: processes that always launch the same kernels, which the five never do.

LAUNCHES = {"cudaLaunchKernel": 100}
SET = LAUNCHES | {MEMSET: 1}
CONV, ADD = "stem aten::conv2d", "aten::add"


def operator(name: str, calls: Mapping[str, int] = LAUNCHES, grid: Grid | None = None) -> StoredOperator:
    return StoredOperator(name, ("kernel",), 1e-6, calls, (grid,) if grid else ())


def stored(
    number: int, benchmarks: Mapping[str, Sequence[StoredOperator]], peak: float = 100.0, torch: str = "2.11.0"
) -> Run:
    """A run with these operators of each benchmark, which launch the same kernels by name."""
    found = {}
    for id_, rows in benchmarks.items():
        calls: Counter[str] = Counter()
        for row in rows:
            calls.update(row.api_calls)
        values = {"api_calls": float(calls.total()), "peak_memory": peak, "launches": peak}
        found[id_] = Benchmark(id=id_, values=values, parts={"api_calls": calls}, kernels=1, operators=tuple(rows))
    machine = {"software": {"torch": torch}}
    return Run(path=Path(f"{number}.json"), datetime=f"2026-03-{number:02d}", machine=machine, benchmarks=found)


CALM = {"calm": [operator(CONV), operator(ADD)], "plain": [operator(ADD)]}
CHOOSING = [
    stored(number, {"choosing": [operator(CONV, calls)], **CALM}, peak)
    for number, (peak, calls) in enumerate([(98.0, LAUNCHES), (100.0, SET), (100.0, LAUNCHES)], start=1)
]
STEADY = [stored(number, CALM, peak) for number, peak in enumerate([98.0, 100.0, 100.0], start=1)]


@pytest.mark.parametrize(
    ("metric", "id_", "baseline", "verdict"),
    [
        ("peak_memory", "calm", CHOOSING, Verdict.SAME),
        ("peak_memory", "calm", STEADY, Verdict.CHANGED),
        ("peak_memory", "plain", CHOOSING, Verdict.CHANGED),
        ("launches", "calm", CHOOSING, Verdict.CHANGED),
    ],
)
def test_values_are_exact_unless_an_operator_of_the_benchmark_may_run_another_algorithm(
    metric: str, id_: str, baseline: list[Run], verdict: Verdict
) -> None:
    """The value lies between those of the baseline. How many kernels are launched follows from the kernels."""
    assert judged(stored(9, CALM, 99.0), id_, metric, baseline).verdict is verdict


def test_an_algorithm_that_only_other_benchmarks_ran_is_no_change() -> None:
    tonight = stored(9, {"calm": [operator(CONV, SET), operator(ADD)], "plain": [operator(ADD, SET)]})
    assert judged(tonight, "calm", baseline=CHOOSING).verdict is Verdict.SAME
    for id_, baseline in (("calm", STEADY), ("plain", CHOOSING)):
        found = judged(tonight, id_, baseline=baseline)
        assert found.verdict is Verdict.CHANGED and found.detail.startswith(f"{MEMSET} 0 -> 1")


def test_runs_of_other_software_do_not_show_what_a_process_chooses() -> None:
    upgraded = [stored(1, {"a": [operator(CONV, SET)]}, torch="2.10.0"), stored(2, {"a": [operator(CONV)]})]
    assert not learn_algorithms(upgraded).kinds
    assert learn_algorithms([*upgraded, stored(3, {"a": [operator(CONV, SET)]})]).calls == {
        ("aten::conv2d", MEMSET): {0, 1}
    }


SMALL, LARGE = (1, 2, 3), (4, 2, 3)


def test_calls_are_those_of_the_kernels_whatever_their_grids_and_another_grid_is_another_algorithm() -> None:
    by_grid = [stored(1, {"a": [operator(CONV, SET, LARGE)]}), stored(2, {"a": [operator(CONV, LAUNCHES, SMALL)]})]
    algorithms, before = learn_algorithms(by_grid), [run.benchmarks["a"].operators for run in by_grid]
    assert algorithms.calls == {("aten::conv2d", MEMSET): {0, 1}}
    for grid in (SMALL, LARGE, (9, 9, 9), None):
        tonight = [operator(CONV, SET | {"cudaMalloc": 1}, grid)]
        assert other_calls(tonight, before, algorithms) == [f"cudaMalloc 0 -> 1 in {CONV}"]
    assert [algorithms.others([operator(CONV, SET, grid)], before[0]) for grid in (SMALL, LARGE, None)] == [1, 0, 0]


def test_values_are_not_exact_where_grids_vary() -> None:
    grids = [(98.0, SMALL), (100.0, LARGE), (100.0, SMALL)]
    baseline = [stored(day, {"a": [operator(CONV, grid=grid)]}, peak) for day, (peak, grid) in enumerate(grids, 1)]
    tonight = stored(9, {"a": [operator(CONV, grid=SMALL)]}, 99.0)
    assert judged(tonight, "a", "peak_memory", baseline).verdict is Verdict.SAME
    alike = [baseline[0], baseline[2]]
    assert judged(tonight, "a", "peak_memory", alike).verdict is Verdict.CHANGED


def test_baseline_runs_may_have_an_operator_more_or_less() -> None:
    """As after an upgrade half way: whichever number a run has, some baseline run has it, and nothing came or went."""
    few = [dataclasses.replace(operator(CONV), kernels=(kernel,)) for kernel in "abc"]
    baseline = [few, few, [few[0], *few]]
    algorithms = learn_algorithms([])
    for now in baseline:
        assert other_calls(now, baseline, algorithms) == []
    assert other_calls([few[0], *few, few[2]], baseline, algorithms) == [f"cudaLaunchKernel 0 -> 100 in {CONV} #5"]
    assert other_calls(few[:2], baseline, algorithms) == [f"cudaLaunchKernel 100 -> 0 in {CONV} #3"]


@pytest.mark.parametrize(
    ("operator_name", "kind"),
    [
        ("blocks.2.0.conv_pwl aten::conv2d", "aten::conv2d"),
        ("aten::_convolution", "aten::_convolution"),
        ("fused_sigmoid_mul", "fused_sigmoid_mul"),
        ("outside every operator", "outside every operator"),
    ],
)
def test_the_kind_of_an_operator_is_its_name_without_the_module(operator_name: str, kind: str) -> None:
    assert kind_of(operator_name) == kind


def test_a_kind_that_launches_other_grids_alone_chooses_too() -> None:
    rows = [operator(CONV, grid=grid) for grid in (SMALL, None, LARGE)]
    varying = [stored(day, {"a": [row]}) for day, row in enumerate(rows, 1)]
    assert learn_algorithms(varying) == Algorithms({"aten::conv2d"}, {})
    assert learn_algorithms(varying[:2]) == Algorithms(frozenset(), {})
