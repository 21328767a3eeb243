"""How often changes are found in noise alone, and how often true ones: `python -m proof.history_alarms`.

Prints the tables of docs/history.md. Every series is noise (normal, with heavier tails, with two modes 6 deviations
apart, or with neighbours that correlate by 0.5), to which a change may be added.
"""

import sys

import numpy as np
from scipy.signal import lfilter

from regression.history.noise import Floats, penalty
from regression.history.search import changes
from regression.history.series import FALSE_ALARM, noise_floor
from regression.metrics import METRICS, OF_THE_MACHINE, Kind

NOISE = 0.001
BENCHMARKS = 50
TIMES = [m for m in METRICS if m.kind is Kind.CONTINUOUS and not m.by_operator and m.key not in OF_THE_MACHINE]
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
KINDS = ("normal", "heavy tails", "two modes", "alike neighbours")


def noise(kind: str, random: np.random.Generator, nights: int) -> Floats:
    """So many nights' noise, in standard deviations (of the normal part)."""
    if kind == "heavy tails":
        return np.asarray(random.standard_t(3, size=nights))
    if kind == "two modes":
        return random.normal(size=nights) + 6 * (random.random(nights) < 0.2)
    if kind == "alike neighbours":
        return np.asarray(lfilter([1], [1, -0.5], random.normal(size=nights + 50))[50:])
    return random.normal(size=nights)


def alarms(
    kind: str, nights: int, repeats: int, random: np.random.Generator, false_alarm: float = FALSE_ALARM / SERIES
) -> float:
    """The share of series of noise alone in which a change is found."""
    found = sum(bool(changes(np.exp(NOISE * noise(kind, random, nights)), false_alarm)) for _ in range(repeats))
    return found / repeats


def seen(
    deviations: float, nights: int, repeats: int, random: np.random.Generator, false_alarm: float = FALSE_ALARM / SERIES
) -> float:
    """The share of series with a step of so many deviations after half of the nights in which it is found there."""
    hits = 0
    for _ in range(repeats):
        values = NOISE * noise("normal", random, nights)
        values[nights // 2 :] += NOISE * deviations
        hits += any(abs(change.first - nights // 2) <= 2 for change in changes(np.exp(values), false_alarm))
    return hits / repeats


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


def main(repeats: int) -> None:
    random = np.random.default_rng(2026)
    columns = " | ".join(f"{nights} nights" for nights in NIGHTS)
    print(f"| noise, one series at {FALSE_ALARM} / {SERIES} | {columns} |")
    for kind in KINDS:
        rates = [alarms(kind, nights, repeats, random) for nights in NIGHTS]
        print(f"| {kind} | " + " | ".join(f"{rate:.3%}" for rate in rates) + " |")
    print(f"| step, in deviations | {columns} |")
    for deviations in (2, 3, 4, 6, 10, 20):
        rates = [seen(deviations, nights, repeats // 20, random) for nights in NIGHTS]
        print(f"| {deviations} | " + " | ".join(f"{rate:.0%}" for rate in rates) + " |")
    print("| penalty | " + " | ".join(f"{penalty(nights, FALSE_ALARM / SERIES):.0f}" for nights in NIGHTS) + " |")
    print("| change | noise | nights |")
    for key, kind, size, spread in DELAYS:
        nights = [delay(key, kind, size, spread, random) for _ in range(max(repeats // 50, 1))]
        middle, late = np.quantile(nights, [0.5, 0.95], method="higher")
        print(f"| {key}, {kind} of {size:.2%} | {spread:.1%} | {middle}, {late} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
