"""Modules of questions: each is there, and the ids of its answers are known as its own."""

import pytest

from common.on_request import MODULES, ON_REQUEST, modules_of
from fixtures.key import Key
from fixtures.questions import QUESTIONS
from fixtures.suite import BENCHMARKS


def test_every_module_is_there_and_asks_a_question() -> None:
    for module in MODULES:
        assert "pytest.mark.question(" in (BENCHMARKS / module).read_text(encoding="utf-8")


@pytest.mark.parametrize("batch_size", [1, 128])
def test_an_answer_is_known_as_its_modules(batch_size: int) -> None:
    ids = [question.id_of(Key("payload", "eager-fp32", batch_size)) for question in QUESTIONS.values()]
    assert [modules_of([id_]) for id_ in ids] == [[module] for module in MODULES]
    assert modules_of(ids) == list(MODULES) and modules_of(ids, ON_REQUEST) == list(ON_REQUEST)
    assert modules_of([f"payload-eager-fp32-b{batch_size}"]) == []
