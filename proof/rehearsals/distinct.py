"""Judges rehearsals of distinct pairs of processes that `proof.rehearsals.pairs` recorded.

`python -m proof.rehearsals.distinct FILE.json [FILE.json ...] [--times N] [--budget MINUTES [MINUTES ...]]
[--plot FILE.svg]`

A rehearsal draws its pairs, no process twice, as many as its budget holds, and of each the first rounds, as many as it
holds of them. It is judged after every pair as a rehearsal is while it runs.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import statistics
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from scipy import stats

from common import option_types, output
from common.errors import UsageError
from common.numbers import significant
from proof.inject.slowdown import COUNTED
from proof.rehearsals.arena import Arena, Found, Looks, Plan, disjoint, judged, slowed_pairs, unchanged_pairs
from proof.rehearsals.batches import Recording, read
from proof.sight import RULES
from regression.judge.verdict import Verdict
from regression.text import count
from rehearsal.paired import LATENCY, SAME_KERNELS
from rehearsal.rows import Row
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS

BUDGETS_MIN = (1.0, 2.0, 5.0, 10.0)
MINUTES = " min"
FOUND = 0.95
# Slowdowns are tried in such steps, up to so many of them.
STEP: Mapping[str, float] = {LATENCY: 0.005, SAME_KERNELS: 0.0005}
MOST_STEPS = 400
CONFIDENCE = 0.95
QUIET = (Verdict.SAME, Verdict.UNSURE)

Drawn = tuple[Plan, list[Looks]]
"""What a budget holds, and the rehearsals that were drawn of it."""


class NothingToJudge(UsageError):
    """The files hold too little for a rehearsal; the message says what to do."""


def is_wrong(rows: Iterable[Row]) -> bool:
    """Whether a rehearsal of one environment says anything but SAME and UNSURE."""
    return any(row.judgement.verdict not in QUIET for row in rows)


def bound(wrong: int, number: int) -> float:
    """The largest share of wrong rehearsals that so many independent ones leave open (C. Clopper and E. Pearson)."""
    return 1.0 if wrong == number else float(stats.beta.ppf(CONFIDENCE, wrong + 1, number - wrong))


def found_at(looks: Sequence[Looks], key: str, benchmark: str) -> float | None:
    """The smallest slowdown that is SLOWER in FOUND of the rehearsals; None where MOST_STEPS steps are not."""

    def is_found(steps: int) -> bool:
        verdicts = [
            row.judgement.verdict
            for one in looks
            for row in judged(_alone(one, benchmark), steps * STEP[key])
            if row.judgement.metric == key
        ]
        return sum(verdict is Verdict.SLOWER for verdict in verdicts) >= FOUND * len(looks)

    if not is_found(MOST_STEPS):
        return None
    missed, seen = 0, MOST_STEPS
    while seen - missed > 1:
        tried = (missed + seen) // 2
        missed, seen = (missed, tried) if is_found(tried) else (tried, seen)
    return seen * STEP[key]


def _alone(looks: Looks, benchmark: str) -> Looks:
    def only(some: Sequence[Sequence[Found]]) -> list[list[Found]]:
        return [[found for found in look if found[1] == benchmark] for look in some]

    return Looks(only(looks.latency), only(looks.kernels), looks.tests)  # a factor moves no count


def main(argv: Sequence[str] | None = None) -> int:
    """Print tables; exit status 2 where the files hold no rehearsal."""
    parser = argparse.ArgumentParser(prog="python -m proof.rehearsals.distinct", description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE.json")
    parser.add_argument("--times", type=int, default=200, metavar="N", help="rehearsals drawn of each budget")
    parser.add_argument("--budget", type=float, nargs="+", default=list(BUDGETS_MIN), metavar="MINUTES")
    parser.add_argument(
        "--plot", type=option_types.output_file, metavar="FILE.svg", help="draw the latencies of the second table"
    )
    parser.add_argument("--seed", type=int, default=20260101)
    options = parser.parse_args(argv)
    try:
        for line in report(read(options.files), options):
            print(line, flush=True)
    except UsageError as error:
        print(f"distinct: {error}", file=sys.stderr)
        return 2
    return 0


def report(recording: Recording, options: argparse.Namespace) -> Iterable[str]:
    """The tables, as Markdown."""
    draw = random.Random(options.seed)
    if len(unchanged_pairs(recording.batches, draw)) < LEAST_PAIRS:
        raise NothingToJudge(f"there are no {LEAST_PAIRS} pairs of unchanged processes; record more")
    arena = Arena(recording)
    names, pairs = arena.benchmarks, len(unchanged_pairs(recording.batches, draw))
    yield f"{recording.side['device']['name']}: {count(pairs, 'pair')} of unchanged processes"
    yield from map("- {}".format, recording.notes)
    if options.plot and not arena.is_timed:
        raise NothingToJudge("no pair says what it took, so there is nothing to plot against a budget")
    plans = _plans(arena, options.budget, len(unchanged_pairs(recording.batches, draw)))
    seen: dict[str, Drawn | None] = {
        budget: None if plan is None else _rehearsals(arena, plan, options.times, draw)
        for budget, plan in plans.items()
    }
    yield from _unchanged(seen)
    found = _found_at(seen, names, is_cuda=arena.record.is_cuda)
    yield from _detected(seen, found, _correlations(recording, names))
    if options.plot:
        plot(found, options.plot)
    yield from _independent(arena, draw)
    yield from _injected(arena, plans, options.times, draw)


def _plans(arena: Arena, budgets_min: Iterable[float], pairs: int) -> dict[str, Plan | None]:
    """By budget what it holds of so many pairs; None where it decides nothing."""
    if not arena.is_timed:
        return {"no budget": arena.all_of(min(pairs, MOST_PAIRS))}
    return {f"{minutes:g}{MINUTES}": arena.plan(60 * minutes, pairs) for minutes in budgets_min}


def _rehearsals(arena: Arena, plan: Plan, times: int, draw: random.Random) -> Drawn:
    return plan, [arena.looks(unchanged_pairs(arena.batches, draw)[: plan.pairs], plan.rounds) for _ in range(times)]


def _unchanged(seen: Mapping[str, Drawn | None]) -> Iterable[str]:
    yield ""
    yield "| budget | pairs | rounds | rehearsals | not SAME or UNSURE | latency: interval holds 0 | kernel time: |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    others: list[str] = []
    for budget, drawn in seen.items():
        if drawn is None:
            yield f"| {budget} | decides nothing | | | | | |"
            continue
        plan, looks = drawn
        rows = [judged(one) for one in looks]
        cells = [plan.pairs, plan.rounds, len(rows), sum(map(is_wrong, rows))]
        held = [_holding(rows, keys) for keys in ({LATENCY}, {SAME_KERNELS})]
        yield f"| {budget} | {' | '.join(map(str, [*cells, *held]))} |"
        others += [f"- {budget}: {text}" for text in _wrong(rows)]
    yield from ["", *others] if others else []


def _wrong(rows: Iterable[Iterable[Row]]) -> list[str]:
    """What was said though nothing differs, and how often."""
    said = Counter(
        (row.judgement.benchmark, row.judgement.metric, row.judgement.verdict)
        for row in itertools.chain.from_iterable(rows)
        if row.judgement.verdict not in QUIET
    )
    return [f"{name}, {key.replace('_', ' ')}: {number} x {verdict}" for (name, key, verdict), number in said.items()]


def _holding(rows: Iterable[Iterable[Row]], keys: set[str]) -> str:
    """How many intervals hold 0, of how many."""
    said = [
        row.low_ratio <= 1 <= row.high_ratio
        for row in itertools.chain.from_iterable(rows)
        if row.judgement.metric in keys and row.low_ratio is not None and row.high_ratio is not None
    ]
    return f"{sum(said)} of {len(said)}" if said else "-"


def _correlations(recording: Recording, names: Sequence[str]) -> dict[str, float]:
    """By benchmark how the rounds of two unchanged processes correlate: what their neighbouring turns share."""
    return {
        name: statistics.median(
            statistics.correlation(*(_logs(batch.turns[name].min_s[process]) for process in pair))
            for batch in recording.batches
            for pair in itertools.combinations(batch.unchanged, 2)
        )
        for name in names
    }


def _logs(times_s: Sequence[float]) -> list[float]:
    return [math.log(time_s) for time_s in times_s]


def _found_at(
    seen: Mapping[str, Drawn | None], names: Sequence[str], *, is_cuda: bool
) -> dict[tuple[str, str], dict[str, float | None]]:
    """By benchmark and metric, and by budget, the smallest slowdown that is found often enough."""
    return {
        (name, key): {budget: found_at(drawn[1], key, name) if drawn else None for budget, drawn in seen.items()}
        for name in names
        for key in ((LATENCY, SAME_KERNELS) if is_cuda else (LATENCY,))
    }


def _detected(
    budgets: Collection[str],
    found: Mapping[tuple[str, str], Mapping[str, float | None]],
    correlations: Mapping[str, float],
) -> Iterable[str]:
    yield ""
    yield f"Found in {FOUND:.0%} of the rehearsals, by a factor on the new side:"
    yield ""
    yield f"| benchmark | metric | rounds correlate | {' | '.join(budgets)} |"
    yield "| --- " * (3 + len(budgets)) + "|"
    for (name, key), by_budget in found.items():
        cells = [f"{correlations[name]:.2f}" if key == LATENCY else ""]
        cells += ["-" if one is None else f"{one * 100:g} %" for one in by_budget.values()]
        yield f"| {name} | {key.replace('_', ' ')} | {' | '.join(cells)} |"


def plot(found: Mapping[tuple[str, str], Mapping[str, float | None]], file: Path) -> None:
    """Draw the latencies' smallest slowdowns against the budget in minutes, a line a benchmark."""
    import matplotlib
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    for (name, key), by_budget in found.items():
        points = [(float(budget.removesuffix(MINUTES)), 100 * share) for budget, share in by_budget.items() if share]
        if key == LATENCY and points:
            axes.plot(*zip(*points, strict=True), "o-", label=name)
    axes.set(xlabel="budget, minutes", ylabel="slowdown found in 95 % of rehearsals, %", xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    with matplotlib.rc_context({"svg.hashsalt": "distinct"}):  # the same figure is the same file
        figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def _independent(arena: Arena, draw: random.Random) -> Iterable[str]:
    rows = [judged(arena.looks(pairs)) for pairs in disjoint(unchanged_pairs(arena.batches, draw))]
    wrong = sum(map(is_wrong, rows))
    yield ""
    yield (
        f"Rehearsals of {LEAST_PAIRS} pairs that share no process: {len(rows)}, of which {wrong} say anything but SAME "
        f"and UNSURE. So many bound the share of wrong rehearsals to {bound(wrong, len(rows)):.1%} "
        f"({CONFIDENCE:.0%} confidence)."
    )
    yield from map("- {}".format, _wrong(rows))


def _injected(arena: Arena, plans: Mapping[str, Plan | None], times: int, draw: random.Random) -> Iterable[str]:
    """What became of the processes that were really slowed, each against the one it took turns with."""
    pairs = len(slowed_pairs(arena.batches, draw))
    if pairs < LEAST_PAIRS:
        return
    sizes_s: dict[tuple[str, str, str], list[float]] = {}
    for batch in arena.batches:
        for name in batch.slowed:
            for benchmark, entry in batch.processes[name].injected:
                sizes_s.setdefault((benchmark, entry["kind"], entry["asked"]), []).append(entry["size_s"] or 0)
    drawn = {
        budget: [
            judged(arena.looks(slowed_pairs(arena.batches, draw)[: plan.pairs], plan.rounds)) for _ in range(times)
        ]
        for budget, plan in plans.items()
        if plan is not None and plan.pairs <= pairs
    }
    yield ""
    yield f"| really slowed in {pairs} pairs, by | size | metric | {' | '.join(plans)} | change |"
    yield "| --- " * (4 + len(plans)) + "|"
    for (benchmark, kind, asked), some_s in sizes_s.items():
        least_us, most_us = (significant(1e6 * size_s, 3) for size_s in (min(some_s), max(some_s)))
        size = f"{least_us:,g} to {most_us:,g} us" if most_us else "-"
        for key in RULES[kind].seen_in:
            said = [row for some in drawn.values() for rows in some if (row := _row(rows, benchmark, key)) is not None]
            if said:
                found = [_found(drawn.get(budget), benchmark, kind, key) for budget in plans]
                cells = (f"{benchmark}, {kind}={asked}", size, key.replace("_", " "), *found, _change(said, kind))
                yield f"| {' | '.join(cells)} |"
    touched = {(benchmark, key) for benchmark, kind, _ in sizes_s for key in RULES[kind].may_change}
    others = _wrong(
        [row for row in rows if (row.judgement.benchmark, row.judgement.metric) not in touched]
        for some in drawn.values()
        for rows in some
    )
    yield ""
    yield from map("- {}".format, others or ["Of all else nothing is said but SAME and UNSURE."])


def _found(drawn: Sequence[Sequence[Row]] | None, benchmark: str, kind: str, key: str) -> str:
    if drawn is None:
        return "-"
    return f"{sum(_is_found(rows, benchmark, kind, key) for rows in drawn)} of {len(drawn)}"


def _row(rows: Iterable[Row], benchmark: str, key: str) -> Row | None:
    return next((row for row in rows if (row.judgement.benchmark, row.judgement.metric) == (benchmark, key)), None)


def _is_found(rows: Sequence[Row], benchmark: str, kind: str, key: str) -> bool:
    """Whether a rehearsal says what was done: a time is SLOWER, a count CHANGED and named."""
    row = _row(rows, benchmark, key)
    if row is None:
        return False
    if kind not in COUNTED:
        return row.judgement.verdict is Verdict.SLOWER
    naming = _row(rows, benchmark, RULES[kind].named_in)
    named = naming is not None and RULES[kind].named in naming.judgement.detail
    return named and row.judgement.verdict is Verdict.CHANGED


def _change(said: Sequence[Row], kind: str) -> str:
    if kind in COUNTED:
        return f"{statistics.median((row.judgement.now or 0) - (row.judgement.baseline or 0) for row in said):+g}"
    return f"{statistics.median(row.judgement.ratio or 1.0 for row in said) - 1:+.2%}"


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
