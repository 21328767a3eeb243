"""What a rehearsal can detect in how much time, from the recorded pairs of one environment.

`python -m proof.rehearsals.budget FILE.json [--times N] [--plot FILE.svg]`

Rehearsals are drawn as in `replay.py`, each of as many pairs as its budget holds. The detectable change that they claim
is the median over them. Beside it stands the smallest slowdown that is found in 95 % of them, in whole percent.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from common import output
from proof.rehearsals.replay import drawn_pair
from regression.judge.verdict import Verdict
from rehearsal.judge import judge
from rehearsal.paired import LATENCY
from rehearsal.record import Record, read
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS

BUDGETS_MIN = (1.0, 2.0, 3.0, 5.0, 10.0)
FOUND = 0.95
LARGEST_PERCENT = 100


@dataclass(frozen=True)
class Reach:
    """What rehearsals of one benchmark could show within a budget.

    Attributes:
        pairs: that the budget holds, at most MOST_PAIRS.
        detectable: the change that they claim to detect, as a fraction; None below LEAST_PAIRS.
        found_percent: the smallest slowdown that at least FOUND of them call SLOWER; None below LEAST_PAIRS.
    """

    pairs: int
    detectable: float | None = None
    found_percent: int | None = None


def pairs_within(record: Record, budget_s: float) -> int:
    """How many pairs fit, at the recorded seconds a pair."""
    return min(MOST_PAIRS, int(budget_s * len(record.pairs) / record.took_s))


def reach(record: Record, pairs: int, times: int, seed: int = 20260101) -> dict[str, Reach]:
    """By benchmark what rehearsals of so many pairs can show."""
    names = record.compared()
    if pairs < LEAST_PAIRS:
        return {name: Reach(pairs) for name in names}
    draw = random.Random(seed)
    unchanged = [_drawn(record, pairs, dict.fromkeys(names, 1.0), draw) for _ in range(times)]
    # by halving: of every benchmark a slowdown that is missed too often, and one that is not
    missed, seen = dict.fromkeys(names, 0), dict.fromkeys(names, LARGEST_PERCENT)
    while any(seen[name] - missed[name] > 1 for name in names):
        tried = {name: (missed[name] + seen[name] + 1) // 2 for name in names}
        drawn = [_drawn(record, pairs, {name: 1 + tried[name] / 100 for name in names}, draw) for _ in range(times)]
        for name in names:
            enough = sum(one[name][0] is Verdict.SLOWER for one in drawn) >= FOUND * times
            (seen if enough else missed)[name] = tried[name]
    return {name: Reach(pairs, statistics.median(one[name][1] for one in unchanged) - 1, seen[name]) for name in names}


def _drawn(
    record: Record, pairs: int, factors: dict[str, float], draw: random.Random
) -> dict[str, tuple[Verdict, float]]:
    """One rehearsal's verdict and detectable ratio of each benchmark."""
    whole = replace(record, outputs={}, pairs=[drawn_pair(record, factors, draw) for _ in range(pairs)])
    return {
        row.judgement.benchmark: (row.judgement.verdict, row.judgement.detectable_ratio or math.inf)
        for row in judge(whole).rows
        if row.judgement.metric == LATENCY
    }


def plot(found: dict[float, dict[str, Reach]], file: Path) -> None:
    """Detectable change against budget, a line a benchmark."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    for name in next(iter(found.values())):
        points = [(budget, one[name].found_percent) for budget, one in found.items() if one[name].found_percent]
        axes.plot(*zip(*points, strict=True), "o-", label=name)
    axes.set(xlabel="budget, minutes", ylabel="slowdown found in 95 % of rehearsals, %", xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table of budgets."""
    parser = argparse.ArgumentParser(prog="python -m proof.rehearsals.budget", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, metavar="FILE.json")
    parser.add_argument("--times", type=int, default=500, metavar="N", help="rehearsals drawn of each budget")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the table")
    options = parser.parse_args(argv)
    record = read(options.file)
    names = record.compared()
    print(f"{len(record.pairs)} recorded pairs of {record.took_s / len(record.pairs):.0f} s")
    print(f"| budget | pairs | {' | '.join(f'{name}: detectable | found in 95 %' for name in names)} |")
    print("| --- " * (2 + 2 * len(names)) + "|")
    found = {}
    for minutes in BUDGETS_MIN:
        found[minutes] = said = reach(record, pairs_within(record, 60 * minutes), options.times)
        cells = [
            "none | -" if one.detectable is None else f"{one.detectable:.1%} | {one.found_percent} %"
            for one in (said[name] for name in names)
        ]
        print(f"| {minutes:g} min | {next(iter(said.values())).pairs} | {' | '.join(cells)} |", flush=True)
    if options.plot:
        plot(found, options.plot)
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
