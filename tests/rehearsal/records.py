"""Made-up records of rehearsals: pairs of processes that differ as processes do, with turns that are noisy."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import Pair, Record, Turns

NAMES = ("model-eager-fp32-b1", "model-torchscript-fp32-b1")
DEVICE = {"name": "a CPU", "uuid": "", "is_cuda": False, "driver": None, "cuda": None, "cudnn": None}
EXTRA = {
    "build_s": 0.1,
    "host_work": {
        "python_calls": 3000,
        "aten_operators": 900,
        "inferences": 3,
        "counted_with": "sys.setprofile 3.11",
    },
}
OUTPUTS: dict[str, Any] = {
    "bound": 1e-5,
    "images": 8,
    "problem": "",
    "relative_error": 0.0,
    "old_error": 2e-6,
    "new_error": 2e-6,
    "other_labels": {},
    "lost_labels": {},
}


def side(version: str = "2.11.0", names: tuple[str, ...] = NAMES) -> dict[str, Any]:
    """What a side says of itself."""
    return {
        "interpreter": ".venv/bin/python",
        "checkout": ".",
        "arguments": [],
        "python": "3.11.7",
        "packages": {"torch": version},
        "settings": {"cpu_threads": 1},
        "device": dict(DEVICE),
        "benchmarks": {
            name: {"model": "model", "variant": name.split("-", 1)[1].removesuffix("-b1"), "batch_size": 1}
            for name in names
        },
        "missing": {},
    }


def record(
    pairs: int = 8,
    change: float = 0.0,
    *,
    process: float = 0.01,
    turn: float = 0.05,
    rounds: int = 40,
    new_version: str = "2.11.0",
    seed: int = 1,
) -> Record:
    """A rehearsal whose new side takes `change` longer; spreads are of the logarithm."""
    draw = random.Random(seed)
    found = Record(sides={OLD: side(), NEW: side(new_version)}, budget_s=600.0, datetime="2026-01-01T00:00:00+00:00")
    for _ in range(pairs):
        pair = Pair()
        for name in NAMES:
            turns = pair.turns[name] = Turns(2)
            means = {one: draw.gauss(0, process) for one in SIDES}
            for _ in range(rounds):
                turns.add(
                    {
                        one: [
                            0.02 * (1 + change * (one == NEW)) * math.exp(means[one] + draw.gauss(0, turn))
                            for _ in range(2)
                        ]
                        for one in SIDES
                    }
                )
            for one in SIDES:
                pair.measured[one][name] = copy.deepcopy(EXTRA)
        found.pairs.append(pair)
    found.outputs = {name: copy.deepcopy(OUTPUTS) for name in NAMES}
    return found
