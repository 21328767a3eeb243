"""The report for a terminal of 100 columns: the verdict table, the kernels behind each change, and the answer last."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from regression.explain.explanation import counts, extremes, operators_worth_showing, sentence, worth_showing
from regression.explain.kernels import Explanation
from regression.explain.layers import Layers
from regression.explain.operators import OperatorChange
from regression.report.content import DETECTABLE, Content
from regression.report.rows import Row
from regression.text import WIDTH, count, escaped, fit, flattened, microseconds, wrapped

HEADINGS = ("benchmark", "metric", "baseline", "now", "change", "detectable", "verdict")
# A terminal is read from its end; the page has room for more.
MOST_EXPLAINED = 10
MOST_LINES = 5
MOST_OPERATORS = 2
NARROWEST_KIND = 11


def text(content: Content) -> str:
    """The verdict table, at most five lines for each benchmark that changed (what fails first), and the answer.

    Lines have at most 100 columns, longer paths aside.
    """
    out = table(content)
    unexplained: dict[str, list[str]] = {}
    for one in content.changed[:MOST_EXPLAINED]:
        told = one.explanation
        if told.missing and not told.layers:
            unexplained.setdefault(told.missing, []).append(told.benchmark)
        else:
            out += ["", *explanation_lines(told)]
    for why, benchmarks in unexplained.items():
        out += ["", *wrapped(f"{', '.join(benchmarks)}: {why}", WIDTH)]
    more = len(content.changed) - MOST_EXPLAINED
    if more > 0:
        out += ["", f"{more} more benchmarks changed; --report writes a page, --format json all."]
    return "\n".join([*out, *([""] if content.changed else []), content.summary])


def table(content: Content, width: int = WIDTH) -> list[str]:
    """What was compared, the rows of the verdict worst first, and what else there is to say of them."""
    out = [part for line in _header(content) for part in wrapped(line, width)]
    cells = [_cells(row) for row in content.rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]
    widths[0] = max(min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1)), len(HEADINGS[0]))
    out += ["", _line(HEADINGS, widths), "-" * min(width, sum(widths) + 2 * (len(widths) - 1))]
    before = ""
    for row, told in zip(content.rows, cells, strict=True):
        # The metrics of one benchmark that is SAME follow each other; its name once is enough.
        repeated = row.same and row.benchmark == before
        before = row.benchmark if row.same else ""
        out.append(_line(("", *told[1:]) if repeated else told, widths))
        out += wrapped(row.remark, width, "    ")
    out += ["", *(part for line in _footer(content) for part in wrapped(line, width))]
    return [*out, f"detectable: {DETECTABLE}"]


def explanation_lines(explanation: Explanation, limit: int = MOST_LINES) -> list[str]:
    """At most `limit` lines of at most 100 columns, the largest change first."""
    engine = [_layers(explanation.layers)] if explanation.layers else []
    if explanation.missing:
        return [_columns(f"{explanation.benchmark}: {explanation.missing}"), *engine]
    out = [_columns(f"{explanation.benchmark}: {sentence(explanation)}")]
    operators = operators_worth_showing(explanation, MOST_OPERATORS)
    out += [_operator(one) for one in operators]
    limit -= len(engine) + len(operators)
    shown, others = worth_showing(explanation, limit - 1)
    kinds = max([NARROWEST_KIND, *(len(one.kind) for one in shown)])
    for one in shown:
        amounts = f"  {microseconds(one.change_s):>12} {one.share:>6.0%}  {one.kind:<{kinds}} "
        room = WIDTH - len(amounts)
        if one.members:
            lead, against = extremes(one)
            lead = fit(lead, (room - 2) * 2 // 3)
            told = f"{lead}; {fit(against, room - 2 - len(lead))}"
        else:
            told = f"{fit(one.short, room - 1 - len(counts(one)))} {counts(one)}".rstrip()
        out.append(_columns(f"{amounts}{told}"))
    if others and limit > 1:
        rest_s, share = sum(other.change_s for other in others), sum(other.share for other in others)
        out.append(f"  {microseconds(rest_s):>12} {share:>6.0%}  the other {len(others)}")
    return out + engine


def _operator(one: OperatorChange) -> str:
    amounts = f"  {microseconds(one.change_s):>12} {one.share:>6.0%}  "
    room = WIDTH - len(amounts)
    name = fit(flattened(one.operator), room // 2)
    return _columns(f"{amounts}{name}: {fit(f'{one.kind}: {flattened(one.said)}', room - len(name) - 2)}")


def _header(content: Content) -> Iterable[str]:
    folders = sorted({str(path.parent) for path in content.baselines})
    where = f" of {', '.join(map(escaped, folders))}" if folders else ""
    yield f"{escaped(content.path)} against {count(len(content.baselines), 'baseline run')}{where}"
    yield (
        f"{count(content.tests, 'test')}, family-wise error {content.family_wise_error:.0%}; "
        f"{count(len(content.differences), 'difference')} of the environment"
        + (f"; {count(content.deselected, 'benchmark')} deselected" if content.deselected else "")
        + (":" if content.differences else "")
    )
    for item in content.differences:
        yield f"  {item.field}: {item.baseline} -> {item.now}"


def _footer(content: Content) -> Iterable[str]:
    for id_, label in content.wrong_labels:
        yield f"wrong labels: {id_}: {label.message or 'no longer agree with the reference'}"
    for item in content.left_out:
        yield f"left out: {item}"
    yield from content.notes


def _cells(row: Row) -> tuple[str, ...]:
    amounts = (row.baseline_text, row.now_text, row.change_text, row.detectable_text)
    return (row.benchmark, row.title, *amounts, row.word)


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


def _layers(found: Layers) -> str:
    """One line with a new and a gone layer's name, as much of them as there is room for."""
    said = found.sentence()
    named = [f"{sign}{flattened(names[0])}" for sign, names in (("+", found.new), ("-", found.gone)) if names]
    room = (WIDTH - len(said) - 4) // max(len(named), 1) - 2
    return f"  {said}: {', '.join(fit(name, room) for name in named)}" if named else f"  {said}"


def _columns(text: str) -> str:
    indent = text[: len(text) - len(text.lstrip(" "))]
    text = indent + "".join(character if character.isprintable() else " " for character in text[len(indent) :])
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"
