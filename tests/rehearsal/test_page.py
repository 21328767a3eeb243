"""The page of a rehearsal: what it says, in which order, that texts are text, and that it opens in a browser."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from regression.judge.verdict import Verdict
from rehearsal.judge import judge
from rehearsal.page import html
from rehearsal.protocol import NEW, OLD
from tests.regression.report import chromium
from tests.regression.report.test_page import INJECTION, Elements, in_browser
from tests.rehearsal.records import NAMES, record, searched
from tests.rehearsal.test_judge import profiled


def page(found) -> str:
    return html(found, judge(found))


def slower():
    found = record(change=0.2, new_version="2.12.0")
    found.bisection = searched()
    return found


def test_everything_is_there_in_order():
    text = page(slower())
    assert re.findall(r"<h2[^>]*>([^<]*)", text) == [
        "Verdicts",
        "Which package is to blame",
        "What changed",
        "What differs between the sides",
        "How it was measured",
    ]
    parts = (
        "<h1>",
        "The new side fails in 2 benchmarks",
        "To blame: torch 2.11.0",
        ">SLOWER<",
        "2 SAME</summary>",
        "2.12.0</td>",
    )
    body = text[text.index("<body>") :]
    places = [body.index(part) for part in parts]
    assert places == sorted(places)
    assert '<header class="failed">' in text
    elements = Elements(text)
    assert len(elements.of("img")) == 2 and all(one["alt"] for one in elements.of("img"))
    said = "".join(elements.text)
    assert "Pins keep together: torch, triton (torch 2.12.0 requires triton==3.7.0)." in said
    assert "1 environment could not be tried: its environment cannot be made: no wheel." in said
    assert "lacks (likelier)" in said and "triton 3.6.0 -> none" in said


@pytest.mark.parametrize(
    ("change", "status", "process"), [(0.0, "passed", 0.01), (0.2, "failed", 0.01), (0.0, "incomplete", 0.2)]
)
def test_green_needs_that_everything_is_decided(change, status, process):
    assert f'<header class="{status}">' in page(record(change=change, process=process))


def test_without_a_search_there_is_none_on_the_page():
    assert "to blame" not in page(record())


def test_kernels_behind_a_change_are_shown_as_on_the_page_of_a_run():
    text = page(profiled(record(), 1.02))
    assert "Its operators per inference, largest change first." in text
    assert "of kernel time per inference" in text


@pytest.mark.parametrize("is_cuda", [False, True])
def test_where_nothing_runs_any_more_nothing_is_said_of_what_changed(is_cuda):
    found = record()
    for side in found.sides.values():
        side["device"]["is_cuda"] = is_cuda
    found.failed[NEW] = dict.fromkeys(NAMES, "the engine cannot be loaded")
    for pair in found.pairs:
        pair.turns.clear()
    text = page(found)
    assert text.count(">MISSING<") == len(NAMES) and "the engine cannot be loaded" in text
    assert "What changed" not in text and "kernel time changed" not in text and "intervals" not in text


def test_what_a_side_says_is_text():
    found = slower()
    found.bisection = searched(INJECTION)
    for side in (OLD, NEW):
        about = found.sides[side]
        about["interpreter"] = about["device"]["name"] = INJECTION
        about["benchmarks"] = {INJECTION: about["benchmarks"].pop(NAMES[0]), **about["benchmarks"]}
        for pair in found.pairs:
            pair.measured[side][INJECTION] = pair.measured[side].pop(NAMES[0])
    for pair in found.pairs:
        pair.turns[INJECTION] = pair.turns.pop(NAMES[0])
    found.sides[NEW]["packages"][INJECTION] = INJECTION
    found.failed[NEW][NAMES[1]] = INJECTION
    found.notes.append(INJECTION)
    found.interrupted = INJECTION
    text = page(found)
    elements = Elements(text)
    assert not elements.of("script")
    assert all(one["src"].startswith("data:image/svg+xml;base64,") for one in elements.of("img"))
    assert not any(name.startswith("on") for _, attributes in elements.found for name in attributes)
    assert "{{ 7*7 }}" in text and "49" not in re.sub(r"base64,[^\"]*", "", text)
    assert text.count("</style>") == text.count("</title>") == 1


def test_many_rows_are_counted_and_not_all_shown():
    found = slower()
    judged = judge(found)
    (one, *_) = (row for row in judged.rows if row.judgement.verdict is Verdict.SLOWER)
    many = [replace(one, judgement=replace(one.judgement, benchmark=f"benchmark-{n}")) for n in range(600)]
    text = html(found, replace(judged, rows=tuple(many)))
    assert "100 more rows are not shown" in text
    assert len(text) < 1_000_000


@in_browser
@pytest.mark.parametrize(("width", "dark"), [(390, False), (1440, True)])
def test_it_is_laid_out_without_sideways_scrolling_and_asks_for_nothing(tmp_path, width, dark):
    found = slower()
    found.bisection = searched("x" * 300)
    found.notes.append("n" * 300)
    (tmp_path / "report.html").write_text(page(found), encoding="utf-8")
    seen = chromium.measure(tmp_path / "report.html", tmp_path, width, dark)
    assert seen["scroll"] <= seen["width"]
    assert seen["smallest"] >= 11 and seen["contrast"] >= 4.5
    assert seen["figures"] == seen["images"] == seen["drawn"] == 1
    if width == 390:
        opened = chromium.open_page(tmp_path / "report.html", tmp_path)
        assert (opened.requests, opened.console) == ([], [])
