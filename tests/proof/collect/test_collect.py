"""What collects runs: what it starts on which device, in which order, and when it stops. No benchmark runs here."""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from proof.collect import __main__ as collect
from proof.collect.__main__ import KINDS, main, shares

ROOT = Path(__file__).resolve().parents[3]
PYTHON = sys.executable


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Collects with an interpreter that only writes down what it was asked; returns that, the output and the status."""
    calls, python = tmp_path / "calls", tmp_path / "python"
    monkeypatch.setattr("sys.executable", str(python))

    def collected(*arguments, does=":"):
        python.write_text(f'#!/bin/sh\necho "$@" >> {calls}\n{does}\n')
        python.chmod(0o755)
        status = main([str(tmp_path / "my runs"), *arguments])
        return calls.read_text().splitlines() if calls.exists() else [], capfd.readouterr(), status

    return collected


def test_runs_are_saved_by_their_kind_and_say_what_slows_them(run, tmp_path):
    calls, printed, status = run("unchanged=1", "slowed=1", "--devices=cuda:0")
    assert status == 0
    unchanged, slowed = sorted(calls, key=lambda call: "slow" in call)
    matrix = "--models=efficientnet_b0 --variants=eager-fp32,torchscript-fp32,tensorrt-fp16 --batch-sizes=1,128"
    assert unchanged.startswith(
        f"-m pytest benchmarks/ --device=cuda:0 {matrix} -k speed -p proof.collect.relay --relay="
    )
    assert unchanged.endswith(f"--benchmark-save=unchanged --benchmark-storage=file://{tmp_path}/my runs/cuda0")
    assert "-p proof.inject.slowdown --slow=tensorrt-fp16:kernel=0.5% --slow=tensorrt-fp16:host=20%" in slowed
    assert "2 runs on cuda:0" in printed.out and "cuda:0: all 2 runs done" in printed.out
    assert not list((tmp_path / "my runs").glob("*.log")), "the log of a run that passed says nothing more"


def test_every_gpu_has_its_share_of_each_form_and_layouts_stay_together():
    first, second = shares({"unchanged": 10, "slowed": 12, "channels-last": 2, "nchw-block": 7}, 2)
    assert Counter(job.kind for job in second) == {"unchanged": 5, "slowed": 6}
    assert Counter(job.kind for job in first) == {"unchanged": 5, "slowed": 6, "channels-last": 2, "nchw-block": 7}
    for jobs in (first, second):
        assert set(Counter(job.arguments for job in jobs if job.kind == "slowed").values()) == {2}
    assert [job.kind for job in second[:4]] == ["unchanged", "slowed", "unchanged", "slowed"]


def test_every_form_is_one_that_the_plugin_takes():
    from proof.inject.slowdown import SCORED, parse

    sizes = set()
    for form in KINDS["slowed"]:
        asked = [parse(word.removeprefix("--slow=")) for word in form if word.startswith("--slow=")]
        metrics = Counter((one.pattern, SCORED[one.kind]) for one in asked)
        assert set(metrics.values()) == {1} and "tensorrt-fp16:kernel=0.5%" in map(str, asked)
        sizes |= {(one.kind, one.text) for one in asked}
    assert sizes == {("kernel", f"{size}%") for size in (0.5, 1, 2, 5)} | {("host", f"{size}%") for size in (5, 10, 20)}


def test_no_run_has_its_turn_that_would_not_end_in_time(run):
    """The next one is started ahead, to wait, and is ended when there is no time for it."""
    calls, printed, _ = run("unchanged=9", "--budget=4", "--devices=cuda:0", does=relayed("sleep 1.5"))
    assert 2 <= len(calls) <= 3, printed.out
    assert f"stopped after {len(calls) - 1} of 9 runs, the budget is used up" in printed.out


def test_a_run_that_takes_too_long_is_ended(run):
    _, printed, _ = run("unchanged=1", "--budget=1", "--devices=cuda:0", does="exec sleep 9")
    assert "exit status -6" in printed.out


def test_a_run_that_fails_is_said_and_its_log_kept(run, tmp_path):
    _, printed, status = run("unchanged=2", "--devices=cuda:0", does="echo what happened; exit 1")
    assert status == 0 and printed.out.count("exit status 1") == 2
    assert (tmp_path / "my runs" / "cuda0-2.log").read_text() == "what happened\n"


def test_without_a_gpu_it_says_so(run):
    calls, printed, status = run("unchanged=1")
    assert status == 2 and "name a device with --devices" in printed.err and len(calls) == 1


@pytest.mark.parametrize("wanted", ["unchanged", "slower=3", "unchanged=-1"])
def test_a_kind_that_is_none_is_refused(wanted, capsys):
    with pytest.raises(SystemExit):
        main(["folder", wanted])
    assert "is not KIND=N with one of unchanged, slowed, " in capsys.readouterr().err


def relayed(command):
    """Shell that waits for the process before it, as proof.collect.relay does, and then does something."""
    program = "import os, sys; os.read(int(sys.argv[1].partition('=')[2].split(',')[1]), 1)"
    option = 'for word; do case "$word" in --relay=*) relay=$word;; esac; done'
    return f'{option}\n{PYTHON} -c "{program}" "$relay"\n{command}'


def test_the_next_process_gets_ready_while_this_one_profiles(pytester, monkeypatch, tmp_path):
    """Two real sessions: the second imports after the first's last latency, and begins after the first has ended."""
    log = tmp_path / "log"
    ready = "import pathlib\n" + f"pathlib.Path({str(log)!r}).open('a').write('ready\\n')\n"
    (tmp_path / "ready.py").write_text(ready)
    monkeypatch.setattr(collect, "ROOT", pytester.path)
    monkeypatch.setenv("RELAY_PRELOAD", "ready")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(tmp_path)]))
    pytester.mkdir("benchmarks")
    (pytester.path / "pytest.ini").write_text("[pytest]\nmarkers = profiles\n")
    (pytester.path / "benchmarks" / "conftest.py").write_text(
        f"import pathlib\ndef say(what): pathlib.Path({str(log)!r}).open('a').write(what + '\\n')\n"
        "def pytest_addoption(parser): parser.addoption('--device')\n"
        "def pytest_sessionstart(session): say('begins')\n"
        "def pytest_unconfigure(config): say('ends')\n"
    )
    (pytester.path / "benchmarks" / "test_speed.py").write_text(
        f"import pathlib, pytest, time\nlog = pathlib.Path({str(log)!r})\n"
        "def say(what): log.open('a').write(what + '\\n')\n"
        "def test_latency(): time.sleep(1); say('timed')\n"
        "@pytest.mark.profiles\ndef test_profile():\n"
        "    while log.read_text().count('ready') < 2: time.sleep(0.01)\n"  # a busy machine may take its time
        "    say('profiled')\n"
    )
    monkeypatch.setitem(collect.KINDS, "unchanged", (("-k", "latency or profile"),))
    assert main([str(tmp_path / "runs"), "unchanged=2", "--devices=cuda:0", "--budget=120"]) == 0
    once = ["begins", "timed", "profiled", "ends"]
    found = log.read_text().splitlines()
    assert found == ["ready", "begins", "timed", "ready", "profiled", "ends", *once]
