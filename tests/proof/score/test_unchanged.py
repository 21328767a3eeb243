"""How often unchanged runs are accused: counts over made-up runs whose answers are known."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from proof.score.unchanged import accusations, main, threshold
from tests.proof.proof_runs import TENSORRT, Folder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "runs")


def test_unchanged_runs_are_not_accused(folder, capsys):
    folder.add(8)
    folder.add(1, extra={TENSORRT: 0.05}, injected={TENSORRT: {"kind": "kernel", "asked": "5%"}}, name="slowed")
    assert main([str(folder.path)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("8 unchanged runs of 6 benchmarks; 1 GPU, 1 day; runs of one GPU and day: 8\n")
    assert "two as its confirmations): all of them" in printed
    every = next(line for line in printed.splitlines() if line.startswith("every choice")).split()
    assert every[2] == "168" and every[5:] == ["0"] * 4
    assert "0 of 8 runs judged were SLOWER" in printed and "at most 31%" in printed and "says 3/8" in printed
    assert "1 judging can be had without a run in common" in printed and "of 1 bounds the share at 95%" in printed
    assert len([line for line in printed.splitlines() if line.endswith("0 of 56")]) == 6


def test_a_run_that_lacks_a_benchmark_confirms_no_run_that_has_it(folder):
    """One process is twice as slow: where only one of the confirmations has the benchmark, nothing confirms it."""
    folder.add(7)
    (path,) = folder.add(1)
    document = json.loads(path.read_text())
    document["benchmarks"] = [one for one in document["benchmarks"] if one["param"] != TENSORRT]
    path.write_text(json.dumps(document))
    folder.add(1, extra={TENSORRT: 1.0})
    found = accusations(folder.runs(), 10_000, seed=1)
    # the eighth is in the baseline, is the run, or confirms nothing: C(9, 5) * 4 * 3 less C(8, 5) * 3 * 2
    assert found.every.judgings == 126 * 4 * 3 - 56 * 3 * 2 and found.every.slower == 0


def test_one_slow_process_is_not_believed(folder):
    folder.add(7)
    folder.add(1, extra={TENSORRT: 0.05})
    found = accusations(folder.runs(), 1000, seed=1)
    assert found.every.judgings == 168 and found.every.slower_before == 21  # C(7, 2) choices with it as the run
    assert found.every.slower == 0 and not found.runs and not found.benchmarks


def test_three_slow_processes_are_believed_and_counted(folder, capsys):
    folder.add(5)
    folder.add(3, extra={TENSORRT: 0.05})
    found = accusations(folder.runs(), 1000, seed=1)
    # only with the five others as the baseline are both confirmations slow, too
    assert found.every.slower == 3 and found.runs == {5, 6, 7}
    assert found.benchmarks == {(TENSORRT, "kernel_time"): 3}
    assert main([str(folder.path)]) == 1
    assert "3 of 8 runs judged were SLOWER" in capsys.readouterr().out


def test_a_count_that_fails_in_three_processes_is_counted(folder, capsys):
    folder.add(5)
    for path in folder.add(3):
        document = json.loads(path.read_text())
        for one in document["benchmarks"]:
            one["extra_info"]["peak_memory_bytes"] = 2 * 10**9
        path.write_text(json.dumps(document))
    found = accusations(folder.runs(), 1000, seed=1).every
    # before confirmation, each of the three against five of the five others, and none that has one of them
    assert (found.slower, found.changed_before, found.changed) == (0, 3, 3)
    assert main([str(folder.path)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert next(line for line in printed if line.startswith("every choice")).split()[-2:] == ["3", "3"]
    assert f"CHANGED after confirmation: {TENSORRT}, peak_memory: 3 judgings" in printed


def test_a_confirmation_of_another_night_is_counted_apart(folder):
    folder.add(7)
    folder.add(1, day=2)
    found = accusations(folder.runs(), 1000, seed=1)
    # the eighth run must be in the baseline: C(7, 4) others, and 3 runs of the rest
    assert (found.every.judgings, found.one_night.judgings) == (168, 35 * 3)


@pytest.mark.parametrize(
    "statistic, percent, failed", [("median", 5, 3), ("median", 10, 2), ("mean", 5, 3), ("min", 10, 2)]
)
def test_thresholds_are_pytest_benchmarks(folder, statistic, percent, failed):
    for change in (0, 0.06, 0.2):
        folder.add(1, latency={TENSORRT: change}, noise=0)
    found = threshold(folder.runs(), statistic, percent)
    assert (found.pairs, found.compared, found.failed, found.accused) == (6, 36, failed, failed)
    ratios = [after / before for before, after in itertools.permutations((1, 1.06, 1.2), 2)]
    assert failed == sum(ratio > 1 + percent / 100 for ratio in ratios)


def test_too_few_runs_are_refused(folder, capsys):
    folder.add(7)
    assert main([str(folder.path)]) == 2
    assert capsys.readouterr().err == "7 unchanged runs given, too few: a judging takes 8.\n"


def test_stored_runs_need_no_torch():
    program = "import proof.score.unchanged, proof.score.slowdowns, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ).returncode == 0
