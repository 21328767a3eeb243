"""Slows variants down as `proof.inject.slowdown` was asked to, and records by how much."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import pytest
import torch

from common.errors import UsageError
from fixtures.collection import benchmark_key
from fixtures.instruments.profiles import InvalidProfile
from fixtures.key import Key
from fixtures.machine.device import Device
from fixtures.plugin import suite_of
from fixtures.pool import Inference
from fixtures.variants.table import VARIANTS
from fixtures.variants.variant import BuildInputs, Built, Variant
from proof.inject.counted import Counted, counted, leaking, recompiling
from proof.inject.layout import NoSuchModule, in_channels_last
from proof.inject.operator import SlowOperator
from proof.inject.slowdown import COUNTED, LEAKS, NEEDS_CUDA, STARTING, Asked
from proof.inject.spinning import SpinningKernel, TooShort
from proof.inject.starting import command
from proof.inject.working import HostWork, SpreadWork, leaves

# The fixture that a test measures with, and in which measurement an injection then acts.
MEASURES = {
    "measure_latency": "latency",
    "measure_kernel_time": "kernel_time",
    "measure_host_work": "host_work",
    "measure_memory_growth": "memory_growth",
}
# A model of fewer modules has no place to spread work over.
FEWEST_LEAVES = 2


class Part(Protocol):
    """One injection into one built variant. While it acts it is called in the variant's place, between `begin` and
    `end`; what it calibrates in `prepare` it does while it acts."""

    size_s: float | None

    def prepare(self, profiled: bool) -> None: ...
    def begin(self) -> None: ...
    def end(self) -> None: ...


class NothingCompiles(Exception):
    """A variant of which no call compiles is to do so; the message says which."""


class Slowed:
    """A built variant with what is injected into it.

    It takes the place of the built variant's own call and gives it back, so that where nothing acts the host does
    nothing more, and so that it does not matter where the variant was compiled.

    Attributes:
        parts: what was asked for, with the variant slowed down by that alone.
    """

    def __init__(self, built: Built, parts: Mapping[Asked, Part]) -> None:
        self.built, self.parts = built, parts
        self._call, self._run = built.call, built.run
        # kept by what it slows down, so that the suite's pool alone keeps variants alive
        object.__setattr__(built, "slowed", self)

    def act_in(self, measurement: str) -> list[Asked]:
        """Let those parts act that are for this measurement, calibrated, and no others; those that do."""
        acting = [asked for asked in self.parts if asked.acts_in == measurement]
        for part in self.parts.values():
            part.end()
        self._put(self._call, self._run)
        for asked in acting:
            part = self.parts[asked]
            part.begin()
            # a variant that owns its inputs is slowed down in `call` and measured by it
            self._put(part.call if isinstance(part, Counted) else part, None)  # type: ignore[arg-type]
            part.prepare(measurement != "latency")
        return acting

    def _put(self, call: Callable[[torch.Tensor], torch.Tensor], run: Callable[[], torch.Tensor] | None) -> None:
        # `Built` is frozen against mistakes; this one is on purpose
        object.__setattr__(self.built, "call", call)
        object.__setattr__(self.built, "run", run)


class Slowdown:
    """The session's slowed variants, and what was done to each."""

    def __init__(self, asked: Sequence[Asked], device: Device) -> None:
        self.asked, self.device = asked, device
        self.current: Key | None = None
        self.injected: dict[str, list[dict[str, Any]]] = {}

    def of(self, key: Key) -> list[Asked]:
        """What is to be done to the benchmark."""
        return [
            asked
            for asked in self.asked
            if asked.pattern == key.variant or fnmatch.fnmatchcase(str(key), asked.pattern)
        ]

    def check(self, key: Key) -> None:
        """Refuse what cannot be done to the benchmark.

        Raises:
            UsageError: an operator or a layout of a variant that calls no modules, or two things that act at once.
        """
        wanted = self.of(key)
        for kind in ("layout", "operator"):
            if not key.variant.startswith("eager-") and any(asked.kind == kind for asked in wanted):
                article = "an" if kind == "operator" else "a"
                raise UsageError(f"--slow: {article} {kind} is for eager variants, and {key} is none")
        acts_in = Counter(asked.acts_in for asked in wanted)
        if acts_in and max(acts_in.values()) > 1:
            raise UsageError(f"--slow: {key} is to be slowed down twice, by {' and '.join(map(str, wanted))}")

    def wrap(self, variant: Variant) -> Variant:
        """The variant with a `build` that lays out the model, where that was asked for."""

        def build(inputs: BuildInputs) -> Built:
            key = self.current
            wanted = self.of(key) if key is not None and key.variant == variant.name else []
            layouts = [asked for asked in wanted if asked.kind == "layout"]
            for asked in layouts:
                inputs = dataclasses.replace(inputs, module=in_channels_last(inputs.module, asked.text))
            built = variant.build(inputs)
            return dataclasses.replace(built, call=_channels_last(built.call), run=None) if layouts else built

        return dataclasses.replace(variant, build=build)

    def prepare(self, inference: Inference, measurement: str, id_: str = "") -> None:
        """Slow a variant down as far as the measurement that comes next is to be, on the main thread.

        Args:
            id_: of what is measured, in stored runs; by default that of the variant's benchmark.

        Raises:
            NoSuchModule, NothingCompiles, TooShort, InvalidProfile: it cannot be.
        """
        key = inference.key
        wanted = [asked for asked in self.of(key) if asked.kind not in STARTING]
        if not wanted:
            return
        slowed: Slowed | None = getattr(inference.built, "slowed", None)
        if slowed is None:
            parts = {asked: self._part(asked, inference) for asked in wanted if asked.kind != "layout"}
            slowed = Slowed(inference.built, parts)
        with torch.inference_mode():
            slowed.act_in(measurement)
        for asked in wanted:
            part = slowed.parts.get(asked)
            self._write_down(id_ or str(key), asked, getattr(part, "size_s", None), getattr(part, "found_share", None))

    def start(self, key: Key, question: str) -> None:
        """Write down what the process of a first request does itself (`proof.inject.starting`)."""
        for asked in self.of(key):
            if asked.kind in STARTING:
                self._write_down(question, asked, asked.fixed_s)

    def _write_down(self, id_: str, asked: Asked, size_s: float | None, share: float | None = None) -> None:
        entries = self.injected.setdefault(id_, [])
        entries[:] = [other for other in entries if other["kind"] != asked.kind]
        entry = {"kind": asked.kind, "asked": asked.text, "size_s": size_s}
        entries.append(entry if share is None else {**entry, "share": share})

    def _part(self, asked: Asked, inference: Inference) -> Part:
        built, batch = inference.built, inference.batch
        if asked.kind == "kernel":
            return SpinningKernel(built.call, batch, self.device, asked.share, asked.fixed_s)
        if asked.kind == "operator":
            if built.module is None:
                raise NoSuchModule(
                    f"--slow={asked}: {inference.key} calls no modules; an operator is for eager variants"
                )
            return SlowOperator(built.call, batch, self.device, asked.share, built.module, asked.module)
        if asked.kind in COUNTED:
            return counted(asked.kind, asked.times, built.call, self.device)
        if asked.kind == "recompilation":
            if built.recompilations is None:
                raise NothingCompiles(f"--slow={asked}: no call of {inference.key} compiles; give a variant compile-*")
            return recompiling(asked.times, built.call)
        if asked.kind in LEAKS:
            return leaking(asked.kind, asked.size_bytes, built.call, self.device)
        if built.module is not None and len(leaves(built.module)) >= FEWEST_LEAVES:
            return SpreadWork(built.call, batch, self.device, asked.share, built.module)
        return HostWork(built.call, batch, self.device, asked.share)


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
    unable = next((one.kind for one in asked if one.kind in NEEDS_CUDA), None)
    if not suite.device.is_cuda and unable:
        raise pytest.UsageError(
            f"--slow: the kind {unable} needs a CUDA GPU; on a CPU slow the host down (eager-fp32:host=20%)"
        )
    slowdown = config.stash[SLOWDOWN] = Slowdown(asked, suite.device)
    starting = [one for one in asked if one.kind in STARTING]
    if starting:
        suite.start_command = command(starting)
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
    # a fresh process that measures again is given its tests by their ids
    named = any("::" in argument for argument in session.config.args)
    for asked in slowdown.asked:
        if not named and not any(asked in slowdown.of(key) for key in keys):
            raise pytest.UsageError(f"--slow={asked}: no benchmark of this session is called so")
    try:
        for key in keys:
            slowdown.check(key)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


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
    slowdown = item.config.stash.get(SLOWDOWN, None)
    fixtures: Mapping[str, Any] = getattr(item, "funcargs", {})
    key = benchmark_key(item)
    if slowdown is not None and key is not None and "first_request" in fixtures:
        slowdown.start(key, item.callspec.id)  # type: ignore[attr-defined]
    measurement = next((MEASURES[name] for name in MEASURES if name in fixtures), None)
    if slowdown is None or measurement is None or "inference" not in fixtures:
        return
    inference: Inference = fixtures["inference"]
    suite = suite_of(item.config)
    assert suite is not None, "an inference comes from the suite's pool"
    suite.pool.ahead.settle()  # beside compilers nothing can be calibrated
    try:
        slowdown.prepare(inference, measurement, item.callspec.id)  # type: ignore[attr-defined]
    except (TooShort, InvalidProfile, NoSuchModule, NothingCompiles) as error:
        pytest.fail(f"{inference.key} cannot be slowed down: {error}", pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    slowdown = config.stash.get(SLOWDOWN, None)
    if slowdown is not None:
        output_json.setdefault("suite", {})["injected"] = slowdown.injected


def _channels_last(call: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda batch: call(batch.contiguous(memory_format=torch.channels_last))
