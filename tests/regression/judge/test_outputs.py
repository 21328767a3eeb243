"""Outputs against the baseline's: what is listed, what fails, and what is not compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Reason, Report, Verdict, suspects
from regression.report import json, markdown, page, terminal, verdict_file
from regression.report.content import content
from regression.runs.read import read
from tests.regression.recorder import IDS, Recorder

ID, OTHER = IDS[0], IDS[1]
CAT, CUP, DOG = 281, 504, 151


def image(label: int, reference: int = CAT, **fields: Any) -> dict[str, Any]:
    """A label as stored, far from a tie; `agrees` follows unless it is given."""
    near_tie = fields.get("near_tie", False)
    return {
        "label": label,
        "probability": 0.9,
        "reference_label": reference,
        "margin": 2.0,
        "agrees": label == reference or near_tie,
        "near_tie": near_tie,
    } | fields


def labels(*images: Mapping[str, Any], error: Any = 0.01) -> dict[str, Any]:
    return {
        "passed": all(one["agrees"] for one in images),
        "relative_error": error,
        "message": "",
        "images": {f"photograph{number}.jpg": dict(one) for number, one in enumerate(images)},
    }


class Store:
    """Stored runs whose benchmarks have outputs, and what judging one of them says."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def document(self, of_labels: Any = None, fields: Mapping[str, Any] | None = None, **options: Any) -> Any:
        """`of_labels` are those of ID, `fields` more `extra_info` of it."""
        sound = labels(image(CAT), image(DOG, DOG))
        document = self.recorder.document(labels={ID: of_labels or sound, OTHER: sound}, **options)
        for item in document["benchmarks"]:
            item["extra_info"] |= {"relative_error": 0.01, "unrepeatable": 0}
            item["extra_info"] |= fields or {} if item["param"] == ID else {}
        return document

    def judged(
        self,
        of_labels: Any = None,
        fields: Mapping[str, Any] | None = None,
        *,
        seen: Sequence[tuple[Any, Mapping[str, Any]]] = ((None, {}),) * 5,
        **options: Any,
    ) -> Report:
        baselines = [read(self.recorder.store(self.document(*one))) for one in seen]
        now = self.document(of_labels, fields, day=2, **options)
        self.run, self.baselines = read(self.recorder.store(now, "now/0099_nightly.json")), baselines
        return judge(self.run, baselines)


@pytest.fixture
def store(recorder: Recorder) -> Store:
    return Store(recorder)


def of(report: Report, metric: str, benchmark: str = ID) -> Judgement:
    (found,) = [item for item in report.judgements if (item.benchmark, item.metric) == (benchmark, metric)]
    return found


def said(report: Report, metric: str) -> tuple[Verdict, Reason, bool]:
    found = of(report, metric)
    return found.verdict, found.reason, found.failed


SAME = (Verdict.SAME, Reason.SEEN_BEFORE, False)
LISTED = (Verdict.CHANGED, Reason.NEW_VALUE, False)
LOST = (Verdict.CHANGED, Reason.LABEL_LOST, True)


def test_equal_outputs_are_the_same_in_every_metric(store: Store) -> None:
    report = store.judged()
    assert said(report, "labels") == said(report, "unrepeatable") == SAME
    for metric in ("relative_error", "label_error"):
        assert said(report, metric) == (Verdict.SAME, Reason.INSIDE_NOISE, False)
    assert not report.failed and not report.notes


# Labels.


def test_a_flip_within_a_near_tie_is_listed_with_the_image_and_both_labels(store: Store) -> None:
    report = store.judged(labels(image(CUP, near_tie=True, probability=0.45), image(DOG, DOG)))
    assert said(report, "labels") == LISTED
    assert of(report, "labels").detail == "photograph0.jpg: class 281 (0.9) -> 504 (0.45), a near tie"
    assert not report.failed and said(report, "labels")[0] is not of(report, "labels", OTHER).verdict


def test_a_flip_that_a_baseline_run_had_is_no_change(store: Store) -> None:
    flipped = labels(image(CUP, near_tie=True), image(DOG, DOG))
    assert said(store.judged(flipped, seen=[(None, {}), (flipped, {}), (None, {})]), "labels") == SAME


def test_a_label_lost_beyond_a_near_tie_fails_without_a_confirmation(store: Store) -> None:
    report = store.judged(labels(image(CUP), image(DOG, DOG)))
    assert said(report, "labels") == LOST and report.failed
    assert not suspects(report)


def test_a_label_that_its_own_reference_lost_along_with_it_fails(store: Store) -> None:
    """Other preprocessing moves the reference as well, so the run agrees with itself."""
    report = store.judged(labels(image(CUP, CUP), image(DOG, DOG)))
    assert said(report, "labels") == LOST and report.failed and not report.labels


def test_a_label_that_moves_to_the_reference_in_a_tie_is_listed(store: Store) -> None:
    flipped = labels(image(CUP, near_tie=True), image(DOG, DOG))
    tie = labels(image(CAT, near_tie=True), image(DOG, DOG))
    assert said(store.judged(tie, seen=[(flipped, {})] * 3), "labels") == LISTED


def test_a_label_that_was_wrong_and_is_right_is_listed(store: Store) -> None:
    wrong = labels(image(CUP), image(DOG, DOG))
    report = store.judged(seen=[(wrong, {})] * 3)
    assert said(report, "labels") == LISTED and not report.failed


def test_an_older_run_is_judged_by_what_it_holds(store: Store) -> None:
    """Without `near_tie` a label that agrees with its own reference may be anything; one that does not is lost."""
    unknown: dict[str, Any] = {"near_tie": None}
    assert said(store.judged(labels(image(CUP, CUP, **unknown), image(DOG, DOG))), "labels") == LISTED
    assert said(store.judged(labels(image(CUP, agrees=False, **unknown), image(DOG, DOG))), "labels") == LOST
    assert said(store.judged(labels(image(CUP, agrees=True, **unknown), image(DOG, DOG))), "labels") == LISTED


def test_only_photographs_that_both_sides_have_are_compared(store: Store) -> None:
    report = store.judged(labels(image(CAT), image(DOG, DOG), image(CUP)))
    assert said(report, "labels") == SAME
    one_less = store.judged(labels(image(CAT)))
    assert said(one_less, "labels") == SAME


def test_labels_of_a_benchmark_that_was_not_timed_are_judged(store: Store) -> None:
    report = store.judged(labels(image(CUP), image(DOG, DOG)), ids=IDS[1:])
    assert said(report, "labels") == LOST


@pytest.mark.parametrize(
    "wrong", [{"label": "cat"}, {"label": -1}, {"label": 1e400}, {"agrees": None}, {"label": True}]
)
def test_a_malformed_label_is_left_out_with_a_sentence(store: Store, wrong: Mapping[str, Any]) -> None:
    report = store.judged(labels(image(CAT) | {"agrees": True}, image(DOG, DOG) | dict(wrong)) | {"passed": True})
    assert said(report, "labels") == SAME
    (problem,) = [item.reason for item in report.left_out if "label" in item.reason]
    assert problem == f"{ID}: the label of photograph1.jpg is malformed; left out."


# Errors.


@pytest.mark.parametrize("metric", ["relative_error", "label_error"])
def test_an_error_that_grew_beyond_its_spread_is_listed(store: Store, metric: str) -> None:
    grown = labels(image(CAT), image(DOG, DOG), error=0.02)
    report = store.judged(grown, {"relative_error": 0.02})
    assert said(report, metric) == LISTED and not report.failed
    assert math.isclose(of(report, metric).ratio or 0, 2)
    assert of(report, metric).detail == "the baseline has seen 0.01 to 0.01"
    assert not suspects(report)


def test_the_spread_is_that_of_the_baselines_runs(store: Store) -> None:
    assert said(store.judged(None, {"relative_error": 0.0145}), "relative_error") == LISTED
    restless: Any = [(None, {"relative_error": error}) for error in (0.01, 0.0125, 0.01, 0.0125, 0.011)]
    report = store.judged(None, {"relative_error": 0.0145}, seen=restless)
    assert said(report, "relative_error") == (Verdict.SAME, Reason.INSIDE_NOISE, False)


def test_a_spread_that_hides_more_than_the_bound_on_errors_is_unsure(store: Store) -> None:
    restless: Any = [(None, {"relative_error": error}) for error in (0.01, 0.03, 0.01, 0.03, 0.014)]
    report = store.judged(None, {"relative_error": 0.022}, seen=restless)
    assert said(report, "relative_error") == (Verdict.UNSURE, Reason.NOISY, False)


def test_an_error_that_shrank_is_no_change(store: Store) -> None:
    assert said(store.judged(None, {"relative_error": 0.001}), "relative_error")[0] is Verdict.SAME


def test_exact_outputs_and_errors_below_rounding_are_equal(store: Store) -> None:
    exact: Any = [(None, {"relative_error": 0.0})] * 3
    assert said(store.judged(None, {"relative_error": 9e-8}, seen=exact), "relative_error")[0] is Verdict.SAME
    assert said(store.judged(None, {"relative_error": 9e-6}, seen=exact), "relative_error") == LISTED


@pytest.mark.parametrize("error", [math.nan, math.inf, -1.0, "small", True])
def test_a_broken_error_is_left_out_with_a_sentence(store: Store, error: Any) -> None:
    report = store.judged(labels(image(CAT), image(DOG, DOG), error=error), {"relative_error": error})
    assert not [item for item in report.judgements if item.benchmark == ID and item.metric.endswith("_error")]
    assert sum(ID in item.reason and "relative_error" in item.reason for item in report.left_out) == 2


# Two equal calls.


def test_equal_calls_whose_outputs_differ_as_they_did_not_before_are_listed(store: Store) -> None:
    report = store.judged(None, {"unrepeatable": 1})
    assert said(report, "unrepeatable") == LISTED and not report.failed
    assert said(store.judged(None, {"unrepeatable": 1}, seen=[(None, {"unrepeatable": 1})] * 3), "unrepeatable") == SAME


# What is not compared.


def test_without_outputs_on_either_side_nothing_is_said_of_them(recorder: Recorder) -> None:
    report = judge(recorder.run(), recorder.baselines(5))
    assert not {"labels", "label_error", "relative_error", "unrepeatable"} & {item.metric for item in report.judgements}
    assert not report.notes


def test_outputs_of_other_weights_are_not_compared_and_a_note_says_so(store: Store) -> None:
    weights = {"efficientnet_b0": {"source": "seeded", "pretrained": False}}
    document = store.document(labels(image(CUP), image(DOG, DOG)), day=2, weights=weights)
    pretrained = {"efficientnet_b0": {"source": "timm", "pretrained": True}}
    before = [read(store.recorder.store(store.document(weights=pretrained))) for _ in range(3)]
    report = judge(read(store.recorder.store(document, "now/0099_nightly.json")), before)
    assert not {"labels", "label_error", "relative_error"} & {item.metric for item in report.judgements}
    (note,) = [note for note in report.notes if "weights" in note]
    assert note.startswith("Outputs of efficientnet_b0 are not compared")


# Every report shows them.


def test_every_form_shows_a_lost_label_and_a_grown_error(store: Store) -> None:
    report = store.judged(labels(image(CUP), image(DOG, DOG)), {"relative_error": 0.03, "unrepeatable": 1})
    told = content(report, store.run, store.baselines)
    assert told.answer.startswith(f"{ID} has lost labels")
    for text in (terminal.text(told), terminal.every_row(told), markdown.text(told), page.html(told)):
        for title in ("changed labels", "relative error", "unrepeatable outputs"):
            assert title in text
    assert "photograph0.jpg: class 281 (0.9) -> 504 (0.9)" in json.text(told)
    assert '"reason": "label-lost"' in verdict_file.text(told, exit_status=1)
