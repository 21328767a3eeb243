"""Renders a report for a terminal of 100 columns and as JSON."""

from __future__ import annotations

import dataclasses
import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from regression.metrics import METRICS, Metric
from regression.runs import count, shown
from regression.verdict import Judgement, Reason, Report, Verdict

WIDTH = 100
ALL_METRICS = "all metrics"
HEADINGS = ("benchmark", "metric", "baseline", "now", "change", "visible", "verdict")
EXPLANATION = "visible: the smallest true change that would have been reported, with a probability of 95 %"
# Worst first; among equals the largest change.
ORDER = (Verdict.SLOWER, Verdict.MISSING, Verdict.UNSURE, Verdict.FASTER, Verdict.NEW, Verdict.SAME)
QUIET = (Reason.INSIDE_NOISE, Reason.NOISY, Reason.NO_BASELINE, Reason.NEGLIGIBLE)
TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
SIZES = ((2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))


def as_table(report: Report, metrics: Sequence[Metric] = METRICS, width: int = WIDTH) -> str:
    """The report as lines of at most `width` columns, worst first."""
    lines = [part for line in _header(report) for part in wrapped(line, width)]
    units = {metric.key: metric.unit for metric in metrics}
    worst_first = rows(sorted(report.judgements, key=_severity), metrics)
    table = [(item, _cells(item, title, units[item.metric])) for item, title in worst_first]
    widths = [
        max(len(cell) for cell in column) for column in zip(HEADINGS, *(cells for _, cells in table), strict=True)
    ]
    widths[0] = max(min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1)), len(HEADINGS[0]))
    lines += ["", _line(HEADINGS, widths), "-" * min(width, sum(widths) + 2 * (len(widths) - 1))]
    before = ""
    for item, cells in table:
        # The metrics of one benchmark that is SAME follow each other; its name once is enough.
        repeated = item.verdict is Verdict.SAME and cells[0] == before
        before = cells[0] if item.verdict is Verdict.SAME else ""
        lines.append(_line(("", *cells[1:]) if repeated else cells, widths))
        lines += wrapped(_detail(item), width, "    ")
    lines += ["", *(part for line in _footer(report) for part in wrapped(line, width))]
    lines += [EXPLANATION, summary(report)]
    return "\n".join(lines)


def as_json(report: Report, kernels: Mapping[str, Any] = MappingProxyType({})) -> str:
    """The report as JSON, every judgement with its numbers; `kernels` is what `explanation.as_dict` gives."""
    document = _plain(report) | {"failed": report.failed, "summary": summary(report), "kernels": dict(kernels)}
    return json.dumps(document, indent=1, allow_nan=False)


def summary(report: Report) -> str:
    """One line: failed or not, and how many of each verdict."""
    counts = Counter("accepted" if item.reason is Reason.ACCEPTED else str(item.verdict) for item in report.judgements)
    # A benchmark that did not run is missing once, not once per metric.
    counts["MISSING"] = len({item.benchmark for item in report.judgements if item.verdict is Verdict.MISSING})
    parts = [f"{counts[key]} {key}" for key in ("SLOWER", "MISSING", "accepted", *map(str, ORDER[2:])) if counts[key]]
    if report.labels:
        parts.insert(0, f"{len(report.labels)} with wrong labels")
    return f"{'FAILED' if report.failed else 'passed'}: {', '.join(parts) or 'nothing to judge'}"


def measure(value: float | None, like: float | None, unit: str) -> str:
    """A value with its unit, scaled as `like` would be, so that two values in a row can be compared."""
    if value is None:
        return "-"
    scales = {"s": TIMES, "B": SIZES}.get(unit)
    if scales is None:
        return f"{value:g}"
    reference = value if like is None else like
    scale, name = next((item for item in scales if reference >= item[0]), scales[-1])
    return f"{value / scale:#.5g} {name}"


def change(ratio: float | None, sign: str = "+") -> str:
    """A ratio as a change in percent, with as many digits as it deserves."""
    if ratio is None:
        return "-"
    # Adding zero turns -0.00 into 0.00.
    percent = round((ratio - 1) * 100, 2) + 0.0
    if percent >= 1000:
        return f"{ratio:.3g} x" if ratio < 1000 else "over 1000 x"
    return f"{percent:{sign}.{2 if abs(percent) < 10 else 1}f} %"


def rows(judgements: Iterable[Judgement], metrics: Sequence[Metric] = METRICS) -> list[tuple[Judgement, str]]:
    """Judgements with their metric's title; of a benchmark that is MISSING for several metrics one, `all metrics`."""
    judgements = list(judgements)
    titles = {metric.key: metric.title for metric in metrics}
    missing = Counter(item.benchmark for item in judgements if item.verdict is Verdict.MISSING)
    told: dict[object, tuple[Judgement, str]] = {}
    for item in judgements:
        whole = item.verdict is Verdict.MISSING and missing[item.benchmark] > 1
        key = item.benchmark if whole else (item.benchmark, item.metric)
        if whole:
            item = dataclasses.replace(item, baseline=None)
        told.setdefault(key, (item, ALL_METRICS if whole else titles[item.metric]))
    return list(told.values())


def _severity(item: Judgement) -> tuple[bool, int, bool, float]:
    """SAME keeps the order of the run, so that a benchmark's metrics stay together; the rest is sorted by size."""
    verdict = ORDER.index(item.verdict)
    size = 0.0 if item.verdict is Verdict.SAME else -abs((item.ratio or 1) - 1)
    return not item.failed, verdict, item.reason is Reason.NOISY, size


def _cells(item: Judgement, metric: str, unit: str) -> tuple[str, ...]:
    visible = change(item.detectable_ratio, "")
    verdict = "accepted" if item.reason is Reason.ACCEPTED else str(item.verdict)
    values = [measure(value, item.baseline, unit) for value in (item.baseline, item.now)]
    return (item.benchmark, metric, *values, change(item.ratio), visible, verdict)


def _detail(item: Judgement) -> str:
    if item.reason in QUIET and not item.detail:
        return "" if item.reason is not Reason.NEGLIGIBLE else "negligible: outside the noise, too small to matter"
    return f"{item.reason}: {item.detail}" if item.detail else str(item.reason)


def _header(report: Report) -> Iterable[str]:
    folders = sorted({str(path.parent) for path in report.baselines})
    where = f" of {', '.join(map(shown, folders))}" if folders else ""
    yield f"{shown(report.run)} against {count(len(report.baselines), 'baseline run')}{where}"
    yield (
        f"{count(report.tests, 'test')}, family-wise error {report.family_wise_error:.0%}; "
        f"{count(len(report.differences), 'difference')} of the environment"
        + (f"; {count(report.deselected, 'benchmark')} deselected" if report.deselected else "")
        + (":" if report.differences else "")
    )
    for item in report.differences:
        yield f"  {item.field}: {item.baseline} -> {item.now}"


def _footer(report: Report) -> Iterable[str]:
    for id_, label in report.labels:
        yield f"wrong labels: {id_}: {label.message or 'no longer agree with the reference'}"
    for item in report.left_out:
        yield f"left out: {item}"
    yield from report.notes


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, metric, *numbers, verdict = cells
    parts = [_shortened(name, widths[0]).ljust(widths[0]), metric.ljust(widths[1])]
    parts += [cell.rjust(size) for cell, size in zip(numbers, widths[2:-1], strict=True)]
    return "  ".join([*parts, verdict]).rstrip()


def _shortened(text: str, width: int) -> str:
    """The middle goes: a benchmark's id begins with the model and ends with the batch."""
    if len(text) <= width:
        return text
    tail = (width - 2) // 2
    return f"{text[: width - 2 - tail]}..{text[len(text) - tail :]}"


def wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """The text in lines of at most `width` columns, longer paths aside; all but the first are indented."""
    # A path stays whole, so that it can be copied.
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (int, float, type(None))) else str(value)
