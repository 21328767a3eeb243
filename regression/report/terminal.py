"""Renders a report for a terminal of 100 columns and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from regression.explain.explanation import (
    changed,
    detail,
    explanations,
    extremes,
    microseconds,
    sentence,
    worth_showing,
)
from regression.explain.kernels import Explanation
from regression.explain.layers import Layers
from regression.judge.verdict import Judgement, Reason, Report, Verdict
from regression.metrics import METRICS, Metric
from regression.report.content import EXPLANATION, ORDER, rows, summary
from regression.runs.run import Run
from regression.text import WIDTH, change, count, fit, measure, printable, shown, wrapped

HEADINGS = ("benchmark", "metric", "baseline", "now", "change", "visible", "verdict")
QUIET = (Reason.INSIDE_NOISE, Reason.NOISY, Reason.NO_BASELINE, Reason.NEGLIGIBLE)


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


def explained(explanation: Explanation, limit: int = 5) -> list[str]:
    """The explanation for a terminal: at most `limit` lines of at most 100 columns, the largest change first."""
    engine = [_layers(explanation.layers)] if explanation.layers else []
    if explanation.missing:
        return [_columns(f"{explanation.benchmark}: {explanation.missing}"), *engine]
    out = [_columns(f"{explanation.benchmark}: {sentence(explanation)}")]
    limit -= len(engine)
    shown, others = worth_showing(explanation, limit - 1)
    for one in shown:
        amounts = f"  {microseconds(one.change_s):>12} {one.share:>6.0%}  "
        told = detail(one)
        if one.members:
            lead, against = extremes(one)
            lead = fit(lead, 44)
            told = f"{lead}; {fit(against, 63 - len(lead))}"
        out.append(_columns(f"{amounts}{one.kind:<11} {told}"))
    if others and limit > 1:
        rest_s, share = sum(other.change_s for other in others), sum(other.share for other in others)
        out.append(f"  {microseconds(rest_s):>12} {share:>6.0%}  the other {len(others)}")
    return out + engine


def _layers(found: Layers, width: int = 100) -> str:
    """One line with a new and a gone layer's name, as much of them as there is room for."""
    said = found.sentence()
    named = [f"{sign}{printable(names[0])}" for sign, names in (("+", found.new), ("-", found.gone)) if names]
    room = (width - len(said) - 4) // max(len(named), 1) - 2
    return f"  {said}: {', '.join(fit(name, room) for name in named)}" if named else f"  {said}"


def _columns(text: str, width: int = 100) -> str:
    indent = text[: len(text) - len(text.lstrip(" "))]
    text = indent + "".join(character if character.isprintable() else " " for character in text[len(indent) :])
    return text if len(text) <= width else f"{text[: width - 1]}…"


# A terminal is read from its end; the page has room for more.
MOST_EXPLAINED = 10


def lines(report: Report, run: Run, baselines: Sequence[Run], metrics: Sequence[Metric] = METRICS) -> list[str]:
    """The verdict table, at most five lines for each benchmark that changed (what fails first), and the answer.

    `baselines` may hold runs that the report left out. Lines have at most 100 columns, longer paths aside.
    """
    judged = [baseline for baseline in baselines if baseline.path in report.baselines]
    names = changed(report)
    *out, answer = as_table(report, metrics).splitlines()
    unexplained: dict[str, list[str]] = {}
    for told in explanations(names[:MOST_EXPLAINED], run, judged):
        if told.missing and not told.layers:
            unexplained.setdefault(told.missing, []).append(told.benchmark)
        else:
            out += ["", *explained(told)]
    for why, benchmarks in unexplained.items():
        out += ["", *wrapped(f"{', '.join(benchmarks)}: {why}", WIDTH)]
    if len(names) > MOST_EXPLAINED:
        out += [
            "",
            f"{len(names) - MOST_EXPLAINED} more benchmarks changed; --report writes a page, --format json all.",
        ]
    return [*out, *([""] if names else []), answer]
