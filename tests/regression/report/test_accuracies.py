"""Accuracies of a stored run are shown in every form that has room, and what contradicts itself is not."""

from __future__ import annotations

import dataclasses
import math
import re

import pytest

from regression.report import markdown, page
from regression.report.measured import accuracies
from tests.regression.report import reported

NAME = "efficientnet_b0-tensorrt-fp16-b128"
STORED = {
    "images": 50_000, "right": 38_843, "interval": [0.7732, 0.7805], "reference_right": 38_848,
    "lost": 12, "won": 7, "p_value": 0.359283,
}  # fmt: skip
SAID = "77.69% (77.32% to 78.05%) of 50,000 images, reference 77.70%; lost 12, won 7, p = 0.36"


@pytest.fixture
def with_accuracy(tmp_path):
    run, baselines, _ = reported.stored(tmp_path, nights=4)

    def made(accuracy):
        return dataclasses.replace(run, suite={**run.suite, "labels": {NAME: {"accuracy": accuracy}}})

    return made, baselines


def test_markdown_and_page_show_it(with_accuracy):
    made, baselines = with_accuracy
    run = made(STORED)
    said = dataclasses.replace(reported.content(run, baselines), accuracies=accuracies(run))
    assert f"- `{NAME}`: {SAID}" in markdown.text(said).replace("\\", "")
    (folded,) = re.findall(
        "<details>\\s*<summary>Accuracy of 1 benchmark</summary>(.*?)</details>", page.html(said), re.S
    )
    assert f'<span class="name">{NAME}</span>: {SAID}.' in folded


@pytest.mark.parametrize(
    "broken",
    [
        None, [], "77 %", {},
        {**STORED, "images": 0}, {**STORED, "images": 10**400}, {**STORED, "images": True}, {**STORED, "right": -1},
        {**STORED, "right": 50_001}, {**STORED, "lost": 13}, {**STORED, "p_value": math.nan}, {**STORED, "p_value": 2},
        {**STORED, "interval": [0.7]}, {**STORED, "interval": {"low": 0.7}}, {**STORED, "interval": [0.7, "0.8"]},
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_left_out(with_accuracy, broken):
    made, _ = with_accuracy
    assert accuracies(made(STORED))[0].right == 38_843
    assert not accuracies(made(broken))
