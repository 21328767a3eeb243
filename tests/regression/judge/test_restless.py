"""What differs from run to run although the same kernels run is set apart, and judged with the selection."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from regression import rerun
from regression.judge.choices import learn, match
from regression.judge.restless import MOST, restless
from regression.judge.verdict import Verdict
from regression.metrics import METRICS
from regression.runs.kernel_table import StoredKernel
from regression.runs.operator_table import StoredOperator, with_times
from tests.regression.judge.machine import CONVOLUTIONS, OTHERS, US, Machine, of, operator

# Operators that launch one kernel and take one of two times for it in each process, as algorithms under one name do.
HIDDEN = (3, 50, 97, 130)
OTHER_TIME = 2.0
EACH = range(100)


def parts(runs: int = 5, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.exp(0.005 * random.standard_normal((runs, 100))) * random.uniform(1, 9, 100)


def test_parts_that_move_the_whole_by_themselves_are_restless_whatever_the_runs_pace():
    times_s = parts()
    assert not restless(times_s, EACH).any()
    times_s[[0, 3], 7] *= 1.5
    times_s[2, 11] *= 2
    paces = np.array([1.0, 1.02, 0.98, 1.1, 1.0])[:, None]
    assert np.flatnonzero(restless(times_s * paces, EACH)).tolist() == [7, 11]


def test_what_two_runs_have_tells_nothing_and_what_three_have_does():
    times_s = parts()
    times_s[:2, 7] *= [2, 0.5]
    times_s[2:, 7] = np.nan
    assert not restless(times_s, EACH).any() and not restless(times_s[:2], EACH).any()
    times_s[2, 7] = times_s[1, 7]
    assert np.flatnonzero(restless(times_s, EACH)).tolist() == [7]
    assert not restless(np.full((5, 3), np.nan), "abc").any() and not restless(np.zeros((5, 3)), "abc").any()


def test_where_one_is_restless_all_of_its_group_are():
    times_s = parts()
    times_s[[0, 3], 7] *= 1.5
    groups = ["gemm" if place in (7, 20, 30) else place for place in EACH]
    assert np.flatnonzero(restless(times_s, groups)).tolist() == [7, 20, 30]


def test_no_more_is_set_apart_than_leaves_most_of_the_whole():
    times_s = parts()
    times_s[[0, 3], :60] *= 1.5
    found = restless(times_s, EACH)
    typical = np.median(times_s, axis=0)
    assert 0 < typical[found].sum() <= MOST * typical.sum()


class Hiding(Machine):
    """A GPU on which some operators launch the same kernel in every process, and take one of two times for it."""

    def __init__(self, seed: int = 3) -> None:
        super().__init__(seed=seed, restless=False)

    def process(self, slower: float = 1.0, hidden: float = 1.0) -> tuple[StoredOperator, ...]:
        """`slower` is a factor on what is steady, `hidden` one on what is not."""
        factors = dict.fromkeys(range(CONVOLUTIONS + OTHERS), slower)
        factors |= {place: hidden * float(self.random.choice([1.0, OTHER_TIME])) for place in HIDDEN}
        rows = self.operators(factors)
        return tuple(
            dataclasses.replace(row, kernels=("gemm",)) if place in HIDDEN else row for place, row in enumerate(rows)
        )

    def report(self, *processes: tuple[StoredOperator, ...]):
        before = [self.run(f"{number}.json", self.process()) for number in range(5)]
        now, *again = processes
        return self.judge(now, before, again)


def test_a_steady_part_shows_its_change_beside_a_restless_one():
    machine = Hiding()
    report = machine.report(*(machine.process(1.01) for _ in range(3)))
    found = of(report, "same_kernels")
    assert found.verdict is Verdict.SLOWER and found.ratio == pytest.approx(1.01, abs=0.001)
    assert found.detectable_ratio is not None and found.detectable_ratio < 1.006
    # what is shown are seconds of the whole
    assert found.baseline == pytest.approx(sum(row.time_s for row in machine.process()), rel=0.02)
    assert of(report, "selection").verdict is not Verdict.SLOWER


def test_what_is_set_apart_is_judged_with_the_selection():
    machine = Hiding()
    report = machine.report(*(machine.process(hidden=8.0) for _ in range(3)))
    assert of(report, "same_kernels").verdict is Verdict.SAME
    assert of(report, "same_kernels").ratio == pytest.approx(1, abs=0.001)
    assert of(report, "selection").verdict is Verdict.SLOWER and of(report, "selection").failed
    assert of(report, "kernel_time").verdict is Verdict.SLOWER


def test_unchanged_nights_with_times_that_nothing_tells_apart_are_quiet_and_what_is_claimed_is_seen():
    failed = seen = claimed = 0
    for night in range(150):
        machine = Hiding(seed=night)
        failed += machine.report(*(machine.process() for _ in range(3))).failed
        found = of(machine.report(*(machine.process(1.008) for _ in range(3))), "same_kernels")
        if found.detectable_ratio is not None and found.detectable_ratio <= 1.008:
            claimed += 1
            seen += found.verdict is Verdict.SLOWER
    assert failed <= 4, "1 % of the nights are 1.5"
    assert claimed > 100 and seen >= 0.95 * claimed


def engine(*times_us: float, known: bool = True) -> tuple[StoredOperator, ...]:
    """An engine of four kernels, one of which is launched twice."""
    kernels = ("a", "b", "c", "d", "a")
    times_s = {kernel: us * US for kernel, us in zip("abcd", times_us, strict=True)}
    return (StoredOperator("run", kernels, sum(times_s.values()), times_s=times_s if known else {}),)


PLACES = (20.0, 28.0, 20.0, 28.0, 21.0)


def test_of_an_engine_the_kernel_that_is_restless_is_set_apart():
    runs = [engine(100, 200, us, 300) for us in PLACES]
    known = learn(runs)
    np.testing.assert_allclose(known.factors, 1)
    ((choice, apart),) = known.restless.items()
    assert apart == {"c"} and known.steady_s[choice] == pytest.approx(600 * US)
    found = match(known, engine(101, 202, 28, 303))
    assert found.factor == found.speed == pytest.approx(1.01) and found.share == 1
    assert found.known_s == pytest.approx((600 + np.mean(PLACES)) * US)
    # nothing can be set apart where a run of the baseline does not tell its kernels apart
    assert not learn([*runs[1:], engine(100, 200, 20, 300, known=False)]).restless


@pytest.mark.parametrize("known", [True, False])
def test_a_run_that_does_not_tell_its_kernels_apart_is_compared_as_a_whole(known: bool):
    """The kernel is in the slower of its two states in all of tonight's processes."""
    machine = Hiding()
    before = [machine.run(f"{number}.json", engine(100, 200, us, 300)) for number, us in enumerate(PLACES)]
    tonight = [engine(100, 200, 28, 300, known=known) for _ in range(3)]
    found = of(machine.judge_runs(tonight, before), "same_kernels")
    assert found.verdict in (Verdict.SAME, Verdict.UNSURE)
    assert ("without" in found.detail) is known


def test_a_new_kernel_beside_an_engine_counts_in_seconds_of_the_whole():
    known = learn([engine(100, 200, us, 300) for us in PLACES])
    mean_us = 600 + float(np.mean(PLACES))
    spin = operator("spin", "spin_kernel", 0.01 * mean_us)
    kernels = [StoredKernel(name, 1, us * US) for name, us in zip("abcd", (100, 200, 20, 300), strict=True)]
    read = with_times((*engine(100, 200, 20, 300, known=False), spin), [*kernels, StoredKernel("spin_kernel", 1, 1e-6)])
    assert read == (*engine(100, 200, 20, 300), spin)
    found = match(known, read)
    assert found.factor == pytest.approx(1.01)


def test_all_of_an_operator_is_set_apart_where_its_kernels_are_not_told_apart():
    runs = [
        [operator("a", "x", 1000), dataclasses.replace(operator("b", "y", us), kernels=("y", "z"))] for us in PLACES
    ]
    known = learn(runs)
    ((choice, apart),) = known.restless.items()
    assert choice[0] == ("b", 0) and apart == {"y", "z"} and known.steady_s[choice] == 0
    assert match(known, [operator("a", "x", 1010), runs[1][1]]).speed == pytest.approx(1.01)


@pytest.mark.parametrize("others", [["a"], ["e", "f", "g", "h", "i"], ["e"] * 9, ["e"] * 4])
def test_an_engine_launches_most_and_no_kernel_of_another(others: list[str]):
    beside = tuple(operator(f"op {number}", kernel, 1) for number, kernel in enumerate(others))
    kernels = [StoredKernel(name, 1, 1e-6) for name in "abcdefghi"]
    rows = (*engine(100, 200, 20, 300, known=False), *beside)
    assert with_times(rows, kernels) == rows


def test_what_differs_between_gpus_is_not_restless():
    times_s = np.vstack([parts(5), parts(5, seed=2)])
    times_s[:5] = times_s[5:] * np.exp(0.002 * np.random.default_rng(5).standard_normal((5, 100)))
    times_s[5:, 7] *= 1.2
    places = ["GPU-1"] * 5 + ["GPU-2"] * 5
    assert np.flatnonzero(restless(times_s, EACH)).tolist() == [7]
    assert not restless(times_s, EACH, places).any()
    without = np.full((6, 100), np.nan)
    assert not restless(np.vstack([times_s, without]), EACH, [*places, *places[:6]]).any()
    times_s[0, 9] *= 2
    assert np.flatnonzero(restless(np.vstack([times_s, without]), EACH, [*places, *places[:6]])).tolist() == [9]


@pytest.mark.parametrize("operators, kept", [(1, True), (5, False)])
def test_a_confirmation_keeps_the_kernels_of_an_engine(operators: int, kept: bool):
    table = {
        "operator": ["run", *"abcd"][:operators], "kernels": [["a", "b"]] * operators,
        "time_ns": [3000] * operators, "api_calls": [0] * operators,
    }  # fmt: skip
    kernels = {"kernel": [0, 1], "launches": [1, 1], "time_s": [1e-6, 2e-6]}
    run = {"benchmarks": [{"param": "x", "extra_info": {"operators": table, "kernels": kernels}}]}
    (entry,) = rerun.confirmation(run, (), METRICS)["benchmarks"].values()
    assert entry["operators"] == table and (entry.get("kernels") == kernels) is kept
