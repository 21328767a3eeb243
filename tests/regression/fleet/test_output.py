"""The fleet in a terminal and on its page, as a browser lays it out."""

import re
import shutil
import time

import pytest

from regression.__main__ import main
from regression.fleet.fleet import Word
from regression.report import fleet as terminal
from regression.report import fleet_page
from tests.regression.fleet import stores
from tests.regression.fleet.stores import IDS, edited, run, save
from tests.regression.report import chromium

in_browser = pytest.mark.skipif(chromium.BROWSER is None, reason="no Chromium is installed here")
H200 = stores.GPUS[0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Twenty GPU models, and a store of them."""
    store = stores.large(tmp_path_factory.mktemp("fleet") / "store", days=31)
    return store, stores.shown(store)


def test_the_terminal_has_a_hundred_columns_and_a_letter_for_every_word(whole):
    _, found = whole
    told = terminal.text(found)
    assert max(map(len, told.splitlines())) <= 100
    assert set(terminal.LETTERS) == set(Word) and len(set(terminal.LETTERS.values())) == len(Word)
    assert re.search(r"^ +2 NVIDIA L4 .* [=.]+SSSSSS?  4 slower$", told, re.MULTILINE)
    assert "kernel time slower on Ada alone (not on 15 others): efficientnet_b0-tensorrt-fp16-b1" in told
    assert "10 benchmarks are the same on every GPU model." in told


def test_the_page_says_by_symbol_and_text_what_it_says_by_colour(whole):
    _, found = whole
    told = fleet_page.html(found)
    assert set(fleet_page.SYMBOLS) == set(fleet_page.MEANINGS) == set(Word)
    assert len(set(fleet_page.SYMBOLS.values())) == len(Word)
    cells = re.findall(r'<td class="cell ([a-z-]+)"[^>]*><b>(.)</b><small>([a-z.]+)</small></td>', told)
    assert len(cells) == len(IDS) * sum(model.judged for model in found.models)
    assert {symbol for css, symbol, _ in cells if css == "slower"} == {"▲"}
    assert "<script" not in told and "http-equiv" in told
    assert told.count('<ol class="strip"') == len(found.models)
    assert 'href="https://github.com/owner/name/actions/runs/1030"' in told


def test_names_that_are_not_for_everybody_are_not_on_it(tmp_path):
    model, id_ = "local-dir:/home/jane/secret<b>", "local-dir:/home/jane/secret<b>-eager-fp32-b1"
    document = run(
        *H200, 0, {id_: {"latency": "SLOWER"}, **edited()}, models={id_: model},
        labels={id_: {"passed": True, "images": {"jane.jpg": {}}}}, images={"folder": "/home/jane/photos"},
    )  # fmt: skip
    path = save(tmp_path / "runner-7.corp", document, 1)
    page = tmp_path / "fleet.html"
    assert main(["fleet", str(tmp_path / "runner-7.corp"), "--report", str(page)]) == 0
    told = page.read_text()
    assert "own model 1-" in told and path.exists()
    assert not [word for word in ("jane", "secret", "runner-7", "corp") if word in told]


def test_stored_text_is_text(tmp_path):
    gpu = "NVIDIA <img src=x onerror=alert(1)>"
    save(tmp_path, run(gpu, "9.0", 0) | {}, 1).rename(tmp_path / "0001_nightly.json")
    told = fleet_page.html(stores.shown(tmp_path))
    assert "<img" not in told and "&lt;img" in told


@pytest.mark.parametrize("what", ["missing", "empty"])
def test_a_store_without_a_night_is_a_sentence(tmp_path, capsys, what):
    store = tmp_path / "store"
    if what == "empty":
        store.mkdir()
    assert main(["fleet", str(store)]) == 2
    said = capsys.readouterr().err
    assert "No night is stored" in said if what == "empty" else "is no folder" in said


def test_twenty_gpu_models_and_ninety_nights_are_quick_and_small(tmp_path):
    """In CPU time, so that a busy machine is no failure; the claim of 20 s is for runs as large as real ones."""
    store = stores.large(tmp_path / "store", padding=0)
    began = time.process_time()
    page = tmp_path / "fleet.html"
    assert main(["fleet", str(store), "--report", str(page)]) == 0
    assert time.process_time() - began < 20
    assert page.stat().st_size < 3_000_000


@in_browser
@pytest.mark.parametrize(("width", "dark"), [(390, False), (1440, True)])
def test_it_is_laid_out_without_sideways_scrolling(whole, tmp_path, width, dark):
    _, found = whole
    page = tmp_path / "fleet.html"
    page.write_text(fleet_page.html(found), encoding="utf-8")
    seen = chromium.measure(page, tmp_path, width, dark)
    assert seen["scroll"] <= seen["width"], "the grid alone scrolls, in a region of its own"
    assert seen["smallest"] >= 11 and seen["contrast"] >= 4.5
    assert seen["scripts"] == 0 and seen["tables"] >= 4
    assert "on Ada alone" in seen["text"] and re.search(r"1[67] slower, 1[23] no failure", seen["text"])
    assert seen["dark"] == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")


@in_browser
def test_opened_from_the_file_no_request_leaves_and_nothing_complains(whole, tmp_path):
    _, found = whole
    page = tmp_path / "fleet.html"
    page.write_text(fleet_page.html(found), encoding="utf-8")
    opened = chromium.open_page(page, tmp_path)
    assert opened.requests == [] and opened.console == []
    shutil.rmtree(tmp_path)
