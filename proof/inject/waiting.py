"""Host work of a known length: one busy wait before the call, or a short one after each module of an eager model."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from fixtures.instruments.latency import synchronised, warm_up
from fixtures.machine.cores import on_core, usable
from fixtures.machine.device import Device

LATENCIES, LATENCIES_S = 400, 1.0
WARM_UP_S = 5.0
# Spread waits are tuned in so many steps, each of so many turns of calls with and without them.
STEPS, TURNS, CALLS = 4, 10, 4
QUANTILE = 0.1

Call = Callable[[torch.Tensor], torch.Tensor]


class HostWait:
    """A built variant whose every call begins with a busy wait of `size_s` seconds.

    It comes before the call: what the host does after it has queued the work, the GPU hides.
    """

    def __init__(self, call: Call, batch: torch.Tensor, device: Device, share: float) -> None:
        self.call, self.batch, self.device, self.share = call, batch, device, share
        self.size_s: float | None = None

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        if self.size_s is not None:
            wait(self.size_s)
        return self.call(batch)

    def prepare(self, profiled: bool) -> None:
        """Find the length of the wait, once: its share of the median latency of the variant as it is."""
        if self.size_s is None:
            call = synchronised(lambda: self.call(self.batch), self.device)
            found: list[float] = []
            warm_up(call, max_s=WARM_UP_S)
            with _one_core(self.device):
                started = time.perf_counter()
                while len(found) < 5 or (len(found) < LATENCIES and time.perf_counter() - started < LATENCIES_S):
                    found.append(_timed_s(call))
            self.size_s = self.share * statistics.median(found)

    def begin(self) -> None:
        """Act from now on."""

    def end(self) -> None:
        """Act no more."""


class SpreadWait:
    """A built eager variant in which a short busy wait follows every module that has no modules of its own.

    Attributes:
        size_s: by how much longer a call is; None before it is calibrated.
    """

    def __init__(self, call: Call, batch: torch.Tensor, device: Device, share: float, module: torch.nn.Module) -> None:
        self.call, self.batch, self.device, self.share = call, batch, device, share
        self._leaves = leaves(module)
        self._each_s = 0.0
        self._handles: list[Any] = []
        self._entered = 0
        self.size_s: float | None = None

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return self.call(batch)

    def begin(self) -> None:
        if not self._handles:
            self._handles = [leaf.register_forward_hook(self._wait) for leaf in self._leaves]

    def end(self) -> None:
        while self._handles:
            self._handles.pop().remove()

    def prepare(self, profiled: bool) -> None:
        """Find the length of each wait, once, so that all together lengthen the latency by their share.

        What calling them costs by itself is part of it. The latency is a low quantile, as that of visits is.
        """
        if self.size_s is not None:
            return
        call = synchronised(lambda: self.call(self.batch), self.device)
        warm_up(call, max_s=WARM_UP_S)  # threads that are made now use any core
        with _one_core(self.device):
            self.size_s = self._found_s(call)

    def _found_s(self, call: Callable[[], Any]) -> float:
        self._entered = 0
        self.begin()
        call()
        entered = max(self._entered, 1)
        for _ in range(STEPS):
            plain_s, slowed_s = self._latencies_s(call)
            wanted_s = self.share * plain_s
            if abs(slowed_s - plain_s - wanted_s) < 0.01 * wanted_s:
                return slowed_s - plain_s
            self._each_s = max(0.0, self._each_s + (wanted_s - (slowed_s - plain_s)) / entered)
        plain_s, slowed_s = self._latencies_s(call)
        return slowed_s - plain_s

    def _latencies_s(self, call: Callable[[], Any]) -> tuple[float, float]:
        """The latency without the waits and with them, taken in turns."""
        found: tuple[list[float], list[float]] = ([], [])
        for turn in range(2 * TURNS):
            (self.begin if turn % 2 else self.end)()
            call()
            found[turn % 2].extend(_timed_s(call) for _ in range(CALLS))
        return low_end(found[0]), low_end(found[1])

    def _wait(self, *_: Any) -> None:
        self._entered += 1
        wait(self._each_s)


def leaves(module: torch.nn.Module) -> list[torch.nn.Module]:
    """The modules that have none of their own, each once."""
    return [child for child in module.modules() if next(child.children(), None) is None]


def wait(duration_s: float) -> None:
    """Keep the host busy for so long."""
    end = time.perf_counter() + duration_s
    while time.perf_counter() < end:
        pass


def low_end(times_s: Sequence[float]) -> float:
    """What a call takes while nothing disturbs the host."""
    return float(np.quantile(np.asarray(times_s), QUANTILE))


def _one_core(device: Device) -> AbstractContextManager[None]:
    """Keeps the host on one of its cores, which are slow each by itself; calls on a CPU need all of them."""
    return on_core(min(usable(), default=None) if device.is_cuda else None)


def _timed_s(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
