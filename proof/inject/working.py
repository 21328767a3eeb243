"""Work for the host, all of it before the call, or a part of it after each module of an eager model.

It is a fixed number of looks at the clock, no fixed time: on a host that is slow for a while it takes longer, as slower
code does.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch

from fixtures.instruments.latency import synchronised, warm_up
from fixtures.instruments.visits import MOSTLY, idle_share
from fixtures.machine.cores import on_core, usable
from fixtures.machine.device import Device

LATENCIES, LATENCIES_S = 400, 1.0
WARM_UP_S = 5.0
# Spread work is tuned in so many steps, each of so many turns of calls with and without them.
STEPS, TURNS, CALLS = 4, 10, 4
QUANTILE = 0.1
# What one look takes is found by so many.
LOOKS = 200

Call = Callable[[torch.Tensor], torch.Tensor]


class HostWork:
    """A built variant whose every call begins with work for the host, of `size_s` seconds when it was calibrated.

    It comes before the call: what the host does after it has queued the work, the GPU hides.

    Attributes:
        looks: so many at the clock; None before it is calibrated.
        found_share: as `_share` has it; None before.
    """

    def __init__(self, call: Call, batch: torch.Tensor, device: Device, share: float) -> None:
        self.call, self.batch, self.device, self.share = call, batch, device, share
        self.looks: int | None = None
        self.size_s: float | None = None
        self.found_share: float | None = None

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        if self.looks is not None:
            work(self.looks)
        return self.call(batch)

    def prepare(self, profiled: bool) -> None:
        """Find the amount of work, once: its share of the median latency of the variant as it is."""
        if self.looks is not None:
            return
        call = synchronised(lambda: self.call(self.batch), self.device)
        latencies_s: list[float] = []
        in_looks: list[float] = []
        warm_up(call, max_s=WARM_UP_S)
        with _one_core(self.device):
            started = time.perf_counter()
            while len(in_looks) < 5 or (len(in_looks) < LATENCIES and time.perf_counter() - started < LATENCIES_S):
                latencies_s.append(_timed_s(call))
                in_looks.append(latencies_s[-1] / look_s())  # at the pace that the host has now
        self.looks = round(self.share * statistics.median(in_looks))
        self.size_s = self.share * statistics.median(latencies_s)
        self.found_share = _share(self, self.share)

    def begin(self) -> None:
        """Act from now on."""

    def end(self) -> None:
        """Act no more."""


class SpreadWork:
    """A built eager variant in which a little work for the host follows every module that has no modules of its own.

    Attributes:
        size_s: by how much longer a call was when it was calibrated; None before.
        found_share: as `_share` has it; None before.
    """

    def __init__(self, call: Call, batch: torch.Tensor, device: Device, share: float, module: torch.nn.Module) -> None:
        self.call, self.batch, self.device, self.share = call, batch, device, share
        self._leaves = leaves(module)
        self._each = 0.0  # looks
        self._owed = 0.0
        self._handles: list[Any] = []
        self._entered = 0
        self.size_s: float | None = None
        self.found_share: float | None = None

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return self.call(batch)

    def begin(self) -> None:
        if not self._handles:
            self._handles = [leaf.register_forward_hook(self._work) for leaf in self._leaves]

    def end(self) -> None:
        while self._handles:
            self._handles.pop().remove()

    def prepare(self, profiled: bool) -> None:
        """Find the work after each module, once, so that all together lengthens the latency by its share.

        What calling them costs by itself is part of it. The latency is a low quantile, as that of visits is.
        """
        if self.size_s is not None:
            return
        call = synchronised(lambda: self.call(self.batch), self.device)
        warm_up(call, max_s=WARM_UP_S)  # threads that are made now use any core
        with _one_core(self.device):
            plain_s, slowed_s = self._tuned_s(call)
        self.size_s = slowed_s - plain_s
        self.end()
        self.found_share = _share(self, self.size_s / plain_s)
        self.begin()

    def _tuned_s(self, call: Callable[[], Any]) -> tuple[float, float]:
        """The latency without the work and with it, once that is as much as was asked for."""
        self._entered = 0
        self.begin()
        call()
        entered = max(self._entered, 1)
        for _ in range(STEPS):
            plain_s, slowed_s = self._latencies_s(call)
            wanted_s = self.share * plain_s
            if abs(slowed_s - plain_s - wanted_s) < 0.01 * wanted_s:
                return plain_s, slowed_s
            missing_s = wanted_s - (slowed_s - plain_s)
            self._each = max(0.0, self._each + missing_s / look_s() / entered)
        return self._latencies_s(call)

    def _latencies_s(self, call: Callable[[], Any]) -> tuple[float, float]:
        """The latency without the work and with it, taken in turns."""
        found: tuple[list[float], list[float]] = ([], [])
        for turn in range(2 * TURNS):
            (self.begin if turn % 2 else self.end)()
            call()
            found[turn % 2].extend(_timed_s(call) for _ in range(CALLS))
        return low_end(found[0]), low_end(found[1])

    def _work(self, *_: Any) -> None:
        self._entered += 1
        self._owed += self._each
        whole = int(self._owed)
        self._owed -= whole
        work(whole)


def leaves(module: torch.nn.Module) -> list[torch.nn.Module]:
    """The modules that have none of their own, each once."""
    return [child for child in module.modules() if next(child.children(), None) is None]


def work(looks: int) -> None:
    """Keep the host busy with so many looks at the clock."""
    for _ in range(looks):
        time.perf_counter()


def look_s() -> float:
    """What a look at the clock takes now, in seconds."""
    began = ended = time.perf_counter()
    for _ in range(LOOKS):
        ended = time.perf_counter()
    return (ended - began) / LOOKS


def low_end(times_s: Sequence[float]) -> float:
    """What a call takes while nothing disturbs the host."""
    return float(np.quantile(np.asarray(times_s), QUANTILE))


def _share(slowed: HostWork | SpreadWork, share: float) -> float | None:
    """Work as a share of the latency without it, whatever the pace of the host; None where that follows the GPU."""
    return share if idle_share(lambda: slowed.call(slowed.batch), slowed.device) < MOSTLY else None


def _one_core(device: Device) -> AbstractContextManager[None]:
    """Keeps the host on one of its cores, which are slow each by itself; calls on a CPU need all of them."""
    return on_core(min(usable(), default=None) if device.is_cuda else None)


def _timed_s(call: Callable[[], Any]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin
