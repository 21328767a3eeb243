"""How far a variant is from the one that does the same with less around it, and what one caller gets of each."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from fixtures.variants.table import VARIANTS
from proof.simulated_runs import benchmark, run, save
from regression.judge.judge import judge
from regression.report import content, figures, markdown, page, terminal
from regression.report import json as json_form
from regression.report.measured import how_far, served, yardsticks
from regression.runs.read import read
from regression.runs.run import Run

NATIVE = "efficientnet_b0-onnx-tensorrt-fp16-b{}"
COMPILED = "efficientnet_b0-tensorrt-fp16-b{}"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Torch-TensorRT takes 5 % more kernel time than native TensorRT at batch 128; at 1 there is no native one."""
    records = [
        benchmark(COMPILED.format(1), 0.0005, 0.001),
        benchmark(COMPILED.format(128), 0.00525, 0.0055),
        benchmark(NATIVE.format(128), 0.005, 0.005),
    ]
    for record in records[:2]:
        record["extra_info"]["yardstick"] = "onnx-tensorrt-fp16"
    return read(save(tmp_path_factory.mktemp("runs"), run(records, 0), "0001_run"))


def test_a_yardstick_is_a_variant_of_the_same_precision() -> None:
    named = {name: variant.yardstick for name, variant in VARIANTS.items() if variant.yardstick}
    assert named["tensorrt-fp16"] == "onnx-tensorrt-fp16" and len(named) == 6
    for name, yardstick in named.items():
        assert VARIANTS[yardstick].precision_name == VARIANTS[name].precision_name


def test_a_variant_is_held_against_its_yardstick_where_both_were_measured(measured: Run) -> None:
    (found,) = yardsticks(measured)
    assert (found.benchmark, found.other) == (COMPILED.format(128), NATIVE.format(128))
    assert found.ratios["kernel time"] == pytest.approx(1.05, abs=0.01)
    assert found.ratios["latency"] == pytest.approx(1.1, abs=0.01)


def test_latencies_that_took_turns_are_held_against_each_other(measured: Run) -> None:
    """Where one of the two has no visits, both are those of their windows."""
    visited = {
        id_: dataclasses.replace(item, visited={"latency": 1.2 if id_ == COMPILED.format(128) else 1.0})
        for id_, item in measured.benchmarks.items()
    }
    (found,) = yardsticks(dataclasses.replace(measured, benchmarks=visited))
    assert found.ratios["latency"] == pytest.approx(1.2) and found.ratios["kernel time"] == pytest.approx(
        1.05, abs=0.01
    )
    visited[NATIVE.format(128)] = measured.benchmarks[NATIVE.format(128)]
    (found,) = yardsticks(dataclasses.replace(measured, benchmarks=visited))
    assert found.ratios["latency"] == pytest.approx(1.1, abs=0.01)


@pytest.mark.parametrize(("ratio", "said"), [(1.042, "+4.2 %"), (0.9, "-10 %"), (2.02, "+102 %"), (1.0, "+0 %")])
def test_how_far_is_percent_without_an_exponent(ratio: float, said: str) -> None:
    assert how_far(ratio) == said


def test_what_a_stored_file_says_is_no_name_or_another_run_s(measured: Run) -> None:
    for odd in (None, 3, ["onnx-tensorrt-fp16"], "eager-fp32"):
        of = measured.benchmarks[COMPILED.format(128)]
        changed = dataclasses.replace(of, extra_info={**of.extra_info, "yardstick": odd})
        assert not yardsticks(dataclasses.replace(measured, benchmarks={**measured.benchmarks, of.id: changed}))


def test_every_form_says_it(measured: Run) -> None:
    said = content.content(judge(measured, []), measured)
    for form in (terminal.text, terminal.every_row, markdown.text):
        whole = " ".join(form(said).split())
        assert "against" in whole and "kernel time +5 %" in whole, whole
    assert json.loads(json_form.text(said))["yardsticks"][0]["yardstick"] == NATIVE.format(128)
    html = page.html(said)
    assert "against its yardstick" in html and "kernel time +5 %" in html
    assert "latency and throughput of one caller" in html and "batch 128: 5.5 ms, 23,273/s" in html


def test_what_one_caller_gets_is_the_batch_over_its_latency(measured: Run) -> None:
    by_size = {(one.variant, one.batch_size): one.images_per_s for one in served(measured)}
    assert by_size["tensorrt-fp16", 1] == pytest.approx(1000, rel=0.01)
    assert by_size["onnx-tensorrt-fp16", 128] == pytest.approx(25_600, rel=0.01)


def test_a_plot_needs_two_batch_sizes(tmp_path: Path) -> None:
    alone = read(save(tmp_path, run([benchmark(COMPILED.format(1), 0.0005, 0.001)], 0), "0001_run"))
    assert "latency and throughput of one caller" not in page.html(content.content(judge(alone, []), alone))


def test_no_plot_is_drawn_that_no_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page of 1,000 benchmarks has hundreds of models, and a plot takes a tenth of a second."""
    ids = [f"model{number}-tensorrt-fp16-b{size}" for number in range(page.MOST_SERVED + 3) for size in (1, 128)]
    many = read(save(tmp_path, run([benchmark(id_, 0.0005, 0.001) for id_ in ids], 0), "0001_run"))
    drawn: list[str] = []
    draw = figures.served

    def served_and_noted(model: str, *rest: Any) -> figures.Picture:
        drawn.append(model)
        return draw(model, *rest)

    monkeypatch.setattr(figures, "served", served_and_noted)
    page.html(content.content(judge(many, []), many))
    assert len(drawn) == page.MOST_SERVED
