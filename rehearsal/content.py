"""What is said of a rehearsal, whatever the form: the answer, the order of the rows, their cells, remarks and notes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from regression.judge.verdict import Reason, Verdict
from regression.metric import Kind
from regression.text import change, count, escaped, measure
from rehearsal.judge import Judged
from rehearsal.paired import BY_KEY
from rehearsal.protocol import OLD, SIDES
from rehearsal.record import Record
from rehearsal.rows import OUTPUTS, Row
from rehearsal.sequential import ERROR, MOST_PAIRS
from rehearsal.steps import sentences, step_line, verdict

HEADINGS = ("metric", "old", "new", "change", "interval", "detectable", "verdict")
WORST_FIRST = (
    Verdict.SLOWER, Verdict.MISSING, Verdict.CHANGED, Verdict.UNSURE, Verdict.FASTER, Verdict.NEW, Verdict.SAME,
)  # fmt: skip
# Reasons that say no more than the verdict does.
PLAIN = frozenset({Reason.INSIDE_NOISE, Reason.SEEN_BEFORE, Reason.CONFIRMED})


def answer(record: Record, judged: Judged) -> str:
    """The headline, and which package is to blame."""
    found = record.bisection
    return f"{headline(judged)} {verdict(found)}" if found and found.blamed else headline(judged)


def search_lines(record: Record) -> list[str]:
    """The search for the package to blame: what came of it, then what was tried."""
    found = record.bisection
    if found is None:
        return []
    return [*sentences(found), *(f"  {number + 1}: {step_line(found, number)}" for number in range(len(found.steps)))]


def headline(judged: Judged) -> str:
    """One sentence: what fails, or what was seen."""
    by_verdict: dict[Verdict, dict[str, None]] = {}
    for row in judged.rows:
        by_verdict.setdefault(row.judgement.verdict, {})[row.judgement.benchmark] = None
    failing = list(dict.fromkeys(row.judgement.benchmark for row in judged.rows if row.failed))
    unsure = by_verdict.get(Verdict.UNSURE, {})
    more = f"; {count(len(unsure), 'benchmark')} could not be decided" if unsure else ""
    if failing:
        verdicts = dict.fromkeys(str(row.judgement.verdict) for row in judged.rows if row.failed)
        names = ", ".join(failing[:3]) + (f" and {len(failing) - 3} more" if len(failing) > 3 else "")
        return f"The new side fails in {count(len(failing), 'benchmark')} ({', '.join(verdicts)}): {names}{more}."
    faster = by_verdict.get(Verdict.FASTER, {})
    if not judged.rows:
        return "Nothing was measured."
    nothing = "Nothing was found to be slower" if unsure else "Nothing is slower"
    said = f"{count(len(faster), 'benchmark')} faster" if faster else nothing
    changed = by_verdict.get(Verdict.CHANGED, {})
    counts = f", {count(len(changed), 'benchmark')} with other counts or labels" if changed else ""
    return f"{said}{counts}{more}."


def summary(record: Record, judged: Judged) -> str:
    """The verdicts counted, and whether the rehearsal fails."""
    found = Counter(row.judgement.verdict for row in judged.rows)
    counts = ", ".join(f"{found[verdict]} {verdict}" for verdict in WORST_FIRST if found[verdict])
    passed = "ended early" if record.interrupted else "passed"
    return f"{'FAILED' if judged.failed else passed}: {counts or 'nothing was measured'}"


def folded(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """The rows that are shown, by benchmark, the worst first; and a line for the counts that are equal."""
    equal: Counter[str] = Counter()
    shown: dict[str, list[Row]] = {}
    for row in rows:
        metric = BY_KEY.get(row.judgement.metric)
        if metric is not None and metric.kind is Kind.COUNT and row.judgement.verdict is Verdict.SAME:
            equal[metric.title] += 1
        else:
            shown.setdefault(row.judgement.benchmark, []).append(row)
    order = sorted(shown.values(), key=lambda some: min(WORST_FIRST.index(row.judgement.verdict) for row in some))
    said = ", ".join(f"{title} ({number})" for title, number in equal.items())
    return [row for some in order for row in some], [f"Equal counts, with their benchmarks: {said}."] if said else []


def cells(row: Row) -> tuple[str, ...]:
    """Its texts under HEADINGS."""
    said = row.judgement
    metric = BY_KEY.get(said.metric)
    if said.metric == OUTPUTS or metric is None:
        amounts = tuple("-" if value is None else f"{value:.2g}" for value in (said.baseline, said.now))
    else:
        amounts = tuple(measure(value, said.baseline, metric.unit) for value in (said.baseline, said.now))
    return (
        metric.title if metric else said.metric,
        *amounts,
        change(said.ratio),
        _interval(row.low_ratio, row.high_ratio),
        change(said.detectable_ratio, ""),
        str(said.verdict),
    )


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "-"
    digits = 2 if max(abs(math.log(low)), abs(math.log(high))) < 0.0995 else 1
    return f"{(low - 1) * 100:+.{digits}f} to {(high - 1) * 100:+.{digits}f} %"


def remark(row: Row) -> str:
    """Why the verdict is what it is; empty where the verdict says all."""
    said = row.judgement
    if said.detail:
        return escaped(said.detail if said.reason in PLAIN else f"{said.reason}: {said.detail}")
    return "" if said.reason in PLAIN else str(said.reason)


def sides_of(record: Record) -> Iterable[str]:
    """Where the sides run; the checkout where they differ in it."""
    others = len({record.sides[side]["checkout"] for side in SIDES}) > 1
    for side in SIDES:
        about = record.sides[side]
        code_of = f" in {about['checkout']}" if others else ""
        yield escaped(f"{side}: {about['interpreter']}{code_of}, {' '.join(about['arguments']) or 'default options'}")
    yield f"device: {escaped(record.sides[OLD]['device']['name'])}"


def method(record: Record, judged: Judged) -> Iterable[str]:
    """How it was measured."""
    rounds = [turns.rounds for pair in record.pairs for turns in pair.turns.values()]
    spread = tested = ""
    if rounds:
        spread = f", {min(rounds)} to {max(rounds)} rounds a benchmark and pair"
        tested = f"; {count(judged.tests, 'test')}, error of all intervals together {ERROR * 100:g} %"
    # A pair that a failure ended is none of those.
    most = f" of at most {MOST_PAIRS}" if len(record.pairs) <= MOST_PAIRS else ""
    yield f"{count(len(record.pairs), 'pair')} of fresh processes{most}, in {record.took_s:.0f} s{spread}{tested}."
