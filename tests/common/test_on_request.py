"""Modules of questions: each is there, and the ids of its answers are known as its own."""

import pytest
import torch

from common.on_request import ALWAYS_ON_A_GPU, ON_REQUEST, modules_of
from fixtures.key import Key
from fixtures.machine.device import Device
from fixtures.questions import QUESTIONS, modules_on_request
from fixtures.suite import BENCHMARKS


def test_every_module_is_there_and_asks_a_question() -> None:
    assert ON_REQUEST.keys() > ALWAYS_ON_A_GPU
    for module in ON_REQUEST:
        assert "pytest.mark.question(" in (BENCHMARKS / module).read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "asked"), [("cpu", False), ("cuda:0", True)])
def test_first_requests_are_asked_on_every_gpu(name: str, asked: bool) -> None:
    found = modules_on_request(Device(torch.device(name), "", "", ""))
    assert (BENCHMARKS / "test_cold_start.py" not in found) is asked and BENCHMARKS / "test_batches.py" in found


@pytest.mark.parametrize("batch_size", [1, 128])
def test_an_answer_is_known_as_its_modules(batch_size: int) -> None:
    ids = [question.id_of(Key("payload", "eager-fp32", batch_size)) for question in QUESTIONS.values()]
    assert [modules_of([id_]) for id_ in ids] == [[module] for module in ON_REQUEST]
    assert modules_of(ids) == list(ON_REQUEST)
    assert modules_of([f"payload-eager-fp32-b{batch_size}"]) == []
