"""The page's pictures: SVG data URIs, each drawn twice, for light and for dark pages."""

from __future__ import annotations

import base64
import dataclasses
import io
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates
import matplotlib.ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from regression.history.night import Night
from regression.metric import Kind
from regression.report.content import Timeline
from regression.report.measured import REFERENCE, Served, SpeedUp
from regression.text import scale

# Okabe and Ito's colours, which stay apart for every kind of colour blindness.
BLUE, ORANGE, VERMILLION, SKY = "#0072B2", "#E69F00", "#D55E00", "#56B4E9"
# Of precisions of runs that record no colours.
USUAL = {"fp16": BLUE}
ON_DARK = {BLUE: SKY}
WIDTH_INCHES = 4.4
WIDE_INCHES = 6.4
# No text is smaller than 11 pixels where the width is 343 of them, as on a phone.
FONT_POINTS = 10.5
# More lines than these hide each other, and each is some kilobytes.
MOST_LINES = 12
# Of a batch size, where more variants were measured than that.
MOST_LEADING = 2
MOST_CHARACTERS_OF_HALF = 18
GROUPS_IN_A_ROW = 3
MARKERS = "osD^v<>Pp*Xh"
# Their functions have no types.
DATES: Any = matplotlib.dates
TICKER: Any = matplotlib.ticker


@dataclass(frozen=True)
class Theme:
    """Colours of a page that figures share."""

    paper: str
    ink: str
    faint: str
    now: str
    mark: str
    instead: Mapping[str, str]
    """Colours that are hard to see on the theme's background, and what is drawn in their place."""


LIGHT = Theme(paper="none", ink="#1f2328", faint="#8c959f", now=BLUE, mark=VERMILLION, instead={})
DARK = Theme(paper="none", ink="#e6edf3", faint="#7d8590", now=SKY, mark=ORANGE, instead=ON_DARK)
# Of a file, which does not know the page that it stands on.
ON_WHITE = dataclasses.replace(LIGHT, paper="white")


@dataclass(frozen=True)
class Picture:
    """A figure for light and for dark pages (data URIs), what it shows, and the same for who cannot see it."""

    light: str
    dark: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Interval:
    """A change with its interval, in percent."""

    name: str
    change: float
    low: float
    high: float


def speedups(title: str, bars: Sequence[SpeedUp], colours: Mapping[str, str]) -> Picture:
    """Horizontal bars, fastest first, each in the colour of its precision; a mark where the baseline was."""
    bars = sorted(bars, key=lambda bar: bar.now)
    precisions = list(dict.fromkeys(bar.precision for bar in bars[::-1]))
    longest = max(max(bar.now, bar.baseline or 0) for bar in bars)

    def draw(axes: Axes, theme: Theme) -> None:
        drawn = {name: _colour(name, colours, theme) for name in precisions}
        for row, bar in enumerate(bars):
            axes.barh(row, bar.now, color=drawn[bar.precision], height=0.62)
            if bar.baseline:
                axes.plot([bar.baseline] * 2, [row - 0.42, row + 0.42], color=theme.mark, linewidth=2.2)
            mark = bar.baseline or 0
            # The number stands beside its bar, and not beside a mark that is far from it.
            edge = mark if bar.now < mark < bar.now + 0.2 * longest else bar.now
            axes.annotate(f"{bar.now:.2f}", (edge, row), (4, 0), textcoords="offset points", va="center")
        if len(precisions) > 1:
            keys = [Patch(color=drawn[name], label=name) for name in precisions]
            whole: Any = axes.get_figure()
            whole.legend(handles=keys, loc="outside upper right", ncols=len(keys), handlelength=1.2)
        axes.set_yticks(range(len(bars)), [_halved(bar.variant) for bar in bars])
        axes.tick_params(axis="y", length=0)
        axes.axvline(1, color=theme.ink, linewidth=0.8, linestyle=":")
        axes.set_xlim(0, 1.18 * longest)
        axes.set_xlabel("times as fast as eager FP32", loc="right")

    was = [
        f"{bar.variant} {bar.now:.2f}" + (f" (baseline {bar.baseline:.2f})" if bar.baseline else "")
        for bar in bars[::-1]
    ]
    return _picture(
        draw,
        0.7
        + (0.4 if any("\n" in _halved(bar.variant) for bar in bars) else 0.3) * len(bars)
        + (0.3 if len(precisions) > 1 else 0),
        f"{title}: speed-up over eager FP32 by median latency. A bar's colour is its precision;"
        " a vertical mark is the baseline.",
        f"Bar chart of the speed-up over eager FP32, {title}: {', '.join(was)}.",
    )


def served(title: str, points: Sequence[Served], colours: Mapping[str, str]) -> Picture:
    """Latency against throughput, a line for each variant through its batch sizes, on logarithmic scales.

    Of more variants than can be told apart, the fastest at each batch size and the reference stand out.

    Args:
        colours: of the groups of `points`.
    """
    return _picture(*_served(title, points, colours))


def served_file(title: str, points: Sequence[Served], colours: Mapping[str, str]) -> bytes:
    """The same as an SVG file on white, wide enough for the middle of a page."""
    draw, height_inches, _, _ = _served(title, points, colours)
    return _svg(draw, height_inches + WIDE_INCHES - WIDTH_INCHES, ON_WHITE, WIDE_INCHES)


def _served(
    title: str, points: Sequence[Served], colours: Mapping[str, str]
) -> tuple[Callable[[Axes, Theme], None], float, str, str]:
    lines: dict[str, list[Served]] = {}
    for point in sorted(points, key=lambda point: point.batch_size):
        lines.setdefault(point.variant, []).append(point)
    fastest = {
        size: min((point for point in points if point.batch_size == size), key=lambda point: point.latency_s)
        for size in sorted({point.batch_size for point in points})
    }
    best = {name: max(point.images_per_s for point in line) for name, line in lines.items()}
    ordered = sorted(lines, key=lambda name: -best[name])
    named = ordered if len(lines) <= MOST_LINES else [name for name in ordered if name in _leading(points)]
    columns = 2 if max(map(len, named)) <= MOST_CHARACTERS_OF_HALF else 1
    groups = dict.fromkeys(line[0].group for line in lines.values()) if len(named) < len(lines) else {}

    def draw(axes: Axes, theme: Theme) -> None:
        for name in (*(name for name in ordered if name not in named), *named):
            line = lines[name]
            style: dict[str, Any] = {"color": _colour(line[0].group, colours, theme)}
            if name in named:
                style |= {"marker": MARKERS[named.index(name) % len(MARKERS)], "linewidth": 1.2, "label": name}
            else:
                style |= {"marker": ".", "markersize": 3, "linewidth": 0.8, "alpha": 0.45}
            values = [1e3 * point.latency_s for point in line], [point.images_per_s for point in line]
            axes.plot(*values, **style)
        for size, point in fastest.items():
            # Nothing lies further left and up: the points of a batch size are on one falling line.
            place = 1e3 * point.latency_s, point.images_per_s
            words = f"batch {size}" if size == max(fastest) else str(size)
            axes.annotate(words, place, (-6, 3), textcoords="offset points", ha="right")
        for axis, set_scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
            set_scale("log")
            axis.set_major_locator(TICKER.LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter(TICKER.FuncFormatter(lambda value, place: f"{value:,g}"))
            axis.set_minor_formatter(TICKER.NullFormatter())
        axes.set_xlabel("latency of a batch (ms)")
        axes.set_ylabel("images per second")
        axes.grid(which="major", color=theme.faint, alpha=0.3)
        axes.margins(x=0.1)
        whole: Any = axes.get_figure()
        whole.legend(loc="outside lower center", ncols=columns)
        keys = [Patch(color=_colour(group, colours, theme), label=group) for group in groups]
        if keys:
            whole.legend(handles=keys, loc="outside upper center", ncols=GROUPS_IN_A_ROW, handlelength=1.2)

    said = "; ".join(
        f"{name} "
        + ", ".join(f"batch {p.batch_size}: {1e3 * p.latency_s:.3g} ms, {p.images_per_s:,.0f}/s" for p in lines[name])
        for name in named
    )
    unnamed = len(lines) - len(named)
    more = (
        f" Named are the {MOST_LEADING} fastest at each batch size and {REFERENCE}; {unnamed} others are pale."
        if unnamed
        else ""
    )
    return (
        draw,
        3.0 + 0.21 * (math.ceil(len(named) / columns) + math.ceil(len(groups) / GROUPS_IN_A_ROW)),
        f"{title}: latency and throughput of one caller by batch size; further up is more images per second, further "
        f"left a shorter wait. The numbers are batch sizes, beside the fastest variant of each.{more}",
        f"Latency against throughput, {title}: {said}{f'; and {unnamed} others' if unnamed else ''}.",
    )


def _leading(points: Sequence[Served]) -> set[str]:
    """The fastest variants of each batch size, and the reference."""
    leading = {REFERENCE}
    for size in {point.batch_size for point in points}:
        fastest = sorted((point for point in points if point.batch_size == size), key=lambda point: point.latency_s)
        leading |= {point.variant for point in fastest[:MOST_LEADING]}
    return leading


def intervals(title: str, bars: Sequence[Interval], known: float) -> Picture:
    """Changes with their intervals, one under the other; a band says how large a change is worth knowing.

    Args:
        bars: in percent.
        known: the half width of the band, in percent.
    """

    def draw(axes: Axes, theme: Theme) -> None:
        axes.axvspan(-known, known, color=theme.faint, alpha=0.18, linewidth=0)
        axes.axvline(0, color=theme.ink, linewidth=0.8, linestyle=":")
        for row, bar in enumerate(reversed(bars)):
            apart = bar.low > 0 or bar.high < 0
            colour = theme.mark if apart else theme.now
            axes.plot([bar.low, bar.high], [row, row], color=colour, linewidth=2.4, solid_capstyle="butt")
            axes.plot(bar.change, row, "o", color=colour, markersize=6)
        axes.set_yticks(range(len(bars)), [_halved(bar.name) for bar in reversed(bars)])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-0.6, len(bars) - 0.4)
        axes.set_xlabel("change (%); further right is slower", loc="right")

    said = [f"{bar.name} {bar.change:+.1f} % ({bar.low:+.1f} to {bar.high:+.1f} %)" for bar in bars]
    return _picture(
        draw,
        0.8 + 0.4 * len(bars),
        f"{title}: changes with the intervals that hold the true ones. Inside the band, {known:g} %, a change is not "
        "worth knowing; an interval beside 0 is a change.",
        f"{title}, changes with their intervals: {'; '.join(said)}.",
    )


def latencies(title: str, now: Sequence[float], baselines: Sequence[Sequence[float]]) -> Picture:
    """Cumulative distributions of the latency, this run's and every baseline run's, from 101 quantiles in seconds."""
    ordered = sorted(baselines, key=lambda quantiles: quantiles[50])
    medians = [quantiles[50] for quantiles in ordered]
    if len(ordered) > MOST_LINES:
        # The fastest, the slowest, and every so many between them.
        ordered = [ordered[round(at * (len(ordered) - 1) / (MOST_LINES - 1))] for at in range(MOST_LINES)]
    every = [now, *ordered]
    size, unit = _scale(now[50])

    def draw(axes: Axes, theme: Theme) -> None:
        for number, quantiles in enumerate(ordered):
            label = "baseline runs" if number == 0 else None
            axes.plot([value / size for value in quantiles], range(101), color=theme.faint, linewidth=1, label=label)
        axes.plot([value / size for value in now], range(101), color=theme.now, linewidth=2.2, label="this run")
        axes.axhline(50, color=theme.faint, linewidth=0.6, linestyle=":")
        low, high = min(quantiles[0] for quantiles in every), max(quantiles[98] for quantiles in every)
        margin = 0.04 * (high - low) or 0.01 * high
        axes.set_xlim((low - margin) / size, (high + margin) / size)
        axes.set_ylim(0, 100)
        axes.set_xlabel(f"latency ({unit})")
        axes.set_ylabel("% of rounds at most this slow")
        whole: Any = axes.get_figure()
        whole.legend(loc="outside upper right", ncols=2)

    low_high = f"{medians[0] / size:.4g} to {medians[-1] / size:.4g}" if medians else ""
    before = f" against {low_high} {unit} in {len(medians)} baseline runs" if medians else ""
    which = f"{MOST_LINES} of {len(medians)}" if len(medians) > MOST_LINES else "the"
    drawn = f" and of {which} baseline runs" if medians else "; no baseline run has stored its own"
    return _picture(
        draw,
        3.1,
        f"{title}: latency, all rounds of this run{drawn}; further right is slower.",
        f"Cumulative distribution of the latency, {title}: median {now[50] / size:.4g} {unit} now{before}.",
    )


def timeline(series: Timeline, now: Path | None = None) -> Picture:
    """One metric of one benchmark over all stored runs, with the levels before and after every lasting change.

    The stored run with the path `now` is ringed.
    """
    values, events, metric = series.values, series.events, series.metric
    title = f"{metric.title} of {series.benchmark}"
    size, name = _scale(values[-1][1], metric.unit)

    def draw(axes: Axes, theme: Theme) -> None:
        dates = [_date(night) for night, _ in values]
        axes.plot(dates, [value / size for _, value in values], ".", color=theme.now, markersize=4)
        for number, event in enumerate(events):
            start = _date(events[number - 1].last) if number else dates[0]
            end = _date(events[number + 1].first) if number + 1 < len(events) else dates[-1]
            line = [event.before / size] * 2 + [event.after / size] * 2
            first, last = _date(event.first), _date(event.last)
            axes.plot([start, first, last, end], line, color=theme.ink, linewidth=1.1)
            axes.axvline(first, color=theme.mark, linewidth=1.6)
            if event.kind == "drift":
                axes.axvspan(first, last, color=theme.mark, alpha=0.18, linewidth=0)
        for night, value in values:
            if night.file == now:
                axes.plot(_date(night), value / size, "o", color=theme.mark, markersize=9, fillstyle="none")
        axes.xaxis_date()
        # With the default of at least five dates there are spans that no interval divides into at most six.
        locator = DATES.AutoDateLocator(minticks=2, maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(DATES.ConciseDateFormatter(locator))
        axes.set_ylabel(f"{metric.title} ({name})" if name else metric.title)
        if metric.kind is Kind.COUNT and not name:
            axes.yaxis.set_major_locator(TICKER.MaxNLocator(nbins=6, integer=True))

    told = [f"{event.told}, from {event.before / size:.4g} to {event.after / size:.4g} {name}" for event in events]
    return _picture(
        draw,
        2.4,
        f"{title}, one dot for each stored run, a ring around this one. "
        + ("Vertical lines and bands mark lasting changes and drifts." if events else "No lasting change."),
        f"{title} over {len(values)} stored runs: {'; '.join(told) or 'no lasting change'}.",
    )


def _date(night: Night) -> float:
    return float(DATES.date2num(night.when))


def _scale(value: float, unit: str = "s") -> tuple[float, str]:
    size, name = scale(value, unit)
    return size, name.replace("us", "µs")


def _halved(name: str) -> str:
    """A long name in two lines, broken at the dash that is nearest to its middle."""
    places = [at + 1 for at, character in enumerate(name) if character == "-"]
    if len(name) <= MOST_CHARACTERS_OF_HALF or not places:
        return name
    at = min(places, key=lambda place: abs(2 * place - len(name)))
    return f"{name[:at]}\n{name[at:]}"


def _colour(precision: str, colours: Mapping[str, str], theme: Theme) -> str:
    colour = colours.get(precision) or USUAL.get(precision) or theme.faint
    return theme.instead.get(colour, colour)


def _picture(draw: Callable[[Axes, Theme], None], height_inches: float, caption: str, alt: str) -> Picture:
    light, dark = (
        "data:image/svg+xml;base64," + base64.b64encode(_svg(draw, height_inches, theme)).decode("ascii")
        for theme in (LIGHT, DARK)
    )
    return Picture(light, dark, caption, alt)


def _svg(
    draw: Callable[[Axes, Theme], None], height_inches: float, theme: Theme, width_inches: float = WIDTH_INCHES
) -> bytes:
    style: dict[Any, Any] = {
        "text.parse_math": False,
        "svg.hashsalt": "regression",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": FONT_POINTS,
        "xtick.labelsize": FONT_POINTS,
        "ytick.labelsize": FONT_POINTS,
        "legend.fontsize": FONT_POINTS,
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.faint,
        "axes.facecolor": "none",
        "xtick.color": theme.ink,
        "ytick.color": theme.ink,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.formatter.useoffset": False,
        "legend.frameon": False,
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; the caption has it as text.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure = Figure(figsize=(width_inches, height_inches), layout="constrained")
        draw(figure.add_subplot(), theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", facecolor=theme.paper, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
