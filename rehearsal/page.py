"""A rehearsal as one HTML page, in the style of the regression page: no network, no script, all texts escaped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import jinja2

from regression.judge.verdict import Verdict
from regression.report import figures
from regression.report.explained import add_filters, explained
from regression.report.figures import Picture
from regression.report.templating import TEMPLATES, environment
from regression.text import escaped, fit, flattened
from rehearsal.content import HEADINGS, answer, cells, folded, method, remark, sides_of
from rehearsal.judge import Judged
from rehearsal.paired import BY_KEY
from rehearsal.record import Record
from rehearsal.rows import WORTH_KNOWING, Row
from rehearsal.steps import sentences

HERE = Path(__file__).parent / "templates"
MOST_ROWS = 500
MOST_EXPLAINED = 8
MOST_BARS = 24
LONGEST_NAME = 44
QUIET = frozenset({Verdict.SAME, Verdict.UNSURE})


def html(record: Record, judged: Judged) -> str:
    """The page."""
    templates = environment()
    templates.loader = jinja2.FileSystemLoader([HERE, TEMPLATES])
    add_filters(templates)
    templates.globals |= {"cells": cells, "remark": remark, "headings": HEADINGS, "most_rows": MOST_ROWS}
    shown, equal = folded(judged.rows)
    return templates.get_template("rehearsal.html.j2").render(
        answer=answer(record, judged),
        status=_status(record, judged),
        record=record,
        judged=judged,
        sides=list(sides_of(record)),
        loud=[row for row in shown if row.failed or row.judgement.verdict not in QUIET],
        quiet=_by_verdict(shown),
        equal=equal,
        pictures=_pictures(judged.rows),
        search=record.bisection,
        said=list(sentences(record.bisection)) if record.bisection else [],
        explained=[explained(told) for told in judged.explanations[:MOST_EXPLAINED]],
        unexplained=[told.benchmark for told in judged.explanations[MOST_EXPLAINED:]],
        method=list(method(record, judged)),
    )


def _status(record: Record, judged: Judged) -> str:
    if judged.failed:
        return "failed"
    unsure = any(row.judgement.verdict is Verdict.UNSURE for row in judged.rows)
    return "incomplete" if unsure or record.interrupted or not judged.rows else "passed"


def _by_verdict(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """What neither failed nor changed: UNSURE before SAME."""
    quiet = [row for row in rows if not row.failed and row.judgement.verdict in QUIET]
    parts = [
        (verdict, [row for row in quiet if row.judgement.verdict is verdict])
        for verdict in (Verdict.UNSURE, Verdict.SAME)
    ]
    return [(f"{len(some)} {verdict}", some) for verdict, some in parts if some]


def _pictures(rows: Sequence[Row]) -> list[Picture]:
    """A figure of the intervals of each continuous metric, in the order of the benchmarks."""
    found = []
    for key, known in WORTH_KNOWING.items():
        bars = [
            figures.Interval(
                fit(flattened(escaped(row.judgement.benchmark)), LONGEST_NAME),
                _percent(row.judgement.ratio),
                _percent(row.low_ratio),
                _percent(row.high_ratio),
            )
            for row in rows
            if row.judgement.metric == key and row.low_ratio and row.high_ratio and row.judgement.ratio
        ]
        if bars:
            found.append(figures.intervals(BY_KEY[key].title, bars[:MOST_BARS], known * 100))
    return found


def _percent(ratio: float | None) -> float:
    return (ratio - 1) * 100 if ratio is not None and math.isfinite(ratio) else 0.0
