"""Simulates nights of unchanged and of slowed code, and counts how often the judge is wrong.

With the files or folders of stored runs of unchanged code, nights are drawn from those instead.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from common import output
from regression.judge.common_shift import run_shifts, scatter, trust, weights
from regression.judge.controls import shift
from regression.judge.judge import judge
from regression.judge.limits import CONFIRMATIONS, FAMILY_WISE_ERROR, Limits, inside, limits
from regression.judge.noise import Floats, Layout, estimate
from regression.judge.shared_shift import SharedShift
from regression.judge.verdict import Report, suspects
from regression.metric import Kind, Metric
from regression.metrics import METRICS
from regression.runs.find import is_folder, walk
from regression.runs.read import read
from regression.runs.run import Confirmation, LeftOut, Run, UnusableRun
from regression.shared import HOST_BOUND, needs_all
from regression.spread import Spread
from regression.text import count

BASELINE_RUNS = 5
# Of so many variants the simulated benchmarks are.
VARIANTS = 6
# Nights that are simulated at once, so that the arrays of a batch stay small.
BATCH = 500


@dataclasses.dataclass(frozen=True)
class World:
    """How simulated benchmarks behave."""

    name: str
    tail: float | None
    """Degrees of freedom of the noise of processes and of days (Student's t of variance 1); None is normal."""
    chosen: float = 0.0
    """Share of the benchmarks whose kernels every process chooses anew, as the stored runs show."""
    overdispersed: float = 0.0
    """Share of the benchmarks with a spread of `unseen`, of which the stored runs show nothing but their values."""
    days: float = 1.0
    """The spread between days, in units of the prior."""
    regimes: float = 0.0
    """Share of the processes in which the latency is half as much again, where the host is the bottleneck."""
    hosts: bool = False
    """Whether all latencies wait for hosts whose shifts they share."""
    claimed: float = FAMILY_WISE_ERROR
    """The largest share of nights that may fail."""


WORLDS = (
    World("normal", None),
    World("heavy tails (t, 5 df)", 5),
    World("heavier tails (t, 4 df)", 4),
    World("kernels differ (2 of 3)", 5, chosen=2 / 3),
    World("overdispersed (1 of 4), 5 df", 5, overdispersed=0.25),
    World("regimes (1 of 5), t, 5 df", 5, regimes=0.2),
    World("hosts differ, t, 5 df", 5, hosts=True),
    World("days differ by 3 priors", None, days=3, claimed=0.03),
)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Shares of nights, or of tests where `detected`, in which something was said of unchanged or slowed code."""

    name: str
    nights: int
    tests: int
    suspected: float
    """A benchmark would be measured again, faster or slower."""
    unconfirmed: float
    """A run judged without confirmations fails."""
    failed: float
    """A run judged with its confirmations fails."""
    detected: float | None = None
    """A slowdown of the size claimed as detectable is reported."""
    detectable: tuple[float, float, float] | None = None
    """10 %, 50 % and 90 % quantiles of the claimed detectable change of the first metric."""


def simulate(
    world: World, nights: int, benchmarks: int, metrics: Sequence[Metric] = METRICS, seed: int = 1
) -> Calibration:
    """Nights of `benchmarks` unchanged benchmarks with all times that are judged of them, against a fresh baseline."""
    random = np.random.default_rng(seed)
    judged = [m for m in metrics if m.judged and m.kind is Kind.CONTINUOUS and not m.of_questions]
    # as the judge divides them
    spent = sum(metric.share for metric in judged)
    judged = [dataclasses.replace(metric, share=metric.share / spent) for metric in judged]
    counts = np.zeros(4)
    claims: list[Floats] = []
    for start in range(0, nights, BATCH):
        size = min(BATCH, nights - start)
        flags = np.zeros((3, size), dtype=bool)
        for metric in judged:
            first, again, known = _night(metric, world, size, benchmarks, random)
            flags[0] |= known.suspect(first).reshape(size, -1).any(axis=1)
            flags[1] |= (known.certain(first) & (first > 0)).reshape(size, -1).any(axis=1)
            flags[2] |= (known.reported(first, again) & (first > 0)).reshape(size, -1).any(axis=1)
            slower, slowly = first + known.detectable, again + known.detectable[:, None]
            counts[3] += (known.reported(slower, slowly) & (slower > 0)).mean() * size / len(judged)
            if metric is judged[0]:
                claims.append(np.expm1(known.detectable))
        counts[:3] += flags.sum(axis=1)
    suspected, unconfirmed, failed, detected = (counts / nights).tolist()
    low, middle, high = np.quantile(np.concatenate(claims), [0.1, 0.5, 0.9]).tolist()
    tests, claimed = benchmarks * len(judged), (low, middle, high)
    return Calibration(world.name, nights, tests, suspected, unconfirmed, failed, detected, claimed)


def _night(
    metric: Metric, world: World, nights: int, benchmarks: int, random: np.random.Generator
) -> tuple[Floats, Floats, Limits]:
    """Initial runs (nights * benchmarks,), confirmations (nights * benchmarks, 2) less the controls' shift, limits."""
    on_hosts = metric.host_bound if world.hosts else None
    spread, rows = on_hosts.besides if on_hosts else metric.spread, nights * benchmarks
    assert spread is not None, "a metric that is only shown has no noise to simulate"

    def draw(*shape: int) -> Floats:
        if world.tail is None:
            return random.standard_normal(shape)
        return np.asarray(random.standard_t(world.tail, shape) * np.sqrt((world.tail - 2) / world.tail))

    # Assumed: rounds spread from 0.05 % (the GPU is the bottleneck) to 7 % (the host is) within one process.
    rounds = np.exp(random.uniform(np.log(0.0005), np.log(0.07), rows))
    # Assumed: launches from 2 us (batch 1) to 60 us (batch 128) of kernel time each.
    launches_s = np.exp(random.uniform(np.log(2e-6), np.log(60e-6), rows))
    choice = spread.choice_s / launches_s * (random.random(rows) < world.chosen)
    # Assumed: the host takes 10 us to launch a kernel, and the GPU waits where its own are shorter.
    chosen_by_host = choice * np.clip(1 - launches_s / 10e-6, 0, 1)
    besides = np.hypot(spread.rounds * rounds, choice)
    prior = np.hypot(spread.process, besides)
    process = prior * np.sqrt(spread.process_df / random.chisquare(spread.process_df, rows))
    process = np.where(random.random(rows) < world.overdispersed, np.maximum(process, spread.unseen), process)
    day = np.hypot(spread.day, chosen_by_host)
    before, today = draw(rows) * day * world.days, draw(rows) * day * world.days
    baseline = draw(rows, BASELINE_RUNS) * process[:, None] + before[:, None]
    looks = draw(rows, 1 + CONFIRMATIONS) * process[:, None] + today[:, None]

    if metric.key == "latency" and world.regimes:
        # Where the host is the bottleneck the rounds of a process spread, too.
        host_bound = rounds[:, None] > 0.02
        baseline += (host_bound & (random.random(baseline.shape) < world.regimes)) * np.log(1.5)
        looks += (host_bound & (random.random(looks.shape) < world.regimes)) * np.log(1.5)

    variants = [row % VARIANTS for row in range(benchmarks)]
    hosts: list[SharedShift] = []
    if on_hosts:
        _add_shifts(on_hosts.shift, draw, baseline, looks, nights)
        found = [
            SharedShift.of(HOST_BOUND, on_hosts, one, np.ones(benchmarks, dtype=bool), variants)
            for one in baseline.reshape(nights, benchmarks, BASELINE_RUNS)
        ]
        hosts = [host for host in found if host]
        baseline -= np.repeat([host.baselines for host in hosts], benchmarks, axis=0)

    one_gpu = Layout(("GPU",) * BASELINE_RUNS, ("day",) * BASELINE_RUNS, "GPU")
    expected = np.hypot(spread.process, besides).reshape(nights, benchmarks)
    shifts = run_shifts(baseline.reshape(nights, benchmarks, BASELINE_RUNS), one_gpu, expected)
    trusted = np.repeat(trust(shifts, one_gpu, spread, expected), benchmarks, axis=0)
    noise = estimate(baseline, one_gpu, spread, besides, chosen_by_host, trusted)
    looks -= noise.centre[:, None]
    for host, one in zip(hosts, looks.reshape(nights, benchmarks, -1), strict=bool(hosts)):
        tonight = host.tonight(one[:, 0], one[:, 1:])
        one[:] = host.without(one, np.array([tonight.now, *tonight.again]))
    weight = weights(noise.deviation(1).reshape(nights, benchmarks), variants)
    wide = scatter(looks[:, 0].reshape(nights, benchmarks), weight, noise)
    noise = noise.widened(np.repeat(wide, benchmarks))
    variances = noise.deviation(1) ** 2
    steady = np.abs(looks[:, 0]) <= inside(noise, metric.share, benchmarks)
    # A suspect never is a control.
    precisions = np.where(steady, 1 / variances, 0).reshape(nights, 1, benchmarks)
    again = looks[:, 1:].reshape(nights, benchmarks, CONFIRMATIONS)
    shifted, variance = shift(again.swapaxes(1, 2), precisions)
    again = (again - shifted[:, None, :]).reshape(rows, CONFIRMATIONS)
    added = np.repeat(variance.max(axis=1), benchmarks)
    return looks[:, 0], again, limits(noise, metric.min_effect, metric.share, benchmarks, added)


def _add_shifts(spread: Spread, draw: Callable[..., Floats], baseline: Floats, looks: Floats, nights: int) -> None:
    """Add to each process what its host does to all of its benchmarks; the baseline's are of one day, the rest of
    another."""
    rows = len(baseline) // nights
    for processes in (baseline, looks):
        shifts = draw(nights, processes.shape[1]) * spread.process + draw(nights, 1) * spread.day
        processes += np.repeat(shifts, rows, axis=0)


def resample(runs: Sequence[Run], nights: int, metrics: Sequence[Metric] = METRICS, seed: int = 1) -> Calibration:
    """Nights drawn from stored runs of unchanged code: five as the baseline, one as the run, two as confirmations."""
    random = np.random.default_rng(seed)
    counts, tests = np.zeros(3), 0
    for _ in range(nights):
        chosen = [runs[index] for index in random.permutation(len(runs))[: BASELINE_RUNS + 1 + CONFIRMATIONS]]
        baseline, run, again = chosen[:BASELINE_RUNS], chosen[BASELINE_RUNS], chosen[BASELINE_RUNS + 1 :]
        before, after = judge_twice(run, baseline, again, metrics)
        tests = max(tests, before.tests)
        suspected = bool(suspects(before))
        failed = [any(item.failed for item in report.judgements) for report in (before, after)]
        counts += [suspected, failed[0], suspected and failed[1]]
    return Calibration("resampled from stored runs", nights, tests, *(counts / nights).tolist())


def judge_twice(
    run: Run, baseline: Sequence[Run], again: Sequence[Run], metrics: Sequence[Metric] = METRICS
) -> tuple[Report, Report]:
    """The report before and after confirmation; the other runs stand for the fresh processes that confirm.

    Of each of them only the suspects and the controls count, as in a session, and the visits of host-bound benchmarks.
    They are the same report where nothing is suspected.
    """
    before = judge_first(run, baseline, metrics)
    return before, judge_again(before, run, baseline, again, metrics)


def judge_first(run: Run, baseline: Sequence[Run], metrics: Sequence[Metric] = METRICS) -> Report:
    """The report before confirmation, whatever will confirm it."""
    return judge(dataclasses.replace(run, selected=None, confirmations=()), baseline, metrics=metrics)


def judge_again(
    before: Report, run: Run, baseline: Sequence[Run], again: Sequence[Run], metrics: Sequence[Metric] = METRICS
) -> Report:
    """The report after confirmation; `before` is that of `judge_first`."""
    beside = before.controls
    suspected = [id_ for id_, _ in suspects(before)]
    if not suspected:
        return before
    asked = dict.fromkeys([*suspected, *beside, *(run.benchmarks if any(map(needs_all, suspected)) else ())])
    confirmations = tuple(_confirmation(other, asked, beside, before.host_bound) for other in again)
    confirmed = dataclasses.replace(run, selected=None, confirmations=confirmations)
    return judge(confirmed, baseline, metrics=metrics)


def _confirmation(run: Run, asked: Iterable[str], beside: Sequence[str], visits_of: Sequence[str]) -> Confirmation:
    asked = set(asked)
    found = {id_: run.benchmarks[id_] for id_ in (*asked, *visits_of) if id_ in run.benchmarks}
    return Confirmation(
        tuple(beside),
        {id_: dict(benchmark.values) if id_ in asked else {} for id_, benchmark in found.items()},
        tuple(sorted({reason for benchmark in found.values() for reason in benchmark.disturbances})),
        {id_: benchmark.operators for id_, benchmark in found.items() if id_ in asked},
        {id_: benchmark.visited for id_, benchmark in found.items()},
        {id_: benchmark.at_pace for id_, benchmark in found.items()},
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Print the calibration as a table; exit status 1 where more than the claimed error fails."""
    parser = argparse.ArgumentParser(prog="python -m proof.simulation", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="*", help="stored runs of unchanged code, files or folders")
    parser.add_argument("--nights", type=int, default=10_000)
    parser.add_argument("--benchmarks", type=int, default=72)
    options = parser.parse_args(argv)
    if options.nights < 1 or options.benchmarks < 1:
        parser.error("--nights and --benchmarks must be at least 1.")
    header = (
        f"{'':28}{'nights':>8}{'tests':>7}{'suspected':>11}{'unconfirmed':>13}{'failed':>9}{'detected':>10}  detectable"
    )
    if options.runs:
        return _main_resampled(options.runs, options.nights, header)
    print(header)
    kept = True
    for world in WORLDS:
        found = simulate(world, options.nights, options.benchmarks)
        kept &= found.failed <= world.claimed
        print(_line(found), flush=True)
    return int(not kept)


def _main_resampled(paths: Sequence[Path], nights: int, header: str) -> int:
    runs, left_out = stored_runs(paths)
    for item in left_out:
        print(f"left out: {item}", file=sys.stderr)
    needed = BASELINE_RUNS + 1 + CONFIRMATIONS
    if len(runs) < needed:
        print(f"{count(len(runs), 'stored run')} given, too few: a night takes {needed}; give more.", file=sys.stderr)
        return 2
    found = resample(runs, nights)
    print(header, _line(found), sep="\n")
    independent = len(runs) // needed
    bound = 1 - 0.05 ** (1 / independent)
    nights_said = count(independent, "independent night")
    print(
        f"{len(runs)} runs make {nights_said}; none of those failing would bound the share at {bound:.0%} (95 % sure)."
    )
    return int(found.failed > FAMILY_WISE_ERROR)


def stored_runs(paths: Sequence[Path], metrics: Sequence[Metric] = METRICS) -> tuple[list[Run], list[LeftOut]]:
    """All stored runs under files and folders, whatever they were saved as."""
    left_out: list[LeftOut] = []
    files = [file for path in paths for file in (walk(path, left_out) if is_folder(path) else [path])]
    runs: list[Run] = []
    for file in dict.fromkeys(files):
        try:
            runs.append(read(file, metrics))
        except UnusableRun as error:
            left_out.append(LeftOut(error.path, error.reason))
    return runs, left_out


def _line(found: Calibration) -> str:
    detected = "-" if found.detected is None else f"{found.detected:.1%}"
    claims = "" if found.detectable is None else "  " + " / ".join(f"{claim:.2%}" for claim in found.detectable)
    return (
        f"{found.name:28}{found.nights:8}{found.tests:7}{found.suspected:11.2%}"
        f"{found.unconfirmed:13.2%}{found.failed:9.2%}{detected:>10}{claims}"
    )


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
