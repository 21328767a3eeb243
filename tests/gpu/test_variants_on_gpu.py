"""On a GPU: every variant that only runs when it is named is built as the pool builds it, and is right."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch

from fixtures.machine.device import resolve
from fixtures.models import images, names, numerics, sensitivity
from fixtures.models import model as models
from fixtures.variants import quantization
from fixtures.variants.table import VARIANTS, when_named
from fixtures.variants.tensorrt import detect
from fixtures.variants.variant import BuildInputs

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
    built: list[Any] = []
    errors: list[Exception] = []

    def build():
        try:
            with torch.no_grad():
                built.append(variant.build(BuildInputs(variant.prepare(model.module, device), batch, pictures)))
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    thread.join()
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
