"""The slowdown plugin: what it is asked, what it does to a variant, and what it writes down."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from fixtures.instruments import kernel_time as clocks
from fixtures.instruments import profiles
from fixtures.instruments.interpreter import count_python_work
from fixtures.instruments.operators import module_paths, outermost
from fixtures.instruments.profiles import Span
from fixtures.key import Key
from fixtures.machine import host_memory
from fixtures.machine.device import Device
from fixtures.pool import Inference
from fixtures.variants.table import VARIANTS
from fixtures.variants.variant import Built
from proof.inject.injection import NothingCompiles, Slowdown
from proof.inject.layout import NoSuchModule, in_channels_last
from proof.inject.slowdown import parse
from proof.inject.spinning import SpinningKernel, TooShort, tune
from proof.inject.working import HostWork, SpreadWork
from tests.inner_session import suite_arguments

ROOT = Path(__file__).resolve().parents[3]
CPU = Device(torch.device("cpu"), "a CPU", "cpu")
GPU = Device(torch.device("cuda", 0), "a GPU", "gpu")
ID = "test_efficientnet-eager-fp32-b1"
RATE = 1.98e9


@pytest.fixture
def session(pytester, monkeypatch):
    """Runs `pytest -p proof.inject.slowdown benchmarks/` on a small model on the CPU, in this process."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)

    def run(*arguments):
        return pytester.runpytest_inprocess(
            *suite_arguments("-p", "proof.inject.slowdown"),
            "--device=cpu", "--models=test_efficientnet", "--weights=seeded",
            "--batch-sizes=1", "--benchmark-max-time=0.2", *arguments,
        )  # fmt: skip

    return run


@pytest.mark.alone
def test_a_slowed_session_stores_what_was_done(session, pytester):
    """The host works, no call takes less than that, and it is stored. How much work it is has a test without a real
    clock."""
    before = dict(VARIANTS)
    result = session(
        "--slow=*-eager-fp32-b1:host=50%", "--benchmark-save=slowed", "--variants=eager-fp32",
        "-k", "latency", f"--benchmark-storage=file://{pytester.path}/store",
    )  # fmt: skip
    assert result.ret == 0
    result.stdout.fnmatch_lines(["slowed on purpose: *-eager-fp32-b1:host=50%"])
    assert before == VARIANTS
    (path,) = pytester.path.glob("store/*/*_slowed.json")
    run = json.loads(path.read_text())
    assert run["suite"]["injected"].keys() == {ID}
    (entry,) = run["suite"]["injected"][ID]
    assert (entry["kind"], entry["asked"]) == ("host", "50%")
    slowed = next(item for item in run["benchmarks"] if item["param"] == ID)["stats"]
    assert slowed["min"] > entry["size_s"] > 0


def inference(call, *, size=1, variant="eager-fp32", module=None):
    """A built variant as the suite's pool gives it, with nothing of a model but what is asked for."""
    key, batch = Key("model", variant, size), torch.zeros(1)
    built = Built(call, module=module)
    return Inference(key, VARIANTS[variant], cast(Any, None), built, batch, build_s=0.0, resident_bytes=0)


def test_only_what_was_asked_for_is_slowed():
    """Whoever built it, and while its own metric is measured: elsewhere the variant is called as it is."""
    slowdown = Slowdown([parse("*-b1:wrapper=1")], CPU)
    for size, slowed in ((1, True), (128, False)):
        module = torch.nn.Identity()
        built = inference(module, size=size)
        slowdown.prepare(built, "latency")
        assert built.call is module
        slowdown.prepare(built, "host_work")
        assert (built.call is not module) is slowed
        slowdown.prepare(built, "kernel_time")
        assert built.call is module
    assert slowdown.injected == {"model-eager-fp32-b1": [{"kind": "wrapper", "asked": "1", "size_s": None}]}


def test_a_wrapper_is_one_python_function_and_nothing_else_is_counted():
    slowdown = Slowdown([parse("eager-fp32:wrapper=2"), parse("eager-fp32:host=50%")], CPU)
    built = inference(lambda batch: batch)
    before = count_python_work(built.run, 10).calls
    slowdown.prepare(built, "latency")
    slowdown.prepare(built, "host_work")
    assert count_python_work(built.run, 10).calls == before + 20


@pytest.mark.parametrize("words, launched", [
    ("launch=1", ["spin"]), ("launch=3", ["spin"] * 3), ("synchronisation=1", ["waited"]), ("copy=2", ["copied"] * 2),
])  # fmt: skip
def test_what_is_counted_is_added_to_every_call_while_kernels_are_profiled(fake_gpu, monkeypatch, words, launched):
    queue, call = fake_gpu
    for name, said in (("_synchronisation", "waited"), ("_copy", "copied")):
        monkeypatch.setattr(f"proof.inject.counted.{name}", lambda _, said=said: lambda: queue.append((said, 0.0)))
    slowdown, built = Slowdown([parse(f"eager-fp32:{words}")], GPU), inference(call)
    for measurement, expected in (("latency", []), ("kernel_time", launched), ("host_work", [])):
        slowdown.prepare(built, measurement)
        queue.clear()
        built.run()
        assert ["spin" if "spin" in name else name for name, _ in queue[1:]] == expected, measurement


def test_a_recompilation_is_a_call_of_another_batch_size_before_so_many():
    sizes = []

    def call(batch):
        sizes.append(len(batch))
        return batch

    slowdown, built = Slowdown([parse("eager-fp32:recompilation=2")], CPU), inference(call)
    with pytest.raises(NothingCompiles, match="no call of model-eager-fp32-b1 compiles; give a variant compile-"):
        slowdown.prepare(built, "latency")
    object.__setattr__(built.built, "recompilations", lambda: 0)
    slowdown.prepare(built, "kernel_time")
    built.run()
    assert sizes == [1], "it acts while the latency is measured"
    slowdown.prepare(built, "latency")
    for _ in range(4):
        built.run()
    assert sizes == [1, 3, 1, 2, 1, 1, 1]


@pytest.mark.parametrize("words, size", [("leak=100KB", 100 << 10), ("gpu-leak=1MB", 1 << 20), ("leak=7B", 7)])
@pytest.mark.usefixtures("nothing_to_collect")
def test_a_leak_keeps_its_bytes_of_every_call_while_growth_is_measured(words, size):
    """On the CPU the GPU's memory is the host's, so that both can be weighed here."""
    slowdown, built = Slowdown([parse(f"eager-fp32:{words}")], CPU), inference(lambda batch: batch)
    for measurement, expected in (("latency", 0), ("memory_growth", size), ("host_work", 0)):
        slowdown.prepare(built, measurement)
        built.run()  # what the first call allocates besides
        before = host_memory.heap_bytes()
        for _ in range(48):
            built.run()
        after = host_memory.heap_bytes()
        assert before is not None and after is not None
        assert after - before == pytest.approx(48 * expected, rel=0.1, abs=10_000), measurement


@pytest.mark.parametrize("words", [
    "*:kernel=0.5%", "eager-fp32:kernel=20us", "*-b1:host=10%", "*:layout=blocks.1.0", "*:launch=1", "*:wrapper=2",
    "*:leak=1KB", "*-b1:gpu-leak=4KB",
    "*-b1:operator=blocks.2.0.conv_dw", "*-b1:operator=blocks.2.0.conv_dw+1.7%",
])  # fmt: skip
def test_what_was_asked_can_be_asked_again_of_a_fresh_process(words):
    assert str(parse(words)) == words and parse(str(parse(words))) == parse(words)


def test_work_and_a_kernel_each_act_on_their_own_metric(fake_gpu, steady_time, monkeypatch):
    """The work while the latency is measured, the kernel while kernels are profiled; both are written down."""
    queue, call = fake_gpu
    monkeypatch.setattr("proof.inject.working.synchronised", lambda run, device: run)
    monkeypatch.setattr("proof.inject.working.idle_share", lambda run, device: 0.0)
    slowdown = Slowdown([parse("eager-fp32:host=50%"), parse("*-b1:kernel=1%")], GPU)
    built = inference(call)
    slowdown.prepare(built, "latency")
    worked: Any = built.call
    worked.looks, worked.size_s = 2000, 0.002
    slowdown.prepare(built, "latency")
    queue.clear()
    began = time.perf_counter()
    built.run()
    assert [name for name, _ in queue] == ["void gemm()"] and time.perf_counter() - began >= 0.002
    slowdown.prepare(built, "kernel_time")
    spun: Any = built.call
    queue.clear()
    began = time.perf_counter()
    built.run()
    assert len(queue) == 2 and "spin" in queue[1][0]
    assert time.perf_counter() - began < 0.002
    assert slowdown.injected == {
        "model-eager-fp32-b1": [
            {"kind": "host", "asked": "50%", "size_s": 0.002, "share": 0.5},
            {"kind": "kernel", "asked": "1%", "size_s": spun.size_s},
        ]
    }
    assert spun.size_s == pytest.approx(4.95e-6, rel=0.021)


def test_without_the_plugin_there_is_nothing_of_it(pytester, monkeypatch):
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    result = pytester.runpytest_inprocess(
        "-c",
        str(ROOT / "pytest.ini"),
        f"--rootdir={ROOT}",
        str(ROOT / "benchmarks"),
        "--slow=x:host=1%",
        "--collect-only",
    )
    assert result.ret == pytest.ExitCode.USAGE_ERROR


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "*needs --slow PATTERN:KIND=AMOUNT, *"),
        (["--slow=eager-fp32"], "*'eager-fp32' is not PATTERN:KIND=AMOUNT, such as *"),
        (["--slow=eager-fp32:gpu=5%"], "*kinds are kernel, host, layout, operator*"),
        (["--slow=eager-fp32:host=5"], "*must be a number with a percent sign*"),
        (["--slow=eager-fp32:host=0%"], "*is not more than nothing*"),
        (["--slow=eager-fp32:host=7.16e+05%"], "*'7.16e+05%' is more than 1000%: calibrating it alone could*"),
        (["--slow=eager-fp32:operator=blocks.0+1001%"], "*'1001%' is more than 1000%*"),
        (["--slow=eager-fp32:kernel=soonus"], "*'soonus' is not a number of microseconds*"),
        (["--slow=eager-fp32:kernel=1%"], "*the kind kernel needs a CUDA GPU*"),
        (["--slow=eager-fp32:operator=blocks.0+1%"], "*the kind operator needs a CUDA GPU*"),
        (["--slow=eager-fp32:launch=0"], "*'0' is not a number from 1 to 1000*"),
        (["--slow=eager-fp32:leak=1"], "*'1' is not a size such as 1KB, up to 64MB*"),
        (["--slow=eager-fp32:gpu-leak=4KB"], "*the kind gpu-leak needs a CUDA GPU*"),
        (["--slow=eager-fp64:host=5%"], "*--slow=eager-fp64:host=5%: no benchmark of this session is called so*"),
        (["--slow=*:layout=none"], "*a layout is for eager variants, and test_efficientnet-*-b1 is none*"),
        (["--slow=*-b1:host=5%", "--slow=eager-fp32:host=9%"], "*slowed down twice, by *:host=5% and *:host=9%*"),
    ],
)
def test_what_cannot_be_done_is_refused(session, arguments, message):
    result = session("--collect-only", "-q", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message]) if result.errlines else result.stdout.fnmatch_lines([message])


def test_work_lengthens_every_call_by_its_share(steady_time):
    """Against a call whose length is known."""

    def sleep(batch):
        time.sleep(0.004)
        return batch

    batch = torch.zeros(1)
    slowed = HostWork(sleep, batch, CPU, share=0.5)
    assert slowed(batch) is batch and slowed.size_s is None
    slowed.prepare(profiled=False)
    assert slowed.size_s == pytest.approx(0.002, rel=0.01)
    looks = slowed.looks
    assert slowed.found_share == 0.5
    slowed.prepare(profiled=True)
    assert slowed.looks == looks, "calibrated once"
    found = [timed_s(slowed, batch) for _ in range(30)]
    assert min(found) == pytest.approx(0.006, rel=0.01)
    assert max(found) == pytest.approx(0.006, rel=0.01)


def test_work_after_every_module_lengthens_every_call_by_its_share(steady_time):
    class Sleep(torch.nn.Module):
        def forward(self, batch):
            time.sleep(0.001)
            return batch

    module, batch = torch.nn.Sequential(*(Sleep() for _ in range(7))), torch.zeros(1)
    slowed = SpreadWork(module, batch, CPU, share=0.1, module=module)
    slowed.prepare(profiled=False)
    assert slowed.size_s == pytest.approx(0.0007, rel=0.01) and slowed.found_share == pytest.approx(0.1, rel=0.01)
    slowed.begin()
    assert timed_s(slowed, batch) == pytest.approx(0.0077, rel=0.01)
    slowed.end()
    assert timed_s(slowed, batch) == pytest.approx(0.007, rel=0.01)


@pytest.mark.parametrize("spread", [False, True], ids=["before", "after every module"])
def test_on_a_slower_host_work_takes_longer_as_the_call_does(host, spread):
    """Half as fast, both take twice as long: a share stays that share."""
    module, batch = torch.nn.Sequential(host.Call(), host.Call()), torch.zeros(1)
    slowed = SpreadWork(module, batch, CPU, 0.2, module) if spread else HostWork(module, batch, CPU, 0.2)
    slowed.prepare(profiled=False)
    slowed.begin()
    for host.slowness in (1.0, 2.0, 0.7):
        slowed.end()
        plain_s = timed_s(module, batch)
        slowed.begin()
        assert timed_s(slowed, batch) / plain_s == pytest.approx(1.2, rel=0.01), host.slowness


def test_work_beside_a_busy_gpu_claims_no_share(steady_time):
    """Its latency does not follow the host's pace, so on a slower host the work is more of it."""
    gpu = SimpleNamespace(is_cuda=False, synchronize=lambda: time.sleep(0.004))
    slowed = HostWork(lambda batch: batch, torch.zeros(1), cast(Any, gpu), share=0.5)
    slowed.prepare(profiled=False)
    assert slowed.size_s == pytest.approx(0.002, rel=0.01) and slowed.found_share is None


@pytest.fixture
def host(monkeypatch):
    """A host whose pace is known: a call takes 2 ms, a look at the clock a microsecond, and both follow its pace."""

    class Host:
        slowness, now_s = 1.0, 0.0

        class Call(torch.nn.Module):
            def forward(self, batch):
                known.now_s += 0.002 * known.slowness
                return batch

    known = Host()

    def look():
        known.now_s += 1e-6 * known.slowness
        return known.now_s

    monkeypatch.setattr(time, "perf_counter", look)
    return known


def timed_s(call, batch):
    begin = time.perf_counter()
    call(batch)
    return time.perf_counter() - begin


def device(overhead_s=0.9e-6, rest_s=495e-6, step_s=32e-9):
    """Measures a spin kernel that begins with an overhead and ends at the GPU timer's next step."""

    def measure(cycles):
        return round((overhead_s + cycles / RATE) / step_s) * step_s, rest_s

    return measure


@pytest.mark.parametrize("share", [0.005, 0.01, 0.05])
@pytest.mark.parametrize("begin", [0, 1_000, 100_000])
def test_the_kernel_is_tuned_to_its_share(share, begin):
    cycles, extra_s = tune(device(), lambda rest_s: share * rest_s, begin, 0.9 * RATE)
    assert extra_s == pytest.approx(share * 495e-6, abs=max(0.02 * share * 495e-6, 50e-9))
    assert device()(cycles)[0] == extra_s


def test_no_kernel_is_shorter_than_its_overhead():
    with pytest.raises(TooShort, match=r"0.50 us was asked for and none takes less than 0.90 us"):
        tune(device(), lambda _: 0.5e-6, 5_000, RATE)


def test_the_nearest_is_kept_where_none_is_right():
    lengths = iter([9e-6, 4e-6, 6.5e-6, 8e-6, 9e-6, 9e-6])
    measured = []

    def measure(cycles):
        measured.append(cycles)
        return next(lengths), 1.0

    assert tune(measure, lambda _: 6e-6, 100_000, RATE) == (measured[2], 6.5e-6)


@pytest.fixture
def fake_gpu(monkeypatch):
    """CUDA and CUPTI as far as a spinning kernel needs them: a queue of work, and profiles of it."""
    queue = []

    def call(batch):
        queue.append(("void gemm()", 495e-6))
        return batch

    def elapsed_s(work):
        queue.clear()
        work()
        # gaps between kernels
        return sum(length_s for _, length_s in queue) + 20e-6

    def take_profile(run, device, inferences):
        queue.clear()
        for _ in range(inferences):
            run()
        launched = [
            profiles.Activity(name, start, round(length_s * 1e9)) for start, (name, length_s) in enumerate(queue)
        ]
        return clocks.cut(profiles.Trace(launched), inferences)

    spin = "at::cuda::(anonymous namespace)::spin_kernel(long)"
    monkeypatch.setattr("torch.cuda._sleep", lambda cycles: queue.append((spin, 0.9e-6 + cycles / RATE)))
    monkeypatch.setattr("proof.inject.spinning._elapsed_s", elapsed_s)
    monkeypatch.setattr("fixtures.instruments.kernel_time.take_profile", take_profile)
    monkeypatch.setattr("fixtures.instruments.profiles.keep_busy", lambda run, device, duration_s: run())
    return queue, call


@pytest.mark.parametrize("share, fixed_s, wanted_s", [(0.005, None, 2.475e-6), (0.0, 20e-6, 20e-6)])
def test_a_kernel_is_estimated_before_the_latencies_and_tuned_before_the_profiles(fake_gpu, share, fixed_s, wanted_s):
    queue, call = fake_gpu
    batch = torch.zeros(1)
    slowed = SpinningKernel(call, batch, GPU, share, fixed_s)
    slowed(batch)
    assert [name for name, _ in queue] == ["void gemm()"], "nothing is added before it is calibrated"
    slowed.prepare(profiled=False)
    assert slowed.size_s == pytest.approx(wanted_s, rel=0.1)
    slowed.prepare(profiled=True)
    assert slowed.size_s == pytest.approx(wanted_s, rel=0.021)
    queue.clear()
    slowed.prepare(profiled=True)
    assert not queue, "tuned once"
    assert slowed(batch) is batch
    assert [length_s for name, length_s in queue if "spin" in name] == pytest.approx([slowed.size_s], abs=1e-9)


@torch.inference_mode()
def test_a_spread_wait_is_work_of_the_host_after_every_module(steady_time):
    """Of a model whose modules take a known time; outside the latency nothing of it is left."""

    class Sleep(torch.nn.Module):
        def forward(self, x):
            time.sleep(0.001)
            return x

    model = torch.nn.Sequential(*(Sleep() for _ in range(4)))
    slowdown, built = Slowdown([parse("eager-fp32:host=50%")], CPU), inference(model, module=model)
    slowdown.prepare(built, "latency")
    found: Any = built.call
    assert found.size_s == pytest.approx(0.002, rel=0.05)
    gaps = []
    for sleep in list(model)[1:]:
        sleep.register_forward_pre_hook(lambda *_: gaps.append(time.perf_counter()))
    began = time.perf_counter()
    built.run()
    assert time.perf_counter() - began == pytest.approx(0.006, rel=0.05)
    assert [after - before for before, after in itertools.pairwise(gaps)] == pytest.approx([0.0015] * 2, rel=0.1)
    slowdown.prepare(built, "kernel_time")
    assert built.call is model and not any(sleep._forward_hooks for sleep in model)


@torch.inference_mode()
def test_a_slow_operator_keeps_its_name_and_its_kernels(fake_gpu):
    """What it launches lies within the operator that the model calls, in the reference as in the slowed run, and
    only the length differs."""
    queue, _ = fake_gpu
    spins = {}
    for amount in ("", "+1%"):
        model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Conv2d(2, 1, 3))
        for conv in model:
            conv.register_forward_pre_hook(lambda *_: queue.append(("void gemm()", 495e-6 / 2)))
        slowdown = Slowdown([parse(f"eager-fp32:operator=1{amount}")], GPU)
        built = dataclasses.replace(inference(model, module=model), batch=torch.zeros(1, 1, 8, 8))
        slowdown.prepare(built, "kernel_time")
        queue.clear()
        built.run()
        assert [name for name, _ in queue][:2] == ["void gemm()"] * 2
        (spins[amount],) = [length_s for name, length_s in queue if "spin" in name]
        with profile(activities=[ProfilerActivity.CPU]) as profiler, module_paths(model):
            original = torch.cuda._sleep
            torch.cuda._sleep = lambda cycles: torch.ones(1)
            built.run()
            torch.cuda._sleep = original
        events = sorted(cast(Any, profiler.profiler).kineto_results.events(), key=lambda event: event.start_ns())
        aten = [event for event in events if event.name().startswith("aten::")]
        top = outermost([Span(event.start_ns(), event.end_ns(), event.name()) for event in aten])
        assert [span.name for span in top] == ["aten::conv2d"] * 2
        (inside,) = [event for event in aten if event.name() == "aten::ones"]
        assert top[1].start_ns < inside.start_ns() < inside.end_ns() <= top[1].end_ns
        slowdown.prepare(built, "host_work")
        queue.clear()
        built.run()
        assert [name for name, _ in queue] == ["void gemm()"] * 2
    assert spins["+1%"] - spins[""] == pytest.approx(0.01 * 495e-6, rel=0.03)
    (entry,) = slowdown.injected["model-eager-fp32-b1"]
    assert entry["size_s"] == pytest.approx(spins["+1%"] - spins[""], rel=0.02)


class Padded(torch.nn.Module):
    """As a convolution with TensorFlow's padding: two operators, each of which launches a spin kernel."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(1, 1, 3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.nn.functional.pad(batch, (1, 1, 1, 1)))


@torch.inference_mode()
def test_a_module_of_several_operators_becomes_slower_by_its_share_all_together(fake_gpu):
    queue, _ = fake_gpu
    model = torch.nn.Sequential(Padded())
    model.register_forward_pre_hook(lambda *_: queue.append(("void gemm()", 495e-6)))
    slowdown = Slowdown([parse("eager-fp32:operator=0+1%")], GPU)
    built = dataclasses.replace(inference(model, module=model), batch=torch.zeros(1, 1, 8, 8))
    slowdown.prepare(built, "kernel_time")
    queue.clear()
    built.run()
    spins = [length_s for name, length_s in queue if "spin" in name]
    assert len(spins) > 1 and sum(spins) - len(spins) * 0.9e-6 == pytest.approx(0.01 * 495e-6, rel=0.03)
    (entry,) = slowdown.injected["model-eager-fp32-b1"]
    assert entry["size_s"] == pytest.approx(0.01 * 495e-6, rel=0.03)


@torch.inference_mode()
def test_a_slow_operator_that_fails_slows_nothing_else(fake_gpu):
    queue, _ = fake_gpu
    model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.Conv2d(2, 1, 3))
    slowdown = Slowdown([parse("eager-fp32:operator=1")], GPU)
    built = dataclasses.replace(inference(model, module=model), batch=torch.zeros(1, 1, 8, 8))
    slowdown.prepare(built, "kernel_time")
    model[1].weight.data = torch.zeros(1, 7, 3, 3)
    with pytest.raises(RuntimeError, match="channels"):
        built.run()
    queue.clear()
    torch.ones(2).add(1)
    assert not queue


def test_a_profile_that_loses_events_is_taken_again_and_not_for_ever(fake_gpu, monkeypatch):
    _, call = fake_gpu
    taken = []

    def broken(run, device, inferences):
        taken.append(run)
        raise profiles.InvalidProfile("no activity")

    monkeypatch.setattr("fixtures.instruments.kernel_time.take_profile", broken)
    with pytest.raises(profiles.InvalidProfile):
        SpinningKernel(call, torch.zeros(1), GPU, 0.01, None).prepare(profiled=True)
    assert len(taken) == 1 + clocks.RETAKES


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        block = torch.nn.Sequential(torch.nn.Conv2d(8, 8, 3, padding=1), torch.nn.Conv2d(8, 8, 1))
        self.blocks = torch.nn.Sequential(
            torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), block, torch.nn.Conv2d(8, 8, 3))
        )


@torch.inference_mode()
@pytest.mark.parametrize("module, nchw", [("none", []), ("blocks.0.1", ["1.0", "1.1"]), ("blocks.0.1.1", ["1.1"])])
def test_one_module_is_in_nchw_and_the_outputs_stay(module, nchw):
    model = Model().eval()
    batch = torch.rand(2, 3, 12, 12)
    expected = model.blocks(batch)
    in_channels_last(model, module)
    seen = {}
    for name, convolution in model.blocks[0].named_modules():
        if isinstance(convolution, torch.nn.Conv2d):
            convolution.register_forward_hook(
                lambda conv, inputs, output, name=name: seen.update(
                    {name: (inputs[0].is_contiguous(), conv.weight.stride(1) == 1 and conv.weight.shape[1] > 1)}
                )
            )
    actual = model.blocks(batch.contiguous(memory_format=torch.channels_last))
    assert torch.allclose(actual, expected, atol=1e-5) and actual.is_contiguous(memory_format=torch.channels_last)
    assert [name for name, (is_nchw, _) in seen.items() if is_nchw] == nchw
    assert not seen["0"][0] and seen["0"][1] and seen["2"][1]
    # a 3x3 convolution's weights say which layout they are in
    assert seen["1.0"][1] is (module != "blocks.0.1")


def test_a_module_that_is_not_there_is_named():
    with pytest.raises(NoSuchModule, match=r"no module 'blocks.9'; it has for example blocks.0.0, blocks.0.1"):
        in_channels_last(Model(), "blocks.9")
