"""A report's content: all that a form needs, whatever the metrics are called."""

import ast
import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from regression import report as room
from regression.judge.verdict import Judgement, Reason, Shown, Verdict
from regression.metric import Kind, Metric
from regression.metrics import METRICS
from regression.report import json as json_form
from regression.report import markdown, page, terminal
from regression.report.content import Content, past_of
from regression.report.groups import span
from regression.report.rows import Row
from regression.runs.run import Label
from regression.shared import EVERY, HOST_BOUND, OFFSETS, gpu_name
from tests.regression.report import reported
from tests.regression.report.reported import FAST, GONE, SAME, SLOW

ROOM = Path(str(room.__file__)).parent
FORMS = {"terminal", "markdown", "page", "json"}
SYNCS = Metric(key="syncs", title="synchronisations", path=("extra_info", "syncs"), kind=Kind.COUNT, judged=True)
OF_A_GPU = (gpu_name(engine=True, batch_size="1"), gpu_name(engine=False, batch_size="128"))
SHARED = (EVERY, HOST_BOUND, *OF_A_GPU)
POWER = Metric(key="power", title="power", unit="W", path=("extra_info", "power_w"))


def spoken(content: Content) -> str:
    """A form of the report, as somebody would add it: one function that takes the content."""
    parts = [content.answer, content.look_first]
    parts += [f"{row.title} of {row.benchmark}: {row.word}, {row.moved}" for row in content.rows if not row.same]
    parts += [f"{item.field} became {item.now}" for item in content.differences]
    parts += [f"{one.benchmark} spends {one.explanation.change_s:+.6f} s more" for one in content.changed]
    return " ".join(parts)


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return reported.stored(tmp_path_factory.mktemp("stored"))


def counted(benchmark, baseline, now, reason=Reason.CONFIRMED, verdict=Verdict.CHANGED):
    return Judgement(benchmark=benchmark, metric=SYNCS.key, baseline=baseline, now=now, verdict=verdict, reason=reason)


def with_counts(case, *judgements, **changed):
    this, baselines, _ = case
    return reported.content(this, baselines, metrics=(*METRICS, SYNCS), judgements=judgements, **changed)


def test_a_form_needs_the_content_and_nothing_else(case):
    this, baselines, _ = case
    told = spoken(reported.content(this, baselines))
    assert f"kernel time of {SLOW}: SLOWER, +1.20 %" in told
    assert "software.driver became 590" in told
    assert f"{SLOW} spends +0.000060 s more" in told


@pytest.mark.parametrize("form", sorted(FORMS))
def test_no_form_imports_another_or_the_judge(form):
    tree = ast.parse((ROOM / f"{form}.py").read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            imported |= {str(node.module), *(f"{node.module}.{name.name}" for name in node.names)}
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
    assert "regression.report.content" in imported
    assert not imported & {f"regression.report.{other}" for other in FORMS}
    assert not any(name.startswith(("regression.judge", "regression.runs")) for name in imported)


def test_a_changed_count_stands_between_missing_and_unsure(case):
    this, baselines, _ = case
    of_all = (*reported.report(this, baselines).judgements, counted(SAME, 0, 1))
    told = with_counts(case, *of_all, labels=())
    assert [row.verdict for row in told.rows] == ["SLOWER", "MISSING", "CHANGED", "UNSURE", "FASTER", "SAME"]
    assert told.answer.partition(";")[0] == (
        f"{SLOW} is slower, {GONE} is missing and {SAME} has changed counts (synchronisations)"
    )
    assert told.summary == "FAILED: 1 SLOWER, 1 MISSING, 1 CHANGED, 1 UNSURE, 1 FASTER, 1 SAME"
    assert SAME in [one.benchmark for one in told.changed]


def test_many_counts_do_not_hide_that_times_are_blind(case):
    counts = [counted(name, 4, 4, Reason.SEEN_BEFORE, Verdict.SAME) for name in (SAME, SLOW, FAST)]
    noisy = reported.judgement(SAME, "latency", Verdict.UNSURE, Reason.NOISY, 0.012, 0.013)
    this, baselines, past = case
    labelled = dataclasses.replace(this, labels=dict.fromkeys(this.benchmarks, Label(True, "")), failed={})
    told = with_counts((labelled, baselines, past), *counts, noisy, labels=())
    assert told.status == "incomplete"
    assert told.answer.startswith(
        f"Most times could not have shown a regression: 1 of 1 (batch-128 latency of {SAME});"
        " there is none in 3 of 4 measurements; "
    )
    assert with_counts((labelled, baselines, past), *counts, labels=()).status == "passed"


def test_kernels_are_not_explained_for_what_changed_beside_the_same_kernel_time(case):
    """As an API call does; -v and the page still show it."""
    same = reported.judgement(SAME, "kernel_time", Verdict.SAME, Reason.INSIDE_NOISE, 0.012, 0.012)
    slow = reported.judgement(SLOW, "kernel_time", Verdict.SLOWER, Reason.CONFIRMED, 0.005, 0.00506)
    told = with_counts(case, same, slow, counted(SAME, 0, 1), labels=(), shown=())
    assert (told.changed_ids, told.moved, told.explained) == ((SLOW, SAME), 2, 1)
    assert f"{SAME}: its kernel time is the same" in terminal.every_row(told)
    assert "its kernel time is the same" not in terminal.text(told) + markdown.text(told)
    assert f"{SLOW}: +" in terminal.text(told)


def test_a_count_on_which_processes_disagree_says_what_it_was_and_is(case):
    """Otherwise `again 1, 0` has nothing to be compared with."""
    unsure = dataclasses.replace(counted(SAME, 0, 1, Reason.DISAGREED, Verdict.UNSURE), detail="again 1, 0")
    told = with_counts(case, unsure, labels=())
    said = " ".join(terminal.text(told).split())
    assert f"UNSURE (disagreed): batch-128 synchronisations of {SAME}; 0 -> 1; again 1, 0 " in said
    assert "    disagreed: 0 -> 1; again 1, 0" in terminal.every_row(told).splitlines()


@pytest.mark.parametrize("shared, said_of_it", [(EVERY, EVERY), (HOST_BOUND, HOST_BOUND), (OF_A_GPU[0], OFFSETS)])
def test_what_benchmarks_share_is_no_benchmark(case, shared, said_of_it):
    names = (SAME, SLOW, FAST, shared)
    rows = [reported.judgement(name, "latency", Verdict.UNSURE, Reason.DISTURBED, 0.01, 0.01) for name in names]
    said = terminal.text(with_counts(case, *rows, labels=()))
    assert f"UNSURE (disturbed): latency of 3 benchmarks and of {said_of_it} together" in said


def test_what_benchmarks_share_is_one_group_and_says_of_which(case):
    rows = [reported.judgement(name, "latency", Verdict.SAME, Reason.INSIDE_NOISE, 1.0, 1.0) for name in SHARED]
    said = terminal.text(with_counts(case, *rows, labels=()))
    (line,) = [line for line in said.splitlines() if line.startswith("all benchmarks")]
    assert "4 shifts" in line
    said = " ".join(said.split())
    assert "latency of host-bound benchmarks" in said and said.count("latency of the GPU's offsets") == 1


def test_several_benchmarks_with_the_same_kernel_time_share_a_line(case):
    kernels = [
        reported.judgement(n, "kernel_time", Verdict.SAME, Reason.INSIDE_NOISE, 0.012, 0.012) for n in (SAME, SLOW)
    ]
    slower = [reported.judgement(n, "latency", Verdict.SLOWER, Reason.CONFIRMED, 0.0125, 0.02) for n in (SAME, SLOW)]
    out = terminal.text(with_counts(case, *kernels, *slower, labels=(), shown=()))
    assert " ".join(out.split()).count(f"{SAME}, {SLOW}: their kernel times are the same") == 1
    assert "its kernel time is the same" not in out


def test_several_changed_counts_are_one_sentence(case):
    told = with_counts(case, counted(SAME, 0, 1), counted(SLOW, 4, 2), labels=())
    assert told.answer == "2 benchmarks have changed counts (synchronisations)."
    assert told.look_first.startswith(f"Look first at synchronisations of {SAME}, 0 -> 1")


def test_metrics_of_the_same_benchmarks_are_named_together(case):
    """In the headline, and where the reason is given if nothing else is said of either."""
    times = [
        reported.judgement(SLOW, metric, Verdict.UNSURE, Reason.DISAGREED, 0.005, 0.00503, "first +0.60 %")
        for metric in ("kernel_time", "same_kernels")
    ]
    told = with_counts(case, *times, counted(SAME, 4, 4, Reason.SEEN_BEFORE, Verdict.SAME), labels=())
    assert f"2 undecided (batch-128 kernel time and same kernels of {SLOW})" in told.answer
    (line,) = [line for line in terminal.text(told).splitlines() if line.startswith("UNSURE")]
    assert line.startswith(f"UNSURE (disagreed): batch-128 kernel time and same kernels of {SLOW}")
    other = dataclasses.replace(times[1], benchmark=SAME)
    told = with_counts(case, times[0], other, labels=())
    assert f"batch-128 kernel time of {SLOW}, batch-128 same kernels of {SAME}" in told.answer


def test_a_change_that_does_not_fail_is_counted_in_the_answer(case):
    same = counted(SLOW, 4, 4, Reason.SEEN_BEFORE, Verdict.SAME)
    told = with_counts(case, counted(SAME, 0, 1, Reason.NEW_VALUE), same, labels=())
    assert told.answer.startswith(
        f"No regression in 2 measurements; 1 with another value (batch-128 synchronisations of {SAME}); "
    )
    assert not told.failed and not told.look_first


def test_counts_are_plain_numbers_in_every_form(case):
    told = with_counts(case, counted(SAME, 0, 1), counted(FAST, 1_234_567, 1_234_560), labels=(), shown=())
    out = terminal.text(told).splitlines()
    (row,) = (number for number, line in enumerate(out) if line.startswith(f"{SAME} "))
    assert out[row].split() == [SAME, "synchronisations", "0", "1", "+1", "-", "CHANGED"]
    assert out[row + 1] == "    confirmed: 0 -> 1"
    assert any(line.split()[2:5] == ["1234567", "1234560", "-7"] for line in out if line.startswith(FAST))
    assert f"| **CHANGED** (confirmed) | `{SAME}` | synchronisations | 0 | 1 | +1 | - |" in markdown.text(told)
    named = dataclasses.replace(counted(SAME, 0, 1), detail="cudaDeviceSynchronize 0 -> 1")
    assert "| synchronisations: cudaDeviceSynchronize 0 -\\> 1 | 0 | 1 |" in markdown.text(
        with_counts(case, named, labels=())
    )
    html = page.html(told)
    assert 'class="verdict changed">CHANGED' in html and ">+1</td>" in html and "nan" not in html
    first = json.loads(json_form.text(told))["judgements"][0]
    assert (first["baseline"], first["now"], first["ratio"], first["verdict"]) == (0, 1, None, "CHANGED")


def test_metrics_are_called_what_their_entries_say(case):
    """Also those that a caller gives in place of the table's."""
    this, baselines, _ = case
    renamed = tuple(
        dataclasses.replace(metric, title=f"my {metric.title}", unit={"s": "fortnights"}.get(metric.unit, metric.unit))
        for metric in METRICS
    )
    told = reported.content(this, baselines, metrics=renamed)
    assert f"my kernel time of {SLOW}" in told.look_first
    for text in (terminal.text(told), markdown.text(told), page.html(told)):
        assert "my kernel time" in text and "0.00506 fortnights" in text


def test_a_metric_of_another_unit_is_shown_in_it(case):
    this, baselines, _ = case
    warm = Judgement(
        benchmark=SAME, metric="power", baseline=400.0, now=410.4, ratio=1.026,
        verdict=Verdict.SLOWER, reason=Reason.CONFIRMED,
    )  # fmt: skip
    told = reported.content(this, baselines, metrics=(*METRICS, POWER), judgements=(warm,))
    assert f"{SAME} power 400 W 410.4 W +2.60 %" in " ".join(terminal.text(told).split())


def test_what_all_benchmarks_share_is_told_where_it_is_unsure(case):
    """It is no measurement, so the headline does not count it; every form says why it is not settled."""
    this, baselines, _ = case
    detail = "first +0.40 %, again +0.10 %, +0.20 %"
    of_all = Judgement(
        benchmark=EVERY, metric="kernel_time", ratio=1.004, detectable_ratio=1.003, verdict=Verdict.UNSURE,
        reason=Reason.BELOW_LIMIT, detail=detail,
    )  # fmt: skip
    one = reported.judgement(SAME, "kernel_time", Verdict.SAME, Reason.INSIDE_NOISE, 0.012, 0.012)
    told = reported.content(this, baselines, judgements=(one, of_all), labels=())
    assert told.coverage.measured == told.coverage.could_show == 1 and told.coverage.unsettled == (told.rows[0],)
    printed = " ".join(terminal.text(told).split())
    assert f"UNSURE (below-limit): kernel time of {EVERY}, detects 0.3 %; {detail}" in printed
    assert f"UNSURE (below-limit): kernel time of {EVERY}" in markdown.text(told).replace("\\", "")
    shown = reported.read_aloud(page.html(told))
    assert "below-limit" in shown and detail in shown
    found = json.loads(json_form.text(told))["judgements"][1]
    assert (found["benchmark"], found["reason"], found["baseline"]) == (EVERY, "below-limit", None)


def test_the_history_speaks_of_the_whole_and_not_again_of_its_part() -> None:
    metrics = {metric.key: metric for metric in METRICS}
    whole, part = (
        Row(
            benchmark=SLOW,
            metric=metrics[key],
            title=key,
            verdict=Verdict.SLOWER,
            reason=Reason.CONFIRMED,
            detail="",
            failed=True,
            baseline=1.0,
            now=1.1,
            ratio=1.1,
            detectable_ratio=1.01,
        )
        for key in ("kernel_time", "same_kernels")
    )
    history: Any = SimpleNamespace(says=lambda benchmark, metric, ratio: f"a drift of {metric.key}")
    assert past_of(history, [whole, part]) == ((whole, "a drift of kernel_time"),)
    assert past_of(history, [part]) == ((part, "a drift of same_kernels"),)
    assert past_of(None, [whole]) == ()


def test_what_is_not_judged_is_shown_where_every_row_is(case):
    """An API call can become slower without becoming more."""
    shown = (Shown(benchmark=SAME, metric="api_time", baseline=0.0004, now=0.0008),)
    told = with_counts(case, counted(SAME, 4, 4, Reason.SEEN_BEFORE, Verdict.SAME), labels=(), shown=shown)
    said = f"{SAME}: API time 400.00 us -> 800.00 us (+100.0 %)"
    assert said in terminal.every_row(told) and "API time" not in terminal.text(told)
    assert "API time 400.00" in page.html(told)


@pytest.mark.parametrize(
    ("baseline", "now", "said"),
    [
        (88, 89, "launches 88 -> 89 (+1)"),
        (None, 89, "launches 89 (none in the baseline)"),
        (88, None, "launches none (88 in the baseline)"),
    ],
)
def test_what_one_side_lacks_is_shown_in_words(case, baseline, now, said):
    this, baselines, _ = case
    shown = (Shown(benchmark=SLOW, metric="launches", baseline=baseline, now=now),)
    assert reported.content(this, baselines, shown=shown).shown == ((SLOW, said),)


@pytest.mark.parametrize(
    ("least", "most", "said"),
    [
        (1.0044, 1.012, "0.44-1.2 %"),
        (1.01, 1.01, "1 %"),
        (8.3, 19.7, "8.3-19.7 x"),
        (17.7, 19.7, "17.7-19.7 x"),
        (8.3, 2000.0, "8.3 x to over 1000 x"),
    ],
)
def test_a_range_has_one_unit(least: float, most: float, said: str) -> None:
    assert span(least, most) == said
