"""The report for a terminal of 100 columns: what failed or the headline first, the rest folded; or every row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from regression.explain.explanation import counts, extremes, operators_worth_showing, sentence, worth_showing
from regression.explain.kernels import Explanation
from regression.explain.layers import Layers
from regression.explain.operators import OperatorChange
from regression.report.content import DETECTABLE, MOVED, Changed, Content
from regression.report.coverage import where
from regression.report.groups import span
from regression.report.rows import Row, folded, shared_sentences
from regression.text import WIDTH, count, escaped, fit, flattened, microseconds, wrapped

HEADINGS = ("benchmark", "metric", "baseline", "now", "change", "detectable", "verdict")
MOST_EXPLAINED = 10
MOST_ALIKE = 2
MOST_LINES = 5
MOST_OPERATORS = 2
NARROWEST_KIND = 11
# What the folded report shows of every list; -v prints all.
MOST_ROWS = 20
MOST_GROUPS = 16
MOST_DIFFERENCES = 8
MOST_NOTES = 5
# Of what a history says: how many nights there are, or by how much something changed.
NUMBERS = re.compile(r" \([^)]*\)")
# Of more metrics with one reason it is not said what each detects.
MOST_METRICS = 3


def text(content: Content) -> str:
    """What failed and the command that repeats it, or the headline alone; then one line for each model and batch size.

    Lines have at most 100 columns, longer paths aside.
    """
    out = [*wrapped(content.answer, WIDTH), *_what_failed(content), *_past(content)]
    others = [row for row in content.rows if not row.failed and (row.verdict in MOVED or row.accepted)]
    if others:
        out += ["", *_told(others), *_refresh(content)]
    out += _kernels(_worth_explaining(content), content.explained)
    out += ["", *_lines(_header(content)), *_lines(_differences(content)), "", *_groups(content)]
    out += [*_lines(_folded(content)), *_lines(_folded_notes(content))]
    return "\n".join([*out, content.summary])


def every_row(content: Content) -> str:
    """The headline, the verdict table with every row, at most five lines for each benchmark that changed, the summary.

    Lines have at most 100 columns, longer paths aside.
    """
    out = [
        *wrapped(content.answer, WIDTH),
        *_command(content),
        *_every_past(content),
        *_refresh(content),
        "",
        *table(content),
        *_kernels(content.changed[:MOST_EXPLAINED], len(content.changed)),
    ]
    out += _shown(content)
    return "\n".join([*out, *([""] if content.changed or content.shown else []), content.summary])


def _shown(content: Content) -> list[str]:
    """Two lines or so for each benchmark with what is measured of it and not judged."""
    lines = _lines(f"{benchmark}: {said}" for benchmark, said in content.shown)
    return ["", "Shown, and not judged:", *lines] if lines else []


def table(content: Content, width: int = WIDTH) -> list[str]:
    """What was compared, the rows of the verdict worst first, and what else there is to say of them."""
    differences = [f"  {item.field}: {item.baseline} -> {item.now}" for item in content.differences]
    out = [*_lines(_header(content), width), *_lines(differences, width), "", *_rows(content.rows, width)]
    out += ["", *_lines(_footer(content), width)]
    return [*out, f"detectable: {DETECTABLE}"]


def _rows(rows: Sequence[Row], width: int = WIDTH) -> list[str]:
    cells = [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *cells, strict=True)]
    widths[0] = max(min(widths[0], width - sum(widths[1:]) - 2 * (len(widths) - 1)), len(HEADINGS[0]))
    names = {row.benchmark for row in rows}
    # Names that no longer differ when they are cut stand above their rows.
    above = len({_shortened(name, widths[0]) for name in names}) < len(names)
    widths[0] = len(HEADINGS[0]) if above else widths[0]
    out = [_line(HEADINGS, widths), "-" * min(width, sum(widths) + 2 * (len(widths) - 1))]
    before = ""
    for row, told in zip(rows, cells, strict=True):
        # The metrics of one benchmark that is SAME follow each other; its name once is enough.
        repeated = row.benchmark == before and (above or row.same)
        before = row.benchmark if above or row.same else ""
        out += [row.benchmark] if above and not repeated else []
        out.append(_line(("", *told[1:]) if above or repeated else told, widths))
        out += wrapped(row.remark, width, "    ")
    return out


def _what_failed(content: Content) -> list[str]:
    """The rows that fail, wrong labels, and the command that repeats just that."""
    failed = [row for row in content.rows if row.failed]
    out = ["", *_told(failed)] if failed else []
    wrong = list(_wrong_labels(content))
    if wrong:
        out += ["", *_lines(wrong[:MOST_NOTES]), *_more(len(wrong) - MOST_NOTES, "benchmark")]
    return out + _command(content)


def _told(rows: Sequence[Row]) -> list[str]:
    """The first rows, and a line for what benchmarks share with all others."""
    told, shared = folded(rows)
    out = [*(_rows(told[:MOST_ROWS]) if told else []), *_more(len(told) - MOST_ROWS, "row")]
    return [*out, *_lines(f"{said}; -v prints all" for said in shared_sentences(shared))]


def _worth_explaining(content: Content) -> list[Changed]:
    """Benchmarks that kernels may explain; of what all share two are enough."""
    told, _ = folded([row for row in content.rows if row.failed or row.verdict in MOVED])
    own = {row.benchmark for row in told}
    places = range(content.explained)
    chosen = [place for place in places if content.changed_ids[place] in own] or list(places[:MOST_ALIKE])
    return [content.changed[place] for place in chosen[:MOST_EXPLAINED]]


def _past(content: Content) -> list[str]:
    """What the history says of this run's changes, the worst first. What it says of several shares a line."""
    alike: dict[str, list[tuple[Row, str]]] = {}
    for row, said in content.past:
        alike.setdefault(NUMBERS.sub("", said), []).append((row, said))
    lines = [
        _of_one(*told[0])
        if len(told) == 1
        else f"{count(len(told), 'change')} ({where([row for row, _ in told], content.places)}): {said}"
        for said, told in alike.items()
    ]
    return ["", *_lines(lines[:MOST_NOTES]), *_more(len(lines) - MOST_NOTES, "line")] if lines else []


def _every_past(content: Content) -> list[str]:
    return ["", *_lines(_of_one(*told) for told in content.past)] if content.past else []


def _of_one(row: Row, said: str) -> str:
    return f"{row.benchmark}: {row.against_baseline}; {said}"


def _command(content: Content) -> list[str]:
    """The command that repeats what failed, broken between its options as a shell takes it."""
    return ["", "To repeat just that:", *_broken(content.repeat, " --")] if content.repeat else []


def _refresh(content: Content) -> list[str]:
    """The command that makes what is faster the baseline."""
    return (
        ["", "If what is faster stays so, make it the baseline:", *_broken(content.refresh, " ")]
        if content.refresh
        else []
    )


def _broken(command: str, at: str) -> list[str]:
    lines = ["  "]
    for number, word in enumerate(command.split(at)):
        part = f"{at.lstrip()}{word}" if number else word
        if number and len(lines[-1]) + len(part) + 3 > WIDTH:
            lines[-1] += " \\"
            lines.append(f"    {part}")
        else:
            lines[-1] += f" {part}" if number else part
    return lines


def _kernels(changed: Sequence[Changed], number: int) -> list[str]:
    """At most five lines for each of these benchmarks, which are the first of a number that changed."""
    out: list[str] = []
    unexplained: dict[str, list[str]] = {}
    alike = [one.explanation for one in changed if one.explanation.same and not one.explanation.missing]
    for one in changed:
        told = one.explanation
        if told.missing and not told.layers:
            unexplained.setdefault(told.missing, []).append(told.benchmark)
        elif told not in alike or len(alike) == 1:
            out += ["", *explanation_lines(told)]
    if len(alike) > 1:
        out += ["", *wrapped(f"{', '.join(told.benchmark for told in alike)}: their kernel times are the same", WIDTH)]
    for why, benchmarks in unexplained.items():
        out += ["", *wrapped(f"{', '.join(benchmarks)}: {why}", WIDTH)]
    more = number - len(changed)
    if more > 0:
        out += ["", f"{more} more benchmarks changed; --report writes a page, --format json all."]
    return out


def _groups(content: Content) -> Iterable[str]:
    """A line for each model and batch size: what was said of it, and which changes it could have shown."""
    shown = content.groups[:MOST_GROUPS]
    titles, sizes, verdicts = (
        max((len(text) for text in texts), default=0)
        for texts in ([one.title for one in shown], [one.size for one in shown], [one.told for one in shown])
    )
    for one in shown:
        detects = f"detects {', '.join(one.detects)}" if one.detects else ""
        said = f"{one.title:<{titles}}  {one.size:>{sizes}} {one.told}"
        whole = f"{said:<{titles + sizes + verdicts + 3}}  {detects}".rstrip()
        # The columns are worth a line, and not a second one.
        yield from [whole] if len(whole) <= WIDTH else wrapped(f"{said}  {detects}".rstrip(), WIDTH)
    yield from _more(len(content.groups) - MOST_GROUPS, "model and batch size", "models and batch sizes")


def _folded(content: Content) -> Iterable[str]:
    """One line for each verdict, reason and detail of what could not have shown a regression.

    Metrics of which the same is said of the same benchmarks are told together.
    """
    found: dict[tuple[str, str], dict[str, list[Row]]] = {}
    for row in content.coverage.unsettled:
        found.setdefault((row.word, row.reason), {}).setdefault(row.title, []).append(row)
    for (word, reason), metrics in found.items():
        alike: dict[object, list[Row]] = {}
        for rows in metrics.values():
            same = frozenset((row.benchmark, row.told) for row in rows) if len(metrics) <= MOST_METRICS else ""
            alike.setdefault(same, []).extend(rows)
        lines: dict[str, list[str]] = {}
        for rows in alike.values():
            said = where(rows, content.places)
            ratios = [row.detectable_ratio for row in rows if row.detectable_ratio is not None]
            if ratios and len(metrics) <= MOST_METRICS:
                said += f", detects {span(min(ratios), max(ratios))}"
            details = {row.told for row in rows} - {""}
            lines.setdefault(details.pop() if len(details) == 1 else "", []).append(said)
        for detail, parts in lines.items():
            yield f"{word} ({reason}): {'; '.join([*parts, *filter(None, [detail])])}"


def _differences(content: Content) -> Iterable[str]:
    """Fields with their values where something failed, else their names alone."""
    shown = content.differences[:MOST_DIFFERENCES]
    more = len(content.differences) - len(shown)
    if content.failed:
        yield from (f"  {item.field}: {item.baseline} -> {item.now}" for item in shown)
        yield from _more(more, "difference")
    elif shown:
        yield f"  {', '.join(item.field for item in shown)}{f' and {more} more' if more else ''}"


def _folded_notes(content: Content) -> Iterable[str]:
    """What else there is to say, each list cut."""
    yield from map(str, content.yardsticks[:MOST_NOTES])
    yield from _more(len(content.yardsticks) - MOST_NOTES, "benchmark with a yardstick", "benchmarks with a yardstick")
    yield from content.notes[:MOST_NOTES]
    yield from _more(len(content.notes) - MOST_NOTES, "note")
    yield from (f"left out: {item}" for item in content.unusable[:MOST_NOTES])
    yield from _more(len(content.unusable) - MOST_NOTES, "left out", "left out")


def _more(number: int, noun: str, nouns: str = "") -> list[str]:
    return [f"and {number} more {nouns or noun + 's' if number != 1 else noun}; -v prints all"] if number > 0 else []


def _lines(texts: Iterable[str], width: int = WIDTH) -> list[str]:
    return [part for line in texts for part in wrapped(line, width)]


def explanation_lines(explanation: Explanation, limit: int = MOST_LINES) -> list[str]:
    """At most `limit` lines of at most 100 columns, the largest change first."""
    engine = [_layers(explanation.layers)] if explanation.layers else []
    if explanation.missing:
        return [_columns(f"{explanation.benchmark}: {explanation.missing}"), *engine]
    said = sentence(explanation)
    out = [_columns(f"{fit(flattened(explanation.benchmark), WIDTH - 2 - len(said))}: {said}")]
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
        f"{count(content.tests, 'test')}, family-wise error {content.family_wise_error:.0%}"
        + (f"; {count(content.deselected, 'benchmark')} deselected" if content.deselected else "")
        + (f"; {count(content.coverage.skipped, 'benchmark')} skipped" if content.coverage.skipped else "")
        + f"; {count(len(content.differences), 'difference')} of the environment"
        + (":" if content.differences else "")
    )


def _wrong_labels(content: Content) -> Iterable[str]:
    for id_, label in content.wrong_labels:
        yield f"wrong labels: {id_}: {label.message or 'no longer agree with the reference'}"


def _footer(content: Content) -> Iterable[str]:
    yield from _wrong_labels(content)
    for item in content.left_out:
        yield f"left out: {item}"
    yield from map(str, content.yardsticks)
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
