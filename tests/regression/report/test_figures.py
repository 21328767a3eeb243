"""What figures say and how: colours of precisions, where they are colours, and texts large enough for a phone."""

import base64
import dataclasses
import datetime
import itertools
import re

import matplotlib as mpl
import pytest

from regression.metrics import METRICS
from regression.report import figures, page
from regression.report.content import Timeline
from regression.report.measured import REFERENCE, Served, SpeedUp, colours
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


def texts(draw):
    """The size in pixels on a phone, where a figure is 343 wide, and the words of every text of a figure."""
    with mpl.rc_context({"svg.fonttype": "none"}):
        svg = base64.b64decode(draw().light.partition(",")[2]).decode()
    (width,) = map(float, re.findall(r'viewBox="0 0 ([0-9.]+)', svg))
    found = re.findall(r'<text style="[^"]*font-size: ([0-9.]+)px[^>]*>([^<]*)', svg)
    return [(float(size) * 343 / width, words) for size, words in found]


def crowd(variants, *groups):
    """Variants `v0` (the fastest), `v1` and so on, and the reference, at two batch sizes."""
    names = [f"v{number}" for number in range(variants - 1)] + [REFERENCE]
    return [
        Served(model="m", variant=name, group=group, batch_size=batch, latency_s=1e-3 * (1 + number) * batch**0.5)
        for (number, name), group in zip(enumerate(names), itertools.cycle(groups), strict=False)
        for batch in (1, 8)
    ]


def test_of_many_variants_the_fastest_and_the_reference_are_named():
    """As many as can be told apart are all named."""
    words = {words for _, words in texts(lambda: figures.served("m", crowd(20, "fp32", "fp16"), {}))}
    assert {"v0", "v1", REFERENCE, "fp32", "fp16", "1", "batch 8"} <= words and "v2" not in words
    drawn = figures.served("m", crowd(20, "fp32", "fp16"), {})
    assert "17 others are pale" in drawn.caption and drawn.alt.endswith("; and 17 others.")
    few = crowd(figures.MOST_LINES, "fp32")
    words = {words for _, words in texts(lambda: figures.served("m", few, {}))}
    assert {point.variant for point in few} <= words and "fp32" not in words
    assert "others" not in figures.served("m", few, {}).caption


def test_a_batch_size_stands_beside_the_variant_that_is_fastest_at_it():
    """`a` is the faster one at batch 1 and `b` at batch 8: two markers each, 6 points right of the words."""
    points = [
        Served(model="m", variant=name, group="fp32", batch_size=batch, latency_s=latency_s)
        for name, batch, latency_s in (("a", 1, 0.001), ("a", 8, 0.005), ("b", 1, 0.002), ("b", 8, 0.003))
    ]
    with mpl.rc_context({"svg.fonttype": "none"}):
        svg = base64.b64decode(figures.served("m", points, {}).light.partition(",")[2]).decode()
    words = re.findall(r'text-anchor: end;[^>]* x="([0-9.]+)"[^>]*>(1|batch 8)<', svg)
    markers = sorted(float(x) for x in re.findall(r'<use [^>]* x="([0-9.]+)" [^>]*fill: #8c959f', svg))
    assert {name: float(x) + 6 for x, name in words}.items() <= {"1": markers[0], "batch 8": markers[-2]}.items()
    assert len(words) == 2


def test_texts_of_figures_can_be_read_on_a_phone(case):
    _, _, (past,) = case
    name = "cudagraph-eager-fp16-channels-last"
    bars = [SpeedUp(model="m", variant=name, batch_size=1, precision="fp16", now=2.0, baseline=None)]
    points = [
        Served(model="m", variant=name, group="fp16", batch_size=batch, latency_s=0.001 * batch) for batch in (1, 8)
    ]
    quantiles = [0.001 * (1 + 0.01 * step) for step in range(101)]
    values = tuple((night, 0.001) for night in past.nights)
    series = Timeline(benchmark="m", metric=METRICS[0], values=values, events=())
    for draw in (
        lambda: figures.speedups("m", bars, {}),
        lambda: figures.served("m", points, {}),
        lambda: figures.served("m", crowd(20, "fp32", "autocast-fp16"), {}),
        lambda: figures.latencies("m", quantiles, [quantiles]),
        lambda: figures.intervals("m", [figures.Interval(f"m-{name}-b1", 1.0, 0.5, 1.5)], 0.5),
        lambda: figures.timeline(series),
    ):
        sizes = texts(draw)
        assert len(sizes) > 4 and min(sizes)[0] >= 11


def test_counts_have_no_halves_on_their_axis(case):
    _, _, (past,) = case
    (launches,) = (metric for metric in METRICS if metric.key == "launches")
    values = tuple((night, 116.0 + (number > 5)) for number, night in enumerate(past.nights))
    series = Timeline(benchmark="m", metric=launches, values=values, events=())
    numbers = [words for _, words in texts(lambda: figures.timeline(series)) if re.fullmatch(r"1[.0-9]+", words)]
    assert "116" in numbers and "117" in numbers and not [number for number in numbers if "." in number]


@pytest.mark.parametrize(
    "apart",
    [{"seconds": 40}, {"minutes": 40}, {"hours": 13}, {"days": 20}, {"days": 230}],
    ids=["minutes", "hours", "days", "months", "years"],
)
def test_every_span_of_nights_has_a_few_dates_below_it(case, apart, recwarn):
    """matplotlib finds no dates for some spans, says so on the terminal, and draws too many."""
    _, _, (past,) = case
    begin = datetime.datetime(2026, 11, 30, 8, 3, tzinfo=datetime.UTC)
    nights = [dataclasses.replace(past.nights[0], when=begin + at * datetime.timedelta(**apart)) for at in range(7)]
    series = Timeline(benchmark="m", metric=METRICS[0], values=tuple((night, 0.001) for night in nights), events=())
    with mpl.rc_context({"svg.fonttype": "none"}):
        svg = base64.b64decode(figures.timeline(series).light.partition(",")[2]).decode()
    assert 2 <= svg.count('<g id="xtick_') <= 6
    assert not [str(warned.message) for warned in recwarn]


def test_a_figure_does_not_speak_of_baseline_runs_that_it_does_not_draw():
    quantiles = [0.001 * (1 + 0.01 * step) for step in range(101)]
    assert "all rounds of this run; no baseline run" in figures.latencies("m", quantiles, []).caption


def test_a_long_name_beside_its_interval_has_two_lines():
    def draw():
        return figures.intervals("m", [figures.Interval("efficientnet_b0-torchscript-fp32-b1", 1.0, 0.5, 1.5)], 0.5)

    assert {"efficientnet_b0-", "torchscript-fp32-b1"} <= {words for _, words in texts(draw)}


def test_the_label_below_an_axis_ends_with_it(case):
    """Long names leave a narrow axis, beyond which a label in its middle would be cut."""
    name = "compile-bf16-channels-last-reduce-overhead"
    bars = [SpeedUp(model="m", variant=name, batch_size=1, precision="fp16", now=2.0, baseline=None)]
    for draw in (
        lambda: figures.speedups("m", bars, {}),
        lambda: figures.intervals("m", [figures.Interval(f"m-{name}-b1", 1.0, 0.5, 1.5)], 0.5),
    ):
        with mpl.rc_context({"svg.fonttype": "none"}):
            svg = base64.b64decode(draw().light.partition(",")[2]).decode()
        (anchor,) = re.findall(r"text-anchor: (\w+)[^>]*>(?:times as fast|change \(%\))", svg)
        assert anchor == "end"
