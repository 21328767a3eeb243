"""Tables of operators: what is read, and what is left out with a sentence."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression.judge.judge import judge
from regression.runs.lists import Lists
from regression.runs.operator_table import Launch, StoredOperator, operator_table
from regression.runs.read import parse, read
from regression.runs.run import Run
from tests.regression.recorder import IDS, Recorder

SUITE: dict[str, Any] = {
    "operators": ["conv aten::conv2d", "aten::item"],
    "kernels": ["gemm", "add"],
    "api_calls": [{"cudaLaunchKernel": 2}, {"cudaStreamSynchronize": 1}],
}
TABLE: dict[str, Any] = {"operator": [0, 1], "kernels": [[0, 1], []], "time_ns": [1500, 0], "api_calls": [0, 1]}


def test_a_table_is_read_in_the_order_of_execution():
    assert operator_table(TABLE, Lists.of(SUITE)) == (
        StoredOperator("conv aten::conv2d", ("gemm", "add"), 1.5e-6, {"cudaLaunchKernel": 2}),
        StoredOperator("aten::item", (), 0.0, {"cudaStreamSynchronize": 1}),
    )
    assert operator_table(None, Lists.of(SUITE)) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"operator": [0]}, "differ in length"),
        ({"operator": [0, 2]}, "place '2' of 'suite.operators', which has 2"),
        ({"operator": [0, -1]}, "place '-1'"),
        ({"operator": [0, True]}, "place 'True'"),
        ({"kernels": [[0, 9], []]}, "place '9' of 'suite.kernels'"),
        ({"kernels": ["x", []]}, "where the kernels of an operator should be"),
        ({"kernels": [0, []]}, "place '0' of 'suite.launches', which has 0"),
        ({"api_calls": [0, "x"]}, "place 'x' of 'suite.api_calls'"),
        ({"time_ns": [1500, -1]}, "not a number of nanoseconds"),
        ({"time_ns": [1500, float("nan")]}, "not a number of nanoseconds"),
        ({"time_ns": [1500, "1"]}, "not a number of nanoseconds"),
        ({"time_ns": [0, 0]}, "no time at all"),
        ({"time_ns": None}, "not the four lists"),
        ({"operator": 7}, "place '7' of 'suite.operator_sequences', which has 0"),
        ({"operator": "0"}, "not the four lists"),
    ],
)
def test_a_malformed_table_is_left_out_with_a_sentence(recorder: Recorder, change, said):
    with pytest.raises(ValueError, match=said):
        operator_table(TABLE | change, Lists.of(SUITE))
    document = recorder.document()
    document["suite"] |= SUITE
    for item in document["benchmarks"]:
        item["extra_info"]["operators"] = TABLE | (change if item["param"] == IDS[0] else {})
    document["suite"]["confirmations"] = [{"benchmarks": {IDS[0]: {"operators": TABLE | change}}}]
    run = parse(document, Path("run.json"))
    assert run.benchmarks[IDS[0]].operators == () and "same_kernels" not in run.benchmarks[IDS[0]].values
    assert run.benchmarks[IDS[0]].values["kernel_time"] > 0, "the rest of the benchmark is used"
    assert run.benchmarks[IDS[1]].values["same_kernels"] == pytest.approx(1.5e-6)
    first, second = map(str, run.problems)
    assert f"{IDS[0]}: its operators are left out: " in first and "a confirmation of" in second


LAUNCHES = [[[0, 1], [[8, 4, 6], [2]]], [[], []]]
WITH_GRIDS = TABLE | {"kernels": [0, 1]}


def judged(recorder: Recorder, launches: Any) -> tuple[Run, tuple[StoredOperator, ...]]:
    """A run whose first benchmark, and a confirmation of it, have a table of operators with these launches."""
    document = recorder.document()
    document["suite"] |= SUITE | {"launches": launches}
    document["benchmarks"][0]["extra_info"]["operators"] = WITH_GRIDS
    document["suite"]["confirmations"] = [{"benchmarks": {IDS[0]: {"operators": WITH_GRIDS}}}]
    run = parse(document, Path("run.json"))
    return run, run.benchmarks[IDS[0]].operators


def test_kernels_are_read_with_their_grids(recorder: Recorder):
    run, (conv, item) = judged(recorder, LAUNCHES)
    assert conv.launches == (Launch("gemm", (8, 4, 6)), Launch("add", (2, 1, 1))) and item.launches == ()
    assert run.confirmations[0].operators[IDS[0]] == (conv, item) and not run.problems
    run, (conv, item) = judged(recorder, [[[0, 1], None], [[], None]])
    assert conv.launches == (Launch("gemm"), Launch("add")) and not conv.grids and not run.problems
    run, (conv, item) = judged(recorder, [[[0, 1], [[7], None]], [[], []]])
    assert conv.grids == ((7, 1, 1), None) and not run.problems


@pytest.mark.parametrize(
    ("grids", "said"),
    [
        ([[8]], "where a grid for each kernel should be"),
        ("8x4", "has '8x4' where a grid for each kernel should be"),
        ([8, 4], "the grid '8', not one to three numbers of blocks"),
        ([[8], []], "the grid '\\[]'"),
        ([[8], [1, 1, 1, 1]], "the grid"),
        ([[8], [0]], "the grid"),
        ([[8], [1.5]], "the grid"),
        ([[8], [True]], "the grid"),
        ([[8], [2**31]], "the grid"),
        ([[8], ["8"]], "the grid"),
    ],
)
def test_malformed_grids_are_left_out_with_a_sentence_and_the_operators_stay(recorder: Recorder, grids, said):
    run, operators = judged(recorder, [[[0, 1], grids], [[], []]])
    assert operators == operator_table(TABLE, Lists.of(SUITE)), "the rest of the operators is used"
    assert run.benchmarks[IDS[0]].values["same_kernels"] == pytest.approx(1.5e-6)
    first, second = map(str, run.problems)
    assert f"{IDS[0]}: the launch grids of its operators are left out: " in first and "a confirmation of" in second
    assert re.search(said, first)


@pytest.mark.parametrize("launches", [None, 3, [3, 4], [[[0, 1]], [[], []]], [[0, 1], [[], []]]])
def test_launches_that_name_no_kernels_are_no_operators(recorder: Recorder, launches):
    run, operators = judged(recorder, launches)
    assert operators == () and "its operators are left out" in str(run.problems[0])


@pytest.mark.parametrize("api_calls", [None, 3, [3], [{"cudaMalloc": "x"}], [{"cudaMalloc": -1}]])
def test_a_list_that_is_malformed_is_pointed_to_by_no_table(api_calls):
    with pytest.raises(ValueError, match=r"of 'suite.api_calls', which has 0"):
        operator_table(TABLE, Lists.of(SUITE | {"api_calls": api_calls}))


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(TABLE)), inner, max_size=4),
    max_leaves=8,
)


@given(
    where=st.sampled_from(
        [*(("suite", name) for name in ("operators", "api_calls", "launches")), *(("table", name) for name in TABLE)]
    ),
    grids=st.booleans(),
    value=ANYTHING,
)
@settings(max_examples=60, deadline=None)
def test_no_mangled_table_is_a_traceback(where, value, grids):
    suite, table = copy.deepcopy(SUITE | {"launches": LAUNCHES}), copy.deepcopy(WITH_GRIDS if grids else TABLE)
    {"suite": suite, "table": table}[where[0]][where[1]] = value
    record = {"param": "a-b1", "extra_info": {"kernel_time_s": 1.0, "operators": table}, "stats": {"median": 1.0}}
    document = {"datetime": "2026-03-01", "benchmarks": [record], "suite": {**suite, "schema": 2}}
    run = parse(json.loads(json.dumps(document)), Path("run.json"))
    judge(run, [parse(document | {"datetime": "2026-02-01"}, Path("before.json"))])


@given(where=st.sampled_from(["lists", "places", "host_work"]), value=ANYTHING)
@settings(max_examples=60, deadline=None)
def test_no_mangled_names_of_host_work_are_a_traceback_or_another_value(where, value):
    stored = {
        "lists": [{"module.run": 6}, {"aten::relu": 3}],
        "places": {"python_calls": 0, "aten_operators": 1},
    } | {where: value}
    host_work = {"python_calls": 6, "aten_operators": 3, "inferences": 3, "counted_with": "sys.setprofile 3.11"}
    fields = {"host_work": value if where == "host_work" else host_work | {"by_name": stored["places"]}}
    record = {"param": "a-b1", "extra_info": fields, "stats": {"median": 1.0}}
    document = {
        "datetime": "2026-03-01",
        "benchmarks": [record],
        "suite": {"schema": 2, "host_work": stored["lists"]},
    }
    run = parse(json.loads(json.dumps(document)), Path("run.json"))
    judge(run, [parse(document | {"datetime": "2026-02-01"}, Path("before.json"))])
    if where != "host_work":
        assert run.benchmarks["a-b1"].values["python_calls"] == 2


def test_a_run_of_schema_1_has_no_operators(recorder: Recorder):
    run = read(recorder.store(recorder.document()))
    assert all(item.operators == () for item in run.benchmarks.values()) and not run.problems
