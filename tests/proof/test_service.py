"""What the proof of a service's metrics calls right: silence on unchanged runs, and the one metric on the others."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from proof import service
from proof.collect.pack import packed
from proof.service import main

IDS = ("efficientnet_b0-eager-fp32-b1-growth", "efficientnet_b0-tensorrt-fp16-b1-growth")
HOST, GPU = {"host_growth_bytes": 1_024_000}, {"gpu_growth_bytes": 4_096_000}


@pytest.fixture
def scored(recorder, capsys):
    """Scores eight unchanged runs, one of which may have other fields, and three of a kind of leak with theirs."""

    def document(number, fields):
        growth = {"growth_bytes": {"heap": 2000 + 1000 * number}}
        still = {"host_growth_bytes": 0, "gpu_growth_bytes": 0, "memory_growth": growth}
        questions = [{"param": id_, "params": {}, "extra_info": still | fields.get(id_, {})} for id_ in IDS]
        stored = recorder.document(questions=questions, selected=list(IDS))
        return stored | {"benchmarks": [], "datetime": f"2026-03-02T{number:02}:00:00+00:00"}

    def score(unchanged, kind="leak", leaking=None):
        for number in range(8):
            recorder.store(document(number, unchanged if number == 6 else {}), f"u{number}.json")
        for number in range(3):
            stored = document(10 + number, leaking or {})
            stored["suite"]["injected"] = {id_: [{"kind": kind, "asked": "1KB", "size_s": None}] for id_ in IDS}
            recorder.store(stored, f"x{number}.json")
        status = main([str(recorder.folder), "-v"])
        return status, capsys.readouterr().out

    return score


@pytest.mark.parametrize("kind, fields", [("leak", HOST), ("gpu-leak", GPU)])
def test_a_leak_that_is_seen_in_every_benchmark_and_nothing_else_is_right(scored, kind, fields):
    status, said = scored({}, kind, dict.fromkeys(IDS, fields))
    assert status == 0
    assert "unchanged: 8 of 8 runs as it should be" in said and f"{kind}=" in said
    assert "3 of 3 runs as it should be" in said
    assert f"{IDS[0]:54} heap      median     6.00, largest     9.00 bytes a call in 8 runs" in said


@pytest.mark.parametrize("kind, leaking", [
    ("leak", {}), ("leak", {IDS[0]: HOST}), ("leak", dict.fromkeys(IDS, HOST | GPU)),
    ("gpu-leak", dict.fromkeys(IDS, HOST)),
], ids=["missed", "missed in one", "the other side accused", "the wrong side"])  # fmt: skip
def test_a_leak_that_is_missed_or_laid_at_the_wrong_door_is_wrong(scored, kind, leaking):
    status, said = scored({}, kind, leaking)
    assert status == 1 and "8 of 8 runs as it should be" in said and "0 of 3 runs as it should be" in said


@pytest.mark.parametrize("growth", [256_000, 1_024_000])
def test_an_unchanged_run_of_which_anything_is_said_is_wrong(scored, growth):
    status, said = scored({IDS[1]: {"host_growth_bytes": growth}}, leaking=dict.fromkeys(IDS, HOST))
    assert status == 1 and "unchanged: 7 of 8 runs as it should be" in said


STARTS = tuple(f"efficientnet_b0-{variant}-cold-start" for variant in ("eager-fp32", "torchscript-fp32"))
BOTH = {"gpu_memory_bytes": 2 * 10**9, "first_call_s": 1.4}


@pytest.fixture
def started(recorder, capsys):
    """Scores eight unchanged runs of first requests, and three in which kinds were injected: id to kind and fields."""

    def score(injected):
        for number in range(11):
            slowed = injected if number >= 8 else {}
            fields = {id_: first_request(number) | (slowed[id_][1] if id_ in slowed else {}) for id_ in STARTS}
            questions = [{"param": id_, "params": {}, "extra_info": found} for id_, found in fields.items()]
            stored = recorder.document(questions=questions, selected=list(STARTS), benchmarks=[])
            stored |= {"benchmarks": [], "datetime": f"2026-03-02T{number:02}:00:00+00:00"}
            if slowed:
                stored["suite"]["injected"] = {
                    id_: [{"kind": kind, "asked": "1", "size_s": None}] for id_, (kind, _) in slowed.items()
                }
            recorder.store(stored, f"first-request/{number}.json")
        status = main([str(recorder.folder), "-v"])
        return status, capsys.readouterr().out

    return score


def first_request(number):
    noise = 1 + 0.002 * (number % 3)
    memory = {"host_peak_bytes": 10**9, "gpu_memory_bytes": 10**9}
    return {"first_call_s": 0.4 * noise, "first_answer_s": 4.0 * noise} | memory


LATE = "first", {"first_call_s": 1.4, "first_answer_s": 5.0}
LARGE = "context", {"gpu_memory_bytes": 2 * 10**9}


@pytest.mark.parametrize("injected", [
    {STARTS[0]: LATE}, {STARTS[0]: ("first", {"first_call_s": 1.4})}, {STARTS[0]: LARGE},
    {STARTS[0]: LATE, STARTS[1]: LARGE},
], ids=["first", "first call alone", "context", "together"])  # fmt: skip
def test_a_first_request_that_is_slower_or_holds_more_is_seen_in_its_own_metric(started, injected):
    status, said = started(injected)
    assert status == 0, said
    assert said.startswith("first-request:\n") and "3 of 3 runs as it should be" in said


def test_packed_runs_are_scored_alike(started, recorder, tmp_path, capsys):
    status, said = started({STARTS[0]: LATE})
    archive = tmp_path / "starts.tar.xz"
    archive.write_bytes(packed(recorder.folder, "starts"))
    assert main([str(archive), "-v"]) == status == 0
    assert capsys.readouterr().out == said
    with pytest.raises(SystemExit):
        main([str(archive), "--kinds=first"])
    assert f"{archive} is packed; name a folder to measure into" in capsys.readouterr().err


@pytest.mark.parametrize("injected, wrong", [
    ({STARTS[0]: ("first", {})}, f"first_call of {STARTS[0]} does not fail"),
    ({STARTS[0]: ("context", BOTH)}, f"first_call of {STARTS[0]} is SLOWER (confirmed)"),
    ({STARTS[0]: LATE, STARTS[1]: ("context", {})}, f"gpu_memory of {STARTS[1]} does not fail"),
])  # fmt: skip
def test_what_is_missed_or_said_besides_is_wrong_and_named(started, injected, wrong):
    status, said = started(injected)
    assert status == 1 and wrong in said and "0 of 3 runs as it should be" in said


def test_runs_that_are_there_are_kept_and_none_begins_beyond_the_budget(tmp_path, monkeypatch, capsys):
    """Each measured by pytest in a process of its own, with the injection of its kind; in turns."""
    clock, commands = [0.0], []

    def measure(command, log, left_s):
        commands.append(command)
        log.touch()
        clock[0] += 30
        stored = next(word.partition("=")[2] for word in command if word.startswith("--benchmark-json="))
        Path(stored).write_text("{}")
        return 0

    monkeypatch.setattr("proof.service.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("proof.service._status", measure)
    wanted = [service.Wanted(service.STARTS, (), 2), service.Wanted(service.STARTS, ("first",), 2)]
    service.collect(tmp_path, wanted, 100, ["--device=cpu"])
    made = [file.name for file in sorted((tmp_path / "first-request").iterdir())]
    assert made == ["first-00.json", "unchanged-00.json", "unchanged-01.json"]
    assert "--slow=eager-fp32:first=1s" in commands[1] and commands[0][-1] == "--device=cpu"
    assert not any("--slow" in word for word in commands[0])
    service.collect(tmp_path, wanted, 100, [])
    assert len(commands) == 4 and "call again for the rest" in capsys.readouterr().out


def test_what_is_not_measured_leaves_nothing_and_says_why(tmp_path, capsys):
    wanted = [service.Wanted(service.Session("none", ("--no-such-option",)), (), 1)]
    service.collect(tmp_path, wanted, 100, [])
    assert "not measured" in (said := capsys.readouterr().out) and "--no-such-option" in said
    assert not list(tmp_path.rglob("*.*"))


def test_a_run_that_hangs_is_ended_and_its_log_says_where(tmp_path, monkeypatch, capsys):
    program = "import time\ndef hang(): time.sleep(600)\nhang()"
    command = [sys.executable, "-X", "faulthandler", "-c", program]
    monkeypatch.setattr(service.Wanted, "command", lambda *_: command)
    service.collect(tmp_path, [service.Wanted(service.STARTS, (), 1)], 2, [])
    log = tmp_path / "first-request" / "unchanged-00.log"
    assert f"not measured: the budget is used up; {log} says where it was" in capsys.readouterr().out
    assert "Fatal Python error: Aborted" in log.read_text() and "in hang" in log.read_text()


def test_who_interrupts_it_leaves_no_run_behind_that_hangs(tmp_path, monkeypatch):
    begun = []

    def interrupted(process):
        begun.append(process)
        raise KeyboardInterrupt

    monkeypatch.setattr("common.processes.abort", interrupted)
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(KeyboardInterrupt):
        service._status(command, tmp_path / "log", 0.1)
    assert begun[0].wait(timeout=5) == -signal.SIGKILL


@pytest.mark.parametrize("kinds, said", [
    ("leaks", "there is no 'leaks'; kinds are leak, gpu-leak, first"),
    ("first+leak", "first+leak are of several sessions; part them by a comma"),
    ("leak+gpu-leak", "leak+gpu-leak are injected into the same variants; part them by a comma"),
])  # fmt: skip
def test_kinds_that_cannot_be_injected_so_are_said(tmp_path, capsys, kinds, said):
    with pytest.raises(SystemExit):
        main([str(tmp_path), f"--kinds={kinds}"])
    assert f"--kinds: {said}" in capsys.readouterr().err


def test_kinds_of_one_session_can_share_its_runs(tmp_path):
    unchanged, _, together, leaking = service.wanted("first+context,leak", 5, 3)
    assert (unchanged.name, unchanged.runs) == ("unchanged", 5) and together.name == "first+context"
    command = together.command(tmp_path / "run.json", [])
    assert {"--slow=eager-fp32:first=1s", "--slow=torchscript-fp32:context=1GiB"} < set(command)
    assert leaking.name == "leak" and leaking.runs == 3


def test_a_folder_without_runs_is_no_proof(tmp_path, capsys):
    assert service.main([str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == (
        f"python -m proof.service: {tmp_path}/none holds no run; measure some with --kinds\n"
    )
