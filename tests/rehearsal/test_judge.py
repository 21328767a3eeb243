"""What is said of a recorded rehearsal, and when a benchmark needs no further pair."""

from __future__ import annotations

import pytest

from common.schema import LOADING
from regression.judge.verdict import Reason, Verdict
from rehearsal import sequential
from rehearsal.content import headline
from rehearsal.judge import judge, settled
from rehearsal.protocol import NEW, OLD
from rehearsal.report import table
from rehearsal.sequential import LEAST_PAIRS
from tests.rehearsal.records import NAMES, record

FIRST, SECOND = NAMES


def verdicts(found, metric="latency"):
    return {
        row.judgement.benchmark: (row.judgement.verdict, row.judgement.reason)
        for row in judge(found).rows
        if row.judgement.metric == metric
    }


def test_one_environment_on_both_sides_is_the_same():
    found = judge(record())
    assert {row.judgement.verdict for row in found.rows} == {Verdict.SAME}
    assert not found.failed
    assert found.notes == ("Both sides are one environment with one code: whatever differs is noise.",)
    assert {row.judgement.metric for row in found.rows} == {"latency", "outputs", "python_calls", "aten_operators"}


@pytest.mark.parametrize(("change", "verdict"), [(0.15, Verdict.SLOWER), (-0.15, Verdict.FASTER)])
def test_a_change_of_15_percent_is_found_with_its_size(change, verdict):
    found = judge(record(change=change))
    latency = [row for row in found.rows if row.judgement.metric == "latency"]
    assert {row.judgement.verdict for row in latency} == {verdict}
    for row in latency:
        assert row.low_ratio < 1 + change < row.high_ratio
        assert row.judgement.ratio == pytest.approx(1 + change, rel=0.03)
    assert found.failed == (verdict is Verdict.SLOWER)


def test_what_is_decided_needs_no_further_pair_and_all_else_does():
    assert settled(record(pairs=5, change=0.4))[0] == set(NAMES)
    assert settled(record(pairs=5, change=0.04))[0] == set()
    assert settled(record(pairs=LEAST_PAIRS - 1, change=0.4))[0] == set()


def test_too_few_pairs_decide_nothing():
    assert set(verdicts(record(pairs=LEAST_PAIRS - 1, change=0.4)).values()) == {(Verdict.UNSURE, Reason.UNCONFIRMED)}


def test_what_was_never_timed_is_unsure():
    found = record()
    for pair in found.pairs:
        del pair.turns[FIRST]
    assert verdicts(found)[FIRST] == (Verdict.UNSURE, Reason.UNCONFIRMED)
    assert verdicts(found)[SECOND][0] is Verdict.SAME
    assert headline(judge(found)) == "Nothing was found to be slower; 1 benchmark could not be decided."


def test_pairs_beyond_the_looks_of_the_test_are_not_taken():
    """A pair with too few rounds is none of them."""
    found = record(pairs=sequential.MOST_PAIRS + 2, change=0.4)
    for turns in found.pairs[0].turns.values():
        for times_s in (*turns.min_s.values(), *turns.median_s.values()):
            del times_s[2:]
    assert {row.pairs for row in judge(found).rows if row.judgement.metric == "latency"} == {sequential.MOST_PAIRS}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            {"lite9": "timm 1 has no lite9"},
            {"lite9": "timm 2 has no lite9"},
            "both sides, lite9: timm 1 has no lite9; ",
        ),
        ({"a": "no GPU", "b": "no GPU"}, {"a": "no GPU", "b": "no GPU"}, "both sides, 2 benchmarks: no GPU."),
        ({}, {"lite9": "timm 2 has no lite9"}, "the new side, lite9: timm 2 has no lite9."),
    ],
)
def test_what_no_row_is_about_is_noted(old, new, said):
    found = record(new_version="2.12.0")
    found.sides[OLD]["missing"], found.sides[NEW]["missing"] = old, new
    (note,) = judge(found).notes
    assert note.startswith(f"Skipped on {said}")


def test_what_a_row_says_is_not_noted():
    found = record(new_version="2.12.0")
    del found.sides[NEW]["benchmarks"][FIRST]
    found.sides[NEW]["missing"]["model"] = found.missing[NEW][FIRST] = "timm 2 has no such model"
    assert judge(found).notes == ()


def test_noise_that_would_hide_what_is_worth_knowing_is_unsure():
    assert set(verdicts(record(process=0.2)).values()) == {(Verdict.UNSURE, Reason.NOISY)}


def test_a_pair_with_hardly_a_round_does_not_count():
    found = record(pairs=3, change=0.4)
    for turns in found.pairs[0].turns.values():
        for times_s in (*turns.min_s.values(), *turns.median_s.values()):
            del times_s[2:]
    assert set(verdicts(found).values()) == {(Verdict.UNSURE, Reason.UNCONFIRMED)}


def test_more_python_calls_fail_where_the_software_is_the_same():
    found, upgraded = record(), record(new_version="2.12.0")
    for one in (found, upgraded):
        for pair in one.pairs:
            pair.measured[NEW][FIRST]["host_work"]["python_calls"] = 6000
    assert verdicts(found, "python_calls") == {
        FIRST: (Verdict.CHANGED, Reason.CONFIRMED),
        SECOND: (Verdict.SAME, Reason.SEEN_BEFORE),
    }
    assert verdicts(upgraded, "python_calls")[FIRST] == (Verdict.CHANGED, Reason.NEW_VALUE)
    assert judge(found).failed
    assert not judge(upgraded).failed


def test_counts_of_two_pythons_are_not_compared_and_a_note_says_so():
    found = record()
    for pair in found.pairs:
        for one in pair.measured[NEW].values():
            one["host_work"]["counted_with"] = "sys.monitoring 3.12"
    assert verdicts(found, "python_calls") == {}
    assert verdicts(found, "aten_operators")
    assert any("count them differently" in note for note in judge(found).notes)


@pytest.mark.parametrize(
    ("change", "verdict", "failed"),
    [
        ({"lost_labels": {"koala.jpg": [105, 7]}, "other_labels": {"koala.jpg": [105, 7]}}, Verdict.CHANGED, True),
        ({"other_labels": {"koala.jpg": [105, 7]}}, Verdict.CHANGED, False),
        ({"new_error": 1e-3}, Verdict.CHANGED, True),
        ({"new_error": None}, Verdict.CHANGED, True),
        ({"relative_error": 1e-6}, Verdict.SAME, False),
        ({"problem": "the sides name different classes (1000 and 10)"}, Verdict.UNSURE, False),
    ],
)
def test_outputs(change, verdict, failed):
    found = record()
    found.outputs[FIRST].update(change)
    assert verdicts(found, "outputs")[FIRST][0] is verdict
    assert judge(found).failed == failed


def test_what_the_new_side_can_no_longer_run_fails_and_what_it_cannot_have_does_not():
    broken, lacking, fixed = record(), record(), record()
    broken.failed[NEW][FIRST] = "the new side's process ended by SIGSEGV while building it"
    lacking.missing[NEW][FIRST] = "TensorRT is not installed"
    fixed.failed[OLD][FIRST] = "building it failed"
    assert verdicts(broken)[FIRST] == (Verdict.MISSING, Reason.FAILED)
    assert verdicts(lacking)[FIRST] == (Verdict.MISSING, Reason.SKIPPED)
    assert verdicts(fixed)[FIRST] == (Verdict.NEW, Reason.FAILED)
    assert [judge(one).failed for one in (broken, lacking, fixed)] == [True, False, False]


def test_differences_name_packages_with_versions_and_what_only_one_side_has():
    found = record(new_version="2.12.0")
    found.sides[NEW]["packages"]["triton"] = "3.5"
    found.sides[NEW]["settings"]["cpu_threads"] = 2
    said = [(item.field, item.baseline, item.now) for item in judge(found).differences]
    assert said == [
        ("torch", "2.11.0", "2.12.0"),
        ("settings.cpu_threads", "1", "2"),
        ("triton", "not recorded", "3.5"),
    ]


def profiled(found, factor=1.0, slow="a"):
    """Give every benchmark kernel times: operator a launches k1, operator b k2 or, in every other process, k3."""
    for number, pair in enumerate(found.pairs):
        for side in (OLD, NEW):
            pair.lists[side] = {"kernels": ["k1", "k2", "k3"], "operators": ["a", "b"], "api_calls": [{}]}
            other = (number + (side == NEW)) % 2
            slower = {name: factor if side == NEW and name == slow else 1.0 for name in "ab"}
            times_ns = [round(6e5 * slower["a"]), round((2e5 + 4e4 * other) * slower["b"])]
            for one in pair.measured[side].values():
                one.update(
                    kernel_time_s=sum(times_ns) * 1e-9,
                    launches=2,
                    kernels={"kernel": [0, 1 + other], "launches": [1, 1], "time_s": [n * 1e-9 for n in times_ns]},
                    operators={
                        "operator": [0, 1],
                        "kernels": [[0], [1 + other]],
                        "time_ns": times_ns,
                        "api_calls": [0, 0],
                    },
                )
    for side in (OLD, NEW):
        found.sides[side]["device"]["is_cuda"] = True
    return found


def test_kernel_time_is_compared_operator_by_operator():
    """The choice between k2 and k3 moves the whole by 5 %, and hides nothing of what the same kernels do."""
    same, slower = profiled(record()), profiled(record(), 1.02)
    assert set(verdicts(same, "same_kernels").values()) == {(Verdict.SAME, Reason.INSIDE_NOISE)}
    assert {verdict for verdict, _ in verdicts(same, "kernel_time").values()} == {Verdict.SAME}
    assert set(verdicts(slower, "same_kernels").values()) == {(Verdict.SLOWER, Reason.CONFIRMED)}
    assert settled(same)[1] == set(NAMES)
    (told, _) = judge(slower).explanations
    assert told.benchmark == FIRST
    assert "a" in {one.operator for one in told.operators}
    assert f"{FIRST}: " in table(slower, judge(slower))


@pytest.mark.parametrize(
    ("engine", "kernel_s", "old", "said"),
    [
        (False, 8e-4, LOADING, Verdict.SLOWER),
        (False, 8e-4, LOADING - 1, Verdict.UNSURE),
        (False, 8e-4, None, Verdict.UNSURE),
        (False, 2e-2, LOADING - 1, Verdict.SLOWER),
        (True, 2e-2, LOADING - 1, Verdict.UNSURE),
    ],
    ids=["alike", "the GPU waits", "an older suite", "the GPU is busy", "an engine"],
)
def test_what_suites_place_in_other_ways_is_no_slowdown(engine, kernel_s, old, said):
    """2 % more in every pair, of turns of 20 ms: short kernels and engines may owe it to their place in memory."""
    found = profiled(record(turn=0.01), 1.02)
    found.sides[NEW]["loading"] = LOADING
    if old is not None:
        found.sides[OLD]["loading"] = old
    for pair in found.pairs:
        for measured in pair.measured.values():
            for one in measured.values():
                one["operators"]["time_ns"] = [round(ns * kernel_s / 8e-4) for ns in one["operators"]["time_ns"]]
                one["kernel_time_s"] = sum(one["operators"]["time_ns"]) * 1e-9
                one |= {"engine_bytes": 1000} if engine else {}
    judged = judge(found)
    assert {verdict for verdict, _ in verdicts(found, "same_kernels").values()} == {said}
    assert any("Kernel times allow for 3 %" in note for note in judged.notes) == (old != LOADING)


def test_a_slowdown_beyond_all_places_is_found_between_suites_that_place_in_other_ways():
    found = profiled(record(), 1.1)
    found.sides[NEW]["loading"] = LOADING
    assert set(verdicts(found, "same_kernels").values()) == {(Verdict.SLOWER, Reason.CONFIRMED)}
