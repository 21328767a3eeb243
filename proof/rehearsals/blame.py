"""Tries the search for the package to blame on wheels made for it, and prints what it found at which cost.

`python -m proof.rehearsals.blame [--times N] [--budget TIME]`

Twelve packages of pure Python differ. Whole rehearsals on the CPU: one of the twelve is to blame (each of N times
another one), two are slow only together, and none is. What is to blame is drawn with a fixed seed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common import output
from proof.rehearsals import wheels
from rehearsal.__main__ import main as rehearse
from rehearsal.bisection import most_asked

SEED = 20260101


def run(folder: Path, slow: Mapping[str, Sequence[str]], budget: str) -> dict[str, Any]:
    """What a rehearsal with a search says of a new side in which these parts are slow."""
    wheels.write_parts(folder / "wheels", wheels.PARTS, slow)
    pythons = wheels.sides(folder, folder / "wheels", wheels.PARTS)
    checkout = wheels.checkout(folder / "checkout")
    sides = [f"--{name}={python}" for name, python in pythons.items()]
    sides += [f"--{name}-checkout={checkout}" for name in pythons]
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        rehearse(
            [*sides, "--bisect", f"--find-links={folder / 'wheels'}", "--no-index", f"--budget={budget}",
             "--format=json"]
        )  # fmt: skip
    return dict(json.loads(out.getvalue()))


def tried(slow: Mapping[str, Sequence[str]], budget: str) -> tuple[str, bool]:
    """A line of the table, and whether the search found just what is to blame within what it announced."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["UV_CACHE_DIR"] = str(folder / "cache")  # other wheels of the same names and versions
        said = run(folder, slow, budget)
    search = said["search"]
    found = {part for block in search["blamed"] for group in block for part in search["groups"][group]}
    guilty = {one for part, others in slow.items() for one in (part, *others)}
    most = most_asked(len(wheels.PARTS), len(guilty)) if guilty else 1
    is_right = found == guilty and len(search["steps"]) <= most
    latency = next(row for row in said["rows"] if row["metric"] == "latency")
    size = f"{(latency['ratio'] - 1) * 100:+.1f} %" if latency["ratio"] else "-"
    took = f"{sum(step['took_s'] for step in search['steps']):.0f} s"
    unsure = sum(not step["is_sure"] for step in search["steps"])
    cells = [
        ", ".join(sorted(guilty)) or "none",
        f"{latency['verdict']} {size}",
        ", ".join(sorted(found)) or search["ended"].split(":")[0].rstrip("."),
        f"{len(search['steps'])} of at most {most}",
        took + (f", {unsure} undecided" if unsure else ""),
        f"{time.monotonic() - began:.0f} s",
        "yes" if is_right else "NO",
    ]
    return f"| {' | '.join(cells)} |", is_right


def main(argv: Sequence[str] | None = None) -> int:
    """Print a table; 0 if every search was right."""
    parser = argparse.ArgumentParser(prog="python -m proof.rehearsals.blame", description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=10, metavar="N")
    parser.add_argument("--budget", default="30s", metavar="TIME")
    options = parser.parse_args(argv)
    draw = random.Random(SEED)
    one: list[Mapping[str, Sequence[str]]] = [{part: []} for part in draw.sample(wheels.PARTS, options.times)]
    pairs = [draw.sample(wheels.PARTS, 2) for _ in range(max(1, options.times // 3))]
    cases = [*one, *({first: [second]} for first, second in pairs), {}]
    print("| to blame | the rehearsal | found | rehearsals of the search | in | all | right |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    right = []
    for slow in cases:
        line, is_right = tried(slow, options.budget)
        right.append(is_right)
        print(line, flush=True)
    print(f"{sum(right)} of {len(right)} right")
    return 0 if all(right) else 1


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
