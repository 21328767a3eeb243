"""Whether every injection of a slowed run is reported as its rule says, and nothing else: stored runs alone, no GPU."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path

from common import output
from proof.inject.slowdown import COUNTED, SCORED, is_reference
from proof.score.stored import injected, is_unchanged, night, read_and_tell, spinning_operators
from proof.sight import KERNEL_TIMES, RULES, Rule
from proof.simulation import BASELINE_RUNS, judge_twice
from regression.explain.explanation import explanations
from regression.judge.limits import CONFIRMATIONS
from regression.judge.verdict import Judgement, Reason, Report, Verdict
from regression.metrics import METRICS
from regression.runs.run import Run
from regression.shared import EVERY
from regression.text import count

# Of the injections of a size one in twenty may be missed, of those that are counted none.
LEAST_SEEN = 0.95
# An injection is calibrated; one that is shorter than this part of what was asked for was calibrated wrongly.
ASKED_FOR = 0.9
CONFIRMED = (Reason.CONFIRMED, Reason.WITHOUT_CONTROLS)
EVERYTHING = "everything"
# Kinds that make a benchmark's kernel time longer.
LENGTHENING = ("kernel", "operator")
SPIN = "spin_kernel"


@dataclasses.dataclass(frozen=True, order=True)
class Injected:
    """One injection of a run; a shift of every benchmark has the benchmark EVERY."""

    kind: str
    benchmark: str
    asked: str = dataclasses.field(compare=False)
    size_s: float | None = dataclasses.field(default=None, compare=False)
    share: float | None = dataclasses.field(default=None, compare=False)

    @property
    def module(self) -> str:
        return self.asked.partition("+")[0]


@dataclasses.dataclass(frozen=True)
class Seen:
    """What one judging says of one injection.

    Attributes:
        reported: whether the metric of its rule has the verdict of its rule, a slower time after confirmation.
        named: whether it is named as its rule says; None where the rule asks for no name.
        claimed: the detectable change, as a fraction; None of a count.
        size: by what fraction it is slower; None where the run does not say, and of a count.
        said: the judgement in a few words.
        asked: by what fraction it was to be slower; None of a count.
    """

    reported: bool
    named: bool | None
    claimed: float | None
    size: float | None
    said: str
    asked: float | None = None

    @property
    def undersized(self) -> bool:
        """Whether it is smaller than was asked for, and so proves nothing where it is not reported."""
        return self.size is not None and self.asked is not None and self.size < ASKED_FOR * self.asked


@dataclasses.dataclass
class Scores:
    """Of every injection what its judgings say.

    Attributes:
        seen: by kind and by benchmark without its model.
        accused: what failed and was not slowed down: benchmark and metric, with how often.
        listed: what is CHANGED, does not fail, and was not slowed down, likewise.
        judged: how many runs were judged.
        others: how many judgements there are of what nothing was done to.
        too_few: sentences on the runs that were not judged.
    """

    seen: dict[tuple[str, str], list[Seen]] = dataclasses.field(default_factory=dict)
    accused: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    listed: Counter[tuple[str, str]] = dataclasses.field(default_factory=Counter)
    judged: int = 0
    others: int = 0
    too_few: list[str] = dataclasses.field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.accused and all(enough(kind, found) for (kind, _), found in self.seen.items())


def injections(run: Run) -> list[Injected]:
    """What was done to the run, without what is only there to be compared with."""
    found = [
        Injected(str(entry.get("kind")), id_, str(entry.get("asked")), entry.get("size_s"), entry.get("share"))
        for id_, entries in (injected(run) or {}).items()
        for entry in entries
        if entry.get("kind") in RULES and not is_reference(str(entry.get("kind")), str(entry.get("asked")))
    ]
    shares = {one.benchmark: one.asked.rpartition("+")[2] for one in found if one.kind in LENGTHENING}
    if len(shares) > 1 and shares.keys() == run.benchmarks.keys() and len(set(shares.values())) == 1:
        return [Injected(EVERYTHING, EVERY, next(iter(shares.values())))]
    return sorted(found)


def score(runs: Sequence[Run], *, together: bool = False) -> Scores:
    """Judge every slowed run once, as a session would: the first five runs of its GPU to compare with are the
    baseline, the next two of its GPU and day that were slowed alike are its confirmations.

    What makes kernel times longer is judged once for each, without the other benchmarks in which it does (`alone`), or
    all `together`.
    """
    scores = Scores()
    slowed = [run for run in runs if injections(run)]
    for run in slowed:
        baseline = [
            other
            for other in runs
            if other.gpu == run.gpu and is_unchanged(other) and spinning_operators(other) == spinning_operators(run)
        ]
        again = confirmations(slowed, run)
        if len(baseline) < BASELINE_RUNS or len(again) < CONFIRMATIONS:
            scores.too_few.append(
                f"{run.path.name} of {run.gpu[:12] or 'a CPU'}: {count(len(baseline), 'run')} to compare with and "
                f"{count(len(again), 'other run')} of its GPU and day, slowed alike"
            )
            continue
        baseline, again = baseline[:BASELINE_RUNS], again[:CONFIRMATIONS]
        report = judge_twice(run, baseline, again)[1]
        scores.judged += 1
        for one in injections(run):
            by_itself = report
            if one.kind in LENGTHENING and not together:
                kept = alone(one, run)
                by_itself = judge_twice(
                    only(run, kept), [only(other, kept) for other in baseline], [only(other, kept) for other in again]
                )[1]
            place = one.kind, one.benchmark.partition("-")[2] or one.benchmark
            scores.seen.setdefault(place, []).append(see(one, run, baseline, by_itself))
        for item in untouched(run, report):
            scores.others += 1
            place = item.benchmark, item.metric
            if item.failed:
                scores.accused[place] += 1
            elif item.verdict is Verdict.CHANGED:
                scores.listed[place] += 1
    return scores


def alone(one: Injected, run: Run) -> set[str]:
    """The run's benchmarks without the others whose kernel time was made longer.

    In a run of a night one thing is slower as a rule. A third of the benchmarks at once is taken for scatter, and
    widens the limits of all.
    """
    others = {other.benchmark for other in injections(run) if other.kind in LENGTHENING} - {one.benchmark}
    return set(run.benchmarks) - others


def only(run: Run, ids: Container[str]) -> Run:
    """The run as a session would have stored it that measured nothing but these benchmarks."""
    return dataclasses.replace(run, benchmarks={id_: item for id_, item in run.benchmarks.items() if id_ in ids})


def confirmations(slowed: Sequence[Run], run: Run) -> list[Run]:
    """The other runs of this one's GPU and day that were slowed alike, beginning after it."""
    place = next(index for index, other in enumerate(slowed) if other is run)
    signature = [(one.kind, one.benchmark, one.asked) for one in injections(run)]
    return [
        other
        for other in (*slowed[place + 1 :], *slowed[:place])
        if night(other) == night(run)
        and [(one.kind, one.benchmark, one.asked) for one in injections(other)] == signature
    ]


def untouched(run: Run, report: Report) -> Iterator[Judgement]:
    """The judgements of what nothing was done to."""
    done = injections(run)
    if any(one.kind == EVERYTHING for one in done):
        yield from (item for item in report.judgements if item.metric not in {*KERNEL_TIMES, "launches", "api_calls"})
        return
    touched = {(one.benchmark, metric) for one in done for metric in RULES[one.kind].may_change}
    yield from (item for item in report.judgements if (item.benchmark, item.metric) not in touched)


def see(one: Injected, run: Run, baseline: Sequence[Run], report: Report) -> Seen:
    """What a report says of an injection."""
    rule = RULES["kernel" if one.kind == EVERYTHING else one.kind]
    found = [item for item in report.judgements if item.benchmark == one.benchmark and item.metric in rule.seen_in]
    if one.kind in COUNTED:
        reported = any(_is_counted(item, float(one.asked)) for item in found)
    else:
        reported = any(item.verdict is Verdict.SLOWER and item.reason in CONFIRMED for item in found)
    known = [item.detectable_ratio - 1 for item in found if item.detectable_ratio is not None]
    return Seen(
        reported,
        _named(one, rule, run, baseline, report),
        min(known, default=None),
        size(one, run),
        "; ".join(f"{item.metric} {item.verdict} ({item.reason}) {item.detail}".strip() for item in found) or "nothing",
        _share(one),
    )


def _share(one: Injected) -> float | None:
    """The fraction that was asked for, such as 0.02 of `blocks.2.0.conv_dw+2%`; None of what is no share."""
    amount = one.asked.rpartition("+")[2]
    return float(amount.removesuffix("%")) / 100 if amount.endswith("%") and one.kind != EVERYTHING else None


def size(one: Injected, run: Run) -> float | None:
    """By what fraction the benchmark was slowed down in this very run."""
    if one.kind == EVERYTHING or one.size_s is None or one.kind in COUNTED:
        return None
    if one.share is not None:
        return one.share
    key = "kernel_time" if one.kind in ("kernel", "operator") else SCORED[one.kind]
    benchmark = run.benchmarks[one.benchmark]
    whole_s = benchmark.visited.get(key, benchmark.values.get(key))
    return one.size_s / (whole_s - one.size_s) if whole_s is not None and whole_s > one.size_s else None


def enough(kind: str, found: Sequence[Seen]) -> bool:
    """Whether so many were reported, and named, as is claimed."""
    found = [one for one in found if not one.undersized]
    right = sum(one.reported and one.named is not False for one in found)
    return right >= (len(found) if kind in COUNTED or kind == EVERYTHING else LEAST_SEEN * len(found))


def _is_counted(item: Judgement, times: float) -> bool:
    """Whether a count is CHANGED by so many an inference; the loop around inferences is counted too."""
    numbers = item.verdict is Verdict.CHANGED and item.now is not None and item.baseline is not None
    return numbers and abs(item.now - item.baseline - times) < 0.5 * times  # type: ignore[operator]


def _named(one: Injected, rule: Rule, run: Run, baseline: Sequence[Run], report: Report) -> bool | None:
    if not rule.named or one.kind == EVERYTHING:
        return None
    if one.kind in COUNTED:
        where = one.benchmark, rule.named_in
        return any(rule.named in item.detail for item in report.judgements if (item.benchmark, item.metric) == where)
    (told,) = explanations([one.benchmark], run, baseline)
    added = [item for item in told.operators if item.change_s > 0]
    if one.kind == "operator":
        # what another choice of kernels costs is the selection's, and not what became slower
        slower = [item for item in added if item.kind == "slower"]
        return bool(slower) and slower[0].operator.split(" ")[0] == one.module
    if added:
        return any(SPIN in kernel for kernel in added[0].kernels_now)
    return bool(told.changes) and SPIN in told.changes[0].lead.kernel


def main(argv: Sequence[str] | None = None) -> int:
    """Print the scores; exit status 1 where less was seen than is claimed, 2 where there is nothing to judge."""
    parser = argparse.ArgumentParser(prog="python -m proof.score.sight", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="stored runs, slowed and not, files, folders or archives")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what was said of every injection missed")
    parser.add_argument(
        "--together", action="store_true", help="judge all benchmarks whose kernel time was made longer at once"
    )
    options = parser.parse_args(argv)
    runs = read_and_tell(options.runs)
    scores = score(runs, together=options.together)
    for text in scores.too_few:
        print(f"not judged: {text}", file=sys.stderr)
    if not scores.judged:
        needed = f"{1 + CONFIRMATIONS} runs slowed alike and {BASELINE_RUNS} to compare with, of one GPU"
        print(f"Nothing to judge; it takes {needed}.", file=sys.stderr)
        return 2
    print(*_lines(scores, verbose=options.verbose), sep="\n")
    return 0 if scores.passed else 1


def _lines(scores: Scores, *, verbose: bool) -> Iterator[str]:
    titles = {metric.key: metric.title for metric in METRICS}
    width = max(len(f"{kind} {benchmark}") for kind, benchmark in scores.seen) + 2
    yield f"{'injection':{width}}{'true size':>20}{'detectable':>19}{'reported':>11}{'named':>11}"
    for (kind, benchmark), seen in sorted(scores.seen.items()):
        found = [one for one in seen if not one.undersized]
        smaller = len(seen) - len(found)
        named = [one.named for one in found if one.named is not None]
        sizes = _range([one.size for one in found]) if kind not in COUNTED else "one more"
        yield (
            f"{f'{kind} {benchmark}':{width}}{sizes:>20}{_range([one.claimed for one in found]):>19}"
            f"{_of([one.reported for one in found]):>11}{_of(named) if named else '-':>11}"
            + ("" if enough(kind, found) else "  too few")
            + (f"  {count(smaller, 'other')} smaller than asked for" if smaller else "")
        )
        if verbose:
            yield from (f"    missed: {one.said}" for one in found if not one.reported or one.named is False)
    yield (
        f"{count(scores.judged, 'run')} judged; not slowed down, in the same runs: {scores.accused.total()} accused "
        f"and {scores.listed.total()} listed of {count(scores.others, 'judgement')}"
    )
    for word, found_there in (("accused", scores.accused), ("listed", scores.listed)):
        for (benchmark, metric), times in found_there.most_common():
            yield f"{word}: {benchmark}, {titles[metric]}, in {count(times, 'run')}"


def _range(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{min(known):.2%} to {max(known):.2%}" if known else "-"


def _of(flags: Sequence[bool | None]) -> str:
    return f"{sum(map(bool, flags))} of {len(flags)}"


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
