"""Collecting what shows what is seen: real sessions of a small model on the CPU, and in which order runs are made."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest

from proof import sight
from proof.collect.sight import Asked, CannotSize, Gpu, Worker, announcement, main, sized
from proof.inject.slowdown import is_reference, parse
from proof.score.sight import EVERYTHING, injections
from proof.score.stored import is_unchanged, read_all, spinning_operators
from regression.judge.judge import judge
from tests.proof.sight_runs import IDS, MODEL, Runs, everything, slowed

SMALL = ("--devices=cpu", "--model=test_efficientnet", "--baseline=1", "--slowed=1", "--budget=400")
OPTIONS = ("--", "--weights=seeded", "--benchmark-max-time=0.05")


@pytest.mark.alone
def test_real_sessions_on_the_cpu_are_stored_slowed_and_not_made_again(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    folder = tmp_path / "runs"
    assert main([str(folder), *SMALL, "--run-seconds=20", *OPTIONS]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("2 runs to make on cpu, about 20 s each: 1 minutes; this call takes at most 400 s"), (
        printed
    )
    assert "baseline took " in printed and "cpu: all runs done, 2 of them now" in printed
    runs, left_out = read_all([folder])
    assert not left_out and [is_unchanged(run) for run in runs] == [True, False]
    found = {one.kind: one for one in injections(runs[-1])}
    assert found.keys() == {"host", "wrapper"}
    by_id = {one.kind: runs[-1].benchmarks[one.benchmark].values for one in found.values()}
    before = runs[0].benchmarks[found["wrapper"].benchmark].values["python_calls"]
    assert by_id["wrapper"]["python_calls"] == before + 1
    names = runs[-1].benchmarks[found["wrapper"].benchmark].parts["python_calls"]
    assert names[sight.WRAPPER] == names["fixtures.pool.Inference.run"] > 0
    size_s = found["host"].size_s
    assert size_s is not None and by_id["host"]["latency"] > size_s > 0
    untouched = runs[-1].benchmarks[found["host"].benchmark].values["python_calls"]
    assert untouched == runs[0].benchmarks[found["host"].benchmark].values["python_calls"]
    assert main([str(tmp_path / "more"), "--earlier", str(folder), *SMALL, *OPTIONS]) == 0
    assert "0 runs to make" in (said := capsys.readouterr().out) and "all runs done, 0 of them now" in said


def asked(**wanted):
    return Asked({"baseline": 5, "slowed": 5, EVERYTHING: 3} | wanted, MODEL, sight.NIGHT)


def worker(folder, uuid="GPU-1"):
    return Worker(Gpu("cuda:0", uuid), asked(), folder, [folder], time.monotonic() + 100)


def test_the_baseline_comes_first_and_the_others_take_turns(tmp_path):
    runs = Runs(tmp_path)
    made = []
    for _ in range(13):
        kind = worker(tmp_path).next_kind()
        made.append(kind)
        runs.add(**{"baseline": {}, "slowed": slowed(), EVERYTHING: everything()}[kind])
    assert made[:5] == ["baseline"] * 5 and set(made[5:7]) == {"slowed", EVERYTHING}
    assert made.count("slowed") == 5 and made.count(EVERYTHING) == 3
    assert worker(tmp_path).next_kind() == "" and sum(worker(tmp_path, "GPU-2").missing().values()) == 13


def test_injections_are_as_large_as_what_this_baseline_claims(tmp_path):
    runs = Runs(tmp_path).add(5)
    values, left_out = sized(asked(), read_all([runs.path])[0])
    found = [parse(text) for text in values]
    assert not left_out
    assert [one.pattern for one in found] == [f"{MODEL}-{one.benchmark}" for one in sight.NIGHT.injections]
    shares = {one.pattern: one.share for one in found if one.share}
    assert 0.003 < shares[f"{MODEL}-tensorrt-fp16-b128"] < 0.01 and 0.06 < shares[f"{MODEL}-eager-fp16-b1"] < 0.3
    noisy = Runs(tmp_path / "noisy", noise=0.01).add(5)
    again = {one.pattern: one.share for one in map(parse, sized(asked(), read_all([noisy.path])[0])[0]) if one.share}
    assert all(again[id_] > 2 * share for id_, share in shares.items() if "eager-fp16" not in id_)
    with pytest.raises(CannotSize, match="says of no change in same_kernels of efficientnet_b0-eager-fp32-b1"):
        sized(asked(), [])


def test_what_noise_would_make_thousands_of_times_as_long_is_left_out_and_said(tmp_path, capsys):
    """As beside three sessions on one host, where a wait of 7000 times the latency did not end within ten minutes."""
    runs = Runs(tmp_path).add(3)
    host = f"{MODEL}-eager-fp16-b1"
    for path, factor in zip(sorted(tmp_path.glob("*.json")), (1.0, 1.0, 40.0), strict=True):
        document = json.loads(path.read_text())
        for benchmark in document["benchmarks"]:
            if benchmark["param"] == host:
                benchmark["extra_info"]["visited_latency_s"] *= factor
        path.write_text(json.dumps(document))
    values, (sentence,) = sized(asked(), read_all([runs.path])[0])
    assert [parse(text).kind for text in values] == [one.kind for one in sight.NIGHT.injections if one.kind != "host"]
    assert f"host in {host} is left out: by the baseline's noise no change in latency of less than" in sentence
    assert worker(tmp_path).slow("slowed") == values
    assert capsys.readouterr().out == f"cuda:0: {sentence}\n"


@pytest.mark.parametrize("claimed", [100.0, float("nan")])
def test_an_operator_that_is_left_out_keeps_what_the_runs_to_compare_with_have(tmp_path, monkeypatch, claimed):
    """Runs are only judged against such as have the same spin kernels."""
    runs = Runs(tmp_path).add(5)
    operator = f"{MODEL}-eager-fp32-b1"

    def noisy(*given):
        report = judge(*given)
        judgements = [
            replace(one, detectable_ratio=claimed) if (one.benchmark, one.metric) == (operator, "same_kernels") else one
            for one in report.judgements
        ]
        return replace(report, judgements=tuple(judgements))

    monkeypatch.setattr("proof.collect.sight.judge", noisy)
    values, (sentence,) = sized(asked(), read_all([runs.path])[0])
    assert sentence.startswith(f"operator in {operator} is left out")
    found = [parse(text) for text in values]
    injected = {one.pattern: [{"kind": one.kind, "asked": one.text, "size_s": None}] for one in found}
    runs.add(injected=injected)
    *unchanged, slow = read_all([runs.path])[0]
    assert {spinning_operators(run) for run in unchanged} == {spinning_operators(slow)}
    assert {one.benchmark for one in injections(slow)} == {one.pattern for one in found} - {operator}


def test_half_a_run_is_not_counted(tmp_path):
    runs = Runs(tmp_path).add(2)
    path = max(tmp_path.glob("*.json"))
    document = json.loads(path.read_text())
    document["suite"]["interrupted"] = "its process ended while measuring"
    path.write_text(json.dumps(document))
    assert worker(tmp_path).missing()["baseline"] == 4
    found, (left_out,) = read_all([runs.path])
    assert len(found) == 1 and "was interrupted (its process ended while measuring)" in str(left_out)


def test_every_run_carries_what_the_plugin_takes_once_for_each_benchmark(tmp_path):
    Runs(tmp_path).add(5)
    for kind, number in (("baseline", 2), ("slowed", len(sight.NIGHT.injections)), (EVERYTHING, len(IDS))):
        found = [parse(text) for text in worker(tmp_path).slow(kind)]
        assert len({one.pattern for one in found}) == len(found) == number, kind
        operators = {(one.pattern, one.module) for one in found if one.kind == "operator"}
        assert operators == {(f"{MODEL}-eager-fp32-b{size}", sight.MODULE) for size in (1, 128)}
        assert all(is_reference(one.kind, one.text) for one in found) is (kind == "baseline")
    command = asked().command("slowed", "cuda:1", tmp_path, ["x:host=1%"])
    assert "--device=cuda:1" in command and "--slow=x:host=1%" in command and "--batch-sizes=1,128" in command


def test_how_long_it_takes_is_said_first():
    text = announcement([Gpu("cuda:0", "GPU-1"), Gpu("cuda:1", "GPU-2")], [13, 10], 560, 80)
    assert text == (
        "23 runs to make on cuda:0, cuda:1, about 80 s each: 17 minutes; "
        "this call takes at most 560 s, enough for 7 of 13 a GPU"
    )


def test_a_call_that_is_cut_loses_one_run_at_most(tmp_path, monkeypatch, capsys):
    """The interpreter stores a run and is then too slow for the next."""
    python = tmp_path / "python"
    folder = tmp_path / "runs"
    stored = Runs(tmp_path / "made").add(1).path / "0001_baseline.json"
    document = json.loads(stored.read_text())
    document["machine_info"]["gpu"]["uuid"] = ""
    stored.write_text(json.dumps(document))
    python.write_text(
        f"#!/bin/sh\nif [ -e {folder}/cpu/1.json ]; then exec sleep 30; fi\ncp {stored} {folder}/cpu/1.json\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(python))
    began = time.monotonic()
    assert main([str(folder), "--devices=cpu", "--budget=3"]) == 0
    assert time.monotonic() - began < 15
    printed = capsys.readouterr().out
    assert "baseline took 0 s, exit status 0" in printed and "exit status -6" in printed
    assert [path.name for path in folder.rglob("*.json")] == ["1.json"] and "1 runs stored" in printed


def test_without_a_gpu_it_says_so(tmp_path, capsys):
    assert main([str(tmp_path)], gpus=lambda devices: []) == 2
    assert "name a device with --devices" in capsys.readouterr().err
