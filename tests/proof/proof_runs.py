"""Stored runs made up for the proofs' tests: six benchmarks of one GPU, with noise and true changes of known sizes."""

from __future__ import annotations

import json

import numpy as np

from regression.runs.read import read

IDS = tuple(
    f"efficientnet_b0-{variant}-b{batch}"
    for variant in ("eager-fp32", "torchscript-fp32", "tensorrt-fp16")
    for batch in (1, 128)
)
TENSORRT = IDS[5]
GEMM, COPY = "void cutlass::Kernel<gemm>()", "void at::native::direct_copy_kernel_cuda(float)"
SPIN = "at::cuda::(anonymous namespace)::spin_kernel(long)"
NAMES = [GEMM, COPY, SPIN]


class Folder:
    """A folder of stored runs, each a minute after the last."""

    def __init__(self, path, seed=5):
        self.path, self.random, self.count = path, np.random.default_rng(seed), 0
        path.mkdir(parents=True, exist_ok=True)

    def add(self, times=1, *, extra=None, name="unchanged", injected=None, latency=None, copies=0.0, **options):
        """Runs with `extra` kernel time (id to fraction), as a spin kernel where it was injected, else in the gemm."""
        return [self._one(extra or {}, name, injected, latency or {}, copies, **options) for _ in range(times)]

    def _one(self, extra, name, injected, latency, copies, noise=0.0003, uuid="GPU-1", day=1, gpu="nvidia-h200"):
        benchmarks = []
        for number, id_ in enumerate(IDS):
            base = 0.0005 * (number + 1) * np.exp(noise * self.random.standard_normal())
            added = base * extra.get(id_, 0.0)
            entries = (injected or {}).get(id_, [])
            spins = any(entry["kind"] == "kernel" for entry in (entries if isinstance(entries, list) else [entries]))
            rows = [
                (0, 0.9 * base + (0 if spins else added)),
                (1, 0.1 * base * (1 + copies)),
                (2, added if spins else 0),
            ]
            rows = [row for row in rows if row[1]]
            median = 0.0006 * (number + 1) * (1 + latency.get(id_, 0.0)) * np.exp(noise * self.random.standard_normal())
            stats = {"mean": 1.01 * median, "median": median, "min": 0.99 * median}
            benchmarks.append(
                {
                    "param": id_,
                    "params": {"variant": id_.split("-", 1)[1], "batch_size": number % 2},
                    "stats": stats | {"q1": 0.999 * median, "q3": 1.001 * median},
                    "extra_info": {
                        "kernel_time_s": sum(row[1] for row in rows),
                        "peak_memory_bytes": 10**8,
                        "kernels": {
                            "kernel": [row[0] for row in rows],
                            "launches": [2 if row[0] == 1 and copies > 0 else 1 for row in rows],
                            "time_s": [row[1] for row in rows],
                        },
                    },
                }
            )
        self.count += 1
        document = {
            "datetime": f"2026-03-{day:02d}T{self.count // 60:02d}:{self.count % 60:02d}:00+00:00",
            "machine_info": {"gpu": {"name": gpu, "slug": gpu, "uuid": uuid}},
            "suite": {"schema": 1, "selected": list(IDS), "kernels": NAMES}
            | ({} if injected is None else {"injected": injected}),
            "benchmarks": benchmarks,
        }
        path = self.path / f"{self.count:04d}_{name}.json"
        path.write_text(json.dumps(document))
        return path

    def runs(self):
        from proof.score.stored import READ

        return [read(path, READ) for path in sorted(self.path.glob("*.json"))]
