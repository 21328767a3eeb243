"""Building: each variant once, freed after its last use, and what fails fails alone and says why."""

from __future__ import annotations

import gc
import time
import weakref

import pytest
import torch

from fixtures import images, pool, tensorrt, variants
from fixtures.device import Device, resolve
from fixtures.gpu_state import GpuState
from fixtures.options import Options
from fixtures.pool import BuildFailed, Key, OutOfMemory, VariantPool

KEY = Key("test_efficientnet", "eager-fp32", 2)


@pytest.fixture
def make_pool():
    def make(**changes):
        asked = {
            "models": (KEY.model,), "variants": (), "batch_sizes": (2,), "device": "cpu", "weights": "seeded",
            "images": images.SAMPLE_FOLDER, "label_sheet": None, "build_timeout_s": 60.0, "cudnn_benchmark": True,
        }  # fmt: skip
        options = Options(**(asked | changes))
        said = []
        made = VariantPool(resolve("cpu"), options, images.find(options.images), lambda text, ends: said.append(text))
        return made, said

    return make


def variant(monkeypatch, build, **traits):
    monkeypatch.setitem(variants.VARIANTS, KEY.variant, variants.Variant(KEY.variant, "fp32", build, **traits))


def test_a_variant_is_built_once_and_freed_when_released(make_pool, monkeypatch):
    built = []

    def build(module, batch):
        built.append(weakref.ref(module))
        return variants.Built(module)

    variant(monkeypatch, build)
    made, _ = make_pool()
    with torch.no_grad():
        assert made.get(KEY) is made.get(KEY)
        assert made.check(made.get(KEY)) < 1e-5
    assert len(built) == 1 and built[0]() is not None
    made.release(KEY)
    gc.collect()
    assert built[0]() is None
    with pytest.raises(BuildFailed, match="was released already"):
        made.get(KEY)


def test_the_batch_repeats_the_photographs_until_it_is_full(make_pool):
    made, _ = make_pool()
    inference = made.get(Key(KEY.model, KEY.variant, 11))
    assert inference.batch.shape == (11, 3, 160, 160)
    assert torch.equal(inference.batch[8:], inference.batch[:3]) and not torch.equal(
        inference.batch[0], inference.batch[1]
    )
    with torch.no_grad():
        logits, reference = made.logits(inference), made.reference(KEY.model)
    assert list(logits) == list(reference) and len(logits) == 8
    for file, row in logits.items():
        torch.testing.assert_close(row, reference[file], rtol=1e-3, atol=1e-4)


def test_a_failed_build_says_why_every_time_and_is_tried_once(make_pool, monkeypatch):
    tried = []

    def build(module, batch):
        tried.append(1)
        raise RuntimeError("no converter for aten.einsum")

    variant(monkeypatch, build)
    made, _ = make_pool()
    for _ in range(2):
        with pytest.raises(BuildFailed, match=f"building {KEY} failed: RuntimeError: no converter for aten.einsum"):
            made.get(KEY)
    assert tried == [1]


def test_long_builds_say_what_they_do(make_pool, monkeypatch):
    variant(monkeypatch, lambda module, batch: variants.Built(module), needs_tensorrt=True)
    made, said = make_pool()
    made.expect([KEY, KEY, Key(KEY.model, "tensorrt-fp16", 2)])
    made.get(KEY)
    assert said[0] == f"building engine 1 of 2, {KEY} ..." and said[1].startswith(" took ")


def test_a_build_that_hangs_in_python_is_ended(make_pool, monkeypatch):
    ended = []

    def build(module, batch):
        try:
            while True:
                time.sleep(0.01)
        except BaseException as error:
            ended.append(type(error))
            raise

    variant(monkeypatch, build)
    made, _ = make_pool(build_timeout_s=0.3)
    with pytest.raises(BuildFailed, match=r"longer than --build-timeout=0.3 s and was ended$"):
        made.get(KEY)
    assert ended == [pool.BuildTimeout] and not made.abandoned


def test_a_build_that_hangs_in_native_code_is_left_behind_and_said(make_pool, monkeypatch):
    variant(monkeypatch, lambda module, batch: time.sleep(5))  # one native call, deaf to what happens in Python
    monkeypatch.setattr(pool, "END_GRACE_S", 0.2)
    made, _ = make_pool(build_timeout_s=0.2)
    with pytest.raises(BuildFailed, match="its native code does not react and may still use the GPU"):
        made.get(KEY)
    assert made.abandoned


def test_out_of_memory_says_the_batch_and_what_was_free(make_pool, monkeypatch):
    held = []

    def build(module, batch):
        def call(batch):
            tensor = torch.zeros(10)
            held.append(weakref.ref(tensor))
            raise torch.cuda.OutOfMemoryError("tried to allocate too much")

        return variants.Built(call)

    variant(monkeypatch, build)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 2**30, 24 * 2**30))
    made, _ = make_pool()
    inference = made.get(KEY)
    with pytest.raises(OutOfMemory, match=r"at batch size 2; 3.00 of 24.00 GiB were free"):
        made.check(inference)
    assert held[0]() is None  # while the error is still at hand, as it is in a failed test's report


@pytest.fixture
def a_gpu_at_first_sight(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    tensorrt.detect.cache_clear()
    yield
    tensorrt.detect.cache_clear()


def test_tensorrt_that_is_not_installed_is_a_reason_to_skip(a_gpu_at_first_sight, monkeypatch):
    monkeypatch.setattr(tensorrt.importlib.util, "find_spec", lambda name: None)
    found = tensorrt.detect()
    device = Device(torch.device("cuda", 0), "GPU", "gpu")
    assert "is not installed" in found.missing and not found.broken
    assert variants.VARIANTS["tensorrt-fp16"].reason_to_skip(device, found) == found.missing
    assert not variants.VARIANTS["eager-fp16"].reason_to_skip(device, found)


def test_tensorrt_that_is_installed_but_broken_fails_with_its_own_error(
    a_gpu_at_first_sight, monkeypatch, tmp_path, make_pool
):
    (tmp_path / "torch_tensorrt").mkdir()
    (tmp_path / "torch_tensorrt/__init__.py").write_text("raise AttributeError(\"no attribute 'IAlgorithmSelector'\")")
    monkeypatch.syspath_prepend(tmp_path)
    found = tensorrt.detect()
    assert found.broken == "AttributeError: no attribute 'IAlgorithmSelector'" and not found.missing
    device = Device(torch.device("cuda", 0), "GPU", "gpu")
    assert not variants.VARIANTS["tensorrt-fp16"].reason_to_skip(device, found)
    variant(monkeypatch, lambda module, batch: variants.Built(module), needs_tensorrt=True)
    made, _ = make_pool()
    with pytest.raises(BuildFailed, match="TensorRT is installed but cannot be imported: AttributeError: no attribute"):
        made.get(KEY)


class Engine(torch.nn.Module):
    serialized_engine = b"plan"

    def forward(self, x):
        return x


class Tracer(torch.fx.Tracer):
    def is_leaf_module(self, module, name):
        return isinstance(module, Engine)


@pytest.mark.parametrize(
    "forward, left",
    [
        (lambda self, x: self.engine(x), ()),
        (lambda self, x: torch.nn.functional.adaptive_avg_pool2d(self.engine(x), 1), ("adaptive_avg_pool2d",)),
    ],
    ids=["engines alone", "an operator left"],
)
def test_operators_outside_the_engines_are_named(forward, left):
    module = type("Model", (torch.nn.Module,), {"forward": forward})()
    module.engine = Engine()
    graph_module = torch.fx.GraphModule(module, Tracer().trace(module))
    found = tensorrt.operators_outside_engines(graph_module)
    assert len(found) == len(left) and all(name in operator for name, operator in zip(left, found, strict=True))


def test_nvml_that_cannot_be_read_is_said_and_nothing_fails():
    state = GpuState("GPU-00000000-0000-0000-0000-000000000000")
    assert "GPU-00000000" in state.problem
    assert state.sample() is None and state.identity() == {} and state.driver() is None


def test_default_variants_leave_out_what_is_broken_on_a_flavour():
    rtx = variants.default_variants(tensorrt.TensorRT(flavour="TensorRT-RTX"))
    standard = variants.default_variants(tensorrt.TensorRT(flavour="TensorRT"))
    assert set(standard) - set(rtx) == {"tensorrt-ts-fp32", "tensorrt-ts-fp16"}
