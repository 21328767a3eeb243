"""The fleet as one HTML page: no network, no script, no need to see colours, readable on a phone and in print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from regression.fleet.fleet import FAILS, ORDER, Cell, Fleet, Model, Word
from regression.report.templating import environment

SYMBOLS = {
    Word.MISSING: "✕", Word.SLOWER: "▲", Word.CHANGED: "≠", Word.ACCEPTED: "△", Word.UNSURE: "?", Word.LISTED: "≈",
    Word.FASTER: "▼", Word.SAME: "=", Word.NEW: "+", Word.UNJUDGED: "–", Word.NO_RUN: "·",
}  # fmt: skip
# What fits into a column of the grid.
SHORT = {Word.ACCEPTED: "accept.", Word.LISTED: "value", Word.UNJUDGED: "none", Word.NO_RUN: "none"}
# A night on which nothing fails may still have been too noisy in places.
NIGHT_WORDS = {**{word: str(word) for word in Word}, Word.SAME: "no failure"}
MEANINGS = {
    Word.MISSING: "no longer measured; fails",
    Word.SLOWER: "slower than the baseline; fails",
    Word.CHANGED: "a count or a label changed; fails",
    Word.ACCEPTED: "slower or missing, and accepted",
    Word.UNSURE: "too noisy to say",
    Word.LISTED: "a count has another value; does not fail",
    Word.FASTER: "faster than the baseline",
    Word.SAME: "as in the baseline",
    Word.NEW: "not in the baseline",
    Word.UNJUDGED: "ran, and judged nothing",
    Word.NO_RUN: "did not run",
}
MOST_BENCHMARKS, MOST_DISAGREEMENTS, MOST_FAILING = 300, 60, 100


def html(fleet: Fleet, pages: Mapping[str, str] | None = None) -> str:
    """The page.

    Args:
        pages: GPU model's slug to a link to the page of its last night; by default where its run says it was measured.
    """
    templates = environment()
    templates.globals |= {"symbols": SYMBOLS, "short": {**{word: str(word) for word in Word}, **SHORT}}
    templates.filters |= {"css": _css, "words": _words}
    links = {model.slug: (pages or {}).get(model.slug) or model.url for model in fleet.models}
    judged = [model for model in fleet.models if model.judged]
    loud = [name for name in fleet.benchmarks if any(_cell(model, name).word is not Word.SAME for model in judged)]
    return templates.get_template("fleet.html.j2").render(
        fleet=fleet,
        # What needs a look stands first.
        models=sorted(fleet.models, key=lambda model: (model.status not in FAILS, model.status is not Word.UNJUDGED)),
        night_words=NIGHT_WORDS,
        links=links,
        judged=judged,
        generations=_spans([model.generation for model in judged]),
        rows=[(name, [_cell(model, name) for model in judged]) for name in fleet.benchmarks[:MOST_BENCHMARKS]],
        rows_left=max(0, len(fleet.benchmarks) - MOST_BENCHMARKS),
        calm=len(fleet.benchmarks) - len(loud),
        failed=any(model.status in FAILS for model in fleet.models),
        disagreements=fleet.disagreements[:MOST_DISAGREEMENTS],
        disagreements_left=max(0, len(fleet.disagreements) - MOST_DISAGREEMENTS),
        failing=[model for model in fleet.models if model.failing],
        most_failing=MOST_FAILING,
        names={model.slug: model.name for model in fleet.models},
        told={model.slug: _told(model) for model in fleet.models},
        meanings=MEANINGS,
    )


def _cell(model: Model, benchmark: str) -> Cell:
    return model.cells.get(benchmark, Cell(word=Word.NO_RUN))


def _css(word: Word) -> str:
    return str(word).replace(" ", "-")


def _words(metrics: Sequence[str]) -> str:
    return ", ".join(metric.replace("_", " ") for metric in metrics)


def _told(model: Model) -> str:
    """The nights of a GPU model in words, for who does not see the strip."""
    counts = Counter(model.nights)
    return ", ".join(f"{counts[word]} {NIGHT_WORDS[word]}" for word in sorted(counts, key=ORDER.__getitem__))


def _spans(names: Sequence[str]) -> list[tuple[str, int]]:
    """Equal neighbours together, with their number."""
    spans: list[tuple[str, int]] = []
    for name in names:
        if spans and spans[-1][0] == name:
            spans[-1] = (name, spans[-1][1] + 1)
        else:
            spans.append((name, 1))
    return spans
