"""The script that collects runs: what it starts on which device, and when it stops. No benchmark runs here."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent.parent / "proof" / "collect.sh"


@pytest.fixture
def collect(tmp_path):
    """Runs the script with an interpreter that only writes down what it was asked; returns that, and the output."""
    calls, python = tmp_path / "calls", tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n[ "$2" = pytest ] || echo cuda:0 cuda:1\neval "$STUB"\n')
    python.chmod(0o755)

    def run(*arguments, **environment):
        variables = {"DEVICES": "cuda:0", "STUB": ":"} | environment
        result = subprocess.run(
            [str(SCRIPT), str(tmp_path / "my runs"), *arguments],
            env={"PATH": os.environ["PATH"], "PYTHON": str(python)} | variables,
            capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        return calls.read_text().splitlines() if calls.exists() else [], result

    return run


def named(calls):
    words = [call.split() for call in calls]
    return Counter(
        (word[word.index("--device") + 1], next(w for w in word if w.startswith("--benchmark-save=")).partition("=")[2])
        for word in words
    )


def test_unchanged_runs_alone(collect, tmp_path):
    calls, result = collect("3", ARGS="--weights seeded")
    assert result.returncode == 0, result.stderr
    matrix = "--models efficientnet_b0 --variants eager-fp32,torchscript-fp32,tensorrt-fp16 --batch-sizes 1,128"
    storage = f"-k speed --benchmark-save=unchanged --benchmark-storage=file://{tmp_path}/my runs/cuda0"
    assert calls == [f"-m pytest benchmarks/ --device cuda:0 {matrix} {storage} --weights seeded"] * 3
    assert "3 runs on cuda:0" in result.stdout and "cuda:0: all 3 runs done" in result.stdout


def test_every_gpu_has_its_share_and_confirmations_of_its_own(collect):
    calls, result = collect("10", "10", "3", "4", DEVICES="")
    assert result.returncode == 0, result.stderr
    found = named(calls[1:])
    assert sum(found.values()) == 10 + 10 + 6 * 3 + 2 * 4
    for name in ("unchanged", "slowed-kernel-0.5"):
        assert found["cuda:0", name] == found["cuda:1", name] == 5
    small = {name: {device for device, other in found if other == name} for _, name in found}
    assert all(len(devices) == 1 for name, devices in small.items() if not name.startswith(("unch", "slowed-kernel-0")))
    assert small["layout-none"] == small["layout-blocks.1.0"]
    assert any("-p proof.slowdown --slow tensorrt-fp16 --slow-kernel-time 0.5%" in call for call in calls)
    assert any("-p proof.slowdown --slow tensorrt-fp16 --slow-latency 20%" in call for call in calls)
    assert any("--slow eager-fp32 --slow-layout blocks.1.0" in call for call in calls)


def test_no_run_begins_that_would_not_end_in_time(collect):
    calls, result = collect("9", BUDGET_S="4", STUB="sleep 1.6")
    assert result.returncode == 0 and 1 <= len(calls) <= 3, result.stdout
    assert f"stopped after {len(calls)} runs, the budget of 4 s is used up" in result.stdout


def test_a_run_that_takes_too_long_is_ended(collect):
    _, result = collect("1", BUDGET_S="2", STUB="sleep 9")
    assert result.returncode == 0 and "exit status 137" in result.stdout


def test_a_run_that_fails_is_said_and_its_log_kept(collect, tmp_path):
    _, result = collect("2", STUB="echo what happened; exit 1")
    assert result.returncode == 0 and result.stdout.count("exit status 1") == 2
    assert (tmp_path / "my runs" / "cuda0-failed-2.log").read_text() == "what happened\n"
