"""The page's pictures: SVG data URIs, each drawn twice, for light and for dark pages."""

import base64
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.dates
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from regression.history.night import Night
from regression.history.series import Event
from regression.text import SIZES, TIMES

# Okabe and Ito's colours, which stay apart for every kind of colour blindness.
BLUE, ORANGE, VERMILLION, SKY = "#0072B2", "#E69F00", "#D55E00", "#56B4E9"
WIDTH_INCHES = 4.4
# Its functions have no types.
DATES: Any = matplotlib.dates


@dataclass(frozen=True)
class Theme:
    """Colours of a page that figures share."""

    ink: str
    faint: str
    now: str
    mark: str


LIGHT = Theme(ink="#1f2328", faint="#8c959f", now=BLUE, mark=VERMILLION)
DARK = Theme(ink="#e6edf3", faint="#7d8590", now=SKY, mark=ORANGE)


@dataclass(frozen=True)
class Picture:
    """A figure for light and for dark pages (data URIs), what it shows, and the same for who cannot see it."""

    light: str
    dark: str
    caption: str
    alt: str


@dataclass(frozen=True)
class Bar:
    """A variant's speed-up now, and the baseline's where there is one."""

    name: str
    precision: str
    now: float
    baseline: float | None


def speedups(title: str, bars: Sequence[Bar]) -> Picture:
    """Horizontal bars, fastest first; a mark where the baseline was."""
    bars = sorted(bars, key=lambda bar: bar.now)

    def draw(axes: Axes, theme: Theme) -> None:
        for row, bar in enumerate(bars):
            axes.barh(row, bar.now, color=theme.now if bar.precision == "fp16" else theme.faint, height=0.62)
            if bar.baseline:
                axes.plot([bar.baseline] * 2, [row - 0.42, row + 0.42], color=theme.mark, linewidth=2.2)
            edge = max(bar.now, bar.baseline or 0)
            axes.annotate(f"{bar.now:.2f}", (edge, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
        axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
        axes.tick_params(axis="y", length=0)
        axes.axvline(1, color=theme.ink, linewidth=0.8, linestyle=":")
        axes.set_xlim(0, 1.14 * max(max(bar.now, bar.baseline or 0) for bar in bars))
        axes.set_xlabel("times as fast as eager FP32")

    was = [
        f"{bar.name} {bar.now:.2f}" + (f" (baseline {bar.baseline:.2f})" if bar.baseline else "") for bar in bars[::-1]
    ]
    return _picture(
        draw,
        0.7 + 0.3 * len(bars),
        f"{title}: speed-up over eager FP32 by median latency. Coloured bars are FP16, grey bars FP32;"
        " a vertical mark is the baseline.",
        f"Bar chart of the speed-up over eager FP32, {title}: {', '.join(was)}.",
    )


def latencies(title: str, now: Sequence[float], baselines: Sequence[Sequence[float]]) -> Picture:
    """Cumulative distributions of the latency, this run's and every baseline run's, from 101 quantiles in seconds."""
    every = [now, *baselines]
    scale, unit = _scale(now[50])

    def draw(axes: Axes, theme: Theme) -> None:
        for number, quantiles in enumerate(baselines):
            label = "baseline runs" if number == 0 else None
            axes.plot([value / scale for value in quantiles], range(101), color=theme.faint, linewidth=1, label=label)
        axes.plot([value / scale for value in now], range(101), color=theme.now, linewidth=2.2, label="this run")
        axes.axhline(50, color=theme.faint, linewidth=0.6, linestyle=":")
        low, high = min(quantiles[0] for quantiles in every), max(quantiles[98] for quantiles in every)
        margin = 0.04 * (high - low) or 0.01 * high
        axes.set_xlim((low - margin) / scale, (high + margin) / scale)
        axes.set_ylim(0, 100)
        axes.set_xlabel(f"latency ({unit})")
        axes.set_ylabel("% of rounds at most this slow")
        axes.legend(loc="lower right")

    medians = sorted(quantiles[50] / scale for quantiles in baselines)
    before = f" against {medians[0]:.4g} to {medians[-1]:.4g} {unit} in {len(medians)} baseline runs" if medians else ""
    return _picture(
        draw,
        2.9,
        f"{title}: latency, all rounds of this run and of the baseline runs; further right is slower.",
        f"Cumulative distribution of the latency, {title}: median {now[50] / scale:.4g} {unit} now{before}.",
    )


def timeline(
    values: Sequence[tuple[Night, float]], events: Sequence[Event], title: str, unit: str, now: Path | None = None
) -> Picture:
    """One metric of one benchmark over all stored runs, with the levels before and after every lasting change.

    The stored run with the path `now` is ringed.
    """
    scale, name = _scale(values[-1][1], unit)

    def draw(axes: Axes, theme: Theme) -> None:
        dates = [_date(night) for night, _ in values]
        axes.plot(dates, [value / scale for _, value in values], ".", color=theme.now, markersize=4)
        for number, event in enumerate(events):
            start = _date(events[number - 1].last) if number else dates[0]
            end = _date(events[number + 1].first) if number + 1 < len(events) else dates[-1]
            line = [event.before / scale] * 2 + [event.after / scale] * 2
            first, last = _date(event.first), _date(event.last)
            axes.plot([start, first, last, end], line, color=theme.ink, linewidth=1.1)
            axes.axvline(first, color=theme.mark, linewidth=1.6)
            if event.kind == "drift":
                axes.axvspan(first, last, color=theme.mark, alpha=0.18, linewidth=0)
        for night, value in values:
            if night.file == now:
                axes.plot(_date(night), value / scale, "o", color=theme.mark, markersize=9, fillstyle="none")
        axes.xaxis_date()
        locator = DATES.AutoDateLocator(maxticks=6)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(DATES.ConciseDateFormatter(locator))
        axes.set_ylabel(f"{title.split(' of ')[0]} ({name})" if name else title.split(" of ")[0])

    told = [
        f"{event.kind} on {event.first.day} from {event.before / scale:.4g} to {event.after / scale:.4g} {name}"
        for event in events
    ]
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
    scales = {"s": TIMES, "B": SIZES}.get(unit, ((1.0, unit),))
    scale, name = next((found for found in scales if value >= found[0]), scales[-1])
    return scale, name.replace("us", "µs")


def _picture(draw: Callable[[Axes, Theme], None], height_inches: float, caption: str, alt: str) -> Picture:
    return Picture(_svg(draw, height_inches, LIGHT), _svg(draw, height_inches, DARK), caption, alt)


def _svg(draw: Callable[[Axes, Theme], None], height_inches: float, theme: Theme) -> str:
    style: dict[Any, Any] = {
        "text.parse_math": False,
        "svg.hashsalt": "regression",
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 9.5,
        "text.color": theme.ink,
        "axes.labelcolor": theme.ink,
        "axes.edgecolor": theme.faint,
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
        figure = Figure(figsize=(WIDTH_INCHES, height_inches), layout="constrained")
        draw(figure.add_subplot(), theme)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
