"""The verdict as a small JSON file, for notification by other means: docs/stored-runs.md lists its fields."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.numbers import significant
from regression.explain.explanation import operators_worth_showing, worth_showing
from regression.report.content import MOVED, Content
from regression.report.coverage import FAILED
from regression.report.rows import Row
from regression.shared import is_shared
from regression.text import escaped, fit, flattened, microseconds

SCHEMA = 1
LARGEST_BYTES = 10_000
# What lists hold at most; where that is still too much, half of it, and so on.
MOST_LISTED = 12
MOST_OPERATORS = 3
LONGEST, LONGEST_SENTENCE = 120, 500
NOT_JUDGED = "not judged"


def text(content: Content, *, exit_status: int, page: Path | None = None) -> str:
    """The file's text: what the headline counts, what failed, and where to look, in less than 10 KB.

    Args:
        exit_status: of the process that judged.
        page: where the page was written.
    """
    most = MOST_LISTED
    while True:
        told = json.dumps(_document(content, exit_status, page, most), indent=1, allow_nan=False)
        if len(told) < LARGEST_BYTES or not most:
            return told + "\n"
        most //= 2


def unjudged(why: str, *, exit_status: int) -> str:
    """The file's text where nothing was judged: the fields without which it cannot be read."""
    document = {
        "schema": SCHEMA,
        "status": NOT_JUDGED,
        "failed": exit_status != 0,
        "exit_status": exit_status,
        "headline": _cut(why, LONGEST_SENTENCE),
    }
    return json.dumps(document, indent=1) + "\n"


def _document(content: Content, exit_status: int, page: Path | None, most: int) -> dict[str, Any]:
    covered = content.coverage
    verdicts = Counter(row.word for row in content.rows)
    failed = [row for row in content.rows if row.failed]
    return {
        "schema": SCHEMA,
        "status": content.status.lower(),
        "failed": content.status == FAILED,
        "exit_status": exit_status,
        "headline": _cut(content.answer, LONGEST_SENTENCE),
        "verdicts": dict(sorted(verdicts.items())),
        "coverage": {
            "measurements": covered.measured,
            "could_show": covered.could_show,
            "could_not_show": len(covered.blind),
            "undecided": len(covered.undecided),
            "benchmarks": covered.benchmarks,
            "baseline_benchmarks": covered.known,
            "not_selected": len(covered.absent),
            "deselected": covered.deselected,
            "skipped": covered.skipped,
            "labels_checked": covered.labels_checked,
            "labels_wrong": covered.labels_wrong,
        },
        "look_first": _cut(content.look_first, 2 * LONGEST),
        "failures": {
            "count": len(failed),
            "listed": [_row(row) | {"operators": _operators(content, row)} for row in failed[:most]],
        },
        "wrong_labels": _listed(
            [{"benchmark": _cut(id_), "message": _cut(label.message)} for id_, label in content.wrong_labels], most
        ),
        "blind": _listed([_row(row) for row in (*covered.blind, *covered.undecided)], most // 2),
        "repeat": content.repeat,
        # half of a command is none
        "refresh": content.refresh if len(content.refresh) <= LONGEST_SENTENCE else "",
        "history": _listed(
            [
                {"benchmark": _cut(row.benchmark), "metric": row.metric.key, "says": _cut(says, 2 * LONGEST)}
                for row, says in content.past
            ],
            most,
        ),
        "run": {
            "path": _cut(str(content.path), LONGEST_SENTENCE),
            "datetime": _cut(content.datetime),
            "commit": _cut(str(content.commit.get("id", ""))),
            "gpu": _cut(content.gpu_name),
            "gpu_slug": _cut(content.gpu_slug),
            "gpu_uuid": _cut(content.gpu_uuid),
        },
        "baselines": _listed([_cut(str(path)) for path in content.baselines], most),
        "differences": _listed(
            [
                {"field": _cut(item.field), "baseline": _cut(item.baseline), "now": _cut(item.now)}
                for item in content.differences
            ],
            most,
        ),
        "page": _cut(str(page), LONGEST_SENTENCE) if page is not None else None,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "benchmark": _cut(row.benchmark),
        "metric": row.metric.key,
        "unit": row.metric.unit,
        "baseline": _number(row.baseline),
        "now": _number(row.now),
        "change": _number(row.ratio and row.ratio - 1),
        "detectable": _number(row.detectable_ratio and row.detectable_ratio - 1),
        "verdict": str(row.verdict),
        "reason": str(row.reason),
        "detail": _cut(row.detail),
    }


def _operators(content: Content, row: Row) -> str:
    """The operators, else the kernels, that account for most of a slower kernel time; empty where nothing does."""
    if row.verdict not in MOVED or is_shared(row.benchmark):
        return ""
    told = next((one.explanation for one in content.changed if one.benchmark == row.benchmark), None)
    if told is None or told.missing:
        return ""
    said = [
        f"{flattened(one.operator)} {microseconds(one.change_s)} ({one.kind})"
        for one in operators_worth_showing(told, MOST_OPERATORS)
    ] or [f"{one.short} {microseconds(one.change_s)} ({one.kind})" for one in worth_showing(told, MOST_OPERATORS)[0]]
    return _cut(", ".join(said), 2 * LONGEST)


def _listed(items: Sequence[Any], most: int) -> dict[str, Any]:
    """How many there are, and the first of them."""
    return {"count": len(items), "listed": list(items[:most])}


def _number(value: float | None) -> float | None:
    """With six digits; JSON has no infinity."""
    return significant(value) if value is not None and math.isfinite(value) else None


def _cut(told: str, room: int = LONGEST) -> str:
    return fit(escaped(told), room)
