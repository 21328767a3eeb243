"""A rehearsal as text: a table for a terminal, Markdown, or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from regression.report.terminal import explanation_lines
from regression.text import WIDTH, code, count, escaped, fit, plain, wrapped
from rehearsal.content import HEADINGS, answer, cells, folded, method, remark, search_lines, sides_of, summary
from rehearsal.judge import Judged
from rehearsal.record import Record
from rehearsal.sequential import ERROR
from rehearsal.steps import verdict

MOST_DIFFERENCES = 12


def table(record: Record, judged: Judged) -> str:
    """The rehearsal in at most 100 columns: the headline, what differs, the rows by benchmark, the summary."""
    out = [*wrapped(answer(record, judged), WIDTH), "", *_lines(sides_of(record)), *_lines(_differences(judged)), ""]
    shown, equal = folded(judged.rows)
    texts_of = [cells(row) for row in shown]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *texts_of, strict=True)]
    if shown:
        out += ["  " + _line(HEADINGS, widths), "-" * min(WIDTH, sum(widths) + 2 * len(widths))]
    before = ""
    for row, texts in zip(shown, texts_of, strict=True):
        if row.judgement.benchmark != before:
            before = row.judgement.benchmark
            out.append(escaped(before))
        out.append("  " + _line(texts, widths))
        out += wrapped(remark(row), WIDTH, "      ") if remark(row) else []
    for told in judged.explanations:
        out += ["", *explanation_lines(told)]
    searched = [escaped(text) for text in search_lines(record)]
    out += ["", *_lines(searched)] if searched else []
    out += ["", *_lines(equal), *_lines(judged.notes), *_lines(method(record, judged)), summary(record, judged)]
    return "\n".join(out)


def markdown(record: Record, judged: Judged) -> str:
    """The same as Markdown; whatever a side said of itself is code or escaped."""
    shown, equal = folded(judged.rows)
    out = [f"## {plain(answer(record, judged))}", "", *(f"- {plain(text)}" for text in sides_of(record))]
    out += [f"- {plain(text.strip())}" for text in _differences(judged)]
    if shown:
        out += ["", f"| benchmark | {' | '.join(HEADINGS)} |", f"| --- | --- |{' ---: |' * 5} --- |"]
    for row in shown:
        why = f" ({plain(remark(row))})" if remark(row) else ""
        texts = " | ".join(map(plain, cells(row)))
        out.append(f"| {code(row.judgement.benchmark)} | {texts}{why} |")
    for told in judged.explanations:
        out += ["", "```", *(line.replace("`", "'") for line in explanation_lines(told)), "```"]
    said = [*search_lines(record), *equal, *judged.notes, *method(record, judged)]
    return "\n".join([*out, "", *(f"- {plain(text)}" for text in said), "", f"**{plain(summary(record, judged))}**"])


def as_json(record: Record, judged: Judged) -> str:
    """The judgements as JSON; ratios are new over old."""
    rows = [
        {
            "benchmark": said.benchmark,
            "metric": said.metric,
            "old": said.baseline,
            "new": said.now,
            "ratio": said.ratio,
            "interval": None if row.low_ratio is None else [row.low_ratio, row.high_ratio],
            "detectable_ratio": said.detectable_ratio,
            "verdict": str(said.verdict),
            "reason": str(said.reason),
            "detail": said.detail,
            "failed": row.failed,
            "pairs": row.pairs,
        }
        for row in judged.rows
        for said in [row.judgement]
    ]
    document = {
        "headline": answer(record, judged),
        "failed": judged.failed,
        "interrupted": record.interrupted,
        "error": ERROR,
        "tests": judged.tests,
        "pairs": len(record.pairs),
        "differences": [{"field": item.field, "old": item.baseline, "new": item.now} for item in judged.differences],
        "notes": list(judged.notes),
        "rows": rows,
        "search": record.bisection and {"verdict": verdict(record.bisection), **record.bisection.to_dict()},
    }
    return json.dumps(document, indent=1)


def _line(texts: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, verdict = texts
    middle = [cell.rjust(size) for cell, size in zip(numbers, widths[1:-1], strict=True)]
    return "  ".join([first.ljust(widths[0]), *middle, verdict]).rstrip()


def _differences(judged: Judged) -> Iterable[str]:
    number = len(judged.differences)
    yield f"{count(number, 'difference')} of the environment{':' if number else ''}"
    for item in judged.differences[:MOST_DIFFERENCES]:
        yield f"  {escaped(item.field)}: {fit(escaped(item.baseline))} -> {fit(escaped(item.now))}"
    if number > MOST_DIFFERENCES:
        yield f"  and {number - MOST_DIFFERENCES} more; --format json lists all"


def _lines(texts: Iterable[str]) -> list[str]:
    return [part for text in texts for part in wrapped(text, WIDTH)]


FORMS = {"table": table, "markdown": markdown, "json": as_json}
