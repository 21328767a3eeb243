"""What a TensorRT engine's place in the GPU's memory does to its kernel time. Needs a GPU and Torch-TensorRT.

Run as `python -m proof.collect.placement MODEL VARIANT BATCH_SIZE`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

import timm
import torch

from common import output
from fixtures.instruments import kernel_time as clocks
from fixtures.machine.device import Device, resolve
from fixtures.models import images, names
from fixtures.models import model as models
from fixtures.variants.table import VARIANTS
from fixtures.variants.tensorrt import compile_dynamo, detect, engine_modules


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the kernel time of one engine again and again, its batch elsewhere, and after every new load.

    Exit status 2 where there is no TensorRT.
    """
    parser = argparse.ArgumentParser(prog="python -m proof.collect.placement", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("variant", choices=("tensorrt-fp32", "tensorrt-fp16"))
    parser.add_argument("batch_size", type=int)
    parser.add_argument("--loads", type=int, default=5, help="how often the engine is loaded anew (default: 5)")
    options = parser.parse_args(arguments)
    if not timm.is_model(options.model):
        parser.error(f"timm {timm.__version__} has no model {options.model!r}")
    if options.batch_size < 1:
        parser.error(f"the batch size {options.batch_size} is not a positive number")
    found = detect()
    if not found.flavour:
        print(f"python -m proof.collect.placement: {found}", file=sys.stderr)
        return 2
    device = resolve("cuda")
    model = models.load(names.resolve(options.model), models.Wanted(), images.find(images.SAMPLE_FOLDER))
    variant = VARIANTS[options.variant]
    shape = (options.batch_size, *model.input_size)
    batch = torch.rand(shape, device=device.torch_device, dtype=variant.dtype)
    with torch.no_grad():
        call = compile_dynamo(variant.prepare(model.module, device), batch).module
        loaded = engine_modules(call)
        first = [child.engine for child in loaded]
        print(f"{options.model} {options.variant}, batch {options.batch_size}, on {device.name}, {found}")
        say("as built", call, batch, device)
        say("the same", call, batch, device)
        elsewhere = [torch.empty(37 * 2**20, device=device.torch_device), batch.clone()]
        say("the batch elsewhere", call, elsewhere[-1], device)
        # every engine is kept, so that none gets the place of another
        engines = [first]
        for number in range(options.loads):
            began = time.perf_counter()
            load_again(loaded)
            call(batch)
            device.synchronize()
            engines.append([child.engine for child in loaded])
            took_s = time.perf_counter() - began
            say(f"loaded anew, {number + 1} ({took_s:.1f} s)", call, batch, device)
        for name, kept in (("the first load again", first), ("the last load again", engines[-1])):
            for child, engine in zip(loaded, kept, strict=True):
                child.engine = engine
            say(name, call, batch, device)
    return 0


def say(name: str, call: Any, batch: torch.Tensor, device: Device) -> None:
    """Print the kernel time in microseconds."""
    found = clocks.measure_kernel_time(lambda: call(batch), device)
    print(f"{name:28}{found.time_s * 1e6:12.3f} us", flush=True)


def load_again(children: Sequence[Any]) -> None:
    """Deserialize the engines of Torch-TensorRT's modules once more."""
    for child in children:
        child.engine = None
        child.setup_engine()


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
