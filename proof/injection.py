"""Slows variants down as `proof.slowdown` was asked to, and records by how much."""

from __future__ import annotations

import dataclasses
import fnmatch
import statistics
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from fixtures import clocks
from fixtures.collection import benchmark_key
from fixtures.device import Device
from fixtures.pool import Key
from fixtures.suite import SUITE
from fixtures.variants import VARIANTS, Built, Variant
from proof.layout import in_channels_last
from proof.slowdown import Asked, read
from proof.spinning import SpinningKernel, TooShort

LATENCIES, LATENCIES_S = 400, 1.0
WARM_UP_S = 5.0


class HostWait:
    """A built variant whose every call begins with a busy wait of `size_s` seconds.

    It comes before the call: what the host does after it has queued the work, the GPU hides.
    """

    def __init__(
        self, call: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor, device: Device, share: float
    ) -> None:
        self.call, self.batch, self.device, self.share = call, batch, device, share
        self.size_s: float | None = None

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        if self.size_s is not None:
            end = time.perf_counter() + self.size_s
            while time.perf_counter() < end:
                pass
        return self.call(batch)

    def prepare(self, profiled: bool) -> None:
        """Find the length of the wait, once: its share of the median latency of the variant as it is."""
        if self.size_s is None:
            call = clocks.synchronised(lambda: self.call(self.batch), self.device)
            clocks.warm_up(call, max_s=WARM_UP_S)
            found: list[float] = []
            started = time.perf_counter()
            while len(found) < 5 or (len(found) < LATENCIES and time.perf_counter() - started < LATENCIES_S):
                begin = time.perf_counter()
                call()
                found.append(time.perf_counter() - begin)
            self.size_s = self.share * statistics.median(found)


class OtherLayout:
    """A built variant in channels-last that has nothing to calibrate."""

    size_s = None

    def __init__(self, call: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.call = call

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return self.call(batch.contiguous(memory_format=torch.channels_last))

    def prepare(self, profiled: bool) -> None:
        """Nothing to do."""


class Slowdown:
    """The session's slowed variants, and what was done to each."""

    def __init__(self, asked: Asked, device: Device) -> None:
        self.asked, self.device = asked, device
        self.current: Key | None = None
        self.injected: dict[str, dict[str, Any]] = {}
        # the suite's pool alone keeps variants alive, so that it can free their memory
        self._slowed: weakref.WeakValueDictionary[Key, SpinningKernel | HostWait | OtherLayout] = (
            weakref.WeakValueDictionary()
        )

    def covers(self, key: Key) -> bool:
        """Whether the benchmark is to be slowed down."""
        return self.asked.pattern == key.variant or fnmatch.fnmatchcase(str(key), self.asked.pattern)

    def wrap(self, variant: Variant) -> Variant:
        """The variant with a `build` that slows down what it builds, where that was asked for."""

        def build(module: torch.nn.Module, batch: torch.Tensor) -> Built:
            key = self.current
            if key is None or key.variant != variant.name or not self.covers(key):
                return variant.build(module, batch)
            if self.asked.kind == "layout":
                module = in_channels_last(module, self.asked.text)
            built = variant.build(module, batch)
            slowed = self._slow(built.call, batch)
            self._slowed[key] = slowed
            return dataclasses.replace(built, call=slowed)

        return dataclasses.replace(variant, build=build)

    def prepare(self, key: Key, profiled: bool) -> None:
        """Calibrate a slowed variant on the main thread, before the test that calls it."""
        slowed = self._slowed.get(key)
        if slowed is not None:
            with torch.inference_mode():
                slowed.prepare(profiled)
            self.injected[str(key)] = {"kind": self.asked.kind, "asked": self.asked.text, "size_s": slowed.size_s}

    def _slow(
        self, call: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor
    ) -> SpinningKernel | HostWait | OtherLayout:
        if self.asked.kind == "kernel":
            return SpinningKernel(call, batch, self.device, self.asked.share, self.asked.fixed_s)
        if self.asked.kind == "host":
            return HostWait(call, batch, self.device, self.asked.share)
        return OtherLayout(call)


SLOWDOWN: pytest.StashKey[Slowdown] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    suite = config.stash.get(SUITE, None)
    if suite is None:
        return
    slowdown = Slowdown(read(config), suite.device)
    if slowdown.asked.kind == "kernel" and not suite.device.is_cuda:
        raise pytest.UsageError("--slow-kernel-time and --slow-kernel need a CUDA GPU; on a CPU use --slow-latency")
    config.stash[SLOWDOWN] = slowdown
    before = dict(VARIANTS)
    config.add_cleanup(lambda: VARIANTS.update(before))
    VARIANTS.update({name: slowdown.wrap(variant) for name, variant in before.items()})


def pytest_report_header(config: pytest.Config) -> list[str]:
    slowdown = config.stash.get(SLOWDOWN, None)
    if slowdown is None:
        return []
    return [f"slowed on purpose: {slowdown.asked.pattern}, {slowdown.asked.kind} {slowdown.asked.text}"]


def pytest_collection_finish(session: pytest.Session) -> None:
    slowdown = session.config.stash.get(SLOWDOWN, None)
    if slowdown is None:
        return
    asked = slowdown.asked
    covered = [key for key in map(benchmark_key, session.items) if key is not None and slowdown.covers(key)]
    # a fresh process that measures again is given its tests by their ids
    if not covered and not any("::" in argument for argument in session.config.args):
        raise pytest.UsageError(f"--slow={asked.pattern}: no benchmark of this session is called so")
    others = {key.variant for key in covered if not key.variant.startswith("eager-")}
    if asked.kind == "layout" and others:
        raise pytest.UsageError(f"--slow-layout is for eager variants; --slow={asked.pattern} also names {min(others)}")


@pytest.hookimpl(optionalhook=True)
def pytest_judge_fresh_process_arguments(config: pytest.Config) -> list[str]:
    """What is measured again is slowed down again."""
    slowdown = config.stash.get(SLOWDOWN, None)
    return [] if slowdown is None else slowdown.asked.arguments


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    slowdown = item.config.stash.get(SLOWDOWN, None)
    if slowdown is not None:
        slowdown.current = benchmark_key(item)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    slowdown, key = item.config.stash.get(SLOWDOWN, None), benchmark_key(item)
    if slowdown is None or key is None:
        return
    try:
        slowdown.prepare(key, item.get_closest_marker("profiles") is not None)
    except (TooShort, clocks.InvalidProfile) as error:
        pytest.fail(f"{key} cannot be slowed down: {error}", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    slowdown = config.stash.get(SLOWDOWN, None)
    if slowdown is not None:
        output_json.setdefault("suite", {})["injected"] = slowdown.injected
