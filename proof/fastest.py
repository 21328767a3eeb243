"""What is fastest: every variant of a model at every batch size, from stored runs of one GPU, as a Markdown table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from common import output
from proof.score.stored import read_and_tell
from regression.metrics import lookup
from regression.runs.run import Benchmark, Run

LATENCY, KERNEL_TIME, PEAK_MEMORY, ERROR = "latency", "kernel_time", "peak_memory", "relative_error"
ENERGY, LOADED = "energy of one request in flight", "-load"
REFERENCE = "eager-fp32"
HEADINGS = (
    *("variant", "latency ms", "images per s", "speed-up", "kernel time ms", "peak memory MiB"),
    *("energy per image J", "relative error"),
)


@dataclass
class Row:
    """A variant at a batch size.

    Attributes:
        found: metric to a value of each run that has one; the latency of visits, where there are any.
    """

    model: str
    variant: str
    batch_size: int
    found: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, value: object) -> None:
        """One run's value; nothing where it has none."""
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.found.setdefault(name, []).append(float(value))

    def value(self, name: str) -> float | None:
        """The median over the runs; None where no run has one."""
        return median(self.found[name]) if name in self.found else None


def rows(runs: Sequence[Run]) -> list[Row]:
    """Every variant that was timed, by model, batch size and latency, the fastest first."""
    found: dict[str, Row] = {}
    for benchmark in (benchmark for run in runs for benchmark in run.benchmarks.values()):
        if row := _row(benchmark):
            for name, value in {**benchmark.values, **benchmark.visited}.items():
                found.setdefault(benchmark.id, row).add(name, value)
    for run in runs:
        for id_, benchmark in run.benchmarks.items():
            if id_.endswith(LOADED) and (timed := found.get(id_.removesuffix(LOADED))):
                timed.add(ENERGY, lookup(benchmark.extra_info, ("in_flight", "1", "energy_per_image_j")))
    return sorted(found.values(), key=lambda row: (row.model, row.batch_size, row.value(LATENCY) or 0.0))


def _row(benchmark: Benchmark) -> Row | None:
    """A row for what has a latency."""
    model, variant, size = (benchmark.params.get(name, "") for name in ("model", "variant", "batch_size"))
    timed = benchmark.values.get(LATENCY) and size.isdecimal() and int(size)
    return Row(model, variant, int(size)) if timed else None


def lines(found: Sequence[Row]) -> list[str]:
    """A Markdown table for each model and batch size."""
    printed: list[str] = []
    for model, size in dict.fromkeys((row.model, row.batch_size) for row in found):
        group = [row for row in found if (row.model, row.batch_size) == (model, size)]
        reference = next((row.value(LATENCY) for row in group if row.variant == REFERENCE), None)
        printed += [f"{model}, batch {size}:", "", _line(HEADINGS), _line(["---"] + ["---:"] * (len(HEADINGS) - 1))]
        printed += [_line([f"`{row.variant}`", *_cells(row, reference)]) for row in group] + [""]
    return printed[:-1]


def _cells(row: Row, reference_s: float | None) -> list[str]:
    latency_s = row.value(LATENCY)
    assert latency_s
    written: Mapping[str, tuple[float | None, str]] = {
        "latency": (latency_s * 1e3, ",.3f"),
        "throughput": (row.batch_size / latency_s, ",.0f"),
        "speed-up": (reference_s / latency_s if reference_s else None, ".2f"),
        "kernel time": (_scaled(row.value(KERNEL_TIME), 1e3), ",.3f"),
        "peak memory": (_scaled(row.value(PEAK_MEMORY), 2**-20), ",.1f"),
        "energy": (row.value(ENERGY), ".3g"),
        "error": (row.value(ERROR), ".1e"),
    }
    return ["-" if value is None else format(value, form) for value, form in written.values()]


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables; exit status 2 where no run has a latency.

    What may not be compared with the first run, as one of another GPU model, is left out and named.
    """
    parser = argparse.ArgumentParser(prog="python -m proof.fastest", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="stored runs, folders and packed sessions of them")
    options = parser.parse_args(argv)
    runs = read_and_tell(options.runs)
    found = rows(runs)
    if not found:
        print("python -m proof.fastest: no stored run here has a latency", file=sys.stderr)
        return 2
    print(*lines(found), sep="\n")
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
