"""What can be counted, and takes hardly any time: one launch, synchronisation, copy or Python function more a call, or
memory that each call keeps."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import torch

from fixtures.machine.device import Device

Call = Callable[[torch.Tensor], torch.Tensor]
CALLS_OF_TENSOR = 16


class Counted:
    """A built variant of which every call does something so many times more; there is nothing to calibrate."""

    size_s: float | None = None

    def __init__(self, call: Call) -> None:
        self._call = call

    @property
    def call(self) -> Call:
        """What is called in the variant's place, whose own Python function is not one that is counted."""
        return self._call

    def prepare(self, profiled: bool) -> None:
        """Nothing to do."""

    def begin(self) -> None:
        """Act from now on."""

    def end(self) -> None:
        """Act no more."""


def counted(kind: str, times: int, call: Call, device: Device) -> Counted:
    """The variant `call` with `times` launches, synchronisations, copies or wrappers more."""
    if kind == "wrapper":
        for _ in range(times):
            call = wrapped(call)
        return Counted(call)
    more = {"launch": _launch, "synchronisation": _synchronisation, "copy": _copy}[kind](device)

    def slowed(batch: torch.Tensor) -> torch.Tensor:
        result = call(batch)
        for _ in range(times):
            more()
        return result

    return Counted(slowed)


def recompiling(times: int, call: Call) -> Counted:
    """The variant `call`, of which so many calls come after one of another batch size, each of another one."""
    sizes = list(range(2, 2 + times))

    def slowed(batch: torch.Tensor) -> torch.Tensor:
        if sizes:
            call(torch.cat([batch] * sizes.pop()))
        return call(batch)

    return Counted(slowed)


def leaking(kind: str, size: int, call: Call, device: Device) -> Counted:
    """The variant `call` that keeps so many bytes of every call, of the host's memory or the GPU's."""
    keep = {"leak": _of_the_host, "gpu-leak": _of_the_gpu}[kind](size, device)
    kept: list[object] = []

    def leaky(batch: torch.Tensor) -> torch.Tensor:
        kept.extend(keep())
        return call(batch)

    return Counted(leaky)


def _of_the_host(size: int, device: Device) -> Callable[[], tuple[object, ...]]:
    return lambda: (os.urandom(size),)


def _of_the_gpu(size: int, device: Device) -> Callable[[], tuple[object, ...]]:
    """Of several calls at once: a tensor takes half a KB of the host's memory, which must not leak by the call."""
    calls = itertools.count()

    def keep() -> tuple[object, ...]:
        if next(calls) % CALLS_OF_TENSOR:
            return ()
        return (torch.empty(CALLS_OF_TENSOR * size, dtype=torch.uint8, device=device.torch_device),)

    return keep


def wrapped(call: Call) -> Call:
    """The call in one Python function more."""

    def wrapper(batch: torch.Tensor) -> torch.Tensor:
        return call(batch)

    return wrapper


def _launch(device: Device) -> Callable[[], object]:
    """The shortest kernel that PyTorch has."""
    return lambda: torch.cuda._sleep(0)


def _synchronisation(device: Device) -> Callable[[], object]:
    return lambda: torch.cuda.current_stream(device.torch_device).synchronize()


def _copy(device: Device) -> Callable[[], object]:
    """Of four bytes from pinned memory: from other memory, the host would wait for it as well."""
    source = torch.zeros(1).pin_memory()
    target = torch.zeros(1, device=device.torch_device)
    return lambda: target.copy_(source, non_blocking=True)
