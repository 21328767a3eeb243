"""Stored runs made up for the tests: the format of docs/stored-runs.md with values of the test's choosing."""

import copy
import datetime
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

START = datetime.datetime(2026, 3, 1, 2, 30, tzinfo=datetime.UTC)
SILU = "void at::native::vectorized_elementwise_kernel<4, at::native::silu_kernel(float)>(int, char*)"
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int, char*)"
CONV = "sm90_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x64x32_stage3_kernel_cudnn"
KERNELS = (CONV, SILU, ADD)

MACHINE: dict[str, Any] = {
    "python_version": "3.12.11",
    "slug": "nvidia-h200",
    "gpu": {
        "name": "NVIDIA H200",
        "slug": "nvidia-h200",
        "uuid": "GPU-aaaa",
        "memory_bytes": 150_000_000_000,
        "mig": None,
    },
    "software": {"driver": "580.95", "torch": "2.11.0", "tensorrt": "1.4.0.76", "tensorrt_flavour": "TensorRT-RTX"},
    "settings": {"device": "cuda", "precision_policy": "fp32: TF32 convolutions", "cudnn_benchmark": True},
}


def benchmark(
    name: str,
    kernel_time_s: float = 0.005,
    latency_s: float = 0.0055,
    speedup: float = 2.0,
    extra: Sequence[tuple[int, int, float]] = (),
) -> dict[str, Any]:
    """One benchmark's record; `extra` are kernels (index, launches, seconds) that come on top of the usual three."""
    model, variant, batch = name.split("-")[0], "-".join(name.split("-")[1:-1]), int(name.rsplit("-b", 1)[1])
    rows = [(0, 30, 0.6 * kernel_time_s), (1, 49, 0.3 * kernel_time_s), (2, 9, 0.1 * kernel_time_s), *extra]
    total = sum(row[2] for row in rows)
    return {
        "name": f"test_speed[{name}]",
        "param": name,
        "params": {"model": model, "variant": variant, "batch_size": batch},
        "stats": {"median": latency_s, "min": latency_s * 0.97, "rounds": 200},
        "extra_info": {
            "precision": "fp16" if "fp16" in variant else "fp32",
            "latency_quantiles_s": [
                latency_s * (0.97 + 0.06 * (step / 100) + 0.3 * (step / 100) ** 12) for step in range(101)
            ],
            "throughput_images_per_s": batch / latency_s,
            "speedup_over_eager_fp32": speedup,
            "kernel_time_s": total,
            "launches": sum(row[1] for row in rows),
            "kernels": {
                "kernel": [row[0] for row in rows],
                "launches": [row[1] for row in rows],
                "time_s": [row[2] for row in rows],
            },
            "peak_memory_bytes": 2**28,
            "build_s": 8.0,
        },
    }


def run(
    benchmarks: Sequence[dict[str, Any]],
    night: float = 0,
    kernels: Sequence[str] = KERNELS,
    commit: str = "0" * 40,
    **changed: dict[str, Any],
) -> dict[str, Any]:
    """A stored run so many nights after the first; `changed` are fields of the machine: `software={"driver": ..}`."""
    machine = copy.deepcopy(MACHINE)
    for section, fields in changed.items():
        machine[section].update(fields)
    names = [record["param"] for record in benchmarks]
    return {
        "datetime": (START + datetime.timedelta(days=night)).isoformat(),
        "version": "5.2.3",
        "machine_info": machine,
        "commit_info": {"id": commit, "dirty": False},
        "benchmarks": benchmarks,
        "suite": {
            "schema": 1,
            "selected": names,
            "deselected": 0,
            "skipped": {},
            "failed": {},
            "weights": {"efficientnet_b0": {"source": "timm", "pretrained": True}},
            "images": {"folder": "data/images", "count": 8},
            "labels": {},
            "kernels": list(kernels),
            "confirmations": [],
        },
    }


def save(folder: Path, stored: dict[str, Any], name: str) -> Path:
    """Write a run as the storage does, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(stored), encoding="utf-8")
    return path
