"""How host-bound latencies follow the host calibration beside their visits: what the exponent of a pace rests on.

Visits of one GPU and night are compared, whatever process they are of.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import output
from common.stored import mapping
from proof.score.stored import injected, night, read_and_tell
from regression.judge.host_shift import host_bound, waiting
from regression.judge.noise import Floats
from regression.judge.visited import from_visits
from regression.runs import pace
from regression.runs.run import Benchmark, Run
from regression.text import count

# Of pairs of visits whose calibrations differ by less, the calibration explains nothing; as a logarithm.
APART = 0.2
PAIRS = 20_000
# Of so few pairs that far apart no exponent is told.
FEWEST = 200
EXPONENTS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True)
class Visited:
    """The visits of one benchmark on one GPU in one night: for every process its latencies and calibrations."""

    gpu: str
    id: str
    processes: tuple[tuple[Floats, Floats], ...]

    def exponent(self) -> float | None:
        """The median slope of pairs of visits, logarithm over logarithm (Theil and Sen); None of too few."""
        latencies, calibrations = (np.log(np.concatenate(part)) for part in zip(*self.processes, strict=True))
        one, other = np.random.default_rng(1).integers(0, len(latencies), (2, PAIRS))
        apart = calibrations[one] - calibrations[other]
        far = np.abs(apart) > APART
        slopes = (latencies[one] - latencies[other])[far] / apart[far]
        return float(np.median(slopes)) if far.sum() >= FEWEST else None

    def spread(self, exponent: float, quantile: float) -> float:
        """Standard deviation between processes, of the logarithm of that quantile of visits that were carried."""
        found = [np.quantile(latency / calibration**exponent, quantile) for latency, calibration in self.processes]
        return float(np.std(np.log(found), ddof=1))


def visited(runs: Sequence[Run]) -> list[Visited]:
    """Every host-bound benchmark that several processes of one GPU and night visited, but for slowed latencies."""
    found: dict[tuple[tuple[str, str], str], list[Benchmark]] = {}
    for run in runs:
        for id_, item in run.benchmarks.items():
            slowed = any(entry.get("kind") == "host" for entry in (injected(run) or {}).get(id_, ()))
            if item.at_pace and "kernel_time" in item.values and not item.disturbances and not slowed:
                found.setdefault((night(run), id_), []).append(from_visits(item))
    return [
        Visited(gpu, id_, tuple(map(_series, items)))
        for ((gpu, _), id_), items in found.items()
        if len(items) > 1 and host_bound(np.array([waiting(items)]))[0]
    ]


def _series(item: Benchmark) -> tuple[Floats, Floats]:
    stored = mapping(item.extra_info["visits"])
    return np.asarray(stored["latency_s"], dtype=float), np.asarray(stored["calibration_s"], dtype=float)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the exponents and the spreads; exit status 2 where no two runs of a GPU and night have visits."""
    parser = argparse.ArgumentParser(prog="python -m proof.score.pace", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="stored runs, files, folders or archives")
    options = parser.parse_args(argv)
    runs = read_and_tell(options.runs)
    found = visited(runs)
    if not found:
        print("No two runs of one GPU and night have visits of a host-bound benchmark; give more.", file=sys.stderr)
        return 2
    print(*_lines(found), sep="\n")
    return 0


def _lines(found: Sequence[Visited]) -> Iterator[str]:
    exponents = sorted(exponent for one in found if (exponent := one.exponent()) is not None)
    if exponents:
        low, middle, high = (float(np.quantile(exponents, part)) for part in (0.1, 0.5, 0.9))
        yield (
            f"exponents of {count(len(exponents), 'benchmark')}: {low:.2f}, {middle:.2f} and {high:.2f} "
            f"(10 %, median, 90 %); {exponents[0]:.2f} to {exponents[-1]:.2f} in all"
        )
    gpus = dict.fromkeys(one.gpu for one in found)
    yield f"\n{'between processes of one GPU':34}" + "".join(f"{gpu[:12] or 'a CPU':>14}" for gpu in gpus)
    ways = [(f"{exponent:.1f}, the {pace.QUANTILE:.0%} quantile", exponent, pace.QUANTILE) for exponent in EXPONENTS]
    for name, exponent, quantile in [("not carried, the 10% quantile", 0.0, 0.1), *ways]:
        spreads = [statistics.median(one.spread(exponent, quantile) for one in found if one.gpu == gpu) for gpu in gpus]
        yield f"{name:34}" + "".join(f"{spread:14.1%}" for spread in spreads)


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
