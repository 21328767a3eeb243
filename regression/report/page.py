"""The report as one HTML page: no network, no script, readable on a phone, in print, in light and in dark."""

from __future__ import annotations

import base64
import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import jinja2

from regression.report import figures
from regression.report.content import DETECTABLE, MOVED, Changed, Content
from regression.report.coverage import where
from regression.report.explained import Explained, add_filters, explained
from regression.report.figures import Picture
from regression.report.measured import Served, SpeedUp
from regression.report.rows import Row, change_text, folded, shared_sentences
from regression.report.templating import environment

# More would make a page that nobody reads to its end, and larger than a mail server takes.
MOST_CHANGED = 8
MOST_TIMELINES = 6
MOST_SPEEDUPS = 4
MOST_SERVED = 4
MOST_ROWS = 500
MOST_GROUPS = 40
MOST_NOTES = 4
LARGEST_SHEET_BYTES = 3 * 2**19
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Article:
    """What the page shows of one benchmark that changed."""

    benchmark: str
    latency: Picture | None
    kernels: Explained


def html(content: Content) -> str:
    """The page."""
    articles = [_article(one) for one in content.changed[: min(content.moved, MOST_CHANGED)]]
    speedups = _speedups(content)
    pictures, others = _drawn(speedups, content.colours)
    loud, shared = folded([row for row in content.rows if row.failed or row.accepted or row.verdict in MOVED])
    return _template().render(
        content=content,
        loud=loud,
        shared=shared,
        told_of_shared=list(shared_sentences(shared)),
        folded=_folded(content),
        detectable=DETECTABLE,
        compared=[one for group in speedups.values() for one in group],
        speedups=pictures,
        table_speedups=others,
        served=_served(content),
        articles=articles,
        unshown=[id_ for id_ in _moved(content) if id_ not in {one.benchmark for one in articles}],
        relaunched=[one.explanation for one in content.changed[content.moved : content.moved + MOST_GROUPS]],
        relaunched_count=len(content.changed) - content.moved,
        sheet=_sheet(content.label_sheet),
        timelines=[figures.timeline(series, content.path) for series in content.timelines[:MOST_TIMELINES]],
    )


@functools.cache
def _template() -> jinja2.Template:
    templates = environment()
    add_filters(templates)
    templates.globals |= {"change_text": change_text}
    templates.globals |= {"most_rows": MOST_ROWS, "most_groups": MOST_GROUPS, "most_notes": MOST_NOTES}
    return templates.get_template("report.html.j2")


def _moved(content: Content) -> dict[str, None]:
    """Ids with a verdict that says that they changed, worst first; what explains each takes a while."""
    return dict.fromkeys(row.benchmark for row in content.rows if row.verdict in MOVED)


def _folded(content: Content) -> list[tuple[str, list[Row]]]:
    """What did not change, under a title for each verdict and reason; what could not have shown a regression first."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in content.rows:
        if not row.failed and not row.accepted and row.verdict not in MOVED:
            found.setdefault(("SAME", "") if row.same else (row.word, row.reason), []).append(row)
    return [
        (f"{len(rows)} {word} ({reason}): {where(rows, content.places)}" if reason else f"{len(rows)} {word}", rows)
        for (word, reason), rows in found.items()
    ]


def _article(one: Changed) -> Article:
    latency = figures.latencies(one.benchmark, one.latency_s, one.baseline_latencies_s) if one.latency_s else None
    return Article(one.benchmark, latency, explained(one.explanation))


def _speedups(content: Content) -> dict[tuple[str, int], list[SpeedUp]]:
    """By model and batch size; eager FP32 alone is no speed-up."""
    groups: dict[tuple[str, int], list[SpeedUp]] = {}
    for one in content.speedups:
        groups.setdefault((one.model, one.batch_size), []).append(one)
    return {place: found for place, found in groups.items() if any(one.now != 1 for one in found)}


def _drawn(
    groups: Mapping[tuple[str, int], list[SpeedUp]], colours: Mapping[str, str]
) -> tuple[list[Picture], list[SpeedUp]]:
    """A figure for each of the first models and batch sizes, the largest batch first; and what no figure shows."""
    order = sorted(groups, key=lambda group: (group[0], -group[1]))
    drawn = order[:MOST_SPEEDUPS]
    return (
        [figures.speedups(f"{model}, batch {batch}", groups[model, batch], colours) for model, batch in drawn],
        [one for group in order[MOST_SPEEDUPS:] for one in groups[group]],
    )


def _served(content: Content) -> list[Picture]:
    """A figure for each of the first models that have a variant at several batch sizes."""
    by_model: dict[str, list[Served]] = {}
    for one in content.served:
        by_model.setdefault(one.model, []).append(one)
    found: list[tuple[str, list[Served]]] = []
    for model, points in by_model.items():
        sizes = Counter(point.variant for point in points)
        several = [point for point in points if sizes[point.variant] > 1]
        found += [(model, several)] if several else []
    return [figures.served(model, several, content.colours) for model, several in found[:MOST_SERVED]]


def _sheet(png: bytes | None) -> str:
    if png is None or not png.startswith(PNG) or len(png) > LARGEST_SHEET_BYTES:
        return ""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
