"""On a GPU: the clocks measure what they claim to, and a fast wrong answer is caught."""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from common.schema import OWN_PROCESSES
from fixtures.instruments import kernel_time as clocks
from fixtures.instruments import operators, profiles, visits
from fixtures.instruments.host_work import GPU_INFERENCES, count_host_work
from fixtures.instruments.latency import synchronised, warm_up
from fixtures.instruments.memory import peak_memory_bytes
from fixtures.instruments.places import Movable, Weights
from fixtures.machine.device import resolve
from fixtures.machine.gpu_memory import collect_garbage
from fixtures.models import images, names
from fixtures.models import model as models
from fixtures.variants.table import VARIANTS
from fixtures.variants.tensorrt_installed import detect
from fixtures.variants.variant import BuildInputs, Built

ROOT = Path(__file__).resolve().parent.parent.parent
MODEL = "tf_efficientnet_lite0"

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


@pytest.fixture(scope="module")
def device():
    return resolve("cuda")


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    with torch.inference_mode():
        yield


@dataclass(frozen=True)
class Run:
    built: Built
    batch: torch.Tensor

    @property
    def module(self):
        return self.built.module

    @property
    def weights(self):
        return self.built.weights

    @property
    def movable(self):
        load = self.built.load
        return Movable(self.weights, None if load is None else functools.partial(load, self.batch))

    def __call__(self):
        return self.built.call(self.batch)


@pytest.fixture(scope="module")
def make_run(device):
    """Makes a call that queues one inference: (variant, batch size) to callable, whose `module` is the variant's."""
    sample = images.find(images.SAMPLE_FOLDER)
    model = models.load(names.resolve(MODEL), models.Wanted(), sample)
    sample_images = torch.stack([model.transform(images.read(sample.folder / file)) for file in sample.files])

    def make(variant_name, batch_size):
        variant = VARIANTS[variant_name]
        batch = torch.rand(batch_size, *model.input_size, device=device.torch_device, dtype=variant.dtype)
        with torch.inference_mode(False), torch.no_grad():
            built = variant.build(BuildInputs(variant.prepare(model.module, device), batch.clone(), sample_images))
        return Run(built, batch)

    return make


def suite(*arguments, timeout_s=400):
    """The suite in a process of its own, to which this one is no disturbance."""
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:cacheprovider", *arguments]
    environment = os.environ | {OWN_PROCESSES: "2"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout_s)


def latencies_s(run, device, rounds=200):
    call = synchronised(run, device)
    warm_up(call)
    found = []
    for _ in range(rounds):
        begin = time.perf_counter()
        call()
        found.append(time.perf_counter() - begin)
    return found


RELEASE = """
import sys, torch
from fixtures.machine import environment
from fixtures.machine.device import resolve
from fixtures.machine.gpu_state import GpuState
device = resolve(sys.argv[1])
state = GpuState(device.uuid)
convolution = torch.nn.Conv2d(3, 8, 3, device=device.torch_device)
convolution(torch.rand(1, 3, 64, 64, device=device.torch_device))
before = state.sample().other_processes
assert device.release()
print(before - state.sample().other_processes, environment.describe(device, state)["gpu"]["uuid"])
"""


def test_a_session_gives_the_whole_gpu_back_and_still_ends_well(device):
    """NVML counts its process no longer; what is stored of the machine can still be read; the exit status is 0."""
    environment = os.environ | {OWN_PROCESSES: "0", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    command = [sys.executable, "-c", RELEASE, str(device.torch_device)]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout.split()) == (0, ["1", device.uuid]), ended.stderr


# before any test of this module that profiles
@pytest.mark.parametrize("batch_size, tolerance", [(128, 0.01), (1, 0.15)], ids=["gpu-bound", "host-bound"])
def test_latency_does_not_depend_on_what_was_measured_before(make_run, device, capsys, batch_size, tolerance):
    """The same call after itself and after other benchmarks, five times, and the middle of the five ratios: a host may
    be a third slower for seconds. Batch 128 is the GPU's own time; at batch 1 the host's noise is the bound."""
    run = make_run("eager-fp16", batch_size)
    others = [make_run("eager-fp32", 128), make_run("torchscript-fp16", 1), make_run("eager-fp32", 1)]
    warm_up(synchronised(run, device), min_s=3)
    pairs_s = []
    for _ in range(5):
        after_itself_s = statistics.median(latencies_s(run, device))
        for other in others:
            latencies_s(other, device, rounds=50)
        pairs_s.append((after_itself_s, statistics.median(latencies_s(run, device))))
    shown = ", ".join(f"{after_itself:.6f} s and {after_others:.6f} s" for after_itself, after_others in pairs_s)
    with capsys.disabled():
        print(f"\nbatch {batch_size}, median latencies after itself and after others: {shown}")
    ratio = statistics.median(after_others / after_itself for after_itself, after_others in pairs_s)
    assert ratio == pytest.approx(1, rel=tolerance)


@pytest.mark.parametrize("batch_size, tolerance", [(128, 0.02), (1, 0.1)], ids=["gpu-bound", "host-bound"])
def test_a_visited_latency_does_not_depend_on_who_else_is_in_turn(make_run, device, capsys, batch_size, tolerance):
    """The same benchmark visited alone and among others, five times, and the middle of the five ratios."""
    names = ("eager-fp16", "eager-fp32", "torchscript-fp16", "torchscript-fp32")
    runs = {name: make_run(name, batch_size) for name in names}
    plan = visits.plan(device)
    counts = {name: plan.calls(statistics.median(latencies_s(run, device, rounds=20))) for name, run in runs.items()}

    def visited_s(*visited):
        calls = {name: synchronised(runs[name], device) for name in visited}
        found, failed = visits.visit_in_turns(calls, counts, device, dict.fromkeys(calls, plan.visits))
        assert not failed
        return visits.estimate(found[names[0]].latency_s)

    pairs_s = [(visited_s(names[0]), visited_s(*names)) for _ in range(5)]
    shown = ", ".join(f"{alone:.6f} s and {among:.6f} s" for alone, among in pairs_s)
    with capsys.disabled():
        print(f"\nbatch {batch_size}, visited latencies alone and among others: {shown}")
    assert statistics.median(among / alone for alone, among in pairs_s) == pytest.approx(1, rel=tolerance)


@pytest.mark.parametrize("variant", ["eager-fp16", "torchscript-fp16"])
def test_peak_memory_does_not_depend_on_what_ran_before(make_run, device, variant):
    """To the byte, with many free blocks of odd sizes in PyTorch's allocator and with none."""
    run = make_run(variant, 1)
    for _ in range(3):
        run()
    torch.cuda.empty_cache()
    before = peak_memory_bytes(run, device)
    held = [torch.empty(300_000 + 70_000 * size, dtype=torch.uint8, device=device.torch_device) for size in range(60)]
    del held[::2]
    assert peak_memory_bytes(run, device) == before > 0


def test_cublas_workspaces_are_nobodys(make_run, device):
    """What a session holds is the same whether somebody has called cuBLAS or not, and the workspace is there again."""
    run = make_run("eager-fp32", 1)
    before = device.held_bytes()
    run()
    assert device.memory_bytes() > before
    assert device.held_bytes() == before and peak_memory_bytes(run, device) > 0


def test_a_profile_says_what_its_chrome_trace_says(make_run, device, tmp_path):
    """Kernels and copies, their names and durations."""
    run = make_run("eager-fp16", 1)
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        for _ in range(3):
            run().cpu()
        device.synchronize()
    profiler.export_chrome_trace(str(tmp_path / "trace.json"))
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    traced = [
        (event["name"], round(event["dur"] * 1000))
        for event in events
        if event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")
    ]
    trace = profiles.Trace()
    profiles.fill(trace, profiler)
    read = [(activity.name, activity.duration_ns) for activity in trace.activities]
    assert sorted(read) == sorted(traced)
    assert sum("Memcpy DtoH" in name for name, _ in read) == 3


@pytest.mark.parametrize(
    "variant, batch_size, cycles", [("eager-fp16", 1, 200_000), ("torchscript-fp32", 128, 2_000_000)]
)
def test_an_added_kernel_is_measured_by_its_own_duration(make_run, device, capsys, variant, batch_size, cycles):
    """100 us more on the GPU is 100 us more kernel time and one launch more; 1 ms where all else takes 10 ms, so that
    2 % of it stand out from the 0.1 % by which all else varies."""
    run = make_run(variant, batch_size)
    before = clocks.measure_kernel_time(run, device)

    def slower():
        run()
        torch.cuda._sleep(cycles)

    after = clocks.measure_kernel_time(slower, device)
    added = next(kernel for kernel in after.kernels if "spin" in kernel.name)
    with capsys.disabled():
        grown_us, added_us = (after.time_s - before.time_s) * 1e6, added.time_s * 1e6
        print(f"\n{variant} b{batch_size}: kernel time grew by {grown_us:.2f} us, the kernel is {added_us:.2f} us")
    assert added.time_s > 20e-6
    assert after.time_s - before.time_s == pytest.approx(added.time_s, rel=0.02)
    assert after.launches == before.launches + 1


@pytest.mark.parametrize("variant", ["eager-fp32", "torchscript-fp32"])
@pytest.mark.parametrize("batch_size", [1, 128])
def test_weights_and_activations_lie_elsewhere_in_every_place(make_run, device, capsys, variant, batch_size):
    """At batch 1 the repeats differ, as they do not in one place; no repeat allocates, all memory is given back, and
    the weights are the same in the same place."""
    run = make_run(variant, batch_size)
    logits = [run().clone() for _ in range(5)][-1]  # the first calls of TorchScript make its plan
    collect_garbage(device)
    before, places = device.held_bytes(), [tensor.data_ptr() for tensor in run.weights]
    found = clocks.measure_kernel_time(run, device, run.module, run.movable)
    profiles.keep_busy(run, device, clocks.WARM_UP_S)
    in_one_place = clocks.summarise(clocks.take_profile(run, device, 50))
    spreads = [max(one.repeats_s) / min(one.repeats_s) - 1 for one in (found, in_one_place)]
    with capsys.disabled():
        print(f"\n{variant} b{batch_size}: repeats within {spreads[0]:.2%}, in one place {spreads[1]:.2%}")
    if variant == "eager-fp32":  # whose places differ most
        assert spreads[1] < 0.005 and (spreads[0] > 2 * spreads[1] or batch_size > 1)
    assert not {name for name in found.api_calls if "Malloc" in name or "Free" in name}
    assert [tensor.data_ptr() for tensor in run.weights] == places
    assert torch.equal(run(), logits)
    collect_garbage(device)
    assert device.held_bytes() == before


def test_a_mean_over_places_depends_little_on_where_weights_were_built(make_run, device, capsys):
    """In one place after another, the same kernels of eager PyTorch differ by 2 to 3 %."""
    run = make_run("eager-fp32", 1)
    weights, held, times_s = Weights(run.weights), [torch.empty(0)], []
    for _ in range(4):
        held.append(torch.empty(2**20 + 512 * 37, dtype=torch.uint8, device=device.torch_device))
        weights.move()
        profiles.keep_busy(run, device, clocks.WARM_UP_S)
        one = clocks.summarise(clocks.take_profile(run, device, 50))
        times_s.append((one.time_s, clocks.measure_kernel_time(run, device, run.module, run.movable).time_s))
    weights.restore()
    spreads = [max(found) / min(found) - 1 for found in zip(*times_s, strict=True)]
    with capsys.disabled():
        print(f"\neager-fp32 b1: built in four places, one place each {spreads[0]:.2%}, over many {spreads[1]:.2%}")
    assert spreads[1] < min(0.01, spreads[0] / 2)


@pytest.mark.parametrize("variant", ["tensorrt-fp32", "tensorrt-fp16"])
def test_a_mean_over_loads_is_that_of_the_same_engine(make_run, device, capsys, variant):
    """Its launches are the inference's own, its time is near that of the one load, and its memory is given back."""
    run = make_run(variant, 1)
    found, free_bytes = [], []
    for _ in range(3):
        found.append(clocks.measure_kernel_time(run, device, movable=run.movable))
        collect_garbage(device)
        free_bytes.append(torch.cuda.mem_get_info(device.torch_device)[0])
    one = clocks.measure_kernel_time(run, device)
    times_s = [times.time_s for times in found]
    spreads = [max(values) / min(values) - 1 for values in (found[0].repeats_s, one.repeats_s, times_s)]
    with capsys.disabled():
        print(
            f"\n{variant} b1: loads differ by {spreads[0]:.2%}, parts of one by {spreads[1]:.2%}, means over loads by "
            f"{spreads[2]:.2%}; {times_s[0] / one.time_s - 1:+.2%} from the one; free {free_bytes} bytes"
        )
    assert not found[0].operators_missing and found[0].api_calls == one.api_calls
    launches = [{kernel.name: kernel.launches for kernel in times.kernels} for times in (found[0], one)]
    assert launches[0] == launches[1]
    assert found[0].engine_loads in (10, 20, 30, 40) and one.engine_loads is None
    assert spreads[0] > 2 * spreads[1], "each load lies elsewhere"
    assert spreads[2] < 0.003
    assert times_s[0] == pytest.approx(one.time_s, rel=0.02)
    assert free_bytes[2] >= free_bytes[1]


@pytest.mark.parametrize("variant", ["eager-fp32", "eager-fp16", "torchscript-fp16"])
@pytest.mark.parametrize("batch_size", [1, 128])
def test_operators_account_for_the_kernel_time(make_run, device, capsys, variant, batch_size):
    """Their times add up to it, all launches are theirs, and two profiles find the same operators and API calls."""
    run = make_run(variant, batch_size)
    began = time.perf_counter()
    found, again = (clocks.measure_kernel_time(run, device, run.module, run.movable) for _ in range(2))
    took_s = (time.perf_counter() - began) / 2
    assert not found.operators_missing, found.operators_missing
    with capsys.disabled():
        print(
            f"\n{variant} b{batch_size}: {took_s:.2f} s a kernel time, {found.launches} launches by "
            f"{len(found.operators)} operators; {found.api_calls}"
        )
    assert sum(operator.time_s for operator in found.operators) == pytest.approx(found.time_s, rel=0.005)
    assert sum(len(operator.kernels) for operator in found.operators) == found.launches
    names = [operator.name for operator in found.operators]
    assert operators.OUTSIDE not in names
    if variant.startswith("eager"):
        assert {"conv_stem aten::conv2d", "blocks.3.0.conv_dw aten::conv2d", "classifier aten::linear"} <= set(names)
    assert [(operator.name, operator.kernels, operator.grids, operator.api_calls) for operator in found.operators] == [
        (operator.name, operator.kernels, operator.grids, operator.api_calls) for operator in again.operators
    ]
    assert found.api_calls == again.api_calls and found.api_calls.get("cudaLaunchKernel", 0) > 0
    assert again.time_s == pytest.approx(found.time_s, rel=0.02)


def test_grids_tell_launches_of_one_kernel_apart(device):
    """An elementwise kernel of one name over 1 Mi and 4 Mi elements, and a copy, which has no grid; both profiles that
    find the same kernels agree on the grids, of which the larger tensor has four times as many blocks."""
    small, large = (torch.ones(size, device=device.torch_device) for size in (2**20, 2**22))

    def run():
        small.neg()
        large.neg()
        return small[:10].cpu()

    found, again = (operators.measure_attribution(run, device, None).operators for _ in range(2))
    one, four, copy = (launched for launched in found if launched.kernels)
    assert one.kernels == four.kernels and len(one.kernels) == 1 and "Memcpy" in copy.kernels[0]
    (few,), (many,) = one.grids, four.grids
    assert few and many and many[0] == 4 * few[0] > 4 and few[1:] == many[1:] == (1, 1)
    assert copy.grids == (None,) * len(copy.kernels)
    assert [launched.grids for launched in again] == [launched.grids for launched in found]


def test_an_added_operator_and_synchronisation_are_found(make_run, device):
    run = make_run("eager-fp16", 1)
    extra = torch.zeros(1000, device=device.torch_device)

    def more():
        run()
        return extra.add(1).cpu()

    before, after = (clocks.measure_kernel_time(call, device, run.module) for call in (run, more))
    assert not after.operators_missing, after.operators_missing
    names = [operator.name for operator in before.operators]
    assert [operator.name for operator in after.operators] == [*names, "aten::add", "aten::to"]
    fields, more_fields = before.fields(), after.fields()
    assert more_fields["synchronisations"] == fields["synchronisations"] + 1
    assert more_fields["host_device_copies"] == fields["host_device_copies"] + 1
    added = sum(more_fields["copied_bytes"].values()) - sum(fields["copied_bytes"].values())
    assert added == 1000 * extra.element_size()


@pytest.mark.parametrize("variant", ["eager-fp16", "torchscript-fp16"])
def test_host_work_repeats_and_an_added_operator_is_counted(make_run, device, capsys, variant):
    """Twice the same to the last bytecode; the operator adds itself and its output in every inference."""
    run = make_run(variant, 1)
    first, again = count_host_work(run, device), count_host_work(run, device)
    with capsys.disabled():
        print(f"\n{variant}: {first}")
    assert first == again
    assert (first.inferences, first.driver_allocations) == (GPU_INFERENCES, 0)
    more = count_host_work(lambda: run().neg(), device)
    assert more.aten_operators - first.aten_operators == GPU_INFERENCES
    assert dict(more.aten)["aten::neg"] == GPU_INFERENCES and "aten::neg" not in dict(first.aten)
    assert (more.allocator_requests or 0) - (first.allocator_requests or 0) == GPU_INFERENCES
    assert more.python.calls - first.python.calls == GPU_INFERENCES


@pytest.mark.skipif(
    detect().flavour != "TensorRT-RTX", reason="the TorchScript frontend is broken on TensorRT-RTX alone"
)
def test_fast_and_wrong_is_no_result(tmp_path):
    """Torch-TensorRT's TorchScript frontend on TensorRT-RTX is fast and gives NaN: it fails, and no time is stored."""
    stored = tmp_path / "run.json"
    result = suite(
        "--models=efficientnet_b0", "--variants=eager-fp16,tensorrt-ts-fp16", "--batch-sizes=1", "-k", "latency",
        f"--benchmark-json={stored}",
    )  # fmt: skip
    run = json.loads(stored.read_text())
    assert result.returncode == 1, result.stdout
    assert "logits are not finite" in run["suite"]["failed"]["efficientnet_b0-tensorrt-ts-fp16-b1"]
    assert [benchmark["param"] for benchmark in run["benchmarks"]] == ["efficientnet_b0-eager-fp16-b1"]


def test_out_of_memory_fails_alone(tmp_path):
    """A batch that does not fit fails with the batch size and what was free; what comes after it runs."""
    stored = tmp_path / "run.json"
    result = suite(
        f"--models={MODEL}", "--variants=eager-fp32", "--batch-sizes=99999,1", "-k", "latency",
        f"--benchmark-json={stored}",
    )  # fmt: skip
    run = json.loads(stored.read_text())
    failure = run["suite"]["failed"][f"{MODEL}-eager-fp32-b99999"]
    assert "out of GPU memory at batch size 99999" in failure and "GiB were free" in failure, result.stdout
    assert [benchmark["param"] for benchmark in run["benchmarks"]] == [f"{MODEL}-eager-fp32-b1"]


def test_gpu_is_recorded_by_uuid(tmp_path):
    """What NVML reports is of the GPU that is measured."""
    stored = tmp_path / "run.json"
    result = suite(f"--models={MODEL}", "--variants=eager-fp16", "--batch-sizes=1", f"--benchmark-json={stored}")
    run = json.loads(stored.read_text())
    assert result.returncode == 0, result.stdout
    gpu = run["machine_info"]["gpu"]
    assert gpu["uuid"] == resolve("cuda").uuid and gpu["power_limit_w"] > 0
    state = run["benchmarks"][0]["extra_info"]["gpu_state"]
    assert len(state["sm_clock_mhz"]) == 6 and all(clock_mhz > 0 for clock_mhz in state["sm_clock_mhz"])
    assert state["other_processes"] == [0] * 6
