"""Which slowdowns of a known size are seen in stored runs, and whether the right kernel is named first."""

from __future__ import annotations

import argparse
import dataclasses
import math
import random
import re
import statistics
import sys
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path

from common import output
from proof.inject.slowdown import SCORED, SPIN_KERNEL, UNCHANGED
from proof.score.stored import injected, night, read_and_tell
from proof.simulation import BASELINE_RUNS, judge_again, judge_first
from regression.explain.kernels import Change, explain
from regression.judge.limits import CONFIRMATIONS
from regression.judge.verdict import Judgement, Report, Verdict
from regression.metrics import METRICS
from regression.runs.kernel_table import StoredKernel, kernel_table
from regression.runs.run import Run
from regression.shared import is_shared
from regression.text import count

EXTRA = re.compile(SPIN_KERNEL)
# Kinds of a size; the others are scored by proof.score.sight.
SIZED = ("kernel", "host", "layout")


@dataclasses.dataclass(frozen=True, order=True)
class Group:
    """Slowed runs of one kind and size as it was asked for, of one benchmark."""

    kind: str
    asked: str
    benchmark: str


@dataclasses.dataclass(frozen=True)
class Seen:
    """One judging of a slowed run: the true change, the smallest that is claimed to be seen, and whether it was."""

    size: float | None
    claimed: float
    slower: bool


@dataclasses.dataclass
class Detection:
    """How often a group's slowdown is SLOWER after confirmation.

    Attributes:
        runs: one judging of every run, against the first five unchanged runs of its GPU, confirmed by the next two.
        draws: judgings with baselines and confirmations drawn at random, of every run equally many.
        same_gpu: how many of the runs were judged against a baseline of their own GPU.
        borrowed: how many of the runs one of another GPU or day helped to confirm, where a session's own would.
        alone: how many more there are, which too few others can confirm.
    """

    runs: list[Seen] = dataclasses.field(default_factory=list)
    draws: list[Seen] = dataclasses.field(default_factory=list)
    same_gpu: int = 0
    borrowed: int = 0
    alone: int = 0


@dataclasses.dataclass(frozen=True)
class Scores:
    """Everything that the slowed runs show.

    Attributes:
        others: judgings of benchmarks and metrics that nothing was done to, in the same runs, and how many were SLOWER.
        too_few: groups that could not be judged, and why.
    """

    groups: Mapping[Group, Detection]
    others: int
    others_slower: int
    too_few: Mapping[Group, str]


@dataclasses.dataclass
class Naming:
    """What was named first in a group's runs: a right kernel, or another."""

    runs: int = 0
    right: Counter[str] = dataclasses.field(default_factory=Counter)
    others: Counter[str] = dataclasses.field(default_factory=Counter)


class Judgings:
    """Judgings of runs, each made once: from a few runs the same are drawn over and over."""

    def __init__(self) -> None:
        self._first: dict[tuple[Path, ...], Report] = {}
        self._again: dict[tuple[Hashable, ...], Report] = {}

    def judgements(self, run: Run, baseline: Sequence[Run], again: Sequence[Run], group: Group) -> Sequence[Judgement]:
        """What is said of a run after confirmation, whatever the order of its baseline and of its confirmations."""
        baseline, again = (sorted(others, key=lambda other: other.datetime) for others in (baseline, again))
        first = (run.path, *(other.path for other in baseline))
        if first not in self._first:
            self._first[first] = judge_first(run, baseline)
        key = (first, *(other.path for other in again), group.benchmark)
        if key not in self._again:
            confirmations = [_by_itself(other, group) for other in again]
            self._again[key] = judge_again(self._first[first], run, baseline, confirmations)
        return self._again[key].judgements


def size(run: Run, group: Group) -> float | None:
    """By what fraction the group's benchmark was slowed down in this very run; None where the run does not say.

    Of an extra kernel by its own recorded duration, of host work by the latency without it.
    """
    benchmark = run.benchmarks.get(group.benchmark)
    if benchmark is None:
        return None
    whole_s, extra_s = benchmark.values.get(SCORED[group.kind]), None
    if group.kind == "kernel":
        extra_s = sum(kernel.time_s for kernel in _table(run, group.benchmark) if EXTRA.search(kernel.name)) or None
    elif group.kind == "host":
        entries = (injected(run) or {}).get(group.benchmark, ())
        entry = next((one for one in entries if one.get("kind") == "host"), {})
        if entry.get("share") is not None:
            return float(entry["share"])
        extra_s = entry.get("size_s")
    if whole_s is None or not isinstance(extra_s, (int, float)) or not 0 < extra_s < whole_s:
        return None
    return extra_s / (whole_s - extra_s)


def grouped(runs: Sequence[Run]) -> dict[Group, list[Run]]:
    """Slowed runs by what was done to which benchmark."""
    groups: dict[Group, list[Run]] = {}
    for run in runs:
        for id_, entries in (injected(run) or {}).items():
            for entry in entries:
                group = Group(str(entry.get("kind")), str(entry.get("asked")), id_)
                if id_ in run.benchmarks and group.kind in SIZED and not _is_reference(group):
                    groups.setdefault(group, []).append(run)
    return groups


def score(runs: Sequence[Run], draws: int, seed: int) -> Scores:
    """Judge every slowed run once as a session would, and `draws` times with runs drawn at random."""
    draw = random.Random(seed)
    detections: dict[Group, Detection] = {}
    too_few: dict[Group, str] = {}
    others = others_slower = 0
    done: set[int] = set()
    judgings = Judgings()
    for group, slowed in sorted(grouped(runs).items()):
        unchanged = _baselines(runs, group)
        confirmed = [(run, again) for run in slowed if (again := _confirmations(slowed, run, unchanged))]
        if not confirmed or len(unchanged) < BASELINE_RUNS:
            together = max(Counter(map(night, slowed)).values())
            of_them = f" ({together} of one GPU and day)" if len(slowed) > together else ""
            runs_said = f"{count(len(slowed), 'slowed run')}{of_them}"
            too_few[group] = f"{runs_said} and {count(len(unchanged), 'run')} to compare with"
            continue
        detection = detections.setdefault(group, Detection(alone=len(slowed) - len(confirmed)))
        for run, again in confirmed:
            own = _own_baseline(unchanged, run)
            detection.same_gpu += bool(own)
            detection.borrowed += any(night(other) != night(run) for other in again)
            for number, (chosen, confirming) in enumerate(_drawn(own or unchanged, again, draws, draw)):
                judgements = judgings.judgements(run, chosen, confirming, group)
                (detection.draws if number else detection.runs).append(_seen(judgements, run, group))
                if not number and id(run) not in done:
                    done.add(id(run))
                    # What all benchmarks share is partly what was slowed.
                    touched = injected(run) or {}
                    untouched = [
                        item for item in judgements if item.benchmark not in touched and not is_shared(item.benchmark)
                    ]
                    others += len(untouched)
                    others_slower += sum(item.verdict is Verdict.SLOWER for item in untouched)
    return Scores(detections, others, others_slower, too_few)


def namings(runs: Sequence[Run]) -> dict[Group, Naming]:
    """Of every slowed run with kernel tables, whether one of the right kernels is named first.

    Right is the kernel that was added; of a layout those that every run in it launches more often than any run without.
    """
    found: dict[Group, Naming] = {}
    for group, slowed in sorted(grouped(runs).items()):
        if group.kind == "host":
            continue
        unchanged = _baselines(runs, group)
        relaid = _launched_more(slowed, unchanged, group.benchmark) if group.kind == "layout" else ()
        for run in slowed:
            baseline = (_own_baseline(unchanged, run) or unchanged)[:BASELINE_RUNS]
            first = _first_named(run, baseline, group.benchmark)
            if first is None:
                continue
            naming = found.setdefault(group, Naming())
            naming.runs += 1
            right = EXTRA.search(first.kernel) if group.kind == "kernel" else first.kernel in relaid
            (naming.right if right else naming.others)[first.short] += 1
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was seen, and what was named; exit status 2 where there is nothing to judge."""
    parser = argparse.ArgumentParser(prog="python -m proof.score.slowdowns", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="stored runs, slowed and unchanged, files or folders")
    parser.add_argument("--draws", type=int, default=100, help="random judgings of each slowed run (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the random judgings (default: 1)")
    options = parser.parse_args(argv)
    if options.draws < 0:
        parser.error("--draws must not be negative.")
    runs = read_and_tell(options.runs)
    unfinished = [run for run in runs if injected(run) == {}]
    for run in unfinished:
        print(f"left out: {run.path}: nothing was slowed down in it.", file=sys.stderr)
    scores = score(runs, options.draws, options.seed)
    names = namings(runs)
    if not scores.groups and not names:
        known = "; ".join(f"{_title(group)}: {why}" for group, why in scores.too_few.items()) or "no slowed run"
        needed = f"{1 + CONFIRMATIONS} slowed runs and {BASELINE_RUNS} unchanged ones"
        print(f"Nothing to judge ({known}); it takes {needed}.", file=sys.stderr)
        return 2
    print(*_detection_lines(scores), "", *_naming_lines(names), sep="\n")
    return 0


def _baselines(runs: Sequence[Run], group: Group) -> list[Run]:
    """Runs to compare a group with: unchanged ones, or for a layout those in channels-last throughout."""
    if group.kind != "layout":
        return [run for run in runs if injected(run) is None and group.benchmark in run.benchmarks]
    return [
        run
        for run in runs
        for entry in (injected(run) or {}).get(group.benchmark, ())
        if entry.get("kind") == "layout" and entry.get("asked") == UNCHANGED
    ]


def _is_reference(group: Group) -> bool:
    return group.kind == "layout" and group.asked == UNCHANGED


def _own_baseline(unchanged: Sequence[Run], run: Run) -> list[Run]:
    """The unchanged runs of a run's own GPU; none where they are too few for a baseline."""
    own = [other for other in unchanged if other.gpu == run.gpu]
    return own if len(own) >= BASELINE_RUNS else []


def _confirmations(slowed: Sequence[Run], run: Run, unchanged: Sequence[Run]) -> list[Run]:
    """The other runs of a group of this one's GPU and day, beginning after it; none where they are too few.

    Where one is missing, and the run has a baseline of its own GPU, one of another GPU or day is added.
    """
    place = next(index for index, other in enumerate(slowed) if other is run)
    others = [*slowed[place + 1 :], *slowed[:place]]
    found = [other for other in others if night(other) == night(run)]
    if len(found) == CONFIRMATIONS - 1 and _own_baseline(unchanged, run):
        found += [other for other in others if night(other) != night(run)][:1]
    return found if len(found) >= CONFIRMATIONS else []


def _by_itself(run: Run, group: Group) -> Run:
    """A confirming run without what else was slowed down in it, perhaps by other amounts: that is no control."""
    others = (injected(run) or {}).keys() - {group.benchmark}
    return dataclasses.replace(run, benchmarks={id_: item for id_, item in run.benchmarks.items() if id_ not in others})


def _drawn(
    baseline: Sequence[Run], again: Sequence[Run], draws: int, draw: random.Random
) -> Iterator[tuple[Sequence[Run], Sequence[Run]]]:
    yield baseline[:BASELINE_RUNS], again[:CONFIRMATIONS]
    for _ in range(draws):
        yield draw.sample(baseline, BASELINE_RUNS), draw.sample(again, CONFIRMATIONS)


def _seen(judgements: Sequence[Judgement], run: Run, group: Group) -> Seen:
    """Whether the metric or a part of it was SLOWER; what is claimed is the least that one of them could show."""
    scored = {metric.key for metric in METRICS if SCORED[group.kind] in (metric.key, metric.part_of)}
    found = [item for item in judgements if item.benchmark == group.benchmark and item.metric in scored]
    claimed = min((item.detectable_ratio or math.inf for item in found), default=math.inf) - 1
    return Seen(size(run, group), claimed, any(item.verdict is Verdict.SLOWER for item in found))


def _first_named(run: Run, baseline: Sequence[Run], id_: str) -> Change | None:
    """The kernel that the explanation names first; None where there are no kernel tables."""
    found = explain(
        id_,
        [_table(other, id_) for other in baseline],
        _table(run, id_),
        [other.benchmarks[id_].values.get("kernel_time") for other in baseline],
        run.benchmarks[id_].values.get("kernel_time"),
    )
    return found.changes[0].lead if found.changes else None


def _table(run: Run, id_: str) -> tuple[StoredKernel, ...]:
    return kernel_table(run.benchmarks[id_].extra_info, run.suite.get("kernels", ()))


def _launched_more(slowed: Sequence[Run], unchanged: Sequence[Run], id_: str) -> set[str]:
    """Names of the kernels that each of the slowed runs launches more often than any of the unchanged ones."""
    now, before = ([{k.name: k.launches for k in _table(run, id_)} for run in runs] for runs in (slowed, unchanged))
    return {
        name
        for name in now[0]
        if min(run.get(name, 0) for run in now) > max((run.get(name, 0) for run in before), default=0)
    }


def _title(group: Group) -> str:
    return f"{group.kind} {group.asked} {group.benchmark}"


def _detection_lines(scores: Scores) -> Iterator[str]:
    titles = {metric.key: metric.title for metric in METRICS}
    width = max(map(len, (_title(group) for group in scores.groups)), default=0) + 2
    yield (
        f"{'slowdown':{width}}{'metric':13}{'true size':>17}{'detectable':>12}{'SLOWER':>13}{'drawn':>17}"
        f"{'claimed, drawn':>19}  own GPU"
    )
    for group, found in scores.groups.items():
        sizes = [item.size for item in found.runs if item.size is not None]
        true = f"{min(sizes):.2%} to {max(sizes):.2%}" if sizes else "not known"
        detectable = statistics.median(item.claimed for item in found.runs)
        claimed = [item for item in found.draws if item.size is not None and item.size >= item.claimed]
        yield (
            f"{_title(group):{width}}{titles[SCORED[group.kind]]:13}{true:>17}{detectable:>12.2%}"
            f"{_of(found.runs):>13}{_of(found.draws):>17}{_of(claimed):>19}  {found.same_gpu} of {len(found.runs)}"
        )
    for group, found in scores.groups.items():
        if found.borrowed:
            yield f"{_title(group)}: {count(found.borrowed, 'run')} confirmed by one of another GPU or day"
        if found.alone:
            yield f"{_title(group)}: {count(found.alone, 'run')} not judged, without two more of the same GPU and day"
    for group, why in scores.too_few.items():
        yield f"{_title(group)}: not judged, {why}"
    yield (f"not slowed down, in the same runs: {scores.others_slower} SLOWER of {count(scores.others, 'judgement')}")


def _naming_lines(names: Mapping[Group, Naming]) -> Iterator[str]:
    for group, naming in names.items():
        right = "the extra kernel" if group.kind == "kernel" else "a kernel of the other layout"
        said = f"{_title(group)}: {right} named first in {naming.right.total()} of {count(naming.runs, 'run')}"
        yield f"{said} ({', '.join(naming.right)})" if naming.right else said
        for other, times in naming.others.most_common():
            yield f"  named instead in {times}: {other}"


def _of(items: Sequence[Seen]) -> str:
    return f"{sum(item.slower for item in items)} of {len(items)}"


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
