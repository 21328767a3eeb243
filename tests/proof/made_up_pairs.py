"""Made-up batches of processes on a GPU: processes that differ as processes do, with noisy turns and two operators."""

from __future__ import annotations

import math
import random
from typing import Any

from proof.rehearsals.batches import Batch, Process, Recording
from rehearsal.record import Turns
from tests.rehearsal import records

NAMES = records.NAMES
LISTS: dict[str, Any] = {"kernels": ["conv", "add"], "operators": ["aten::conv2d", "aten::add"], "api_calls": [{}]}
# A pair takes so long beside its turns, the first one longer.
FIRST_S, LATER_S, TURNS_S = 40.0, 20.0, 6.0


def measured(draw: random.Random, spread: float, slower: float = 0.0, waits: int = 1) -> dict[str, Any]:
    """What a process has of a benchmark beside its latency."""
    times_ns = [round(time_ns * (1 + slower) * math.exp(draw.gauss(0, spread))) for time_ns in (8e6, 2e6)]
    return {
        "build_s": 0.1,
        "kernel_time_s": sum(times_ns) * 1e-9,
        "kernel_time_repeats_s": [0.01] * 10,
        "launches": 2,
        "synchronisations": waits,
        "api_calls": {"cudaLaunchKernel": 2, "cudaDeviceSynchronize": waits},
        "kernels": {"kernel": [0, 1], "launches": [1, 1], "time_s": [time_ns * 1e-9 for time_ns in times_ns]},
        "operators": {"operator": [0, 1], "kernels": [[0], [1]], "time_ns": times_ns, "api_calls": [0, 0]},
    }


def batch(
    draw: random.Random,
    processes: int = 12,
    slowed: int = 0,
    *,
    slower: float = 0.0,
    waits: int = 0,
    process: float = 0.003,
    turn: float = 0.01,
    rounds: int = 30,
    is_first: bool = False,
) -> Batch:
    """Processes of which the last ones are slower, latency and kernels, and wait for the GPU so often more; spreads are
    of the logarithm."""
    found = Batch(apart_s=FIRST_S if is_first else LATER_S, turns_s=TURNS_S, is_first=is_first)
    for number in range(processes + slowed):
        is_slowed = number >= processes
        entry = [{"kind": "host", "asked": f"{slower:%}", "size_s": 0.02 * slower}]
        if waits:
            entry.append({"kind": "synchronisation", "asked": str(waits), "size_s": None})
        found.processes[f"process-{number + 1}"] = Process(
            {name: measured(draw, 0.0005, slower * is_slowed, 1 + waits * is_slowed) for name in NAMES},
            LISTS,
            dict.fromkeys(NAMES, entry) if is_slowed else {},
        )
    for name in NAMES:
        turns = found.turns[name] = Turns(2, {one: [] for one in found.processes}, {one: [] for one in found.processes})
        means = {
            one: 0.02 * (1 + slower * bool(of.slowed)) * math.exp(draw.gauss(0, process))
            for one, of in found.processes.items()
        }
        for _ in range(rounds):
            turns.add({one: [mean_s * math.exp(draw.gauss(0, turn))] * 2 for one, mean_s in means.items()})
    return found


def recording(batches: int = 2, seed: int = 1, **of_a_batch: Any) -> Recording:
    """Batches of one environment."""
    draw = random.Random(seed)
    side = records.side()
    side["device"] |= {"name": "a GPU", "uuid": "GPU-1", "is_cuda": True}
    return Recording(
        side, "2026-01-01T00:00:00+00:00", [batch(draw, is_first=not number, **of_a_batch) for number in range(batches)]
    )
