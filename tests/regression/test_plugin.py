"""`--benchmark-compare` ends with a verdict: confirmed in fresh processes, stored, and worth an exit status."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

from common.schema import OWN_PROCESSES
from fixtures.machine.device import Device, resolve
from fixtures.machine.gpu_state import Sample
from fixtures.plugin import SuitePlugin, suite_of
from fixtures.suite import Suite
from fixtures.variants.variant import Variant
from regression import rerun as fresh
from regression import session
from regression.metrics import METRICS
from regression.runs.lists import Lists, in_full

ID = "test_efficientnet-eager-fp32-b1"
ONE = ("--variants=eager-fp32", "-k", "latency")
ANYTHING_GOES = "--judge-min-change=latency=1000%"


def verdict_lines(result):
    lines = result.outlines
    return lines[next(i for i, line in enumerate(lines) if line.startswith("---") and " verdict " in line) :]


def test_slower_is_measured_again_stored_and_fails(
    run_suite, record_baseline, pytester, fresh_processes, files_read, monkeypatch
):
    for name, value in (("SERVER_URL", "https://github.com"), ("REPOSITORY", "owner/name"), ("RUN_ID", "42")):
        monkeypatch.setenv(f"GITHUB_{name}", value)
    record_baseline(scale=1 / 500)
    written = ("--report=reports/page.html", "--verdict-json=reports/verdict.json")
    result = run_suite("--benchmark-compare", "--benchmark-save=night", *written, *ONE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2)
    read = [path.name for path in files_read]
    assert sorted(read) == sorted(set(read)) and len(read) >= 6, "the judge and the history read a file once"
    for number in (1, 2):
        assert any(
            re.search(rf"for 1 suspected and 0 controls, {number} of 2, about \d+ s ... took \d+ s$", line)
            for line in result.outlines
        )
    lines = verdict_lines(result)
    assert any(line.startswith(ID) and line.endswith("SLOWER") for line in lines)
    assert any("FAILED: 1 SLOWER" in line for line in lines)
    said = " ".join(" ".join(lines).split())
    assert re.search(rf"{ID}: latency SLOWER than the baseline by [^;]*; (in )?the history ", said)
    assert max(len(line) for line in lines if "/" not in line) <= 100  # paths stay whole
    (night,) = pytester.path.glob("store/*/*_night.json")
    suite = json.loads(night.read_text())["suite"]
    assert [set(one["benchmarks"]) for one in suite["confirmations"]] == [{ID}, {ID}]
    assert all(one["benchmarks"][ID]["latency_s"] > 0 for one in suite["confirmations"])
    assert all(one["benchmarks"][ID]["host_calibration_s"] > 0 for one in suite["confirmations"])
    assert suite["verdicts"][ID]["latency"] == "SLOWER"
    assert suite["failures"] == {ID: {"latency": "without-controls"}}
    assert suite["ci_url"] == "https://github.com/owner/name/actions/runs/42"
    page = (pytester.path / "reports/page.html").read_text()
    assert ID in page and "<script" not in page
    assert night.name in page
    told = json.loads((pytester.path / "reports/verdict.json").read_text())
    assert (told["status"], told["exit_status"], told["page"]) == ("failed", 1, "reports/page.html")
    assert [(row["benchmark"], row["metric"], row["verdict"]) for row in told["failures"]["listed"]] == [
        (ID, "latency", "SLOWER")
    ]
    assert told["run"]["path"] == str(night)
    options = "--models=test_efficientnet --variants=eager-fp32 --batch-sizes=1 --device=cpu --weights=seeded"
    assert told["repeat"] == f"pytest benchmarks/ -k '[{ID}]' {options} --benchmark-compare"


def test_report_mode_prints_and_off_says_nothing(run_suite, record_baseline, monkeypatch):
    record_baseline(scale=1 / 500)
    monkeypatch.setattr(fresh, "measure", lambda *arguments: (_ for _ in ()).throw(fresh.NotMeasured("no process")))
    reported = run_suite("--benchmark-compare", "--judge=report", *ONE)
    assert reported.ret == 0
    lines = verdict_lines(reported)
    assert any(line.startswith(ID) and line.endswith("SLOWER") for line in lines)
    assert any("not measured again: no process" in line for line in lines)
    verbose = verdict_lines(run_suite("--benchmark-compare", "--judge=report", "-v", *ONE))
    assert any(line.startswith("detectable: the smallest") for line in verbose)
    assert not any(line.startswith("detectable: the smallest") for line in lines)
    off = run_suite("--benchmark-compare", "--judge=off", *ONE)
    assert off.ret == 0 and not any(" verdict " in line for line in off.outlines)


@pytest.fixture
def thermal_slowdown(monkeypatch):
    """NVML of this process reports a hardware slowdown; a fresh process reads its own."""
    hot = Sample(
        sm_clock_mhz=345, temperature_c=91, power_w=400.0, throttle_reasons=("hw_slowdown",), other_processes=0
    )
    monkeypatch.setattr(Suite, "samples", lambda self: [hot])
    return hot


def test_a_disturbed_benchmark_is_measured_again_in_a_fresh_process(
    fresh_processes, run_suite, record_baseline, thermal_slowdown, pytester
):
    record_baseline(scale=1)
    result = run_suite("--benchmark-compare", "--benchmark-save=night", ANYTHING_GOES, *ONE)
    assert result.ret == 0, "\n".join(result.outlines[-30:])
    said = r"repeating the session for 1 disturbed, 1 of 2, about \d+ s ... took \d+ s$"
    assert any(re.search(said, line) for line in result.outlines)
    assert not any("2 of 2" in line for line in result.outlines)
    assert any(line.startswith("incomplete: 3 SAME") for line in verdict_lines(result))
    (night,) = pytester.path.glob("store/*/*_night.json")
    (benchmark,) = json.loads(night.read_text())["benchmarks"]
    assert benchmark["extra_info"]["gpu_state"] == {}


def test_what_stays_disturbed_is_measured_twice_more_and_then_unsure(
    run_suite, first_run, record_baseline, thermal_slowdown, monkeypatch
):
    record_baseline(scale=1 / 500)
    still_hot = json.loads(first_run.read_text())
    still_hot["benchmarks"][0]["extra_info"]["gpu_state"] = [thermal_slowdown.as_dict()]
    monkeypatch.setattr(fresh, "measure", lambda *arguments: copy.deepcopy(still_hot))
    result = run_suite("--benchmark-compare", *ONE)
    assert result.ret == 0, "\n".join(result.outlines[-30:])
    for number in (1, 2):
        assert any(f"repeating the session for 1 disturbed, {number} of 2" in line for line in result.outlines)
    lines = verdict_lines(result)
    assert any(line.startswith(f"UNSURE (disturbed): batch-1 latency of {ID}") for line in lines)
    assert any(line.endswith("hw_slowdown") for line in lines)


def test_a_repetition_is_the_whole_session_without_what_failed(run_suite, record_baseline, monkeypatch):
    """What the session has built decides where an engine's memory lies, so the repetition builds it all again."""
    from fixtures.variants import table as variants

    def broken(inputs):
        raise RuntimeError("no such operator")

    record_baseline(scale=1 / 500)
    monkeypatch.setitem(variants.VARIANTS, "torchscript-fp32", Variant("torchscript-fp32", "fp32", broken))
    asked = []

    def measure(node_ids, arguments, root, inifile, timeout_s, released):
        asked.append(list(node_ids))
        assert timeout_s >= 600
        raise fresh.NotMeasured("no process")

    monkeypatch.setattr(fresh, "measure", measure)
    run_suite("--benchmark-compare", "--variants=eager-fp32,torchscript-fp32", "--batch-sizes=1,2")
    speed, labels = "benchmarks/test_inference_speed.py::test_latency", "benchmarks/test_label_agreement.py::test_label"
    assert len(asked) == 2 and asked[0] == asked[1]
    assert [node_id.split("[")[1] for node_id in asked[0] if node_id.startswith(f"{speed}[")] == [
        "test_efficientnet-eager-fp32-b2]",
        f"{ID}]",
    ]
    assert any(node_id.startswith(labels) for node_id in asked[0])
    assert not any("torchscript" in node_id for node_id in asked[0])


def test_the_gpu_is_given_back_once_before_anything_is_repeated(run_suite, record_baseline, monkeypatch):
    """Beside this session's context an engine would lie elsewhere."""
    record_baseline(scale=1 / 500)
    events: list[object] = []

    def release(self):
        events.append("released")
        return True

    monkeypatch.setattr(Device, "release", release)

    def measure(*arguments):
        events.append(arguments[-1])
        raise fresh.NotMeasured("no process")

    monkeypatch.setattr(fresh, "measure", measure)
    result = run_suite("--benchmark-compare", "--benchmark-save=night", *ONE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert events == ["released", True, True]


def test_a_fresh_process_measures_as_its_session_does(
    fresh_processes, run_suite, record_baseline, stored_runs, monkeypatch
):
    """With a real fresh process: what pytest-benchmark stores as a benchmark's options is the same in both."""
    record_baseline(scale=1 / 500)
    monkeypatch.setattr(session, "CONFIRMATIONS", 1)
    measure, fresh_runs = fresh.measure, []

    def kept(*arguments):
        fresh_runs.append(measure(*arguments))
        return fresh_runs[-1]

    monkeypatch.setattr(fresh, "measure", kept)
    run_suite(
        "--benchmark-compare", "--benchmark-save=night", "--override-ini=addopts=--import-mode=importlib",
        "--benchmark-warmup=on", "--benchmark-warmup-iterations=3", "--benchmark-min-time=0.0001",
        "--benchmark-timer=time.monotonic", "--benchmark-max-time=0.07", "--benchmark-min-rounds=6", *ONE,
    )  # fmt: skip
    (night,) = (run for name, run in stored_runs().items() if name.endswith("_night.json"))
    (fresh_run,) = fresh_runs
    (mine,), (fresh_one,) = night["benchmarks"], fresh_run["benchmarks"]
    assert fresh_one["options"] == mine["options"]
    assert mine["options"] == {
        "disable_gc": False,
        "timer": "monotonic",
        "min_rounds": 6,
        "max_time": 0.07,
        "min_time": 0.0001,
        "warmup": 3,
    }


@pytest.mark.parametrize("abandoned, released", [(True, None), (False, True)])
def test_a_build_that_did_not_end_keeps_its_context(pytestconfig, monkeypatch, abandoned, released):
    monkeypatch.setattr(Device, "release", lambda self: True)
    suite: Any = SimpleNamespace(
        device=resolve("cpu"), pool=SimpleNamespace(builds=SimpleNamespace(abandoned=abandoned))
    )
    assert SuitePlugin(suite, pytestconfig).pytest_judge_release_device() is released


@pytest.mark.parametrize("released, own", [(True, "3"), (False, "4")])
def test_only_processes_that_hold_the_gpu_are_no_disturbance(monkeypatch, tmp_path, released, own):
    monkeypatch.setenv(OWN_PROCESSES, "3")
    seen = []

    def run(command, *, env, timeout, **options):
        seen.append(env[OWN_PROCESSES])
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(fresh.NotMeasured, match="more than 1 s"):
        fresh.measure(["a.py::b"], [], tmp_path, None, 1.0, released)
    assert seen == [own]


def test_a_session_without_benchmarks_registers_nothing(pytestconfig):
    """No hook of the suite or the judge runs in it, and so none has to ask."""
    assert suite_of(pytestconfig) is None
    assert not pytestconfig.pluginmanager.has_plugin("inference-judge")


def test_a_cpu_has_nothing_to_give_back():
    assert resolve("cpu").release() is False


def test_what_does_not_matter_passes(run_suite, record_baseline):
    # far from no change, and far from the largest that goes: a busy machine takes times as long
    record_baseline(scale=1 / 2)
    result = run_suite("--benchmark-compare", ANYTHING_GOES, *ONE)
    assert result.ret == 0, "\n".join(result.outlines[-30:])
    lines = verdict_lines(result)
    assert any(line.startswith("incomplete: 3 SAME") for line in lines)
    assert any(line.startswith("No regression in 3 measurements; no labels were checked.") for line in lines)
    assert len(lines) <= 25


def test_what_no_longer_runs_is_missing(run_suite, record_baseline, monkeypatch):
    from fixtures.variants import table as variants

    record_baseline(scale=1)

    def broken(inputs):
        raise RuntimeError("no such operator")

    monkeypatch.setitem(variants.VARIANTS, "eager-fp32", Variant("eager-fp32", "fp32", broken))
    result = run_suite("--benchmark-compare", *ONE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    lines = verdict_lines(result)
    assert any(line.startswith(ID) and line.endswith("MISSING") for line in lines)
    assert any("no such operator" in line for line in lines)


def test_without_a_baseline_only_require_fails(run_suite, pytester):
    assert run_suite("--benchmark-compare", "--verdict-json=verdict.json", *ONE).ret == 0
    told = json.loads((pytester.path / "verdict.json").read_text())
    assert (told["status"], told["exit_status"], told["baselines"]["count"]) == ("incomplete", 0, 0)
    assert "no baseline" in told["headline"]
    result = run_suite("--benchmark-compare", "--judge=require", *ONE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert any("there is no baseline to judge against" in line for line in result.outlines)


def test_a_session_without_benchmarks_has_nothing_to_judge(run_suite, record_baseline, pytester):
    record_baseline(scale=1)
    verdict = pytester.path / "verdict.json"
    result = run_suite("--benchmark-compare", f"--verdict-json={verdict}", "--variants=eager-fp32", "-k", "readable")
    assert result.ret == 0
    assert json.loads(verdict.read_text())["headline"] == "nothing to judge: this session selected no benchmark"
    assert any("this session selected no benchmark" in line for line in result.outlines)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--judge-min-change=speed=1%"], "speed"),
        (["--judge-min-change=latency=fast"], "fast"),
        (["--report=."], "--report: . is a folder"),
        (["--report=/proc/page.html"], "--report: /proc/page.html cannot be written"),
        (["--verdict-json=."], "--verdict-json: . is a folder"),
        (["--judge-patience=-3"], "--judge-patience: '-3' is not a whole number from 1"),
        (["--judge-patience", "-3"], "--judge-patience: '-3' is not a whole number from 1"),
        (["--judge-patience=0"], "--judge-patience: '0' is not a whole number from 1"),
        (["--judge-patience=few"], "--judge-patience: 'few' is not a whole number from 1"),
        (["--judge=maybe"], "invalid choice: 'maybe'"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(run_suite, arguments, said):
    result = run_suite("--benchmark-compare", *arguments)
    output = "\n".join([*result.outlines, *result.errlines])
    assert result.ret == pytest.ExitCode.USAGE_ERROR, output
    assert said in output and "Traceback" not in output and "passed" not in output


def test_a_confirmation_keeps_what_is_judged_and_what_excuses_it():
    info = {"kernel_time_s": 1.0, "peak_memory_bytes": 2, "host_calibration_s": 3.0, "launches": 4, "build_s": 5.0}
    visits = {"visited_latency_s": 7.0, "visited_calibration_s": 8.0, "visits": {"calls": 20}}
    record = {"param": ID, "stats": {"median": 6.0}, "extra_info": info | visits}
    kept = fresh.confirmation({"datetime": "now", "benchmarks": [record]}, ["control"], METRICS)
    assert kept == {
        "datetime": "now",
        "controls": ["control"],
        "benchmarks": {
            ID: {"kernel_time_s": 1.0, "latency_s": 6.0, "peak_memory_bytes": 2, "host_calibration_s": 3.0} | visits,
        },
    }
    judged_alone = [dataclasses.replace(metric, excused_by="") for metric in METRICS]
    (only,) = fresh.confirmation({"benchmarks": [record]}, [], judged_alone)["benchmarks"].values()
    assert set(only) == {"kernel_time_s", "latency_s", "visited_latency_s", "visits", "peak_memory_bytes"}


def benchmark(name: str, kernels: list[int], time_s: float, calls: int = 0) -> dict[str, Any]:
    table = {"kernel": kernels, "launches": [1] * len(kernels), "time_s": [time_s] * len(kernels)}
    operators = {"operator": [0], "kernels": [kernels], "time_ns": [round(time_s * 1e9)], "api_calls": [calls]}
    extra_info = {"kernels": table, "operators": operators}
    return {"param": name, "stats": {"median": time_s, "data": [time_s]}, "extra_info": extra_info}


SUITE: dict[str, Any] = {"kernels": ["conv", "add"], "operators": ["aten::conv2d"], "api_calls": [{"cudaMalloc": 1}]}
OTHER_SUITE: dict[str, Any] = {
    "kernels": ["gemm", "conv"],
    "operators": ["aten::linear"],
    "api_calls": [{"cuLaunchKernel": 2}, {"cudaMalloc": 1}],
}


def pointed_to(suite: dict[str, Any], operators: dict[str, Any]) -> list[tuple[str, list[str], dict[str, int]]]:
    table = in_full({"operators": operators}, Lists.of(suite))["operators"]
    return list(zip(table["operator"], table["kernels"], table["api_calls"], strict=True))


def test_a_benchmark_measured_again_replaces_its_record_and_keeps_its_kernels_and_operators():
    first = benchmark("a-b1", [0, 1], 1.0)
    del first["stats"]["data"]
    document: dict[str, Any] = {
        "suite": copy.deepcopy(SUITE),
        "benchmarks": [benchmark("b-b1", [1], 5.0), first],
    }
    fresh.replace_record(document, benchmark("a-b1", [0, 1], 2.0, calls=1), OTHER_SUITE)
    other, again = document["benchmarks"]
    assert other == benchmark("b-b1", [1], 5.0)
    assert again["stats"] == {"median": 2.0}
    assert document["suite"] == {
        "kernels": ["conv", "add", "gemm"],
        "operators": ["aten::conv2d", "aten::linear"],
        "operator_sequences": [[1]],
        "launches": [[[2, 0], None]],
        "api_calls": [{"cudaMalloc": 1}],
    }
    assert again["extra_info"]["kernels"]["kernel"] == [2, 0]
    told = pointed_to(document["suite"], again["extra_info"]["operators"])
    assert told == [("aten::linear", ["gemm", "conv"], {"cudaMalloc": 1})]


def test_operators_of_a_confirmation_point_into_the_lists_of_the_run_that_stores_it():
    document: dict[str, Any] = {"suite": {**copy.deepcopy(SUITE), "confirmations": []}, "benchmarks": []}
    entry = fresh.confirmation({"datetime": "now", "benchmarks": [benchmark("a-b1", [0], 2.0)]}, [], METRICS)
    before = copy.deepcopy(entry)
    for _ in range(2):
        fresh.add_confirmation(document, entry, OTHER_SUITE)
    assert entry == before, "a session adds it to more than one document"
    for stored in document["suite"]["confirmations"]:
        told = pointed_to(document["suite"], stored["benchmarks"]["a-b1"]["operators"])
        assert told == [("aten::linear", ["gemm"], {"cuLaunchKernel": 2})]
        assert stored["benchmarks"]["a-b1"]["operators"]["time_ns"] == [2_000_000_000]
