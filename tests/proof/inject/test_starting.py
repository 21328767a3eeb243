"""Injections into first requests: what they are asked, and that the right metric of the right variant shows them."""

from __future__ import annotations

import argparse
import copy
import json
import random

import pytest
import torch

from fixtures.key import Key
from fixtures.machine.device import Device
from proof.inject.slowdown import parse
from proof.inject.starting import slowed_by
from regression import rerun
from regression.judge.judge import judge
from regression.judge.verdict import Verdict
from regression.metrics import METRICS
from regression.runs.read import parse as parse_run
from tests.conftest import SMALL
from tests.inner_session import suite_arguments

SLOWED, OTHER = (f"test_efficientnet-{variant}-cold-start" for variant in ("eager-fp32", "torchscript-fp32"))
SLEEP_S = 1.0


@pytest.mark.parametrize(
    ("text", "kind", "fixed_s", "size_bytes", "said"),
    [
        ("eager-fp32:first=1s", "first", 1.0, 0, "eager-fp32:first=1s"),
        ("*-b1:first=0.5s", "first", 0.5, 0, "*-b1:first=0.5s"),
        ("eager-fp32:context=1GiB", "context", None, 2**30, "eager-fp32:context=1GiB"),
    ],
)
def test_amounts_have_units(text: str, kind: str, fixed_s: float | None, size_bytes: int, said: str) -> None:
    asked = parse(text)
    assert (asked.kind, asked.fixed_s, asked.size_bytes, str(asked)) == (kind, fixed_s, size_bytes, said)


@pytest.mark.parametrize(
    "text", ["a:first=1", "a:first=1%", "a:first=0s", "a:first=-1s", "a:context=1GB", "a:context=nanGiB"]
)
def test_an_amount_without_its_unit_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        parse(text)


class Pool:
    """What a service asks of a pool before its variant is built."""

    device = Device(torch.device("cpu"), "a CPU", "cpu")

    def batch(self, key: Key) -> torch.Tensor:
        return torch.zeros(key.batch_size)


def test_a_larger_context_is_held_by_the_variants_that_it_is_asked_for() -> None:
    make = slowed_by([parse("eager-fp32:context=0.001GiB")])
    held = []
    for variant in ("eager-fp32", "torchscript-fp32"):
        service = make(Pool(), Key("model", variant, 1), None)
        service.create_context()
        held.append(getattr(service, "held", None))
    assert held[0] is not None and held[0].nbytes == round(0.001 * 2**30)
    assert held[1] is None


def test_a_second_of_sleep_is_a_slower_first_call_and_nothing_else(pytester, monkeypatch):
    """The session sleeps in its fork. Its baseline is itself without the second, but for 1 % of noise: a busy
    machine's first calls differ by much more."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    result = pytester.runpytest_inprocess(
        *suite_arguments(*SMALL, "-p", "proof.inject.slowdown", tests="test_cold_start.py"),
        *("--variants=eager-fp32,torchscript-fp32", "--slow=eager-fp32:first=1s", "--benchmark-json=run.json"),
    )
    result.assert_outcomes(passed=2)
    document = json.loads((pytester.path / "run.json").read_text())
    suite = document["suite"]
    assert suite["injected"] == {SLOWED: [{"kind": "first", "asked": "1s", "size_s": SLEEP_S}]}
    assert suite["selected"] == [SLOWED, OTHER] and document["benchmarks"] == []
    slowed = suite["questions"][0]["extra_info"]
    assert slowed["first_call_s"] > SLEEP_S and slowed["first_answer_s"] > SLEEP_S

    suite["confirmations"] = []
    for _ in range(2):
        entry = rerun.confirmation(document, [OTHER], METRICS)
        rerun.add_confirmation(document, entry, suite)
    run = parse_run(document, pytester.path / "run.json")
    report = judge(run, [before(document, number, pytester.path) for number in range(5)])
    worse = {(item.benchmark, item.metric) for item in report.judgements if item.verdict is not Verdict.SAME}
    assert worse == {(SLOWED, "first_call"), (SLOWED, "first_answer")}
    assert {item.verdict for item in report.judgements if item.benchmark == SLOWED} == {Verdict.SLOWER, Verdict.SAME}
    assert report.failed


def before(document, number, folder):
    """The same without the second of sleep, on another hour."""
    earlier, noise = copy.deepcopy(document), random.Random(number)
    earlier["datetime"] = f"2026-01-01T0{number}:00:00+00:00"
    earlier["suite"] |= {"run_id": f"earlier {number}", "confirmations": []}
    for question in earlier["suite"]["questions"]:
        fields = question["extra_info"]
        for name in ("first_call_s", "first_answer_s"):
            fields[name] -= SLEEP_S * (question["param"] == SLOWED)
            fields[name] *= 1 + noise.gauss(0, 0.01)
    return parse_run(earlier, folder / f"000{number}_baseline.json")
