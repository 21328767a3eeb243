"""How much CPU time a history takes to read and search: `python -m proof.history_speed` (1,000 runs, 0.3 GB).

Each stored run has 50 benchmarks and, as a real one, a table of 80 kernels and 101 quantiles for each of them; all
five times vary.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from common import output
from proof.simulated_runs import benchmark, run, save
from regression.history import series as history

NAMES = [f"efficientnet_b0-variant{number}-b{batch}" for number in range(25) for batch in (1, 128)]
KERNELS = tuple(f"void at::native::kernel_{number}<float, {number}>(int, char*)" for number in range(80))


def store(folder: Path, nights: int, random: np.random.Generator) -> int:
    """Write so many nights of noise, and return the bytes they take."""
    size = 0
    for night in range(nights):
        noise = np.exp(0.001 * random.normal(size=(len(NAMES), 4)))
        extra = [(number, 1, 1e-6 + number * 1.234567e-8) for number in range(3, len(KERNELS))]
        records = []
        for name, (kernel_time, latency, build, api_call) in zip(NAMES, noise.tolist(), strict=True):
            record = benchmark(name, 0.005 * kernel_time, 0.0055 * latency, extra=extra)
            record["extra_info"] |= {
                "build_s": 8.0 * build,
                "api_calls": {"cudaLaunchKernel": 88},
                "api_call_times_s": {"cudaLaunchKernel": 2e-6 * api_call},
            }
            records.append(record)
        size += save(folder, run(records, night, KERNELS), f"{night:04d}_nightly").stat().st_size
    return size


def main(nights: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        size = store(Path(name), nights, np.random.default_rng(2026))
        began = time.process_time()
        found, _ = history.read(Path(name))
        read = time.process_time()
        (past,) = history.trace(found)
        ended = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    print(
        f"{len(past.nights)} runs of {size / nights / 1e3:.0f} KB, {past.series} series: reading {read - began:.1f} s, "
        f"searching {ended - read:.1f} s of CPU time, {memory:.0f} MB of memory"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m proof.history_speed", description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=1000, help="stored runs (default: 1000)")
    given = parser.parse_args()
    with output.reader_may_leave():
        main(given.runs)
