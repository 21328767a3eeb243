"""Slows variants down as `proof.inject.slowdown` was asked to, and records by how much."""

from __future__ import annotations

import dataclasses
import fnmatch
import statistics
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch

from fixtures.collection import benchmark_key
from fixtures.instruments.latency import synchronised, warm_up
from fixtures.instruments.profiles import InvalidProfile
from fixtures.machine.device import Device
from fixtures.plugin import suite_of
from fixtures.pool import Key
from fixtures.variants.table import VARIANTS
from fixtures.variants.variant import BuildInputs, Built, Variant
from proof.inject.layout import in_channels_last
from proof.inject.slowdown import SCORED, Asked
from proof.inject.spinning import SpinningKernel, TooShort

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
            call = synchronised(lambda: self.call(self.batch), self.device)
            warm_up(call, max_s=WARM_UP_S)
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


Part = SpinningKernel | HostWait | OtherLayout


class Slowed:
    """A built variant with what slows it down: one thing, or a wait while its latency is measured and a kernel while it
    is profiled, so that each metric has one cause.

    Attributes:
        parts: what was asked for, with the variant slowed down by that alone.
    """

    def __init__(self, parts: Mapping[Asked, Part]) -> None:
        self.parts = parts
        self._active = next(iter(parts.values()))

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return self._active(batch)

    def prepare(self, profiled: bool) -> None:
        """Choose what acts in the test that comes next, and calibrate it."""
        measured = "kernel_time" if profiled else "latency"
        if len(self.parts) > 1:
            self._active = next(part for asked, part in self.parts.items() if SCORED[asked.kind] == measured)
        self._active.prepare(profiled)


class Slowdown:
    """The session's slowed variants, and what was done to each."""

    def __init__(self, asked: Sequence[Asked], device: Device) -> None:
        self.asked, self.device = asked, device
        self.current: Key | None = None
        self.injected: dict[str, list[dict[str, Any]]] = {}
        # the suite's pool alone keeps variants alive, so that it can free their memory
        self._slowed: weakref.WeakValueDictionary[Key, Slowed] = weakref.WeakValueDictionary()

    def of(self, key: Key) -> list[Asked]:
        """What is to be done to the benchmark."""
        return [
            asked
            for asked in self.asked
            if asked.pattern == key.variant or fnmatch.fnmatchcase(str(key), asked.pattern)
        ]

    def wrap(self, variant: Variant) -> Variant:
        """The variant with a `build` that slows down what it builds, where that was asked for."""

        def build(inputs: BuildInputs) -> Built:
            key = self.current
            wanted = self.of(key) if key is not None and key.variant == variant.name else []
            if key is None or not wanted:
                return variant.build(inputs)
            for asked in wanted:
                if asked.kind == "layout":
                    inputs = dataclasses.replace(inputs, module=in_channels_last(inputs.module, asked.text))
            built = variant.build(inputs)
            slowed = Slowed({asked: self._slow(asked, built, inputs.batch) for asked in wanted})
            self._slowed[key] = slowed
            # a variant that owns its inputs is slowed down in `call` and measured by it
            return dataclasses.replace(built, call=slowed, run=None)

        return dataclasses.replace(variant, build=build)

    def prepare(self, key: Key, profiled: bool) -> None:
        """Calibrate a slowed variant on the main thread, before the test that calls it."""
        slowed = self._slowed.get(key)
        if slowed is not None:
            with torch.inference_mode():
                slowed.prepare(profiled)
            self.injected[str(key)] = [
                {"kind": asked.kind, "asked": asked.text, "size_s": part.size_s} for asked, part in slowed.parts.items()
            ]

    def _slow(self, asked: Asked, built: Built, batch: torch.Tensor) -> Part:
        call = built.call
        if asked.kind == "kernel":
            return SpinningKernel(call, batch, self.device, asked.share, asked.fixed_s)
        if asked.kind == "host":
            return HostWait(call, batch, self.device, asked.share)
        return OtherLayout(call)


SLOWDOWN: pytest.StashKey[Slowdown] = pytest.StashKey()


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    suite = suite_of(config)
    if suite is None:
        return
    asked: list[Asked] = config.getoption("slow")
    if not asked:
        raise pytest.UsageError(
            "-p proof.inject.slowdown needs --slow PATTERN:KIND=AMOUNT, such as tensorrt-fp16:kernel=0.5%"
        )
    if not suite.device.is_cuda and any(one.kind == "kernel" for one in asked):
        raise pytest.UsageError("--slow: a kernel needs a CUDA GPU; on a CPU slow the host down (eager-fp32:host=20%)")
    slowdown = config.stash[SLOWDOWN] = Slowdown(asked, suite.device)
    before = dict(VARIANTS)
    config.add_cleanup(lambda: VARIANTS.update(before))
    VARIANTS.update({name: slowdown.wrap(variant) for name, variant in before.items()})


def pytest_report_header(config: pytest.Config) -> list[str]:
    slowdown = config.stash.get(SLOWDOWN, None)
    return [] if slowdown is None else [f"slowed on purpose: {', '.join(map(str, slowdown.asked))}"]


def pytest_collection_finish(session: pytest.Session) -> None:
    slowdown = session.config.stash.get(SLOWDOWN, None)
    if slowdown is None:
        return
    keys = [key for key in map(benchmark_key, session.items) if key is not None]
    found = {key: slowdown.of(key) for key in keys}
    # a fresh process that measures again is given its tests by their ids
    named = any("::" in argument for argument in session.config.args)
    for asked in slowdown.asked:
        if not named and not any(asked in wanted for wanted in found.values()):
            raise pytest.UsageError(f"--slow={asked}: no benchmark of this session is called so")
    for key, wanted in found.items():
        if not key.variant.startswith("eager-") and any(asked.kind == "layout" for asked in wanted):
            raise pytest.UsageError(f"--slow: a layout is for eager variants, and {key} is none")
        metrics = [SCORED[asked.kind] for asked in wanted]
        if len(set(metrics)) < len(metrics):
            raise pytest.UsageError(f"--slow: {key} is to be slowed down twice, by {' and '.join(map(str, wanted))}")


@pytest.hookimpl(optionalhook=True)
def pytest_judge_fresh_process_arguments(config: pytest.Config) -> list[str]:
    """What is measured again is slowed down again."""
    slowdown = config.stash.get(SLOWDOWN, None)
    return [] if slowdown is None else ["-p", "proof.inject.slowdown", *(f"--slow={asked}" for asked in slowdown.asked)]


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
    except (TooShort, InvalidProfile) as error:
        pytest.fail(f"{key} cannot be slowed down: {error}", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    slowdown = config.stash.get(SLOWDOWN, None)
    if slowdown is not None:
        output_json.setdefault("suite", {})["injected"] = slowdown.injected
