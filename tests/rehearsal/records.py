"""Made-up records of rehearsals: pairs of processes that differ as processes do, with turns that are noisy."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

from rehearsal.bisection import Answer
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import Pair, Record, Turns
from rehearsal.steps import Bisection, Step

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


def searched(name: str = "torch") -> Bisection:
    """A search that blames one package; another name for it."""
    return Bisection(
        groups=[["timm"], [name, "triton"]],
        pins=["", f"{name} 2.12.0 requires triton==3.7.0"],
        versions={"timm": ["1.0.29", "1.0.31"], name: ["2.11.0", "2.12.0"], "triton": ["3.6.0", None]},
        installer="uv",
        step_s=60.0,
        followed={"benchmark": NAMES[0], "metric": "latency", "verdict": "SLOWER", "ratio": 1.2},
        steps=[
            Step([0, 1], str(Answer.CARRIES), 1.2, took_s=30),
            Step([0], str(Answer.LACKS), 1.001, is_sure=False, took_s=31),
            Step([1], str(Answer.UNTRIED), None, "its environment cannot be made: no wheel", took_s=1),
        ],
        blamed=[[1]],
    )
