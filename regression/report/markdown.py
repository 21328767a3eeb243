"""The answer in one sentence, and the whole report as Markdown short enough for a job's summary or an issue."""

from collections.abc import Sequence

from regression.explain.explanation import (
    changed,
    counts,
    explanations,
    extremes,
    microseconds,
    sentence,
    worth_showing,
)
from regression.explain.kernels import Explanation
from regression.explain.layers import Layers
from regression.history.series import History
from regression.judge.verdict import Report, Verdict
from regression.report.content import METRIC, answer, look_first, rows, speedup, worst_first
from regression.runs.run import Run
from regression.text import change as percent
from regression.text import code, count, fit, measure, plain, printable

MOST_ROWS = 20
MOST_EXPLAINED = 5
MOST_LINES = 10


def markdown(
    report: Report,
    run: Run,
    baselines: Sequence[Run] = (),
    history: History | None = None,
    *,
    page: str = "",
) -> str:
    """The report as Markdown; `page` is a link to the whole page, or its file name, where there is one.

    At most about 20 rows, 5 explained benchmarks and 10 lines of every list: what is left out is counted.
    """
    judged = [baseline for baseline in baselines if baseline.path in report.baselines]
    parts = [
        f"## {plain(answer(report))}",
        plain(look_first(report, run, judged)),
        (
            f"{plain(run.path.name)}, against {count(len(report.baselines), 'baseline run')};"
            f" chance of a false alarm in the whole run: {report.family_wise_error * 100:g} %."
        ),
        _list(
            "Changed in the environment",
            [f"{code(change.field)}: {code(change.baseline)} -> {code(change.now)}" for change in report.differences],
        ),
        _verdicts(report),
        _speedups(run),
        _kernels(report, run, judged),
        _list("Wrong labels", [f"{code(name)}: {plain(label.message)}" for name, label in report.labels]),
        _history(history),
        _list("Notes", [plain(note) for note in report.notes]),
        _list("Left out", [f"{code(left.path.name)}: {plain(left.reason)}" for left in report.left_out]),
        f"The whole page: {plain(page)}" if page else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _verdicts(report: Report) -> str:
    notable = rows(item for item in worst_first(report.judgements) if item.verdict is not Verdict.SAME)
    same = sum(item.verdict is Verdict.SAME for item in report.judgements)
    if not report.judgements:
        return ""
    out = []
    if notable:
        out += ["| verdict | benchmark | metric | baseline | now | change | smallest seen |"]
        out += ["| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    for item, metric in notable[:MOST_ROWS]:
        unit = METRIC[item.metric].unit
        cells = [
            f"**{item.verdict}** ({item.reason})",
            code(item.benchmark),
            metric,
            measure(item.baseline, item.baseline, unit),
            measure(item.now, item.baseline, unit),
            percent(item.ratio),
            percent(item.detectable_ratio, ""),
        ]
        out.append(f"| {' | '.join(cells)} |")
    out.append("")
    rest = [f"{len(notable) - MOST_ROWS} more not shown"] if len(notable) > MOST_ROWS else []
    out.append("; ".join([*rest, f"{same} SAME"]) + ".")
    return "\n".join(out).strip()


def _speedups(run: Run) -> str:
    """One row for each model and variant, one column for each batch size."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for name, item in run.benchmarks.items():
        faster, batch = speedup(run, name), item.params.get("batch_size", "")
        if faster is not None and batch.isdecimal():
            key = item.params.get("model", ""), item.params.get("variant", "")
            found.setdefault(key, {})[int(batch)] = faster
    if not found:
        return ""
    batches = sorted({batch for speedups in found.values() for batch in speedups})
    out = ["Speed-up over eager FP32:", ""]
    out += ["| model | variant | " + " | ".join(f"batch {batch}" for batch in batches) + " |"]
    out += ["| --- | --- |" + " ---: |" * len(batches)]
    for (model, variant), speedups in list(found.items())[:MOST_ROWS]:
        cells = [f"{speedups[batch]:.2f}" if batch in speedups else "-" for batch in batches]
        out.append(f"| {code(model)} | {code(variant)} | {' | '.join(cells)} |")
    return "\n".join(out)


def _kernels(report: Report, run: Run, baselines: Sequence[Run]) -> str:
    names = changed(report)
    if not names:
        return ""
    out = ["Kernels behind the changes:"]
    out += [explained(explanation).rstrip() for explanation in explanations(names[:MOST_EXPLAINED], run, baselines)]
    if len(names) > MOST_EXPLAINED:
        out.append(f"{len(names) - MOST_EXPLAINED} more benchmarks changed.")
    return "\n\n".join(out)


def _history(history: History | None) -> str:
    if history is None:
        return ""
    latest = sorted(history.events, key=lambda event: event.last.when, reverse=True)
    lines = []
    for event in latest:
        when = event.first.day if event.kind == "step" else f"{event.first.day} to {event.last.day} (drift)"
        cause = f"; {plain(', '.join(event.environment))}" if event.environment else ""
        lines.append(f"{when}: {event.metric.title} of {code(event.benchmark)} {percent(event.ratio)}{cause}")
    return "\n\n".join(part for part in (plain(history.sentence()), _list("", lines)) if part)


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = [f"- and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*([f"{title}:", ""] if title else []), *(f"- {line}" for line in lines[:MOST_LINES]), *more])


def explained(explanation: Explanation, limit: int = 5) -> str:
    """The explanation as a Markdown paragraph and a table of at most `limit` rows; names are code, so nothing acts."""
    engine = _layers_markdown(explanation.layers, limit) if explanation.layers else ""
    if explanation.missing:
        return f"{code(explanation.benchmark)}: {explanation.missing}\n{engine}"
    out = [f"{code(explanation.benchmark)}: {sentence(explanation)}", ""]
    out += ["| change | share | | kernel |", "| ---: | ---: | --- | --- |"]
    shown, others = worth_showing(explanation, limit)
    for change in shown:
        named = f"{code(change.short)} {counts(change)}".rstrip()
        if change.members:
            named += ": " + ", ".join(code(extreme) for extreme in extremes(change))
        out.append(f"| {microseconds(change.change_s)} | {change.share:.0%} | {change.kind} | {named} |")
    if others:
        rest_s, share = sum(other.change_s for other in others), sum(other.share for other in others)
        out.append(f"| {microseconds(rest_s)} | {share:.0%} | | the other {len(others)} |")
    return "\n".join(out) + "\n" + engine


def _layers_markdown(found: Layers, limit: int) -> str:
    out = [f"\n{found.sentence()}\n"]
    for what, names in (("new", found.new), ("gone", found.gone)):
        more = f" and {len(names) - limit} more" if len(names) > limit else ""
        out += [f"- {what}: {', '.join(code(fit(printable(name))) for name in names[:limit])}{more}"] if names else []
    return "\n".join(out).rstrip("\n") + "\n"
