"""The worker of a checkout made for trying the search: an inference calls every installed part one after the other.

It runs in an environment without PyTorch, NumPy or the rest of the project.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import platform
import struct
import sys
import time
from typing import Any

VERSION = 1
NAME = "parts-eager-fp32-b1"
UNTIMED_CALLS = 1


def serve(channel: Any) -> None:
    """Answer requests until the channel closes."""
    side = Side()
    for request in channel:
        arguments = dict(request)
        channel.send({"answer": getattr(side, f"answer_{arguments.pop('do')}")(**arguments)})


class Side:
    """The installed parts."""

    def __init__(self) -> None:
        found = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
        self.packages = dict(sorted(found.items()))
        names = [name.replace("-", "_") for name in self.packages if name.startswith("part-")]
        self.parts = [importlib.import_module(name) for name in names]
        self.versions = {part.__name__.replace("_", "-"): part.VERSION for part in self.parts}

    def call(self) -> float:
        began = time.perf_counter()
        for part in self.parts:
            part.work(self.versions)
        return time.perf_counter() - began

    def answer_begin(self, arguments: list[str]) -> dict[str, Any]:
        return {
            "python": platform.python_version(),
            "packages": self.packages,
            "settings": {},
            "device": {"name": platform.processor() or "a CPU", "uuid": "", "is_cuda": False},
            "benchmarks": {NAME: {"model": "parts", "variant": "eager-fp32", "batch_size": 1}},
            "missing": {},
        }

    def answer_build(self, benchmark: str) -> dict[str, Any]:
        return {"latency_s": min(self.call() for _ in range(3)), **self.answer_count(benchmark)}

    def answer_turn(self, benchmark: str, calls: int) -> list[float]:
        for _ in range(UNTIMED_CALLS):
            self.call()
        return [self.call() for _ in range(calls)]

    def answer_outputs(self, benchmark: str) -> dict[str, Any]:
        logits = struct.pack("4f", 4.0, 3.0, 2.0, 1.0)
        return {"files": ["a.jpg"], "logits": logits, "bound": 1e-3, "pretrained": False, "weights": "none"}

    def answer_reference(self, model: str) -> dict[str, Any]:
        return self.answer_outputs(model)

    def answer_count(self, benchmark: str) -> dict[str, Any]:
        """The Python calls of an inference, this one's own left out."""
        calls = 0

        def called(frame: Any, event: str, argument: Any) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(called)
        try:
            self.call()
        finally:
            sys.setprofile(None)
        counted = {"python_calls": calls - 1, "aten_operators": 0, "inferences": 1, "counted_with": "sys.setprofile"}
        return {"extra_info": {"build_s": 0.1, "host_work": counted}, "suite": {}}
