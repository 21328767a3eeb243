"""What a terminal shows: the table, the kernels and engine layers behind each change, and the answer last."""

import dataclasses
import json

import pytest

from regression.explain.explanation import explanations
from regression.explain.layers import Layers, compare
from regression.judge.verdict import Reason, Verdict
from regression.report import json as json_form
from regression.report import terminal
from regression.report.answer import look_first
from regression.report.content import content
from regression.report.markdown import explanation_text
from regression.report.page import html
from regression.report.terminal import explanation_lines as lines
from regression.runs.run import Benchmark
from tests.regression.report import reported
from tests.regression.report.reported import FAST, SAME, SLOW, judgement

LONG = "conv_" + "x" * 300


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return reported.stored(tmp_path_factory.mktemp("stored"))


def with_layers(run, names, benchmark=SLOW):
    one = run.benchmarks[benchmark]
    one = dataclasses.replace(one, extra_info={**one.extra_info, "engine_layers": names})
    return dataclasses.replace(run, benchmarks={**run.benchmarks, benchmark: one})


def in_json(this, baselines):
    return json.loads(json_form.text(reported.content(this, baselines)))["kernels"]


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        (["a", "b"], ["b", "c", "c"], Layers(3, 2, ("c", "c"), ("a",))),
        (["a", "a"], ["a"], Layers(1, 2, (), ("a",))),
        (["a", "b"], ["b", "a"], Layers(2, 2)),
        (["a_myl0_0", "b_myl0_1"], ["c_myl0_0", "a_myl0_1", "b_myl0_2"], Layers(3, 2, ("c",))),
        ([], ["a"], Layers(1, 0)),
        (None, ["a", 3, None], Layers(1, 0)),
        (["a"], [], None),
        (["a"], "a", None),
        (["a"], None, None),
    ],
)
def test_layers_are_compared_by_name_and_number(before, now, found):
    assert compare({"engine_layers": before}, {"engine_layers": now}) == found


def test_the_sentence_says_that_no_kernel_is_tied_to_a_layer():
    assert Layers(62, 61, ("b", "c"), ("a",)).sentence() == "62 engine layers, not tied to kernels; 2 new, 1 gone"
    assert Layers(1, 1).sentence() == "1 engine layer, not tied to kernels; the same names as in the baseline"
    assert Layers(62, 0).sentence() == "62 engine layers, not tied to kernels; the baseline recorded none"


@pytest.mark.parametrize("form", [terminal.text, terminal.every_row])
def test_what_failed_comes_first_then_the_kernels_then_the_summary(case, form):
    this, baselines, _ = case
    told = reported.content(this, baselines)
    out = form(told).splitlines()
    assert told.answer.startswith(out[0]) and out[-1] == told.summary
    row = next(number for number, line in enumerate(out) if line.endswith("SLOWER"))
    assert row < next(number for number, line in enumerate(out) if line.startswith(f"{SLOW}: "))
    slow = next(number for number, line in enumerate(out) if line.startswith(f"{SLOW}: "))
    assert out[slow - 1] == "" and "spin_kernel (0 -> 1 launches)" in out[slow + 1]
    fast = next(number for number, line in enumerate(out) if line.startswith(f"{FAST}: "))
    assert slow < fast and not any(line.startswith(f"{SAME}: ") for line in out)


def test_kernels_are_explained_for_what_changed_alone(case):
    """Another number of launches alone is worth a look with -v."""
    this, baselines, _ = case
    unsure = judgement(SLOW, "kernel_time", Verdict.UNSURE, Reason.NOISY, 0.012, 0.012)
    told = reported.content(this, baselines, judgements=(unsure,), labels=())
    assert [one.benchmark for one in told.changed] == [SLOW]
    assert "spin_kernel" not in terminal.text(told)
    assert "spin_kernel" in terminal.every_row(told)


def test_many_changed_benchmarks_are_counted_and_not_all_explained(case):
    this, baselines, _ = case
    many = tuple(judgement(f"m-v{n}-b1", "latency", Verdict.SLOWER, Reason.CONFIRMED, 1.0, 2.0) for n in range(30))
    measured = {item.benchmark: Benchmark(id=item.benchmark) for item in many}
    this = dataclasses.replace(this, benchmarks=measured)
    out = terminal.text(reported.content(this, baselines, judgements=many, shown=())).splitlines()
    (first,) = [number for number, line in enumerate(out) if line.startswith("m-v0-b1, m-v1-b1, ")]
    told = " ".join(line.strip() for line in out[first : out.index("", first)])
    assert told.count("-b1") == terminal.MOST_EXPLAINED
    assert told.endswith("no kernel table (a CPU, or an older version).")
    assert any(line.startswith("20 more benchmarks changed") for line in out)


def test_a_baseline_that_was_left_out_explains_nothing(case):
    this, baselines, _ = case
    report = reported.report(this, baselines[:0])
    told = " ".join(line.strip() for line in terminal.text(content(report, this, baselines)).splitlines())
    assert SLOW in told and ": The baseline has no kernel table" in told


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["conv_a", "conv_c"], "  2 engine layers, not tied to kernels; 1 new, 1 gone: +conv_c, -conv_b"),
        (["conv_b", "conv_a"], "  2 engine layers, not tied to kernels; the same names as in the baseline"),
        (["conv_a", "conv_b", "x\ny"], "  3 engine layers, not tied to kernels; 1 new, 0 gone: +x y"),
    ],
)
def test_engine_layers_are_one_of_five_lines(case, names, said):
    this, baselines, _ = case
    before = [with_layers(baseline, ["conv_a", "conv_b"]) for baseline in baselines]
    (told,) = explanations([SLOW], with_layers(this, names), before)
    out = lines(told)
    assert out[-1] == said and len(out) <= 5
    assert out[1].endswith("spin_kernel (0 -> 1 launches)")


def test_layers_are_those_of_the_baseline_run_whose_kernels_are_compared(case):
    """The one nearest to the median kernel time, here the second."""
    this, baselines, _ = case
    before = []
    for number, factor in enumerate((0.9, 1.0, 1.2)):
        run = with_layers(baselines[number], [f"layer_{number}"])
        one = run.benchmarks[SLOW]
        values = {**one.values, "kernel_time": one.values["kernel_time"] * factor}
        before.append(dataclasses.replace(run, benchmarks={SLOW: dataclasses.replace(one, values=values)}))
    (told,) = explanations([SLOW], with_layers(this, ["layer_1"]), before)
    assert told.layers == Layers(1, 1)


def test_long_layer_names_fit_and_are_whole_in_json(case):
    this, baselines, _ = case
    before = [with_layers(baseline, [f"{LONG}_old"]) for baseline in baselines]
    (told,) = explanations([SLOW], with_layers(this, [f"{LONG}_new"]), before)
    line = lines(told)[-1]
    assert len(line) <= 100 and "_new, -conv" in line and line.endswith("_old")
    kernels = in_json(with_layers(this, [f"{LONG}_new"]), before)[SLOW]
    assert kernels["layers"] == {"now": 1, "before": 1, "new": [f"{LONG}_new"], "gone": [f"{LONG}_old"]}


def test_without_kernels_the_layers_are_still_told(case):
    this, baselines, _ = case
    bare = with_layers(this, ["conv_c"])
    one = bare.benchmarks[SLOW]
    one = dataclasses.replace(one, extra_info={"engine_layers": ["conv_c"]})
    bare = dataclasses.replace(bare, benchmarks={SLOW: one})
    before = [with_layers(baseline, ["conv_a"]) for baseline in baselines]
    (told,) = explanations([SLOW], bare, before)
    first, second = lines(told)
    assert "no kernel table" in first and second.endswith("1 new, 1 gone: +conv_c, -conv_a")


def test_a_benchmark_of_eager_pytorch_has_no_layers(case):
    this, baselines, _ = case
    (told,) = explanations([FAST], this, baselines)
    assert told.layers is None and in_json(this, baselines)[FAST]["layers"] is None


def test_json_has_full_names_and_shares_that_add_up(case):
    this, baselines, _ = case
    kernels = in_json(this, baselines)[SLOW]
    assert kernels["changes"][0]["kernel"] == "void spin_kernel<long>(long)"
    assert kernels["changes"][0]["change_s"] == pytest.approx(60e-6)
    assert sum(change["share"] for change in kernels["changes"]) == pytest.approx(1)
    assert kernels["change_s"] == pytest.approx(60e-6) and kernels["missing"] == ""


def test_layers_are_in_markdown_and_on_the_page_as_text(case):
    this, baselines, _ = case
    before = [with_layers(baseline, [f"old_{number}" for number in range(40)]) for baseline in baselines]
    nasty = "<script>alert(1)</script> `x` | @everyone"
    now = with_layers(this, [nasty])
    (told,) = explanations([SLOW], now, before)
    text = explanation_text(told)
    assert "- new: `<script>alert(1)</script> 'x' \\| @everyone`" in text
    assert "- gone: `old_0`, `old_1`, `old_2`, `old_3`, `old_4` and 35 more" in text
    page = html(reported.content(now, before))
    assert "1 engine layer, not tied to kernels; 1 new, 40 gone" in page
    assert "<script" not in page and "20 more gone" in page


def test_the_same_layers_are_one_sentence_on_the_page(case):
    this, baselines, _ = case
    before = [with_layers(baseline, ["a"]) for baseline in baselines]
    page = html(reported.content(with_layers(this, ["a"]), before))
    assert "1 engine layer, not tied to kernels; the same names as in the baseline." in page


@pytest.mark.parametrize(("share", "said"), [(0.754, "75 %"), (1.004, "100 %"), (1.52, "all")])
def test_a_kernel_has_no_more_than_all_of_what_was_added(case, share, said):
    """Where others became faster, one has more than the sum of all changes."""
    this, baselines, _ = case
    told = content(reported.report(this, baselines), this, baselines)
    (first, *others) = told.changed[0].explanation.changes
    explanation = dataclasses.replace(
        told.changed[0].explanation, changes=(dataclasses.replace(first, share=share), *others)
    )
    looked = look_first(told.rows, {SLOW: explanation}.get)
    assert looked.endswith(f"; {said} of its added kernel time is spin_kernel (new).")


def test_kernels_explain_nothing_where_the_kernel_time_is_the_same(case):
    this, baselines, _ = case
    judgements = (
        judgement(SLOW, "kernel_time", Verdict.SAME, Reason.INSIDE_NOISE, 0.005, 0.00506),
        judgement(SLOW, "latency", Verdict.SLOWER, Reason.CONFIRMED, 0.0055, 0.0075),
    )
    told = content(reported.report(this, baselines, judgements=judgements), this, baselines)
    assert told.look_first == f"Look first at latency of {SLOW}, +36.4 %."
    explanation = told.changed[0].explanation
    assert lines(explanation) == [f"{SLOW}: its kernel time is the same (5000.0 -> 5060.0 us)"]
    assert "spin_kernel" not in explanation_text(explanation) and "| kernel |" not in explanation_text(explanation)
    page = html(told)
    assert "Its kernel time is the same" in page and "spin_kernel" not in page
