"""The report as Markdown that is short enough for a job's summary or an issue."""

from __future__ import annotations

from collections.abc import Sequence

from regression.explain.explanation import counts, extremes, operators_worth_showing, sentence, worth_showing
from regression.explain.kernels import Explanation
from regression.explain.layers import Layers
from regression.report.content import MOVED, Content
from regression.report.coverage import where
from regression.report.rows import Row, change_text, folded, shared_sentences
from regression.text import LONGEST_NAME, code, count, fit, flattened, microseconds, plain

MOST_ROWS = 20
MOST_EXPLAINED = 5
MOST_LINES = 10
LONGEST_DETAIL = 160


def text(content: Content) -> str:
    """The report as Markdown. What stored files say is code or escaped, so that nothing in it acts.

    What failed comes first, and what did not change is folded. At most about 20 rows, 5 explained benchmarks and 10
    lines of every list: what is left out is counted.
    """
    parts = [
        f"## {plain(content.answer)}",
        plain(content.look_first),
        _rows([row for row in content.rows if row.failed]),
        _list("Wrong labels", [f"{code(name)}: {plain(label.message)}" for name, label in content.wrong_labels]),
        f"To repeat just that: {code(content.repeat)}" if content.repeat else "",
        _kernels(content),
        (
            f"{plain(content.path.name)}, against {count(len(content.baselines), 'baseline run')};"
            f" chance of a false alarm in the whole run: {content.family_wise_error * 100:g} %."
        ),
        _rows([row for row in content.rows if not row.failed and (row.accepted or row.verdict in MOVED)]),
        f"If what is faster stays so, make it the baseline: {code(content.refresh)}" if content.refresh else "",
        _groups(content),
        _folded("What could not have shown a regression", _blind(content)),
        _environment(content),
        _folded("Speed-up over eager FP32", _speedups(content)),
        _folded("Against the yardstick", _list("", [plain(str(one)) for one in content.yardsticks])),
        _folded("Accuracy", _list("", [f"{code(one.benchmark)}: {plain(str(one))}" for one in content.accuracies])),
        _folded("History", _history(content)),
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
    shown, others = worth_showing(explanation, limit)
    if shown or others:
        out += ["| change | share | | kernel |", "| ---: | ---: | --- | --- |"]
    for one in shown:
        named = f"{code(one.short)} {counts(one)}".rstrip()
        if one.members:
            named += ": " + ", ".join(code(extreme) for extreme in extremes(one))
        out.append(f"| {microseconds(one.change_s)} | {one.share:.0%} | {one.kind} | {named} |")
    if others:
        rest_s, share = sum(other.change_s for other in others), sum(other.share for other in others)
        out.append(f"| {microseconds(rest_s)} | {share:.0%} | | the other {len(others)} |")
    return "\n".join(out) + "\n" + engine


def _folded(title: str, text: str) -> str:
    """A part that a reader opens; GitHub wants the empty lines. The title is this module's own."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>" if text else ""


def _environment(content: Content) -> str:
    """What differs; folded where nothing failed for which it might be the reason."""
    said = [f"{code(item.field)}: {code(item.baseline)} -> {code(item.now)}" for item in content.differences]
    title = "Changed in the environment"
    return _list(title, said) if content.failed else _folded(title, _list("", said))


def _rows(rows: Sequence[Row]) -> str:
    if not rows:
        return ""
    out = ["| verdict | benchmark | metric | baseline | now | change | detectable |"]
    out += ["| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    told, shared = folded(rows)
    if not told:
        out = []
    for row in told[:MOST_ROWS]:
        amounts = [row.baseline_text, row.now_text, row.change_text, row.detectable_text]
        title = f"{row.title}: {fit(row.named, LONGEST_DETAIL)}" if row.named else row.title
        cells = [f"**{row.verdict}** ({row.reason})", code(row.benchmark), plain(title), *amounts]
        out.append(f"| {' | '.join(cells)} |")
    more = [f"{len(told) - MOST_ROWS} more not shown."] if len(told) > MOST_ROWS else []
    more += [f"{plain(said)}." for said in shared_sentences(shared)]
    return "\n".join([*out, *([""] if out and more else []), *more])


def _groups(content: Content) -> str:
    """One row for each model and batch size."""
    if not content.groups:
        return ""
    out = ["| model and batch size | benchmarks | verdicts | detectable |", "| --- | --- | --- | --- |"]
    for one in content.groups[:MOST_ROWS]:
        out.append(f"| {code(one.title)} | {one.size} | {one.told} | {plain(', '.join(one.detects)) or '-'} |")
    more = len(content.groups) - MOST_ROWS
    return "\n".join([*out, *(["", f"{more} more not shown."] if more > 0 else [])])


def _blind(content: Content) -> str:
    found: dict[str, list[Row]] = {}
    for row in content.coverage.unsettled:
        found.setdefault(f"{row.word} ({row.reason})", []).append(row)
    said = [f"{len(rows)} {what}: {plain(where(rows, content.places))}" for what, rows in found.items()]
    return _list("", said)


def _speedups(content: Content) -> str:
    """One row for each model and variant, one column for each batch size."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for one in content.speedups:
        found.setdefault((one.model, one.variant), {})[one.batch_size] = one.now
    if not found:
        return ""
    batches = sorted({batch for speedups in found.values() for batch in speedups})
    out = ["| model | variant | " + " | ".join(f"batch {batch}" for batch in batches) + " |"]
    out += ["| --- | --- |" + " ---: |" * len(batches)]
    for (model, variant), speedups in list(found.items())[:MOST_ROWS]:
        cells = [f"{speedups[batch]:.2f}" if batch in speedups else "-" for batch in batches]
        out.append(f"| {code(model)} | {code(variant)} | {' | '.join(cells)} |")
    return "\n".join(out)


def _kernels(content: Content) -> str:
    """Of what has a verdict that says that it changed, and that kernels may explain."""
    if not content.explained:
        return ""
    out = ["Kernels behind the changes:"]
    shown = content.changed[: min(content.explained, MOST_EXPLAINED)]
    out += [explanation_text(one.explanation).rstrip() for one in shown]
    if content.explained > MOST_EXPLAINED:
        out.append(f"{content.explained - MOST_EXPLAINED} more benchmarks changed.")
    return "\n\n".join(out)


def _history(content: Content) -> str:
    if content.history is None:
        return ""
    lines = []
    for event in sorted(content.history.events, key=lambda event: event.last.when, reverse=True):
        cause = f"; {plain(', '.join(event.environment))}" if event.environment else ""
        change = change_text(event.metric, event.before, event.after)
        lines.append(f"{event.metric.title} of {code(event.benchmark)} {change}: {plain(event.told)}{cause}")
    parts = [
        plain(content.history.sentence()),
        _list("What the history says of this run's changes", [_said(row, said) for row, said in content.past]),
        _list("Swaps of the GPU", [plain(swap.sentence()) for swap in reversed(content.history.swaps)]),
        _list("Lasting changes", lines),
    ]
    return "\n\n".join(part for part in parts if part)


def _said(row: Row, said: str) -> str:
    return f"{code(row.benchmark)}: {plain(row.against_baseline)}; {plain(said)}"


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
