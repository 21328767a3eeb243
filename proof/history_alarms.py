"""How often changes are found in noise alone, and how often true ones: `python -m proof.history_alarms`.

Prints the tables of docs/history.md, from so many quiet series a cell, and so many with a change. Every series is noise
of one of `KINDS`, to which a change may be added.
"""

import argparse
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.signal import lfilter

from common import output
from regression.history.noise import Floats, penalty
from regression.history.search import changes, search
from regression.history.series import FALSE_ALARM, noise_floor
from regression.metric import Kind
from regression.metrics import METRICS, OF_THE_MACHINE

NOISE = 0.001
BENCHMARKS = 50
CONTINUOUS = [m for m in METRICS if m.kind is Kind.CONTINUOUS and not m.by_operator and m.key not in OF_THE_MACHINE]
# Of a benchmark; questions have others.
TIMES = [m for m in CONTINUOUS if not m.of_questions]
# The error of a history is divided among the series that vary at all: times do every night, most counts never do.
SERIES = BENCHMARKS * len(TIMES)
NIGHTS = (10, 20, 60, 200)
QUIET_NIGHTS, LONGEST_DELAY = 30, 60
# Metric, step or drift, its size (of a drift in one night), spread between nights.
DELAYS = (
    ("kernel_time", "step", 0.005, 0.001),
    ("kernel_time", "step", 0.01, 0.001),
    ("kernel_time", "drift", 0.005, 0.001),
    ("kernel_time", "drift", 0.0005, 0.001),
    ("latency", "drift", 0.005, 0.01),
    ("latency", "drift", 0.005, 0.03),
)
KINDS = (
    "normal",
    "heavy tails",
    "two modes",
    "alike neighbours",
    "restless",
    "days of three runs",
    "pool of four GPUs",
    "swap of the GPU",
)
RUNS_A_DAY, GPUS = 3, 4
COLUMNS = " | ".join(f"{nights} nights" for nights in NIGHTS)
# What a GPU of the pool, and a day of several runs, add, in standard deviations between processes.
OF_A_GPU, OF_A_DAY = 3.0, 1.0
SPREADS = (0.001, 0.003, 0.01, 0.03)
# Drifts: nights, nights of quiet before, growth of a night, nights that it is held for.
DRIFTS = (
    ("0.5 % a night from the first night on", 20, 0, 0.005, 1),
    ("0.5 % a night from the first night on", 30, 0, 0.005, 1),
    ("0.1 % a night from the first night on", 60, 0, 0.001, 1),
    ("+1 % every fifth night", 30, 0, 0.01, 5),
    ("+1 % every fifth night", 60, 0, 0.01, 5),
    ("0.5 % a night for 20 nights, after 20 quiet ones", 40, 20, 0.005, 1),
    ("3 % a night for 10 nights, from the first on", 10, 0, 0.03, 1),
    ("3 % a night for 10 nights, after 10 quiet ones", 20, 10, 0.03, 1),
)


@dataclass(frozen=True)
class Quiet:
    """Noise in standard deviations between processes, and how it was measured."""

    values: Floats
    gpus: Sequence[Hashable] = ()
    days: Sequence[Hashable] = field(default=())


def quiet(kind: str, random: np.random.Generator, nights: int) -> Quiet:
    """So many nights without a change."""
    normal = random.normal(size=nights)
    if kind == "heavy tails":
        return Quiet(np.asarray(random.standard_t(3, size=nights)))
    if kind == "two modes":
        return Quiet(normal + 6 * (random.random(nights) < 0.2))
    if kind == "alike neighbours":
        return Quiet(np.asarray(lfilter([1], [1, -0.5], random.normal(size=nights + 50))[50:]))
    if kind == "restless":
        return Quiet(normal * np.exp(random.normal(scale=0.7, size=nights)))
    if kind == "days of three runs":
        day = np.repeat(OF_A_DAY * normal, RUNS_A_DAY)
        return Quiet(day + random.normal(size=len(day)), days=np.repeat(np.arange(nights), RUNS_A_DAY).tolist())
    if kind == "pool of four GPUs":
        gpus = random.integers(GPUS, size=nights)
        return Quiet(normal + OF_A_GPU * random.normal(size=GPUS)[gpus], gpus.tolist())
    if kind == "swap of the GPU":
        gpus = (np.arange(nights) >= nights // 2).astype(int)
        return Quiet(normal + OF_A_GPU * gpus, gpus.tolist())
    return Quiet(normal)


def alarms(
    kind: str, nights: int, repeats: int, random: np.random.Generator, false_alarm: float = FALSE_ALARM / SERIES
) -> float:
    """The share of series of noise alone in which a change is found."""
    found = 0
    for _ in range(repeats):
        noise = quiet(kind, random, nights)
        found += bool(search(np.exp(NOISE * noise.values), false_alarm, gpus=noise.gpus, days=noise.days).found)
    return found / repeats


def seen(
    deviations: float, nights: int, repeats: int, random: np.random.Generator, false_alarm: float = FALSE_ALARM / SERIES
) -> float:
    """The share of series with a step of so many deviations after half of the nights in which it is found there."""
    hits = 0
    for _ in range(repeats):
        values = NOISE * random.normal(size=nights)
        values[nights // 2 :] += NOISE * deviations
        hits += any(abs(change.first - nights // 2) <= 2 for change in changes(np.exp(values), false_alarm))
    return hits / repeats


@dataclass(frozen=True)
class Creep:
    """What was found of a drift or a staircase."""

    found: float
    """Share of the series with any change."""
    once: float
    """Of these, the share in which one change holds at least four fifths of the whole."""
    dated: float
    """Of these, the share whose interval holds the true first night."""


def crept(
    nights: int,
    before: int,
    growth: float,
    held: int,
    spread: float,
    repeats: int,
    random: np.random.Generator,
    false_alarm: float = FALSE_ALARM / SERIES,
) -> Creep:
    """What is found of a level that grows by so much after every `held` nights, after `before` quiet ones."""
    shape = growth * np.maximum((np.arange(nights) - before + (before > 0)) // held, 0)
    first = int(np.flatnonzero(shape)[0])
    found, once, dated = 0, 0, 0
    for _ in range(repeats):
        seen_ones = changes(np.exp(shape + spread * random.normal(size=nights)), false_alarm)
        whole = [one for one in seen_ones if np.log(one.ratio) >= 0.8 * (shape[-1] - shape[0])]
        found += bool(seen_ones)
        once += bool(whole)
        dated += bool(seen_ones) and seen_ones[0].earliest <= first <= seen_ones[0].latest
    return Creep(found / repeats, once / max(found, 1), dated / max(found, 1))


def delay(
    key: str,
    kind: str,
    size: float,
    spread: float,
    random: np.random.Generator,
    false_alarm: float = FALSE_ALARM / SERIES,
) -> int:
    """Nights from the first changed one until a change is reported; LONGEST_DELAY where it is not by then."""
    metric = next(metric for metric in METRICS if metric.key == key)
    values = spread * random.normal(size=QUIET_NIGHTS + LONGEST_DELAY)
    nights = np.arange(1, LONGEST_DELAY + 1)
    values[QUIET_NIGHTS:] += np.log1p(size) * (nights if kind == "drift" else 1)
    for after in nights:
        so_far = np.exp(values[: QUIET_NIGHTS + after])
        if changes(so_far, false_alarm, metric.min_effect, noise_floor(metric)):
            return int(after)
    return LONGEST_DELAY


def print_alarms(repeats: int) -> None:
    random = np.random.default_rng(2026)
    print(f"| noise, one series at {FALSE_ALARM} / {SERIES} | {COLUMNS} |")
    for kind in KINDS:
        rates = [alarms(kind, nights, repeats, random) for nights in NIGHTS]
        print(f"| {kind} | " + " | ".join(f"{rate:.3%}" for rate in rates) + " |", flush=True)


def print_changes(repeats: int) -> None:
    random = np.random.default_rng(2027)
    print(f"| step, in deviations | {COLUMNS} |")
    for deviations in (2, 3, 4, 6, 10, 20):
        rates = [seen(deviations, nights, repeats, random) for nights in NIGHTS]
        print(f"| {deviations} | " + " | ".join(f"{rate:.0%}" for rate in rates) + " |", flush=True)
    print("| penalty | " + " | ".join(f"{penalty(nights, FALSE_ALARM / SERIES):.0f}" for nights in NIGHTS) + " |")
    print("| drift | nights | " + " | ".join(f"noise {spread:.1%}" for spread in SPREADS) + " |")
    for name, nights, before, growth, held in DRIFTS:
        creeps = [crept(nights, before, growth, held, spread, repeats, random) for spread in SPREADS]
        told = [f"{one.found:.0%}" + (f" ({one.once:.0%}, {one.dated:.0%})" if one.found else "") for one in creeps]
        print(f"| {name} | {nights} | " + " | ".join(told) + " |", flush=True)
    print("| change | noise | nights |")
    for key, kind, size, spread in DELAYS:
        delays = [delay(key, kind, size, spread, random) for _ in range(repeats)]
        middle, late = np.quantile(delays, [0.5, 0.95], method="higher")
        print(f"| {key}, {kind} of {size:.2%} | {spread:.1%} | {middle}, {late} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m proof.history_alarms", description=__doc__)
    parser.add_argument("--noise", type=int, default=5_000, metavar="N", help="series of noise a cell (default: 5000)")
    parser.add_argument("--changes", type=int, default=100, metavar="N", help="series of each change (default: 100)")
    given = parser.parse_args()
    with output.reader_may_leave():
        print_alarms(given.noise)
        print_changes(given.changes)
