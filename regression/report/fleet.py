"""The fleet for a terminal: every GPU model, its nights, its last verdicts, and where GPU models disagree."""

from __future__ import annotations

from collections.abc import Sequence

from regression.fleet.fleet import FAILS, Disagreement, Fleet, Model, Word
from regression.text import WIDTH, count, fit, wrapped

LETTERS = {
    Word.MISSING: "M", Word.SLOWER: "S", Word.CHANGED: "C", Word.ACCEPTED: "a", Word.UNSURE: "?", Word.LISTED: "c",
    Word.FASTER: "F", Word.SAME: "=", Word.NEW: "n", Word.UNJUDGED: "-", Word.NO_RUN: ".",
}  # fmt: skip
NUMBER, NAME, DATE = 3, 30, 10
BENCHMARK = 40
MOST_LINES = 30


def text(fleet: Fleet) -> str:
    """At most 100 columns; a letter for each verdict, explained at the end."""
    strip = len(fleet.days)
    out = [*wrapped(fleet.sentence, WIDTH), ""]
    out.append(f"{'':<{NUMBER}} {'GPU model':<{NAME}} {'last':<{DATE}}  {f'last {strip} nights':<{strip}}  last night")
    out.append("-" * WIDTH)
    numbers = {model.slug: number for number, model in enumerate(fleet.models, start=1)}
    for model in fleet.models:
        nights = "".join(LETTERS[word] for word in model.nights)
        room = WIDTH - NUMBER - NAME - DATE - strip - 6
        out.append(
            f"{numbers[model.slug]:>{NUMBER}} {fit(model.name, NAME):<{NAME}} {model.last}  {nights}  "
            f"{fit(_status(model), max(room, 12))}".rstrip()
        )
    out += ["", *_grid(fleet, numbers)]
    if fleet.disagreements:
        out += ["", "Where GPU models disagree:"]
        for one in fleet.disagreements[:MOST_LINES]:
            out += wrapped(_disagreement(one), WIDTH, "  ")
        out += _more(fleet.disagreements, "disagreement")
    letters = dict.fromkeys(LETTERS)
    out += ["", *wrapped("; ".join(f"{LETTERS[word]} {word}" for word in letters), WIDTH)]
    return "\n".join(out)


def _status(model: Model) -> str:
    failing = [f"{model.counts[word]} {word}" for word in Word if word in FAILS and model.counts[word]]
    return ", ".join(failing) or (str(model.status) if model.status in FAILS | {Word.UNJUDGED} else _calm(model))


def _calm(model: Model) -> str:
    return "unsure" if model.status is Word.UNSURE else "nothing fails"


def _grid(fleet: Fleet, numbers: dict[str, int]) -> list[str]:
    """Benchmarks by GPU models, as many columns as fit beside each other; rows that are SAME everywhere are counted."""
    judged = [model for model in fleet.models if model.judged]
    loud = [name for name in fleet.benchmarks if any(_word(model, name) is not Word.SAME for model in judged)]
    out = []
    across = (WIDTH - BENCHMARK) // 3
    for start in range(0, len(judged), across) if loud else ():
        columns = judged[start : start + across]
        out.append(f"{'':<{BENCHMARK}}" + "".join(f"{numbers[model.slug]:>3}" for model in columns))
        for name in loud:
            out.append(
                f"{fit(name, BENCHMARK - 1):<{BENCHMARK}}"
                + "".join(f"{LETTERS[_word(model, name)]:>3}" for model in columns)
            )
        out.append("")
    same = len(fleet.benchmarks) - len(loud)
    out.append(
        f"{count(same, 'benchmark')} {'is' if same == 1 else 'are'} the same on every GPU model." if same else ""
    )
    return [*out[:-1], out[-1]] if out[-1] else out[:-1]


def _word(model: Model, benchmark: str) -> Word:
    cell = model.cells.get(benchmark)
    return cell.word if cell else Word.NO_RUN


def _disagreement(one: Disagreement) -> str:
    named = ", ".join(one.benchmarks[:3]) + (f" and {len(one.benchmarks) - 3} more" if len(one.benchmarks) > 3 else "")
    return f"  {one.metric} {one.word} {one.where} (not on {count(one.well, 'other')}): {named}"


def _more(items: Sequence[object], noun: str) -> list[str]:
    left = len(items) - MOST_LINES
    return [f"  and {count(left, f'more {noun}')}"] if left > 0 else []
