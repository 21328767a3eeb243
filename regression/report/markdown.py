"""The report as Markdown that is short enough for a job's summary or an issue."""

from __future__ import annotations

from collections.abc import Sequence

from regression.explain.explanation import counts, extremes, operators_worth_showing, sentence, worth_showing
from regression.explain.kernels import Explanation
from regression.explain.layers import Layers
from regression.report.content import Content
from regression.report.rows import change_text
from regression.text import LONGEST_NAME, code, count, fit, flattened, microseconds, plain

MOST_ROWS = 20
MOST_EXPLAINED = 5
MOST_LINES = 10


def text(content: Content) -> str:
    """The report as Markdown. What stored files say is code or escaped, so that nothing in it acts.

    At most about 20 rows, 5 explained benchmarks and 10 lines of every list: what is left out is counted.
    """
    parts = [
        f"## {plain(content.answer)}",
        plain(content.look_first),
        (
            f"{plain(content.path.name)}, against {count(len(content.baselines), 'baseline run')};"
            f" chance of a false alarm in the whole run: {content.family_wise_error * 100:g} %."
        ),
        _list(
            "Changed in the environment",
            [f"{code(item.field)}: {code(item.baseline)} -> {code(item.now)}" for item in content.differences],
        ),
        _verdicts(content),
        _speedups(content),
        _kernels(content),
        _list("Wrong labels", [f"{code(name)}: {plain(label.message)}" for name, label in content.wrong_labels]),
        _history(content),
        _list("Notes", [plain(note) for note in content.notes]),
        _list("Left out", [f"{code(left.path.name)}: {plain(left.reason)}" for left in content.left_out]),
        f"The whole page: {plain(content.page)}" if content.page else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def explanation_text(explanation: Explanation, limit: int = 5) -> str:
    """A paragraph and a table of at most `limit` rows."""
    engine = _layers(explanation.layers, limit) if explanation.layers else ""
    if explanation.missing:
        return f"{code(explanation.benchmark)}: {explanation.missing}\n{engine}"
    out = [f"{code(explanation.benchmark)}: {sentence(explanation)}", ""]
    operators = operators_worth_showing(explanation, limit)
    if operators:
        out += ["| change | share | | operator | kernels |", "| ---: | ---: | --- | --- | --- |"]
        out += [
            f"| {microseconds(one.change_s)} | {one.share:.0%} | {one.kind} | {code(fit(flattened(one.operator)))} "
            f"| {code(fit(flattened(one.said), 2 * LONGEST_NAME))} |"
            for one in operators
        ]
        out.append("")
    out += ["| change | share | | kernel |", "| ---: | ---: | --- | --- |"]
    shown, others = worth_showing(explanation, limit)
    for one in shown:
        named = f"{code(one.short)} {counts(one)}".rstrip()
        if one.members:
            named += ": " + ", ".join(code(extreme) for extreme in extremes(one))
        out.append(f"| {microseconds(one.change_s)} | {one.share:.0%} | {one.kind} | {named} |")
    if others:
        rest_s, share = sum(other.change_s for other in others), sum(other.share for other in others)
        out.append(f"| {microseconds(rest_s)} | {share:.0%} | | the other {len(others)} |")
    return "\n".join(out) + "\n" + engine


def _verdicts(content: Content) -> str:
    if not content.rows:
        return ""
    notable = [row for row in content.rows if not row.same]
    out = []
    if notable:
        out += ["| verdict | benchmark | metric | baseline | now | change | detectable |"]
        out += ["| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    for row in notable[:MOST_ROWS]:
        amounts = [row.baseline_text, row.now_text, row.change_text, row.detectable_text]
        cells = [f"**{row.verdict}** ({row.reason})", code(row.benchmark), plain(row.title), *amounts]
        out.append(f"| {' | '.join(cells)} |")
    out.append("")
    rest = [f"{len(notable) - MOST_ROWS} more not shown"] if len(notable) > MOST_ROWS else []
    out.append("; ".join([*rest, f"{len(content.rows) - len(notable)} SAME"]) + ".")
    return "\n".join(out).strip()


def _speedups(content: Content) -> str:
    """One row for each model and variant, one column for each batch size."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for one in content.speedups:
        found.setdefault((one.model, one.variant), {})[one.batch_size] = one.now
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


def _kernels(content: Content) -> str:
    if not content.changed:
        return ""
    out = ["Kernels behind the changes:"]
    out += [explanation_text(one.explanation).rstrip() for one in content.changed[:MOST_EXPLAINED]]
    if len(content.changed) > MOST_EXPLAINED:
        out.append(f"{len(content.changed) - MOST_EXPLAINED} more benchmarks changed.")
    return "\n\n".join(out)


def _history(content: Content) -> str:
    if content.history is None:
        return ""
    lines = []
    for event in sorted(content.history.events, key=lambda event: event.last.when, reverse=True):
        when = event.first.day if event.kind == "step" else f"{event.first.day} to {event.last.day} (drift)"
        cause = f"; {plain(', '.join(event.environment))}" if event.environment else ""
        change = change_text(event.metric, event.before, event.after)
        lines.append(f"{when}: {event.metric.title} of {code(event.benchmark)} {change}{cause}")
    return "\n\n".join(part for part in (plain(content.history.sentence()), _list("", lines)) if part)


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = [f"- and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*([f"{title}:", ""] if title else []), *(f"- {line}" for line in lines[:MOST_LINES]), *more])


def _layers(found: Layers, limit: int) -> str:
    out = [f"\n{found.sentence()}\n"]
    for what, names in (("new", found.new), ("gone", found.gone)):
        more = f" and {len(names) - limit} more" if len(names) > limit else ""
        out += [f"- {what}: {', '.join(code(fit(flattened(name))) for name in names[:limit])}{more}"] if names else []
    return "\n".join(out).rstrip("\n") + "\n"
