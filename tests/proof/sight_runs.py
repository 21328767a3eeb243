"""Stored runs made up for the proof of what is seen: the plan's benchmarks with operators, visits and counts."""

from __future__ import annotations

import json

import numpy as np

from proof.sight import MODULE, NIGHT, WRAPPER
from tests.proof.proof_runs import GEMM, SPIN

MODEL = "efficientnet_b0"
IDS = tuple(f"{MODEL}-{benchmark}" for benchmark in NIGHT.benchmarks)
NAMES = [GEMM, SPIN, "void conv()"]
CONV, HEAD, OUTSIDE = f"{MODULE} aten::conv2d", "classifier aten::linear", "outside every operator"
RUN = "fixtures.pool.Inference.run"
SHORTEST_S = 1e-6
REFERENCES = {
    f"{MODEL}-eager-fp32-b{batch}": [{"kind": "operator", "asked": MODULE, "size_s": None}]
    for batch in NIGHT.batch_sizes
}


class Runs:
    """A folder of stored runs, each a minute after the last, of one GPU that repeats itself within `noise`."""

    def __init__(self, path, seed=3, noise=0.0003):
        self.path, self.noise, self.count, self.random = path, noise, 0, np.random.default_rng(seed)
        path.mkdir(parents=True, exist_ok=True)

    def add(self, times=1, *, injected=REFERENCES, does=None, uuid="GPU-1", name="baseline"):
        """Runs in which `does` happens: benchmark to kind to amount, a fraction or a number; injected or not."""
        for _ in range(times):
            self.count += 1
            document = {
                "datetime": f"2026-03-01T{self.count // 60:02d}:{self.count % 60:02d}:00+00:00",
                "machine_info": {"gpu": {"name": "nvidia-h100", "slug": "nvidia-h100", "uuid": uuid}},
                "suite": {
                    "schema": 2,
                    "selected": list(IDS),
                    "kernels": NAMES,
                    "operators": [CONV, HEAD, OUTSIDE],
                    "injected": injected,
                }
                | {"api_calls": self._api_calls(does or {}), "host_work": [{RUN: 81}, {RUN: 81, WRAPPER: 20}]},
                "benchmarks": [
                    self._benchmark(number, id_, (does or {}).get(id_, {})) for number, id_ in enumerate(IDS)
                ],
            }
            (self.path / f"{self.count:04d}_{name}.json").write_text(json.dumps(document))
        return self

    def _api_calls(self, does):
        self.tables = [{"cudaLaunchKernel": 10}, {}]
        for kinds in does.values():
            for call, kind in CALLS.items():
                if kind in kinds and {call: 1} not in self.tables:
                    self.tables.append({call: 1})
        return self.tables

    def _benchmark(self, number, id_, does):
        def noisy(value):
            return value * float(np.exp(self.noise * self.random.standard_normal()))

        base_s = 0.0005 * (number + 1)
        reference = id_ in REFERENCES
        conv_s, head_s = noisy(0.1 * base_s), noisy(0.9 * base_s)
        spin_s = SHORTEST_S if reference else 0.0
        longer_s = does.get("operator", 0.0) * (conv_s + head_s + spin_s)
        rows = [[0, [2, 1] if reference else [2], conv_s + spin_s + longer_s, 0], [1, [0], head_s, 0]]
        extra_s = does.get("kernel", 0.0) * base_s + SHORTEST_S * does.get("launch", 0)
        for call, kind in CALLS.items():
            if does.get(kind):
                kernels, time_s = ([1], extra_s) if kind in ("kernel", "launch") else ([], 0.0)
                rows.append([2, kernels, time_s, self.tables.index({call: 1})])
        kernel_s = {2: conv_s, 0: head_s, 1: spin_s + longer_s + extra_s}
        launches = {2: 1, 0: 1, 1: int(reference) + int(bool(extra_s))}
        latency_s = noisy(0.0006 * (number + 1)) * (1 + does.get("host", 0.0))
        # one window says nothing on a shared host; visits do
        median_s = latency_s * float(np.exp(0.3 * self.random.standard_normal()))
        calls = {"cudaLaunchKernel": 20}
        for call, kind in CALLS.items():
            if does.get(kind):
                calls[call] = calls.get(call, 0) + 1
        present = [kernel for kernel in kernel_s if kernel_s[kernel]]
        variant, batch = id_.removeprefix(f"{MODEL}-").rsplit("-b", 1)
        return {
            "param": id_,
            "params": {"model": MODEL, "variant": variant, "batch_size": int(batch)},
            "stats": dict.fromkeys(("mean", "median", "min"), median_s)
            | {"q1": 0.999 * median_s, "q3": 1.001 * median_s},
            "extra_info": {
                "kernel_time_s": sum(kernel_s.values()),
                "kernels": {
                    "kernel": present,
                    "launches": [launches[kernel] for kernel in present],
                    "time_s": [kernel_s[kernel] for kernel in present],
                },
                "operators": {
                    "operator": [row[0] for row in rows],
                    "kernels": [row[1] for row in rows],
                    "time_ns": [round(row[2] * 1e9) for row in rows],
                    "api_calls": [row[3] for row in rows],
                },
                "visited_latency_s": latency_s,
                "peak_memory_bytes": 10**8,
                "launches": sum(launches.values()),
                "api_calls": calls,
                "synchronisations": does.get("synchronisation", 0),
                "host_device_copies": does.get("copy", 0),
                "host_work": {
                    "python_calls": 81 + 20 * does.get("wrapper", 0),
                    "inferences": 20,
                    "counted_with": "sys.monitoring 3.12",
                    "by_name": {"python_calls": does.get("wrapper", 0)},
                },
            },
        }


# The API call by which each kind is found.
CALLS = {
    "cudaStreamSynchronize": "synchronisation",
    "cudaMemcpyAsync": "copy",
    "cudaLaunchKernel": "launch",
    "cudaLaunchKernelExC": "kernel",
}
SLOWED = {
    "eager-fp32-b1": ("operator", 0.02, f"{MODULE}+2%"),
    "eager-fp32-b128": ("operator", 0.01, f"{MODULE}+1%"),
    "tensorrt-fp16-b1": ("kernel", 0.01, "1%"),
    "tensorrt-fp16-b128": ("kernel", 0.01, "1%"),
    "eager-fp16-b1": ("host", 0.3, "30%"),
    "tensorrt-fp32-b1": ("launch", 1, "1"),
    "tensorrt-fp32-b128": ("synchronisation", 1, "1"),
    "torchscript-fp32-b128": ("copy", 1, "1"),
    "torchscript-fp16-b1": ("wrapper", 1, "1"),
}


def slowed():
    """What a slowed run says was done to it, and what was done."""
    injected, does = {}, {}
    for benchmark, (kind, amount, asked) in SLOWED.items():
        id_ = f"{MODEL}-{benchmark}"
        number = IDS.index(id_)
        size_s = amount * (0.0006 if kind == "host" else 0.0005) * (number + 1)
        injected[id_] = [{"kind": kind, "asked": asked, "size_s": size_s if isinstance(amount, float) else None}]
        does[id_] = {kind: amount}
    return {"injected": injected, "does": does}


def everything(share=0.01):
    """The same of a run in which every kernel time is longer."""
    injected, does = {}, {}
    for id_ in IDS:
        kind = "operator" if id_ in REFERENCES else "kernel"
        asked = f"{MODULE}+1%" if id_ in REFERENCES else "1%"
        injected[id_], does[id_] = [{"kind": kind, "asked": asked, "size_s": 1e-5}], {kind: share}
    return {"injected": injected, "does": does}
