"""How often unchanged code is accused, by this suite and by a fixed threshold, on the same stored runs."""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pytest_benchmark.utils import parse_compare_fail

from common import output
from proof.score.stored import (
    NEEDED,
    STATISTICS,
    choices,
    count_choices,
    is_unchanged,
    largest_share,
    night,
    read_and_tell,
    spinning_operators,
)
from proof.simulation import judge_again, judge_first
from regression.judge.verdict import Report, Verdict, suspects
from regression.runs.run import Run
from regression.text import count

THRESHOLDS = (5, 10)


@dataclasses.dataclass
class Tally:
    """Of so many judgings, in how many something was measured again, or was SLOWER or FASTER, or a count failed."""

    judgings: int = 0
    again: int = 0
    slower_before: int = 0
    slower: int = 0
    faster: int = 0
    changed_before: int = 0
    changed: int = 0


@dataclasses.dataclass(frozen=True)
class Accusations:
    """What the suite says of unchanged runs.

    Attributes:
        every: over all choices of runs.
        one_night: over those whose run and confirmations are of one GPU and one day, as in a real session.
        benchmarks: (id, metric) to the number of judgings in which it was SLOWER after confirmation.
        counts: the same of counts that failed.
        runs: indices of the runs that were SLOWER after confirmation in any judging.
        judged: how many different runs were judged.
    """

    every: Tally
    one_night: Tally
    benchmarks: Counter[tuple[str, str]]
    counts: Counter[tuple[str, str]]
    runs: frozenset[int]
    judged: int


@dataclasses.dataclass(frozen=True)
class Threshold:
    """What `--benchmark-compare-fail` says of every ordered pair of runs, and of their benchmarks."""

    pairs: int
    failed: int
    compared: int
    accused: int


def accusations(runs: Sequence[Run], most: int, seed: int) -> Accusations:
    """Judge every choice of a baseline, a run and two confirmations, or so many drawn at random; of these only such
    whose confirmations have all of the run's benchmarks."""
    every, one_night = Tally(), Tally()
    benchmarks: Counter[tuple[str, str]] = Counter()
    counts: Counter[tuple[str, str]] = Counter()
    accused: set[int] = set()
    judged: set[int] = set()
    judged_before: tuple[tuple[int, ...], int] | None = None
    for choice in choices([night(run) for run in runs], most, seed):
        again = [runs[index] for index in choice.again]
        if any(runs[choice.run].benchmarks.keys() - other.benchmarks.keys() for other in again):
            continue  # a fresh process measures all that its session did
        run, baseline = runs[choice.run], [runs[index] for index in choice.baseline]
        if (choice.baseline, choice.run) != judged_before:  # it is the same for all confirmations
            before, judged_before = judge_first(run, baseline), (choice.baseline, choice.run)
        after = judge_again(before, run, baseline, again)
        slower = [(item.benchmark, item.metric) for item in after.judgements if item.verdict is Verdict.SLOWER]
        benchmarks.update(slower)
        failing = _failing_counts(after)
        counts.update(failing)
        judged.add(choice.run)
        if slower:
            accused.add(choice.run)
        tallies = [every]
        if len({night(run) for run in (runs[choice.run], *again)}) == 1:
            tallies.append(one_night)
        for tally in tallies:
            tally.judgings += 1
            tally.again += bool(suspects(before))
            tally.slower_before += any(item.verdict is Verdict.SLOWER for item in before.judgements)
            tally.slower += bool(slower)
            tally.faster += any(item.verdict is Verdict.FASTER for item in after.judgements)
            tally.changed_before += bool(_failing_counts(before))
            tally.changed += bool(failing)
    return Accusations(every, one_night, benchmarks, counts, frozenset(accused), len(judged))


def _failing_counts(report: Report) -> list[tuple[str, str]]:
    changed = [item for item in report.judgements if item.verdict is Verdict.CHANGED]
    return [(item.benchmark, item.metric) for item in changed if item.failed]


def threshold(runs: Sequence[Run], statistic: str, percent: int) -> Threshold:
    """Compare every ordered pair of runs with pytest-benchmark's own check."""
    check = parse_compare_fail(f"{statistic}:{percent}%")
    pairs = failed = compared = accused = 0
    for now, before in itertools.permutations(runs, 2):
        both = [id_ for id_ in now.benchmarks if id_ in before.benchmarks]
        values = [(now.benchmarks[id_].values, before.benchmarks[id_].values) for id_ in both]
        usable = [(one, other) for one, other in values if statistic in one and statistic in other]
        found = sum(bool(check.fails(one, other)) for one, other in usable)
        pairs, compared = pairs + 1, compared + len(usable)
        failed, accused = failed + bool(found), accused + found
    return Threshold(pairs, failed, compared, accused)


def main(argv: Sequence[str] | None = None) -> int:
    """Print both; exit status 1 where any judging is SLOWER or a count fails after confirmation, 2 for too few runs."""
    parser = argparse.ArgumentParser(prog="python -m proof.score.unchanged", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="stored runs, files or folders; slowed ones do not count")
    parser.add_argument("--choices", type=int, default=10_000, help="judge at most so many choices (default: 10000)")
    parser.add_argument("--seed", type=int, default=1, help="of the choices drawn, where there are more (default: 1)")
    options = parser.parse_args(argv)
    if options.choices < 1:
        parser.error("--choices must be at least 1.")
    found = read_and_tell(options.runs)
    runs = _of_one_code([run for run in found if is_unchanged(run)])
    if len(runs) < NEEDED:
        print(f"{count(len(runs), 'unchanged run')} given, too few: a judging takes {NEEDED}.", file=sys.stderr)
        return 2
    print(*_introduction(runs, options.choices, options.seed), sep="\n")
    result = accusations(runs, options.choices, options.seed)
    print(*_accusation_lines(result, len(runs)), sep="\n")
    print(f"\npytest-benchmark's --benchmark-compare-fail, every ordered pair of the {len(runs)} runs")
    print(f"{'statistic':10}{'threshold':>10}{'benchmarks accused':>22}{'runs failed':>16}")
    for statistic, percent in itertools.product(STATISTICS, THRESHOLDS):
        row = threshold(runs, statistic, percent)
        of_benchmarks, of_pairs = f"{row.accused} of {row.compared}", f"{row.failed} of {row.pairs}"
        print(f"{statistic:10}{f'{percent} %':>10}{of_benchmarks:>22}{of_pairs:>16}")
    return int(bool(result.every.slower or result.every.changed))


def _of_one_code(runs: Sequence[Run]) -> list[Run]:
    """The runs that have a spin kernel in the same operators as most have; the others are left out, and said."""
    kinds = Counter(map(spinning_operators, runs))
    usual = max(kinds, key=lambda kind: kinds[kind], default=frozenset())
    for run in runs:
        if spinning_operators(run) != usual:
            print(
                f"left out: {run.path}: has a spin kernel in other operators than most of these runs.", file=sys.stderr
            )
    return [run for run in runs if spinning_operators(run) == usual]


def _introduction(runs: Sequence[Run], most: int, seed: int) -> list[str]:
    ids = {id_ for run in runs for id_ in run.benchmarks}
    incomplete = sum(len(run.benchmarks) < len(ids) for run in runs)
    gpus, days = {run.gpu for run in runs}, {run.day for run in runs}
    nights = Counter(map(night, runs))
    possible = count_choices(len(runs))
    drawn = f"{most} of {possible}, drawn at random with seed {seed}, every other one confirmed by runs of its night"
    how = "all of them" if possible <= most else drawn
    return [
        f"{len(runs)} unchanged runs of {count(len(ids), 'benchmark')}; {count(len(gpus), 'GPU')}, "
        f"{count(len(days), 'day')}; runs of one GPU and day: {', '.join(map(str, sorted(nights.values())))}"
        + (f"; {incomplete} lack a benchmark" if incomplete else ""),
        f"judgings (five runs as the baseline, one as the run, two as its confirmations): {how}",
        "",
    ]


def _accusation_lines(found: Accusations, runs: int) -> list[str]:
    lines = [
        f"{'':40}{'judgings':>9}{'measured':>10}{'SLOWER':>8}{'SLOWER':>8}{'FASTER':>8}{'a count fails':>15}",
        f"{'':49}{'again':>10}{'before':>8}{'after':>8}{'after':>8}{'before':>8}{'after':>7}",
    ]
    rows = (("every choice", found.every), ("run and confirmations of one GPU and day", found.one_night))
    for name, row in rows:
        lines.append(
            f"{name:40}{row.judgings:9}{row.again:10}{row.slower_before:8}{row.slower:8}{row.faster:8}"
            f"{row.changed_before:8}{row.changed:7}"
        )
    lines += [
        f"{verdict} after confirmation: {id_}, {metric}: {count(times, 'judging')}"
        for verdict, accused_of in ((Verdict.SLOWER, found.benchmarks), (Verdict.CHANGED, found.counts))
        for (id_, metric), times in accused_of.most_common()
    ]
    accused, disjoint = len(found.runs), runs // NEEDED
    lines += [
        "",
        f"{accused} of {found.judged} runs judged were SLOWER after confirmation in any of their judgings. Were these "
        f"{found.judged} runs independent,",
        f"at most {largest_share(accused, found.judged):.0%} of all runs would be (95 % sure)"
        + (f"; the rule of three says 3/{found.judged}." if not accused else "."),
    ]
    if not found.every.slower:
        lines += [
            f"They are not quite: judgings share baselines, GPUs and hours. {count(disjoint, 'judging')} can be had "
            "without a run in common;",
            f"none failed of {disjoint} bounds the share at {largest_share(0, disjoint):.0%}. "
            "More choices of the same runs bound nothing further.",
        ]
    return lines


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
