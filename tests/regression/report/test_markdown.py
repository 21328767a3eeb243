"""The answer in a sentence, and the Markdown for a job's summary or an issue."""

import dataclasses
import re

import pytest

from regression.explain.explanation import changed, explanations
from regression.judge.verdict import Reason, Verdict
from regression.report.markdown import text as markdown
from regression.report.rows import rows
from regression.runs import run as runs
from tests.regression.report import reported
from tests.regression.report.reported import FAST, GONE, SAME, SLOW, judgement


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return reported.stored(tmp_path_factory.mktemp("stored"))


def told(case, *judgements, absent=(), **of_run):
    """The content of such a report on a run that measured what the baseline has, but for `absent`."""
    this, baselines, _ = case
    lost = {row.benchmark for row in judgements if row.verdict is Verdict.MISSING} | set(absent)
    measured = {name: one for name, one in baselines[0].benchmarks.items() if name not in lost}
    fields = {"benchmarks": measured, "failed": {}, "labels": dict.fromkeys(measured, AGREES)} | of_run
    return reported.content(dataclasses.replace(this, **fields), baselines, judgements=judgements, labels=())


def said(case, *judgements, **of_run):
    return told(case, *judgements, **of_run).answer


AGREES = runs.Label(True, "")
SLOWER = judgement(SLOW, "kernel_time", Verdict.SLOWER, Reason.CONFIRMED, 0.005, 0.0051)
GUESS = judgement(SLOW, "latency", Verdict.SLOWER, Reason.UNCONFIRMED, 0.005, 0.0051)
ACCEPTED = judgement(SLOW, "kernel_time", Verdict.SLOWER, Reason.ACCEPTED, 0.005, 0.0051)
LOST = judgement(GONE, "kernel_time", Verdict.MISSING, Reason.FAILED, 0.005, None)
LOST_TOO = judgement(FAST, "kernel_time", Verdict.MISSING, Reason.FAILED, 0.005, None)
UNTIMED = judgement(FAST, "kernel_time", Verdict.MISSING, Reason.NOT_TIMED, 0.005, None, "not permitted")
UNTIMED_TOO = judgement(SAME, "kernel_time", Verdict.MISSING, Reason.NOT_TIMED, 0.005, None, "not permitted")
NO_LATENCY = judgement(SAME, "latency", Verdict.MISSING, Reason.NOT_TIMED, 0.005, None, "not permitted")
GPU_LOST = "not measured: the GPU was lost by model-bad-b1 (an illegal memory access)"
UNMEASURED = judgement(FAST, "kernel_time", Verdict.MISSING, Reason.FAILED, 0.005, None, GPU_LOST)
NO_LONGER_TIMED = judgement(FAST, "kernel_time", Verdict.MISSING, Reason.NOT_TIMED, 0.005, None, GPU_LOST)
COUNTED = judgement(
    SAME, "synchronisations", Verdict.CHANGED, Reason.CONFIRMED, 1.0, 2.0, "cudaStreamSynchronize 0 -> 1"
)
RELABELLED = judgement(SAME, "labels", Verdict.CHANGED, Reason.LABEL_LOST, None, None, "dog.jpg: 258 -> 259")
SAME_AGAIN = judgement(SAME, "kernel_time", Verdict.SAME, Reason.INSIDE_NOISE, 0.012, 0.012)
NOISY = judgement(SAME, "latency", Verdict.UNSURE, Reason.NOISY, 0.012, 0.013)
FAST_NOISY = judgement(FAST, "latency", Verdict.UNSURE, Reason.DISTURBED, 0.012, 0.013)
SLOW_NOISY = judgement(SLOW, "latency", Verdict.NEW, Reason.NO_BASELINE, 0.012, 0.013)
UNDECIDED = judgement(SAME, "latency", Verdict.UNSURE, Reason.DISAGREED, 0.012, 0.013)
FASTER = judgement(FAST, "kernel_time", Verdict.FASTER, Reason.CONFIRMED, 0.012, 0.011)
FAST_SAME = judgement(FAST, "kernel_time", Verdict.SAME, Reason.INSIDE_NOISE, 0.012, 0.012)
EVERYTHING = judgement("all benchmarks", "kernel_time", Verdict.SLOWER, Reason.CONFIRMED, 1.0, 1.01)
ON_HOSTS = judgement("host-bound benchmarks", "latency", Verdict.SLOWER, Reason.CONFIRMED, 1.0, 1.4)
RIGHT = "and right: labels agree in 4 of 4 benchmarks"


@pytest.mark.parametrize(
    ("judgements", "sentence"),
    [
        ([SLOWER, SAME_AGAIN], f"{SLOW} is slower."),
        ([GUESS], f"{SLOW} is slower (not confirmed yet)."),
        ([SLOWER, GUESS], f"{SLOW} is slower."),
        ([SLOWER, LOST, LOST_TOO], f"{SLOW} is slower and 2 are missing."),
        ([LOST, LOST_TOO], "2 benchmarks are missing."),
        ([UNTIMED, UNTIMED_TOO], "2 benchmarks have no kernel time."),
        ([LOST, UNTIMED], f"{GONE} is missing and {FAST} has no kernel time."),
        ([UNTIMED, UNTIMED_TOO, NO_LATENCY], f"{SAME} is missing and {FAST} has no kernel time."),
        ([COUNTED, UNMEASURED], f"{SAME} has changed counts (synchronisations) and {FAST} is {GPU_LOST}."),
        ([RELABELLED, UNMEASURED], f"{SAME} has lost labels and {FAST} is {GPU_LOST}."),
        ([NO_LONGER_TIMED], f"{FAST} is {GPU_LOST}."),
        (
            [SLOWER, SAME_AGAIN, NOISY],
            f"{SLOW} is slower; 1 of the other measurements could not have shown a regression"
            f" (batch-128 latency of {SAME}).",
        ),
        ([EVERYTHING, SLOWER], f"all benchmarks together are slower (kernel time +1.00 %), {SLOW} is slower."),
        ([ON_HOSTS, SAME_AGAIN], "host-bound benchmarks together are slower (latency +40.0 %)."),
        ([SAME_AGAIN], f"No regression in 1 measurement; {RIGHT}."),
        ([SAME_AGAIN, FAST_SAME], f"No regression in 2 measurements; {RIGHT}."),
        (
            [SAME_AGAIN, NOISY],
            f"No regression in 1 of 2 measurements; 1 could not have shown one (batch-128 latency of {SAME}); {RIGHT}.",
        ),
        (
            [SAME_AGAIN, NOISY, FAST_NOISY, SLOW_NOISY],
            "Most of what was measured could not have shown a regression: 3 of 4 measurements"
            f" (batch-128 latency of 3 benchmarks); there is none in the other 1; {RIGHT}.",
        ),
        (
            [SAME_AGAIN, UNDECIDED],
            f"No regression in 1 of 2 measurements; 1 undecided (batch-128 latency of {SAME}); {RIGHT}.",
        ),
        (
            [SAME_AGAIN, FASTER],
            f"No regression in 2 measurements; 1 faster (batch-128 kernel time of {FAST}); {RIGHT}.",
        ),
        ([ACCEPTED, SAME_AGAIN], f"No regression in 2 measurements; 1 known regression accepted; {RIGHT}."),
        (
            [NOISY],
            "No regression was found, but none of 1 measurement could have shown one"
            f" (batch-128 latency of {SAME}); {RIGHT}.",
        ),
        ([], "Nothing was judged, because this run and its baseline have no benchmark in common."),
    ],
)
def test_the_answer_is_one_sentence(case, judgements, sentence):
    assert said(case, *judgements) == sentence


def test_passed_needs_coverage_and_labels(case):
    assert told(case, SAME_AGAIN).status == "passed"
    unlabelled = told(case, SAME_AGAIN, labels={})
    assert (unlabelled.status, unlabelled.failed) == ("incomplete", False)
    assert unlabelled.answer == "No regression in 1 measurement; no labels were checked."
    few = told(case, SAME_AGAIN, absent=(SLOW, FAST, GONE))
    assert few.status == "incomplete"
    assert "; 3 of the baseline's 4 benchmarks not measured; and right: labels agree in 1 of 1 benchmark." in few.answer
    assert told(case, SAME_AGAIN, absent=(SLOW, FAST)).status == "passed"
    assert told(case, SAME_AGAIN, NOISY).status == "passed"
    assert told(case, SAME_AGAIN, NOISY, FAST_NOISY).status == "incomplete"
    broken = told(case, SAME_AGAIN, failed={"other": "out of memory"})
    assert broken.status == "incomplete" and "1 benchmark failed that the baseline does not have" in broken.answer
    assert told(case, SLOWER, SAME_AGAIN).status == "FAILED"
    assert told(case).status == "incomplete"


def test_without_a_baseline_the_answer_says_so(case):
    this, _, _ = case
    assert "no baseline" in reported.content(this, [], judgements=(), labels=()).answer


def test_what_fails_comes_first_and_an_accepted_change_does_not(case):
    order = rows([SAME_AGAIN, ACCEPTED, NOISY, LOST, SLOWER])
    assert [(row.benchmark, row.word) for row in order] == [
        (SLOW, "SLOWER"),
        (GONE, "MISSING"),
        (SLOW, "accepted"),
        (SAME, "UNSURE"),
        (SAME, "SAME"),
    ]


def test_what_all_benchmarks_share_comes_before_any_of_them():
    order = rows([SLOWER, GUESS, EVERYTHING, LOST])
    assert [row.benchmark for row in order] == ["all benchmarks", SLOW, SLOW, GONE]


def test_a_benchmark_missing_for_every_metric_is_one_row():
    for_latency = dataclasses.replace(LOST, metric="latency")
    assert [row.title for row in rows([LOST, for_latency, SLOWER])] == ["kernel time", "all metrics"]


def test_the_changed_benchmarks_are_explained_worst_first(case):
    this, baselines, _ = case
    report = reported.report(this, baselines)
    assert changed(report) == [SLOW, FAST]
    slow, fast = explanations(changed(report), this, baselines)
    assert slow.changes[0].short == "spin_kernel"
    assert slow.changes[0].share == pytest.approx(1)
    assert fast.change_s < 0
    assert "spin_kernel (new)" in reported.content(this, baselines).look_first


def test_a_broken_kernel_table_is_said_and_the_rest_is_explained(case):
    this, baselines, _ = case
    broken = dataclasses.replace(this, suite={**this.suite, "kernels": ["only one"]})
    (explanation,) = explanations([SLOW], broken, baselines)
    assert "cannot be compared: 'kernels' refers to kernel" in explanation.missing
    text = markdown(reported.content(broken, baselines))
    assert "cannot be compared" in text and "MISSING" in text


def test_the_markdown_has_the_page_s_content_and_is_short(case):
    this, baselines, (past,) = case
    text = markdown(reported.content(this, baselines, history=past, page="report.html"))
    for part in (
        "is slower",
        "`software.driver`: `580` -> `590`",
        "| **SLOWER** (confirmed)",
        "`spin_kernel` (0 -> 1 launches)",
        "1 of 8 photographs disagrees",
        "2026-03-08",
        "Speed-up over eager FP32",
        "old.json",
        "report.html",
        f"make it the baseline: `python -m regression baseline refresh {FAST}`",
    ):
        assert part in text
    parts = ("**SLOWER**", "**MISSING**", "To repeat just that: `pytest benchmarks/ ", "`spin_kernel` (0", "**FASTER**")
    places = [text.index(part) for part in (*parts, "1 UNSURE (noisy): batch-128 latency")]
    assert places == sorted(places)
    assert len(text) < 6000


def test_the_markdown_stays_short_whatever_happened(case):
    """An issue holds 65,536 characters, and nobody reads them."""
    this, baselines, (past,) = case
    names = [f"efficientnet_b0-variant-number-{number}-b128" for number in range(300)]
    one = this.benchmarks[SLOW]
    many = dataclasses.replace(this, benchmarks={name: dataclasses.replace(one, id=name) for name in names})
    told = reported.content(
        many,
        baselines,
        history=past,
        judgements=tuple(judgement(name, "kernel_time", Verdict.SLOWER, Reason.CONFIRMED, 1.0, 2.0) for name in names),
        labels=tuple((name, runs.Label(False, "wrong")) for name in names),
        notes=("a note",) * 300,
    )
    text = markdown(told)
    assert len(text) < 20_000
    assert "280 more not shown" in text and "- and 290 more" in text


def test_what_did_not_change_is_counted_and_every_row_has_its_columns(case):
    this, baselines, _ = case
    odd = judgement("a|b_c<i>", "latency", Verdict.SLOWER, Reason.CONFIRMED, 0.012, 0.013)
    text = markdown(reported.content(this, baselines, judgements=(odd, *[SAME_AGAIN] * 3), shown=(), labels=()))
    assert "`a\\|b_c<i>`" in text and f"`{SAME}`" not in text and "| SAME |" in text
    rows = [line for line in text.partition("Speed-up")[0].splitlines() if line.startswith("|")]
    widths = [line.replace("\\|", "").count("|") for line in rows]
    assert widths == [8, 8, 8, 5, 5, 5, 5]


def test_a_quiet_run_is_folded(case):
    text = markdown(told(case, SAME_AGAIN, NOISY))
    outside = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert "UNSURE (noisy)" in text and "UNSURE (noisy)" not in outside
    assert "software.driver" in text and "software.driver" not in outside
    assert "Speed-up" in text and "Speed-up" not in outside
    assert "1 UNSURE, 1 SAME" in outside


@pytest.mark.parametrize("stored_value", [None, "fast", float("nan"), float("inf"), -1, 0, True, 10**400, [2.0]])
def test_what_is_no_speed_up_is_left_out(case, stored_value):
    this, baselines, _ = case
    one = this.benchmarks[SLOW]
    odd = dataclasses.replace(one, extra_info={**one.extra_info, "speedup_over_eager_fp32": stored_value})
    text = markdown(reported.content(dataclasses.replace(this, benchmarks={SLOW: odd}), baselines))
    assert "Speed-up" not in text


def test_nothing_in_the_markdown_acts(case):
    this, baselines, _ = case
    nasty = "@everyone <script>alert(1)</script> [x](http://e.invalid) `y` | z\n# heading"
    told = reported.content(
        this,
        baselines,
        judgements=(judgement(nasty, "latency", Verdict.SLOWER, Reason.CONFIRMED, 1.0, 2.0, detail=nasty),),
        labels=((nasty, runs.Label(False, nasty)),),
        notes=(nasty,),
    )
    text = markdown(told)
    own = re.sub(r"^</?details>(<summary>[ \w-]+</summary>)?$", "", text, flags=re.MULTILINE)
    bare = re.sub(r"`[^`]*`", "", re.sub(r"\\.", "", own))
    assert "<" not in bare and "@everyone" not in bare and "](" not in bare
    assert "\n# heading" not in text
