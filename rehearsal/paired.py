"""What pairs of processes say of the continuous metrics: differences, and how far processes stray by themselves."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from regression.judge import choices
from regression.metric import Metric
from regression.metrics import METRICS
from regression.runs.run import Benchmark, Run
from rehearsal.protocol import NEW, OLD
from rehearsal.record import Record, Turns
from rehearsal.sequential import MOST_PAIRS
from rehearsal.turns import LEAST_ROUNDS

BY_KEY: Mapping[str, Metric] = {metric.key: metric for metric in METRICS}
LATENCY, KERNEL_TIME, SAME_KERNELS = "latency", "kernel_time", "same_kernels"

DEVIATIONS = 3
"""Of the spread between suites that place engines, weights or activations in different ways."""

# Prior standard deviations of the logarithm of a latency between two processes of one environment (docs/rehearsal.md).
ON_CPU = 0.025
HOST_BOUND, GPU_BOUND = 0.012, 0.003


@dataclass(frozen=True)
class Differences:
    """One benchmark's pairs: differences of the logarithm with their standard errors, and both sides' values.

    `elsewhere` is how much of a difference other places in the GPU's memory may explain, in every pair alike.
    """

    values: tuple[float, ...]
    within: tuple[float, ...]
    old: float
    new: float
    elsewhere: float = 0.0


def continuous(record: Record, runs: Mapping[str, Sequence[Run]]) -> Iterable[tuple[str, str, Differences, float]]:
    """Metric, benchmark, its pairs and the prior between processes, of every continuous test that was measured."""
    for name in record.compared():
        turns = [pair.turns[name] for pair in record.pairs if name in pair.turns]
        yield from latency(record, name, runs, [one for one in turns if one.rounds >= LEAST_ROUNDS][:MOST_PAIRS])
        pairs = [
            (old.benchmarks[name], new.benchmarks[name])
            for old, new in zip(runs[OLD], runs[NEW], strict=True)
            if all(KERNEL_TIME in run.benchmarks[name].values for run in (old, new) if name in run.benchmarks)
            and name in old.benchmarks
            and name in new.benchmarks
        ]
        if pairs:
            moved = 0.0 if record.loads_alike else _elsewhere(runs, name, turns)
            for key, benchmark, found, process in kernel_differences(name, pairs[:MOST_PAIRS], record.loadings):
                yield key, benchmark, replace(found, elsewhere=moved), process


def latency(
    record: Record, benchmark: str, runs: Mapping[str, Sequence[Run]], pairs: Sequence[Turns]
) -> Iterable[tuple[str, str, Differences, float]]:
    """Metric, benchmark, its pairs and the prior, of the latency; nothing where there is no pair.

    Args:
        pairs: of at least LEAST_ROUNDS each.
    """
    if not pairs:
        return
    old_s = _old_s(pairs)
    waits = _waits(runs[OLD], benchmark, old_s)
    yield LATENCY, benchmark, latency_differences(pairs, old_s), latency_prior(record, waits)


def _old_s(pairs: Sequence[Turns]) -> float:
    return math.exp(statistics.fmean(float(np.median(np.log(turns.min_s[OLD]))) for turns in pairs))


def _elsewhere(runs: Mapping[str, Sequence[Run]], benchmark: str, pairs: Sequence[Turns]) -> float:
    """How far the logarithm of a kernel time may lie from that of a suite that places engines, weights or activations
    in another way."""
    spread = BY_KEY[KERNEL_TIME].spread
    assert spread is not None
    known = [one.benchmarks[benchmark] for side in runs.values() for one in side if benchmark in one.benchmarks]
    if any(one.has_engine for one in known):
        return DEVIATIONS * spread.loading
    timed = [one for one in pairs if one.rounds]
    return DEVIATIONS * spread.loading * (_waits(runs[OLD], benchmark, _old_s(timed)) if timed else 1.0)


def latency_differences(pairs: Iterable[Turns], old_s: float) -> Differences:
    """The pairs' differences in latency: the median over rounds of neighbouring turns' difference.

    Of each turn the shortest call counts: what disturbs a shared host makes calls longer and none shorter.

    Args:
        old_s: the latency of the old side.
    """
    values, within = [], []
    for turns in pairs:
        rounds = np.log(turns.min_s[NEW]) - np.log(turns.min_s[OLD])
        middle = float(np.median(rounds))
        values.append(middle)
        # The standard error of a median of normal values, their deviation taken from the median absolute deviation.
        deviation = 1.4826 * float(np.median(np.abs(rounds - middle)))
        within.append(math.sqrt(math.pi / 2 / len(rounds)) * deviation)
    return Differences(tuple(values), tuple(within), old_s, old_s * math.exp(statistics.fmean(values)))


def latency_prior(record: Record, waits: float) -> float:
    """Prior standard deviation of the logarithm between two processes of one environment.

    Args:
        waits: share of the latency in which the GPU waits for the host.
    """
    return math.hypot(GPU_BOUND, waits * HOST_BOUND) if record.is_cuda else ON_CPU


def _waits(runs: Sequence[Run], benchmark: str, latency_s: float) -> float:
    """Share of the latency in which the GPU waits for the host; 1 where no kernel time is known."""
    kernels_s = [run.benchmarks[benchmark].values.get(KERNEL_TIME) for run in runs if benchmark in run.benchmarks]
    known = [value for value in kernels_s if value]
    return max(0.0, 1 - statistics.fmean(known) / latency_s) if known else 1.0


def kernel_differences(
    name: str, pairs: Sequence[tuple[Benchmark, Benchmark]], loadings: Sequence[int]
) -> Iterable[tuple[str, str, Differences, float]]:
    """Metric, benchmark, its pairs and the prior, of the kernel time as a whole and of the same kernels.

    The same kernels are the operators that launched kernels which the old side launched as well, with the same grids.

    Args:
        loadings: the sides' numbers of `suite.loading`.
    """
    old = statistics.fmean(benchmark.values[KERNEL_TIME] for benchmark, _ in pairs)
    rate = statistics.fmean(benchmark.values.get("launches", 0.0) for benchmark, _ in pairs) / old
    varies = choices.vary(benchmark for pair in pairs for benchmark in pair)
    none = (0.0,) * len(pairs)
    whole = tuple(math.log(new.values[KERNEL_TIME] / before.values[KERNEL_TIME]) for before, new in pairs)
    centre = math.exp(statistics.fmean(whole))
    prior = _kernel_prior(KERNEL_TIME, rate, varies, loadings)
    yield KERNEL_TIME, name, Differences(whole, none, old, old * centre), prior
    if not all(before.operators and new.operators for before, new in pairs):
        return
    learned_from, judged = choices.alike_in_grids(
        [before.operators for before, _ in pairs], [new.operators for _, new in pairs]
    )
    # Pairs are few, and each of them has to say the same when the next ones follow.
    known = choices.learn(learned_from, set_apart=False)
    matched = [choices.match(known, operators) for operators in judged]
    if min(one.share for one in matched) < choices.LEAST_MATCHED:
        return
    same = tuple(math.log(one.factor / factor) for one, factor in zip(matched, known.factors, strict=True))
    known_s = statistics.fmean(one.known_s for one in matched)
    centre = math.exp(statistics.fmean(same))
    prior = _kernel_prior(SAME_KERNELS, rate, varies, loadings)
    yield SAME_KERNELS, name, Differences(same, none, known_s, known_s * centre), prior


def _kernel_prior(key: str, launches_per_s: float, varies: bool, loadings: Sequence[int]) -> float:
    spread = BY_KEY[key].spread
    assert spread is not None
    return math.hypot(spread.process, spread.choice_among(loadings) * launches_per_s if varies else 0.0)
