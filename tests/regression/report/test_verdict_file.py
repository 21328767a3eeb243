"""The small JSON file: its fields are documented, and it stays small however bad the night was."""

import dataclasses
import json
import re

import pytest

from regression.judge.verdict import Reason, Verdict
from regression.report import json as json_form
from regression.report import verdict_file
from regression.runs.environment import Difference
from regression.runs.run import Label
from tests.docs.pages import ROOT, text
from tests.regression.report import reported
from tests.regression.report.reported import FAST, GONE, SAME, SLOW, judgement

PAGE = text(ROOT / "docs" / "stored-runs.md")


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return reported.stored(tmp_path_factory.mktemp("stored"))


def document(content, **fields):
    return json.loads(verdict_file.text(content, **({"exit_status": 1} | fields)))


def fields(told, prefix=""):
    """Dotted names of everything in it: of the first entry of a list, and of no verdict."""
    for key, value in told.items():
        yield f"{prefix}{key}"
        if key == "verdicts":
            continue
        if isinstance(value, dict):
            yield from fields(value, f"{prefix}{key}.")
        if isinstance(value, list) and isinstance(value[0], dict):
            yield from fields(value[0], f"{prefix}{key}[].")


def test_what_failed_is_named_with_its_numbers(case, tmp_path):
    this, baselines, _ = case
    content = reported.content(this, baselines)
    told = document(content, page=tmp_path / "report.html")
    assert (told["schema"], told["status"], told["failed"], told["exit_status"]) == (1, "failed", True, 1)
    assert told["headline"] == content.answer
    assert told["verdicts"] == {"FASTER": 1, "MISSING": 1, "SAME": 1, "SLOWER": 1, "UNSURE": 1}
    slow, gone = told["failures"]["listed"]
    assert told["failures"]["count"] == 2
    assert slow == {
        "benchmark": SLOW, "metric": "kernel_time", "unit": "s", "baseline": 0.005, "now": 0.00506, "change": 0.012,
        "detectable": 0.004, "verdict": "SLOWER", "reason": "confirmed", "detail": "",
        "operators": "spin_kernel +60.00 us (new)",
    }  # fmt: skip
    assert (gone["benchmark"], gone["now"], gone["reason"], gone["detail"]) == (GONE, None, "failed", "out of memory")
    assert told["wrong_labels"]["listed"] == [
        {"benchmark": FAST, "message": "1 of 8 photographs disagrees with the reference"}
    ]
    assert told["repeat"].startswith("pytest benchmarks/ ") and told["repeat"] == content.repeat
    assert told["run"]["path"].endswith("0012_nightly.json") and told["run"]["gpu"] == "NVIDIA H200"
    assert told["baselines"]["count"] == 3
    assert told["differences"]["listed"] == [{"field": "software.driver", "baseline": "580", "now": "590"}]
    assert told["page"] == str(tmp_path / "report.html")
    assert told["coverage"]["measurements"] == 4 and told["coverage"]["could_show"] == 3
    assert told["blind"]["listed"][0]["benchmark"] == SAME


def test_what_moved_has_its_history_and_what_is_faster_its_command(case):
    this, baselines, histories = case
    content = reported.content(this, baselines, history=histories[0])
    told = document(content)
    assert told["refresh"] == content.refresh == f"python -m regression baseline refresh {FAST}"
    slow = next(entry for entry in told["history"]["listed"] if entry["benchmark"] == SLOW)
    assert slow["metric"] == "kernel_time" and slow["says"].startswith("in the history a step ")
    assert json.loads(json_form.text(content))["refresh"] == content.refresh
    assert json.loads(json_form.text(content))["history"] == told["history"]["listed"]


def test_a_run_that_does_not_fail(case):
    this, baselines, _ = case
    same = judgement(SAME, "kernel_time", Verdict.SAME, Reason.INSIDE_NOISE, 0.012, 0.012)
    told = document(reported.content(this, baselines, judgements=(same,), labels=()), exit_status=0)
    assert (told["status"], told["failed"], told["exit_status"]) == ("incomplete", False, 0)
    assert told["failures"] == {"count": 0, "listed": []} and told["repeat"] == "" and told["page"] is None


def test_every_field_is_documented_and_no_other(case):
    this, baselines, histories = case
    of_the_code = set(fields(document(reported.content(this, baselines, history=histories[0]))))
    section = PAGE.partition("## The verdict file")[2].partition("\n## ")[0]
    documented = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    assert documented == of_the_code


@pytest.mark.parametrize("word", ["x", "\u00e9", "\n", '"', "\\"])
def test_it_is_small_however_bad_the_night_was(case, word):
    this, baselines, histories = case
    long = word * 400
    names = [f"{long}-{number}" for number in range(500)]
    lost = tuple(
        judgement(name, metric, Verdict.SLOWER, Reason.CONFIRMED, 1.0, 2.0, long)
        for name in names
        for metric in ("kernel_time", "latency")
    )
    bad = dataclasses.replace(this, commit={"id": long}, datetime=long)
    content = reported.content(
        bad,
        baselines,
        judgements=lost,
        labels=tuple((name, Label(False, long)) for name in names),
        differences=tuple(Difference(name, long, long) for name in names),
        history=histories[0],
    )
    written = verdict_file.text(content, exit_status=1)
    told = json.loads(written)
    assert len(written.encode()) < 10_000
    assert told["failures"]["count"] == 1000 and told["failures"]["listed"]
    assert told["wrong_labels"]["count"] == told["differences"]["count"] == 500


def test_a_session_that_was_not_judged_has_the_first_fields(case):
    this, baselines, _ = case
    told = json.loads(verdict_file.unjudged("not judged: it was interrupted", exit_status=2))
    assert told == {
        "schema": 1, "status": "not judged", "failed": True, "exit_status": 2,
        "headline": "not judged: it was interrupted",
    }  # fmt: skip
    assert list(told) == list(document(reported.content(this, baselines)))[: len(told)]


def test_what_was_measured_with_options_is_repeated_with_them(case):
    this, baselines, _ = case
    own = dataclasses.replace(this, suite={**this.suite, "options": ["--weights=flowers.pth", "--nonsense=1"]})
    content = reported.content(own, baselines)
    assert content.repeat.endswith(" --weights=flowers.pth --benchmark-compare")
    assert content.refresh.endswith(" -- --weights=flowers.pth")
