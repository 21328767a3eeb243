"""Replays a rehearsal of one environment on both sides many times, and counts wrong verdicts and slowdowns found.

`python -m proof.rehearsals.replay FILE.json [--times N] [--slower PERCENT]`

A replayed rehearsal draws its pairs from the recorded ones with replacement, each with its rounds drawn anew and, half
of the time, with its sides exchanged: nothing tells the sides of one environment apart. The new side's turns are then
made longer by a known factor. It is judged after every pair as a rehearsal is while it runs, and ends where all is
decided.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from common import output
from regression.judge.verdict import Verdict
from rehearsal.judge import judge, settled
from rehearsal.paired import LATENCY
from rehearsal.protocol import NEW, OLD
from rehearsal.record import Pair, Record, Turns, read
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS


def replayed(record: Record, factor: float, draw: random.Random) -> Record:
    """One rehearsal drawn from the recorded pairs, whose new side takes `factor` times as long."""
    found = replace(record, pairs=[], outputs={})
    for _ in range(MOST_PAIRS):
        latency, _ = settled(found)
        left = [name for name in record.compared() if name not in latency]
        if not left:
            break
        found.pairs.append(drawn_pair(record, dict.fromkeys(left, factor), draw))
    return found


def drawn_pair(record: Record, factors: Mapping[str, float], draw: random.Random) -> Pair:
    """A recorded pair with its rounds drawn anew, of the benchmarks that have a factor for their new side."""
    drawn, exchanged = draw.choice(record.pairs), draw.random() < 0.5
    return Pair(
        {name: _turns(drawn.turns[name], factor, draw, exchanged=exchanged) for name, factor in factors.items()}
    )


def _turns(recorded: Turns, factor: float, draw: random.Random, *, exchanged: bool) -> Turns:
    rounds = draw.choices(range(recorded.rounds), k=recorded.rounds)
    old, new = (NEW, OLD) if exchanged else (OLD, NEW)

    def of(stored: Mapping[str, Sequence[float]], factor: float = 1.0) -> dict[str, list[float]]:
        return {
            OLD: [stored[old][one] for one in rounds],
            NEW: [stored[new][one] * factor for one in rounds],
        }

    return Turns(recorded.calls, of(recorded.min_s, factor), of(recorded.median_s, factor))


def verdicts(
    record: Record, factor: float, times: int, seed: int = 20260101
) -> list[dict[str, tuple[Verdict, int, bool]]]:
    """Of each replayed rehearsal and benchmark: the verdict, after how many pairs, and whether the interval holds."""
    draw = random.Random(seed)
    found = []
    for _ in range(times):
        judged = judge(replayed(record, factor, draw))
        found.append(
            {
                row.judgement.benchmark: (
                    row.judgement.verdict,
                    row.pairs,
                    row.low_ratio is not None
                    and row.high_ratio is not None
                    and row.low_ratio <= factor <= row.high_ratio,
                )
                for row in judged.rows
                if row.judgement.metric == LATENCY
            }
        )
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table: of unchanged rehearsals the wrong verdicts, of slower ones those that are found."""
    parser = argparse.ArgumentParser(prog="python -m proof.rehearsals.replay", description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, metavar="FILE.json")
    parser.add_argument("--times", type=int, default=1000, metavar="N")
    parser.add_argument("--slower", type=float, nargs="+", default=[0, 5, 10, 15, 20], metavar="PERCENT")
    options = parser.parse_args(argv)
    record = read(options.file)
    print(f"{len(record.pairs)} recorded pairs; {options.times} rehearsals of {LEAST_PAIRS} to {MOST_PAIRS} pairs each")
    print("| slower by | benchmark | SAME | SLOWER | FASTER | UNSURE | pairs, mean | interval holds |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for percent in options.slower:
        found = verdicts(record, 1 + percent / 100, options.times)
        for name in record.compared():
            said = [one[name] for one in found]
            counts = Counter(verdict for verdict, _, _ in said)
            shown = " | ".join(
                f"{counts[verdict] / len(said):.1%}"
                for verdict in (Verdict.SAME, Verdict.SLOWER, Verdict.FASTER, Verdict.UNSURE)
            )
            pairs = sum(number for _, number, _ in said) / len(said)
            holds = sum(inside for _, _, inside in said) / len(said)
            print(f"| {percent:g} % | {name} | {shown} | {pairs:.1f} | {holds:.1%} |")
        wrong = sum(any(verdict in (Verdict.SLOWER, Verdict.FASTER) for verdict, _, _ in one.values()) for one in found)
        if not percent:
            print(f"| 0 % | any benchmark wrong | {wrong} of {len(found)} rehearsals | | | | | |")
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
