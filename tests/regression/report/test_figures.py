"""Colours of precisions: those that a stored run records, if they are colours."""

import base64
import dataclasses

import pytest

from regression.report import figures, page
from regression.report.measured import colours
from tests.regression.report import reported


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    return reported.stored(tmp_path_factory.mktemp("stored"))


def with_precisions(run, precisions):
    return dataclasses.replace(run, suite={**run.suite, "precisions": precisions})


def drawn(html):
    """The light and the dark source of the page's first bar chart of speed-ups."""
    parts = html.partition('id="speedup"')[2].split("data:image/svg+xml;base64,")[1:3]
    return [base64.b64decode(part.partition('"')[0]).decode().lower() for part in parts]


def test_bars_have_the_colours_that_the_run_records(case):
    this, baselines, _ = case
    precisions = {"fp16": {"colour": "#123456"}, "fp32": {"colour": "#654321"}}
    for picture in drawn(page.html(reported.content(with_precisions(this, precisions), baselines))):
        assert "#123456" in picture and "#654321" in picture


def test_without_recorded_colours_fp16_is_blue_and_lighter_on_a_dark_page(case):
    this, baselines, _ = case
    light, dark = drawn(page.html(reported.content(this, baselines)))
    assert "#0072b2" in light and "#0072b2" not in dark and "#56b4e9" in dark


@pytest.mark.parametrize("stored", [None, [], "blue", {"fp16": "#123456"}, {"fp16": {"colour": None}}])
def test_what_is_no_table_of_colours_is_none(case, stored):
    this, _, _ = case
    assert colours(with_precisions(this, stored)) == {}


@pytest.mark.parametrize("colour", ["red", "#12345", "#1234567", "#12345g", "#123456\n", "url(http://e.invalid)", 3])
def test_a_colour_is_six_hexadecimal_digits(case, colour):
    this, baselines, _ = case
    odd = with_precisions(this, {"fp16": {"colour": colour}, "int8": {"colour": "#00ff00"}})
    assert colours(odd) == {"int8": "#00ff00"}
    assert "#0072b2" in drawn(page.html(reported.content(odd, baselines)))[0]


def test_of_many_baseline_runs_some_are_drawn_and_all_are_counted():
    quantiles = [[0.001 * (1 + 0.01 * run + 0.0001 * step) for step in range(101)] for run in range(50)]
    few, many = (figures.latencies("m", quantiles[0], quantiles[:number]) for number in (12, 50))
    assert len(many.light) < 1.2 * len(few.light)
    assert "and of 12 of 50 baseline runs" in many.caption and "and of the baseline runs" in few.caption
    assert "1.005 to 1.495 ms in 50 baseline runs" in many.alt
