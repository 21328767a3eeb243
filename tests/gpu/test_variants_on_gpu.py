"""On a GPU: every variant that only runs when it is named is built as the pool builds it, and is right."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch

from fixtures.instruments import kernel_time
from fixtures.machine.device import resolve
from fixtures.models import images, names, numerics, sensitivity
from fixtures.models import model as models
from fixtures.variants import quantization
from fixtures.variants.table import VARIANTS, when_named
from fixtures.variants.tensorrt_installed import detect
from fixtures.variants.variant import BuildInputs, Parts

MODEL = "tf_efficientnet_lite0"

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


@pytest.fixture(scope="module", autouse=True)
def no_gradients():
    torch.backends.cudnn.benchmark = True
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def reference():
    """The model, the suite's photographs by file, their logits in FP32 on the CPU, and how it amplifies rounding."""
    sample = images.find(images.SAMPLE_FOLDER)
    model = models.load(names.resolve(MODEL), models.Wanted(), sample)
    pictures = torch.stack([model.transform(images.read(sample.folder / file)) for file in sample.files])
    logits = model.module(pictures)
    return model, sample.files, pictures, logits, sensitivity.amplification(model.module, pictures, logits)


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.by_default is when_named])
def test_a_variant_on_request_is_right(name, reference):
    model, files, pictures, logits, amplification = reference
    device, variant = resolve("cuda"), VARIANTS[name]
    if reason := variant.reason_to_skip(device):
        pytest.skip(reason)
    assert not variant.broken()
    batch = pictures.to(device.torch_device, variant.dtype)
    built, errors = in_a_thread(
        lambda: variant.build(BuildInputs(variant.prepare(model.module, device), batch, pictures))
    )
    if errors and name == "tensorrt-bf16" and detect().version.startswith("1.4."):
        assert "Unable to create TensorRT execution context" in str(errors[0])  # it builds, and cannot be run
        return
    if errors:
        raise errors[0]
    (found,) = built
    bound = variant.precision.error_bound(device, amplification)
    run = found.run or (lambda: found.call(batch))
    for _ in range(3):
        for result in (run, lambda: found.call(batch), lambda: found.call(batch.flip(0)).flip(0)):
            numerics.check_outputs(result().float().cpu(), logits, bound)
    for file, row, right in zip(files, found.call(batch).float().cpu(), logits, strict=True):
        assert numerics.judge_image(file, row, right, bound, frozenset()).agrees, file
    assert found.recompilations is None or found.recompilations() == 0
    assert torch.backends.cudnn.benchmark


@pytest.mark.parametrize("name", [name for name, variant in VARIANTS.items() if variant.divided is not None])
def test_a_variant_in_two_steps_is_that_in_one_piece(name, reference):
    """Compiled in one thread and loaded in another, with facts that went through JSON."""
    model, _, pictures, logits, amplification = reference
    device, variant = resolve("cuda"), VARIANTS[name]
    if reason := variant.reason_to_skip(device):
        pytest.skip(reason)
    divided = variant.divided
    assert divided is not None
    if not divided.possible():
        pytest.skip("its build times kernels")
    batch = pictures.to(device.torch_device, variant.dtype)

    def inputs():
        return BuildInputs(variant.prepare(model.module, device), batch, pictures)

    made, errors = in_a_thread(lambda: (variant.build(inputs()), divided.compile(inputs())))
    if errors and name == "tensorrt-bf16" and detect().version.startswith("1.4."):
        return  # it builds, and cannot be run
    assert not errors, errors
    ((whole, parts),) = made
    loaded, errors = in_a_thread(lambda: divided.load(Parts(parts.data, json.loads(json.dumps(parts.facts)))))
    assert not errors, errors
    (found,) = loaded
    bound = variant.precision.error_bound(device, amplification)
    for one in (whole, found):
        numerics.check_outputs(one.call(batch).float().cpu(), logits, bound)
    same = ("engines", "engine_layers", "left_to_pytorch", "may_leave_operators")
    assert [found.details.get(key) for key in same] == [whole.details.get(key) for key in same]


def test_the_heuristic_does_not_run_what_was_searched_for_others(reference):
    """The kernels after `eager-fp32` in one thread are those of a thread where nothing was searched."""
    model, _, pictures, _, _ = reference
    device = resolve("cuda")
    batch = pictures.to(device.torch_device)

    def kernels(name):
        built = VARIANTS[name].build(BuildInputs(VARIANTS[name].prepare(model.module, device), batch, pictures))
        found = kernel_time.measure_kernel_time(lambda: built.call(batch), device)
        return sorted((kernel.name, kernel.launches) for kernel in found.kernels)

    (alone,), errors = in_a_thread(lambda: kernels("eager-fp32-heuristic"))
    assert not errors, errors
    ((searched, after),), errors = in_a_thread(lambda: (kernels("eager-fp32"), kernels("eager-fp32-heuristic")))
    assert not errors, errors
    assert after == alone != searched


def in_a_thread(work: Callable[[], Any]) -> tuple[list[Any], list[Exception]]:
    """What a thread without gradients, as builds have, returns or raises."""
    made: list[Any] = []
    errors: list[Exception] = []

    def do():
        try:
            with torch.no_grad():
                made.append(work())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=do)
    thread.start()
    thread.join()
    return made, errors


def test_tensorrt_rtx_refuses_int8_activations(reference):
    """What `tensorrt-int8` is skipped for there; a release that takes them makes this fail."""
    device, (model, _, pictures, *_) = resolve("cuda"), reference
    if detect().flavour != "TensorRT-RTX":
        pytest.skip("needs TensorRT-RTX")
    if reason := quantization.MODEL_OPTIMIZER.missing(device):
        pytest.skip(reason)
    variant = VARIANTS["tensorrt-int8"]
    batch = pictures.to(device.torch_device, variant.dtype)
    with torch.no_grad(), pytest.raises(Exception, match="TensorRT-RTX does not support int8 activation quantization"):
        variant.build(BuildInputs(variant.prepare(model.module, device), batch, pictures))
