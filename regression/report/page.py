"""The report as one HTML page: no network, no script, readable on a phone, in print, in light and in dark."""

import base64
import dataclasses
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from regression.explain.explanation import changed, explanations, microseconds, worth_showing
from regression.explain.kernels import Change, Explanation
from regression.history.series import Event, History
from regression.judge.verdict import Report, Verdict
from regression.metrics import METRICS
from regression.report import figures
from regression.report.content import EXPLANATION, METRIC, answer, look_first, rows, speedup, worst_first
from regression.report.figures import Picture
from regression.runs import environment
from regression.runs.find import is_folder
from regression.runs.read import read
from regression.runs.run import Run
from regression.text import change, measure

TEMPLATES = Path(__file__).parent / "templates"
# More would make a page that nobody reads to its end, and larger than a mail server takes.
MOST_CHANGED = 8
MOST_KERNELS = 12
MOST_TIMELINES = 6
LARGEST_SHEET_BYTES = 3 * 2**19
PNG = b"\x89PNG\r\n\x1a\n"


class UnwritablePage(Exception):
    """The page cannot be written where it was asked for; the message is a sentence for the user."""


@dataclasses.dataclass(frozen=True)
class Changed:
    """What the page shows of one benchmark that changed."""

    benchmark: str
    latency: Picture | None
    kernels: Explanation
    shown: Sequence[Change]
    others: Sequence[Change]


def write(
    report: Report,
    path: Path,
    run: Run | None = None,
    baselines: Sequence[Run] | None = None,
    *,
    label_sheet: bytes | None = None,
    history: History | None = None,
    commit: Mapping[str, Any] | None = None,
) -> None:
    """Write the page, whole or not at all. The run and its baselines are read from the report's paths if not given.

    UnwritablePage where the path cannot be written (`check` says so early); runs.UnusableRun where a run is gone.
    """
    run = read(report.run) if run is None else run
    baselines = [read(baseline) for baseline in report.baselines] if baselines is None else baselines
    text = render(report, run, baselines, label_sheet=label_sheet, history=history, commit=commit)
    check(path)
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=".report-", delete=False
        ) as file:
            partial = Path(file.name)
            file.write(text)
        partial.chmod(0o644)
        partial.replace(path)
    except OSError as problem:
        raise UnwritablePage(f"{path}: the page cannot be written ({problem.strerror}).") from None


def check(path: Path) -> None:
    """Raise UnwritablePage where no page could be written to `path`, before anything takes long."""
    if is_folder(path):
        raise UnwritablePage(f"{path} is a folder; give the name of a file, such as {path / 'report.html'}.")
    if not is_folder(path.parent):
        raise UnwritablePage(f"{path}: there is no folder {path.parent}; make it first or give another path.")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise UnwritablePage(f"{path}: the folder {path.parent} may not be written to; give another path.")


def render(
    report: Report,
    run: Run,
    baselines: Sequence[Run] = (),
    *,
    label_sheet: bytes | None = None,
    history: History | None = None,
    commit: Mapping[str, Any] | None = None,
) -> str:
    """The page's HTML. `label_sheet` is a PNG; `commit` is pytest-benchmark's `commit_info`, by default the run's."""
    judged = [baseline for baseline in baselines if baseline.path in report.baselines]
    judgements = worst_first(report.judgements)
    names = changed(report)
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters |= {"us": microseconds, "percent": change, "micro": _micro, "breakable": _breakable}
    templates.globals |= {"measure": measure, "METRIC": METRIC, "zip": zip}
    return templates.get_template("report.html.j2").render(
        report=report,
        run=run,
        answer=answer(report),
        look_first=look_first(report, run, judged),
        loud=rows(item for item in judgements if item.verdict is not Verdict.SAME),
        same=rows(item for item in report.judgements if item.verdict is Verdict.SAME),
        seen=EXPLANATION.partition(": ")[2],
        speedups=_speedups(run, judged),
        changed=[
            Changed(told.benchmark, _latency(told.benchmark, run, judged), told, *worth_showing(told, MOST_KERNELS))
            for told in explanations(names[:MOST_CHANGED], run, judged)
        ],
        unshown=names[MOST_CHANGED:],
        sheet=_sheet(label_sheet),
        wrong=dict(report.labels),
        history=history,
        timelines=_timelines(history, names, run.path),
        environment=environment.differences([Run(path=run.path)], dataclasses.replace(run, commit={})),
        commit=run.commit if commit is None else commit,
    )


def _us(seconds: float) -> str:
    return f"{seconds * 1e6:+.2f} µs".replace("-", "−")


def _micro(text: str) -> str:
    return text.replace(" us", " µs")


def _breakable(name: str) -> Markup:
    """A name that a narrow column may break between its words, and not only anywhere."""
    return Markup("<wbr>").join(re.split(r"(?<=[_<:,/-])", name))


def _speedups(run: Run, baselines: Sequence[Run]) -> list[Picture]:
    """A figure for each model and batch size, the largest batch first."""
    groups: dict[tuple[str, int], list[figures.Bar]] = {}
    for name, benchmark in run.benchmarks.items():
        now, batch = speedup(run, name), benchmark.params.get("batch_size", "")
        if now is not None and batch.isdecimal():
            before = sorted(value for baseline in baselines if (value := speedup(baseline, name)) is not None)
            variant, precision = benchmark.params.get("variant", name), str(benchmark.extra_info.get("precision"))
            bar = figures.Bar(variant, precision, now, before[len(before) // 2] if before else None)
            groups.setdefault((benchmark.params.get("model", ""), int(batch)), []).append(bar)
    order = sorted(groups, key=lambda group: (group[0], -group[1]))
    return [figures.speedups(f"{model}, batch {batch}", groups[model, batch]) for model, batch in order]


def _latency(name: str, run: Run, baselines: Sequence[Run]) -> Picture | None:
    now = _quantiles(run, name)
    before = [quantiles for baseline in baselines if (quantiles := _quantiles(baseline, name))]
    return figures.latencies(name, now, before) if now else None


def _quantiles(run: Run, name: str) -> list[float]:
    """The stored quantiles in seconds; empty where there are none or they are none."""
    stored = run.benchmarks[name].extra_info.get("latency_quantiles_s") if name in run.benchmarks else None
    if not isinstance(stored, list) or len(stored) != 101:
        return []
    usable = all(isinstance(value, (int, float)) and 1e-9 < value < 1e6 for value in stored)
    return sorted(map(float, stored)) if usable else []


def _sheet(png: bytes | None) -> str:
    if png is None or not png.startswith(PNG) or len(png) > LARGEST_SHEET_BYTES:
        return ""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _timelines(history: History | None, names: Sequence[str], now: Path) -> list[Picture]:
    """What changed last in the history first, then this run's changed benchmarks, then something to look at."""
    if history is None:
        return []
    events: dict[tuple[str, str], list[Event]] = {}
    for event in sorted(history.events, key=lambda event: event.first.when):
        events.setdefault((event.benchmark, event.metric.key), []).append(event)
    wanted = sorted(events, key=lambda series: events[series][-1].last.when, reverse=True)
    wanted += [(name, "kernel_time") for name in names]
    measured = list(history.nights[-1].values)
    wanted += [series for metric in METRICS[:2] for series in measured if series[1] == metric.key][:2]
    pictures: list[Picture] = []
    for name, key in list(dict.fromkeys(wanted)):
        values = history.values(name, key)
        if len(values) > 1 and len(pictures) < MOST_TIMELINES:
            title = f"{METRIC[key].title} of {name}"
            pictures.append(figures.timeline(values, events.get((name, key), []), title, METRIC[key].unit, now))
    return pictures
