"""Stored runs to judge, made up as docs/stored-runs.md describes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regression.runs.read import read
from regression.runs.run import Run

VARIANTS = ("eager-fp32", "torchscript-fp32", "tensorrt-fp16")
IDS = tuple(f"efficientnet_b0-{variant}-b{batch}" for variant in VARIANTS for batch in (1, 8, 128))


class Recorder:
    """Writes stored runs of a GPU whose benchmarks have a true kernel time and process noise."""

    def __init__(self, folder: Path, seed: int = 7) -> None:
        self.folder, self.random = folder, np.random.default_rng(seed)
        folder.mkdir(parents=True, exist_ok=True)

    def document(
        self,
        factors: Mapping[str, float] | None = None,
        *,
        ids: tuple[str, ...] = IDS,
        day: int = 1,
        hour: int = 2,
        uuid: str = "GPU-1",
        noise: float = 0.0003,
        commit: str = "",
        **suite: Any,
    ) -> dict[str, Any]:
        """A stored run; `factors` slows benchmarks down by id."""
        benchmarks = []
        for number, id_ in enumerate(ids):
            factor = (factors or {}).get(id_, 1.0)
            kernel = 0.0005 * (number + 1) * factor * np.exp(noise * self.random.standard_normal())
            latency = 0.0006 * (number + 1) * factor * np.exp(5 * noise * self.random.standard_normal())
            model, *variant, batch = id_.split("-")
            benchmarks.append(
                {
                    "name": f"test_speed[{id_}]",
                    "param": id_,
                    "params": {"model": model, "variant": "-".join(variant), "batch_size": int(batch[1:])},
                    "stats": {"median": latency, "q1": latency * 0.999, "q3": latency * 1.001},
                    "extra_info": {
                        "kernel_time_s": kernel,
                        "peak_memory_bytes": 10**8,
                        "launches": 275,
                        "build_s": 8.0,
                        "gpu_state": [{"throttle_reasons": ["idle", "sw_power_cap"], "other_processes": 0}],
                    },
                }
            )
        return {
            "datetime": f"2026-03-{day:02d}T{hour:02d}:{len(list(self.folder.rglob('*.json'))):02d}:00+00:00",
            "machine_info": {
                "gpu": {"name": "NVIDIA H200", "slug": "nvidia-h200", "uuid": uuid, "mig": None},
                "cpu": {"brand_raw": "AMD EPYC"},
                "software": {"torch": "2.11.0"},
                "settings": {"device": "cuda", "precision_policy": "TF32 convolutions"},
            },
            "commit_info": {"id": commit, "dirty": False} if commit else {},
            "suite": {"schema": 1, "selected": list(ids), "deselected": 0, "skipped": {}, "failed": {}, "labels": {}}
            | suite,
            "benchmarks": benchmarks,
        }

    def store(self, document: Any, name: str | None = None) -> Path:
        """The file of a document (or of text), by default as the next baseline."""
        path = self.folder / (name or f"{len(list(self.folder.rglob('*.json'))) + 1:04d}_baseline.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        return path

    def baselines(self, count: int = 5, **options: Any) -> list[Run]:
        return [read(self.store(self.document(**options))) for _ in range(count)]

    def run(self, factors: Mapping[str, float] | None = None, **options: Any) -> Run:
        options = {"day": 2} | options
        return read(self.store(self.document(factors, **options), "now/0099_nightly.json"))

    def again(self, factors: Mapping[str, float] | None = None, controls: tuple[str, ...] = (), **options: Any) -> Any:
        """One confirmation of `suite.confirmations`: every benchmark measured again."""
        measured = self.document(factors, **options)["benchmarks"]
        return {
            "datetime": "2026-03-02T03:00:00+00:00",
            "controls": list(controls),
            "benchmarks": {
                item["param"]: {
                    "kernel_time_s": item["extra_info"]["kernel_time_s"],
                    "latency_s": item["stats"]["median"],
                    "peak_memory_bytes": item["extra_info"]["peak_memory_bytes"],
                }
                for item in measured
            },
        }
