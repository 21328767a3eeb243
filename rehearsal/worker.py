"""One side of a rehearsal: builds, times, counts and profiles what the driving process asks for, one request at a time.

It runs in the side's own interpreter, from the side's own checkout, and needs no pytest.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.metadata
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Protocol

import numpy as np
import torch

from common.errors import UsageError
from common.schema import LOADING
from fixtures import options, outputs
from fixtures.building.kept import KeptParts
from fixtures.instruments.host_work import HostWorkCounter
from fixtures.instruments.interpreter import without_garbage_collection
from fixtures.instruments.kernel_time import KernelTimeProfiler
from fixtures.instruments.latency import synchronised, warm_up
from fixtures.instruments.memory import PeakMemory
from fixtures.instruments.recompilations import Recompilations
from fixtures.key import Key
from fixtures.machine.cores import on_core, usable
from fixtures.machine.environment import settings
from fixtures.machine.gpu_state import GpuState
from fixtures.models.kept import KeptNumbers
from fixtures.models.names import WrongName, resolve_all
from fixtures.pool import Inference
from fixtures.recording import Recording
from fixtures.setup import device_for, pool_for
from fixtures.variants.table import VARIANTS, NoVariant, chosen, default_variants
from rehearsal.protocol import CORES, KEEPS_PARTS, LOADS, UNTIMED_CALLS
from rehearsal.protocol import VERSION as VERSION


class Channel(Protocol):
    """execnet's channel to the driving process; it ends when that process does."""

    def __iter__(self) -> Iterator[Any]: ...

    def send(self, item: object) -> None: ...


def serve(channel: Channel, kind: type[Side] | None = None) -> None:
    """Answer requests until the channel closes; an error is an answer, too.

    Args:
        kind: what answers, where it is not a plain `Side`.

    Raises:
        Exception: after which the device answers nothing any more; the process ends, and nothing else is blamed for it.
    """
    side: Side | None = None
    for request in channel:
        arguments = dict(request)
        name = arguments.pop("do")
        try:
            if name == "begin":
                side = (kind or Side)(arguments["arguments"])
                answer = side.describe()
            else:
                with torch.inference_mode(), torch.no_grad():
                    answer = getattr(side, f"answer_{name}")(**arguments)
        except Exception as error:  # whatever it is, the driving process says it
            if side is not None and side.device.why_lost():
                raise
            channel.send({"error": _sentence(error)})
            del error
            gc.collect()
        else:
            channel.send({"answer": _plain(answer)})


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message)


class Side:
    """The variants of one side, and what is known of them.

    Args:
        arguments: options of the suite.

    Raises:
        UsageError: an option that this checkout cannot read, or a device that is not here.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        parser = _Parser(prog="", add_help=False, allow_abbrev=False)
        options.add_options(parser.add_argument)
        asked = parser.parse_args(arguments)
        self.missing: dict[str, str] = {}
        found = (name for pattern in asked.variants for name in self._variants(pattern))
        asked.models = tuple(name for name in asked.models if self._has_model(name, asked.input_size))
        asked.variants = tuple(dict.fromkeys(found if asked.variants else default_variants()))
        self.options = options.read(asked)
        self.device = device_for(self.options)
        self.pool = pool_for(self.options, self.device)
        sizes = self.options.batch_sizes or self.device.default_batch_sizes
        self.keys: dict[str, Key] = {}
        for model in self.options.models:
            for size in sizes:
                for variant in self.options.variants:
                    reason = VARIANTS[variant].reason_to_skip(self.device)
                    key = Key(model, variant, size)
                    if reason:
                        self.missing[str(key)] = reason
                    else:
                        self.keys[str(key)] = key
        self.recording = Recording()
        self._calls: dict[str, Callable[[], Any]] = {}

    def describe(self) -> dict[str, Any]:
        """What the side is and what it can run: JSON's types."""
        return {
            "python": platform.python_version(),
            "packages": _packages(),
            "settings": settings(self.device),
            "device": {
                "name": self.device.name,
                "uuid": self.device.uuid,
                "is_cuda": self.device.is_cuda,
                "driver": GpuState(self.device.uuid).driver() if self.device.is_cuda else None,
                "cuda": torch.version.cuda,
                "cudnn": torch.backends.cudnn.version() if self.device.is_cuda else None,
            },
            "benchmarks": {
                name: {"model": key.model, "variant": key.variant, "batch_size": key.batch_size}
                for name, key in self.keys.items()
            },
            "missing": self.missing,
            KEEPS_PARTS: True,
            CORES: usable() if self.device.is_cuda else [],
            LOADS: LOADING,
        }

    def answer_keep(self, folder: str) -> None:
        """From now on leave what is compiled, and what is computed on the CPU, in a folder to later processes of this
        side, and load what earlier ones left there."""
        self.pool.kept = KeptParts(Path(folder))
        self.pool.models.kept = KeptNumbers(Path(folder))

    def answer_build(self, benchmark: str) -> dict[str, Any]:
        """Build a benchmark, check its outputs and warm it up.

        `latency_s` is what its last call took, `spared_s` what this process spent on the build that the next one of
        this side need not, `not_loaded` why it could not load what was compiled; empty where nothing failed.
        """
        numbers = self.pool.models.kept
        spared_before_s = numbers.spared_s if numbers is not None else 0.0
        inference = self._inference(benchmark)
        error = outputs.check(self.pool, inference)
        call = self._calls[benchmark] = synchronised(inference.run, self.device)
        warm_up(call)
        began = time.perf_counter()
        call()
        latency_s = time.perf_counter() - began
        fields = inference.fields()
        self.recording.extra_info[inference.key] = {}
        self.recording.add_fields(inference.key, fields)
        kept = self.pool.kept
        spared_s = kept.spared_s.get(inference.key, 0.0) if kept is not None else 0.0
        spared_s += numbers.spared_s - spared_before_s if numbers is not None else 0.0
        return {
            "latency_s": latency_s,
            "relative_error": error,
            "spared_s": spared_s,
            "not_loaded": kept.not_loaded.get(inference.key, "") if kept is not None else "",
            **self._recorded(inference.key),
        }

    def answer_turn(self, benchmark: str, calls: int, core: int | None = None) -> list[float]:
        """Seconds of each of some calls, after an untimed one that brings weights and code into caches.

        Args:
            core: of the host, that makes them; by default the system chooses.
        """
        call = self._calls[benchmark]
        times_s = []
        with without_garbage_collection(), on_core(core):
            for _ in range(UNTIMED_CALLS):
                call()
            for _ in range(calls):
                began = time.perf_counter()
                call()
                times_s.append(time.perf_counter() - began)
        return times_s

    def answer_outputs(self, benchmark: str) -> dict[str, Any]:
        """The logits of every photograph, the largest relative error that they may have, and whether labels count."""
        inference = self._inference(benchmark)
        return {
            **_as_bytes(outputs.logits(self.pool, inference)),
            "bound": outputs.error_bound(self.pool, inference.variant, inference.key.model),
            "pretrained": inference.model.weights.pretrained,
            "weights": inference.model.weights.source,
        }

    def answer_reference(self, model: str) -> dict[str, Any]:
        """The logits of every photograph in FP32 on the CPU."""
        return _as_bytes(self.pool.models.reference(model))

    def answer_count(self, benchmark: str) -> dict[str, Any]:
        """What is counted of an inference, with all that was recorded of the benchmark so far."""
        inference = self._inference(benchmark)
        fields = {**HostWorkCounter(inference, self.device).measure()}
        fields.update(Recompilations(inference, self.device).measure())
        if self.device.is_cuda:
            fields.update(PeakMemory(inference, self.device).measure())
        self.recording.add_fields(inference.key, fields)
        return self._recorded(inference.key)

    def answer_profile(self, benchmark: str) -> dict[str, Any]:
        """The kernel time of an inference and its operators, with all that was recorded so far; only on a GPU."""
        inference = self._inference(benchmark)
        self.recording.add_fields(inference.key, KernelTimeProfiler(inference, self.device).measure())
        return self._recorded(inference.key)

    def _inference(self, benchmark: str) -> Inference:
        return self.pool.get(self.keys[benchmark])

    def _recorded(self, key: Key) -> dict[str, Any]:
        return {"extra_info": self.recording.extra_info[key], "suite": self.recording.lists()}

    def _has_model(self, name: str, sizes: tuple[int | str, ...]) -> bool:
        try:
            resolve_all((name,), sizes)
        except WrongName as error:
            self.missing[name] = str(error).removeprefix("--models: ")
            return False
        return True

    def _variants(self, pattern: str) -> tuple[str, ...]:
        try:
            return chosen([pattern])
        except NoVariant:
            self.missing[pattern] = f"this checkout has no variant {pattern!r}"
            return ()


def _packages() -> dict[str, str]:
    """Every installed package with its version; of two of a name the one that is imported."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        with contextlib.suppress(Exception):  # metadata of a package that is half removed
            found.setdefault(distribution.metadata["Name"].lower().replace("_", "-"), str(distribution.version))
    return dict(sorted(found.items()))


def _as_bytes(logits: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Logits (classes,) by file as float32 bytes (files, classes)."""
    return {
        "files": list(logits),
        "logits": torch.stack(list(logits.values())).float().contiguous().numpy().tobytes(),
    }


def _plain(value: Any) -> Any:
    """The value in types that execnet sends."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split())[:500]
    named = isinstance(error, UsageError) or type(error).__module__.startswith("fixtures.")
    return text if named and text else f"{type(error).__name__}: {text}".removesuffix(": ")
