"""Operators behind a change: what is said of the same kernels, of others, of what came and went, in every form."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest

from regression.explain.explanation import explanations, operators_worth_showing, trusted
from regression.explain.operators import operator_changes
from regression.judge.choices import learn, other_choices, typical
from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Reason, Report, Verdict
from regression.report import json as json_form
from regression.report import markdown, page, terminal
from regression.report.content import content
from regression.runs.operator_table import StoredOperator
from regression.runs.run import Benchmark, Run
from regression.text import WIDTH

ID = "net-eager-fp32-b128"
US = 1e-6
CONV, GEMM = "void cudnn::implicit_gemm_128x64<float>(int)", "sm90_xmma_fprop_f32_nhwc_tilesize64"
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int)"


def operator(name: str, us: float, *kernels: str) -> StoredOperator:
    return StoredOperator(name, kernels or (CONV,), us * US)


def run(name: str, rows: list[StoredOperator], day: int = 1) -> Run:
    names = list(dict.fromkeys(kernel for row in rows for kernel in row.kernels))
    table = {
        "kernel": list(range(len(names))),
        "launches": [sum(kernel == name for row in rows for kernel in row.kernels) for name in names],
        "time_s": [sum(row.time_s for row in rows if row.kernels[0] == name) for name in names],
    }
    total_s = sum(row.time_s for row in rows)
    values = dict.fromkeys(("kernel_time", "same_kernels", "selection"), total_s)
    benchmark = Benchmark(id=ID, values=values, operators=tuple(rows), extra_info={"kernels": table})
    return Run(
        path=Path(name),
        datetime=f"2026-03-{day:02d}",
        benchmarks={ID: benchmark},
        selected=frozenset([ID]),
        suite={"kernels": names},
    )


BASELINE = [
    operator("stem aten::conv2d", 100),
    operator("blocks.3.0.conv_dw aten::conv2d", 40),
    operator("aten::add", 20, ADD),
]


def changes(*now: StoredOperator, baselines=((BASELINE,) * 3)):
    found = operator_changes(baselines, now, sum(row.time_s for row in now) - 160 * US)
    return [
        (one.operator, one.kind, round(one.change_s / US, 6), one.said) for one in found if round(one.change_s / US, 6)
    ]


def test_the_same_kernels_are_slower_or_faster():
    found = changes(operator("stem aten::conv2d", 112), operator("blocks.3.0.conv_dw aten::conv2d", 39), BASELINE[2])
    assert found == [
        ("stem aten::conv2d", "slower", 12, "same kernels"),
        ("blocks.3.0.conv_dw aten::conv2d", "faster", -1, "same kernels"),
    ]


def test_other_kernels_are_told_with_the_old_and_the_new():
    ((name, kind, change_us, said),) = changes(BASELINE[0], operator(BASELINE[1].name, 55, GEMM, ADD), BASELINE[2])
    assert (name, kind, change_us) == (BASELINE[1].name, "other kernels", 15)
    assert said.startswith("implicit_gemm_128x64 -> sm90_xmma_fprop") and " + vectorized_elementwise_kernel" in said


def test_kernels_that_another_run_launched_are_seen_before():
    chosen = [BASELINE[0], operator(BASELINE[1].name, 70, GEMM), BASELINE[2]]
    found = changes(*chosen, baselines=[BASELINE, BASELINE, chosen])
    assert [(kind, change_us) for _, kind, change_us, _ in found] == [("seen before", 20)]


def split(us: float, *grid: int) -> StoredOperator:
    x, y, z = grid
    return StoredOperator(BASELINE[1].name, (GEMM, ADD), us * US, grids=((x, y, z), (2, 1, 1)))


def test_the_same_kernels_with_other_grids_are_another_choice():
    baselines = [[*BASELINE[:1], split(40, 8, 4, 6), BASELINE[2]]] * 3 + [
        [BASELINE[0], split(30, 8, 4, 3), BASELINE[2]]
    ]
    slower, seen, other = (
        changes(BASELINE[0], one, BASELINE[2], baselines=baselines)
        for one in (split(44, 8, 4, 6), split(30, 8, 4, 3), split(55, 8, 4, 2))
    )
    name = BASELINE[1].name
    short = "sm90_xmma_fprop_f32_nhwc_tilesize64"
    assert slower == [(name, "slower", 4, "same kernels")]
    assert seen == [(name, "seen before", -7.5, f"{short} 8x4x6 -> 8x4x3 blocks")]
    assert other == [(name, "other kernels", 17.5, f"{short} 8x4x6 -> 8x4x2 blocks")]
    without = dataclasses.replace(split(44, 8, 4, 6), grids=())
    assert changes(BASELINE[0], without, BASELINE[2], baselines=baselines)[0][1:] == ("slower", 4, "same kernels")


def test_what_came_and_what_went():
    found = changes(*BASELINE[:2], operator("blocks.3.0.se aten::mul", 30, ADD))
    assert [(name, kind, change_us) for name, kind, change_us, _ in found] == [
        ("blocks.3.0.se aten::mul", "new", 30),
        ("aten::add", "gone", -20),
    ]
    assert found[0][3].startswith("nothing -> ") and found[1][3].endswith(" -> nothing")


@pytest.mark.parametrize("number", [1, 17, 40])
def test_of_operators_of_one_name_the_one_that_changed_is_named(number):
    """As in TorchScript, whose modules have no paths."""
    same = [*[operator("aten::conv2d", 10)] * 40, operator("aten::add", 20, ADD)]
    slower, chosen = list(same), list(same)
    slower[number - 1] = operator("aten::conv2d", 13)
    chosen[number - 1] = operator("aten::conv2d", 14, GEMM)
    assert changes(*slower, baselines=[same] * 3) == [(f"aten::conv2d #{number}", "slower", 3, "same kernels")]
    ((name, kind, change_us, _),) = changes(*chosen, baselines=[same] * 3)
    assert (name, kind, change_us) == (f"aten::conv2d #{number}", "other kernels", 4)
    ((name, kind, _, _),) = changes(*same[1:], baselines=[same] * 3)
    assert (name, kind) == ("aten::conv2d #40", "gone"), "there are 39"


def test_without_operators_nothing_is_said():
    assert operator_changes([(), ()], BASELINE, 0.0) == () == operator_changes([BASELINE], (), 0.0)


@pytest.fixture(scope="module")
def slower():
    """A run whose depthwise convolution takes 12 us more, and its baseline."""
    now = run("now.json", [BASELINE[0], operator(BASELINE[1].name, 52), BASELINE[2]], day=2)
    baselines = [run(f"{number}.json", BASELINE) for number in range(5)]
    return now, baselines, judge(now, baselines)


def test_an_explanation_names_the_operator(slower):
    now, baselines, _ = slower
    (told,) = explanations([ID], now, baselines)
    (one,) = operators_worth_showing(told, 5)
    assert (one.operator, round(one.share, 6)) == ("blocks.3.0.conv_dw aten::conv2d", 1.0)
    assert operators_worth_showing(dataclasses.replace(told, operators=(one,) * 9), 5) == [one] * 5


# Of a model: one large operator and nine small ones, and what is slower in one of five baseline runs.
MODEL = [operator("head aten::conv2d", 400), *(operator(f"blocks.{n} aten::conv2d", 20 + n) for n in range(9))]
EVERYTHING, LARGEST, ANOTHER = range(10), (0,), (5,)


def scaled(factors: dict[int, float]) -> list[StoredOperator]:
    return [dataclasses.replace(row, time_s=row.time_s * factors.get(n, 1)) for n, row in enumerate(MODEL)]


@pytest.mark.parametrize("slow", [1.01, 1.2])
@pytest.mark.parametrize("where", [EVERYTHING, LARGEST, ANOTHER])
@pytest.mark.parametrize("bad", range(5))
def test_a_bad_baseline_run_does_not_move_which_operator_is_named(slow, where, bad):
    """An operator that takes 0.5 us more of 600 us, against five runs of which one is slow."""
    before = [scaled(dict.fromkeys(where, slow) if number == bad else {}) for number in range(5)]
    now = run("now.json", scaled({3: 1 + 0.5 / 22}), day=2)
    (told,) = explanations([ID], now, [run(f"{number}.json", rows) for number, rows in enumerate(before)])
    assert told.change_s == pytest.approx(0.5 * US)
    (one,) = operators_worth_showing(told, 5)
    assert (one.operator, one.kind) == ("blocks.2 aten::conv2d", "slower")
    assert one.change_s == pytest.approx(0.5 * US) and one.share == pytest.approx(1)


def many(name: str, rows: list[StoredOperator], day: int = 1) -> Run:
    """The same of six benchmarks, which is enough for the judge to notice a bad run."""
    found = run(name, rows, day)
    ids = [f"net-{variant}-b128" for variant in "abcdef"]
    measured = {id_: dataclasses.replace(found.benchmarks[ID], id=id_) for id_ in ids}
    return dataclasses.replace(found, benchmarks=measured, selected=frozenset(ids))


def test_runs_that_the_judge_distrusts_do_not_count_where_they_are_as_many_as_the_others():
    """Two of five move a median a little; the judge lets neither count."""
    levels = (1.0, 1.0005, 0.9995, 1.2, 1.21)
    baselines = [many(f"{n}.json", scaled(dict.fromkeys(EVERYTHING, level))) for n, level in enumerate(levels)]
    now = many("now.json", scaled({3: 1.05}), day=2)
    report = judge(now, baselines)
    assert [report.trusted["kernel_time"][run.path] for run in baselines] == [1, 1, 1, 0, 0]
    (told,) = explanations(["net-a-b128"], now, baselines, trusted=trusted(report))
    (one,) = operators_worth_showing(told, 5)
    assert one.operator == "blocks.2 aten::conv2d" and one.before_s == pytest.approx(22 * US)


def test_the_judge_names_what_a_new_choice_costs_beside_a_bad_run():
    """The run is slow in just that operator, by as much as the other kernels cost."""
    machine = [scaled({5: 3.0} if number == 2 else {}) for number in range(5)]
    rows = [*MODEL[:5], operator(MODEL[5].name, 48, GEMM), *MODEL[6:]]
    known = typical(learn(machine), machine)
    ((named, cost_s),) = [(one.operator, one.cost_s) for one in other_choices(known, rows)]
    assert named == MODEL[5].name and cost_s == pytest.approx(24 * US)


def test_the_first_look_is_at_an_operator_of_the_part_that_is_slower():
    """The costliest operator launches other kernels, which is not why the same kernels are slower."""
    baselines = [run(f"{number}.json", BASELINE) for number in range(5)]
    now = run("now.json", [operator(BASELINE[0].name, 112), operator(BASELINE[1].name, 60, GEMM), BASELINE[2]], day=2)
    of_parts = {
        metric: Judgement(
            benchmark=ID, metric=metric, baseline=1e-4, now=1.1e-4, ratio=1.1, verdict=Verdict.SLOWER,
            reason=Reason.CONFIRMED,
        )
        for metric in ("same_kernels", "selection", "kernel_time")
    }  # fmt: skip
    first = {
        metric: content(
            Report(run=now.path, judgements=(one,), baselines=tuple(b.path for b in baselines)), now, baselines
        ).look_first.partition("; ")[2]
        for metric, one in of_parts.items()
    }
    assert first["same_kernels"].endswith("is stem aten::conv2d (slower).")
    assert first["selection"].endswith("is blocks.3.0.conv_dw aten::conv2d (other kernels).")
    assert first["kernel_time"] == first["selection"]


def test_every_form_names_it_before_the_kernels(slower):
    now, baselines, report = slower
    said = content(report, now, baselines)
    name, kernel = "blocks.3.0.conv_dw aten::conv2d", "implicit_gemm_128x64"
    for form in (terminal.text, markdown.text, page.html):
        text = form(said)
        began = re.search(rf"{ID}`?: \+|id=\"changed\"", text)
        assert began is not None, form
        text = text[began.start() :].replace("<wbr>", "")
        assert 0 <= text.index(name) < text.index(kernel), form
    lines = terminal.text(said).splitlines()
    (line,) = [line for line in lines if name in line]
    assert "+12.00 us" in line and line.endswith("slower: same kernels") and max(map(len, lines)) <= WIDTH
    (told,) = json.loads(json_form.text(said))["kernels"].values()
    assert told["operators"][0]["operator"] == name and told["operators"][0]["change_s"] == pytest.approx(12e-6)


def test_names_from_a_stored_file_do_nothing(slower):
    """Neither a terminal's escape nor a tag or Markdown of an operator's or a kernel's name reaches the reader."""
    bad = "<b onmouseover=x>`[a](javascript:x)\x1b[31m\n| @everyone"
    now = run("now.json", [BASELINE[0], operator(bad, 30, bad), BASELINE[2]], day=2)
    baselines = slower[1]
    said = content(judge(now, baselines), now, baselines)
    assert "\x1b" not in terminal.text(said) and "\x1b" not in markdown.text(said)
    assert "<b onmouseover" not in page.html(said)
    for line in markdown.text(said).splitlines():
        assert "<b" not in line or "`" in line


def engine(us: float, *, spin_us: float = 0.0) -> list[StoredOperator]:
    """An engine of two kernels of 300 us and one that differs from run to run, and a kernel after it."""
    times_s = {CONV: 300 * US, GEMM: 300 * US, "restless": us * US}
    spin = [operator("outside every operator", spin_us, "spin")] if spin_us else []
    return [StoredOperator("run", tuple(times_s), sum(times_s.values()), times_s=times_s), *spin]


def test_what_differs_from_run_to_run_is_told_apart_and_last():
    """However much more it takes than the kernel that is new."""
    baselines = [engine(us) for us in (100, 140, 100, 100, 141)]
    found = operator_changes(baselines, engine(142, spin_us=5), 47 * US)
    assert [(one.operator, one.kind, round(one.change_s / US)) for one in found if abs(one.change_s) > 0.5 * US] == [
        ("outside every operator", "new", 5),
        ("run", "restless", 42),
    ]
    assert found[-1].said == "from run to run other times of restless"
    assert sum(one.change_s for one in found) == pytest.approx(47 * US)
    steady = operator_changes([engine(100)] * 5, engine(142, spin_us=5), 47 * US)
    assert [(one.operator, one.kind) for one in steady] == [("run", "slower"), ("outside every operator", "new")]


def test_what_is_restless_has_a_place_among_few():
    other = operator("blocks.3.0.conv_dw aten::conv2d", 9)
    rows = [[*engine(us), other] for us in (100, 140, 100, 100, 141)]
    quicker = dataclasses.replace(other, time_s=other.time_s / 2)
    baselines = [run(f"{number}.json", of_run) for number, of_run in enumerate(rows)]
    (told,) = explanations([ID], run("now.json", [*engine(142, spin_us=5), quicker], day=2), baselines)
    assert [one.kind for one in operators_worth_showing(told, 2)] == ["new", "restless"]
    assert [one.kind for one in operators_worth_showing(told, 1)] == ["new"]
    assert [one.kind for one in operators_worth_showing(told, 5)] == ["new", "faster", "restless"]
