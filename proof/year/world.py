"""What a process would measure on a night: the stored run of one GPU, with noise between processes, days and GPUs."""

from __future__ import annotations

import datetime
import math
import uuid
from typing import Any

import numpy as np

from proof import simulated_runs
from proof.year.calendar import EAGER, GPUS, RENAMED, TENSORRT, Calendar

# Standard deviations of logarithms, as stored runs show them (docs/evidence.md).
KERNEL_PROCESS, KERNEL_DAY, KERNEL_GPU = 0.0004, 0.0002, 0.002
LATENCY_PROCESS, LATENCY_DAY = 0.006, 0.004
KERNEL_S = dict(zip((*EAGER, *TENSORRT), (0.0009, 0.0113, 0.0004, 0.0062), strict=True))
HOST_S = dict(zip((*EAGER, *TENSORRT), (0.0054, 0.0001, 0.0007, 0.0001), strict=True))
FORMERLY = dict(zip(RENAMED, TENSORRT, strict=True))
THROTTLED = {
    "sm_clock_mhz": 1200, "temperature_c": 88, "power_w": 300.0, "throttle_reasons": ["hw_thermal_slowdown"],
    "other_processes": 0,
}  # fmt: skip
CALM = THROTTLED | {"sm_clock_mhz": 1980, "temperature_c": 45, "throttle_reasons": []}


class World:
    """The three GPUs of a calendar.

    Args:
        first: the date of night 0.
    """

    def __init__(self, calendar: Calendar, first: datetime.datetime, seed: int) -> None:
        self.calendar, self.first, self.seed = calendar, first, seed

    def document(self, gpu: str, night: int, process: int) -> dict[str, Any]:
        """The stored run of one process; the same arguments give the same run."""
        swapped = night >= self.calendar.swapped.get(gpu, self.calendar.nights)
        disturbed = (gpu, night) in self.calendar.disturbed
        day, own, unit = (
            np.random.default_rng((self.seed, [*GPUS].index(gpu), *of))
            for of in ((1, night + 100), (2, night + 100, process), (3, int(swapped)))
        )
        records = []
        for name in self.calendar.names(night):
            usual = FORMERLY.get(name, name)
            noise = KERNEL_DAY * day.standard_normal() + KERNEL_PROCESS * own.standard_normal()
            kernel_s = KERNEL_S[usual] * math.exp(noise + KERNEL_GPU * unit.standard_normal())
            for change in self.calendar.changes:
                if change.gpu == gpu and usual in change.benchmarks:
                    kernel_s *= change.factor(night)
            kernel_s *= 1.05 if disturbed else 1
            noise = LATENCY_DAY * day.standard_normal() + LATENCY_PROCESS * own.standard_normal()
            latency_s = (max(kernel_s, HOST_S[usual]) + 0.0001) * math.exp(noise)
            record = simulated_runs.benchmark(name, kernel_s, latency_s)
            record["extra_info"] |= {
                "visited_latency_s": latency_s,
                "gpu_state": [THROTTLED if disturbed else CALM],
                "build_s": 8.0 * math.exp(0.05 * own.standard_normal()),
            }
            records.append(record)
        identity = {"name": GPUS[gpu], "slug": gpu, "uuid": f"GPU-{uuid.uuid5(uuid.NAMESPACE_DNS, f'{gpu}-{swapped}')}"}
        run = simulated_runs.run(records, gpu=identity)
        run["machine_info"]["slug"] = gpu
        run["datetime"] = (self.first + datetime.timedelta(days=night, minutes=3 * process)).isoformat()
        run["suite"] |= {
            "schema": 2,
            "run_id": f"{gpu}-{night}-{process}",
            "labels": {name: {"passed": True, "message": ""} for name in self.calendar.names(night)},
        }
        return run
