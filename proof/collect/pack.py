"""Packs a session's stored runs for this repository, without what no score reads: `python -m proof.collect.pack`."""

from __future__ import annotations

import argparse
import io
import json
import sys
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import output
from common.columns import columns, rows
from proof.score.stored import ARCHIVE

# Series and facts of a benchmark that only figures, tables and the history show.
SHOWN = ("latency_quantiles_s", "kernel_time_repeats_s", "throughput_images_per_s", "speedup_over_eager_fp32")
STATISTICS = ("mean", "median", "min", "q1", "q3", "rounds")
RECORD = ("name", "param", "params")
DISTURBANCES = ("throttle_reasons", "other_processes")
DIGITS = 6


def reduced(document: Mapping[str, Any]) -> dict[str, Any]:
    """A stored run with all that is judged, explained and scored, and nothing else of its benchmarks."""
    return {**document, "benchmarks": [_benchmark(record) for record in document.get("benchmarks", ())]}


def _benchmark(record: Mapping[str, Any]) -> dict[str, Any]:
    extra_info = {name: value for name, value in record.get("extra_info", {}).items() if name not in SHOWN}
    if samples := extra_info.get("gpu_state"):
        stored = samples if isinstance(samples, list) else rows(samples)
        states = [{name: state.get(name) for name in DISTURBANCES} for state in stored]
        extra_info["gpu_state"] = columns(state for number, state in enumerate(states) if state not in states[:number])
    stats = record.get("stats", {})
    return {name: record[name] for name in RECORD if name in record} | {
        "extra_info": extra_info,
        "stats": {name: float(f"{stats[name]:.{DIGITS}g}") for name in STATISTICS if name in stats},
    }


def packed(folder: Path, name: str) -> bytes:
    """All stored runs under a folder, reduced, as an archive in which they lie in the folder `name`."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:xz", preset=9) as archive:
        for path in sorted(folder.rglob("*.json")):
            data = json.dumps(reduced(json.loads(path.read_bytes())), separators=(",", ":")).encode()
            entry = tarfile.TarInfo(f"{name}/{path.relative_to(folder)}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return written.getvalue()


def main(argv: Sequence[str] | None = None) -> int:
    """Pack; exit status 2 where there is no stored run."""
    parser = argparse.ArgumentParser(prog="python -m proof.collect.pack", description=__doc__)
    parser.add_argument("folder", type=Path, help="with the stored runs of a session")
    parser.add_argument("archive", type=Path, help=f"a new file, NAME{ARCHIVE}")
    options = parser.parse_args(argv)
    if not options.archive.name.endswith(ARCHIVE):
        parser.error(f"{options.archive} does not end in {ARCHIVE}, by which it is found again.")
    found = list(options.folder.rglob("*.json"))
    if not found:
        print(f"python -m proof.collect.pack: there is no stored run in {options.folder}", file=sys.stderr)
        return 2
    data = packed(options.folder, options.archive.name.removesuffix(ARCHIVE))
    options.archive.write_bytes(data)
    size_kb = len(data) / 1000
    print(f"{len(found)} runs in {options.archive}: {size_kb:.0f} KB, {size_kb / len(found):.1f} KB each")
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
