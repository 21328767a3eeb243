"""What the proof of memory growth calls right: silence on unchanged runs, and a leak's own side on the others."""

from __future__ import annotations

import pytest

from proof.memory_growth import main

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
        status = main([str(recorder.folder), "--unchanged=0", "--leak=0"])
        return status, capsys.readouterr().out

    return score


@pytest.mark.parametrize("kind, fields", [("leak", HOST), ("gpu-leak", GPU)])
def test_a_leak_that_is_seen_in_every_benchmark_and_nothing_else_is_right(scored, kind, fields):
    status, said = scored({}, kind, dict.fromkeys(IDS, fields))
    assert status == 0
    assert "unchanged: 8 of 8 runs as it should be" in said and f"{kind} of " in said
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
