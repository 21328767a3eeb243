"""What the place of engines, weights and activations in the GPU's memory does to the kernel time. Needs a GPU.

Run as `python -m proof.collect.placement MODEL VARIANT BATCH_SIZE`; a variant `tensorrt-*` needs Torch-TensorRT.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import timm
import torch

from common import output
from fixtures.instruments.kernel_time import WARM_UP_S, Kernel, measure_kernel_time, summarise, take_profile
from fixtures.instruments.places import SEED, Movable, Weights, fillers
from fixtures.instruments.profiles import InvalidProfile, keep_busy
from fixtures.machine.device import Device, resolve
from fixtures.models import images, names
from fixtures.models import model as models
from fixtures.variants.requirement import CUDA
from fixtures.variants.table import VARIANTS
from fixtures.variants.tensorrt import compile_dynamo, engine_modules
from fixtures.variants.tensorrt_installed import detect

MOST_MOVED = 3
INFERENCES_OF_A_LINE = 100


@dataclass
class Table:
    """Prints the kernel time of one variant, a line each time, and keeps the kernels of every line."""

    call: Any
    device: Device
    lines: list[dict[str, Kernel]] = field(default_factory=list)

    def say(self, name: str, batch: torch.Tensor) -> None:
        """As everything lies now.

        Raises:
            InvalidProfile: the profile lost events.
        """
        keep_busy(lambda: self.call(batch), self.device, WARM_UP_S)
        found = summarise(take_profile(lambda: self.call(batch), self.device, INFERENCES_OF_A_LINE))
        self.lines.append({kernel.name: kernel for kernel in found.kernels})
        print(f"{name:28}{found.time_s * 1e6:12.3f} us", flush=True)

    @property
    def weights(self) -> list[torch.Tensor]:
        return [*self.call.parameters(), *self.call.buffers()]

    def say_of_places(self, batch: torch.Tensor) -> None:
        """As the suite measures it.

        Raises:
            InvalidProfile: as `measure_kernel_time` does.
        """
        found = measure_kernel_time(lambda: self.call(batch), self.device, movable=Movable(self.weights))
        print(f"{'as the suite measures it':28}{found.time_s * 1e6:12.3f} us", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the kernel time again and again: as it was built, then with its memory elsewhere.

    Exit status 2 where there is no GPU, or no TensorRT for its variants; 1 where a profile lost events.
    """
    parser = argparse.ArgumentParser(prog="python -m proof.collect.placement", description=__doc__)
    parser.add_argument("model")
    parser.add_argument("variant", choices=("eager-fp32", "eager-fp16", "tensorrt-fp32", "tensorrt-fp16"))
    parser.add_argument("batch_size", type=int)
    parser.add_argument("--times", type=int, default=5, help="how often each thing is moved (default: 5)")
    options = parser.parse_args(arguments)
    if not timm.is_model(options.model):
        parser.error(f"timm {timm.__version__} has no model {options.model!r}")
    if options.batch_size < 1:
        parser.error(f"the batch size {options.batch_size} is not a positive number")
    variant = VARIANTS[options.variant]
    device = resolve("cuda" if torch.cuda.is_available() else "cpu")
    if missing := CUDA.missing(device) or variant.reason_to_skip(device):
        print(f"python -m proof.collect.placement: {missing}", file=sys.stderr)
        return 2
    torch.backends.cudnn.benchmark = True
    model = models.load(names.resolve(options.model), models.Wanted(), images.find(images.SAMPLE_FOLDER))
    shape = (options.batch_size, *model.input_size)
    batch = torch.rand(shape, device=device.torch_device, dtype=variant.dtype)
    with torch.no_grad():
        module = variant.prepare(model.module, device)
        compiled = variant.compiler == "tensorrt"
        compiler = str(detect()) if compiled else f"PyTorch {torch.__version__}"
        table = Table(compile_dynamo(module, batch).module if compiled else module, device)
        print(f"{options.model} {options.variant}, batch {options.batch_size}, on {device.name}, {compiler}")
        elsewhere = [torch.empty(37 * 2**20, device=device.torch_device), batch.clone()]
        try:
            table.say("as built", batch)
            table.say("the same", batch)
            table.say("the batch elsewhere", elsewhere[-1])
            (load_engines if compiled else move_tensors)(table, batch, options.times)
        except InvalidProfile as problem:
            print(f"python -m proof.collect.placement: {problem}; run it again", file=sys.stderr)
            return 1
    return 0


def load_engines(table: Table, batch: torch.Tensor, times: int) -> None:
    """Load the engines anew, then take the first and the last again."""
    loaded = engine_modules(table.call)
    # every engine is kept, so that none gets the place of another
    engines = [[child.engine for child in loaded]]
    for number in range(times):
        began = time.perf_counter()
        load_again(loaded)
        table.call(batch)
        table.device.synchronize()
        engines.append([child.engine for child in loaded])
        took_s = time.perf_counter() - began
        table.say(f"loaded anew, {number + 1} ({took_s:.1f} s)", batch)
    for name, kept in (("the first load again", engines[0]), ("the last load again", engines[-1])):
        for child, engine in zip(loaded, kept, strict=True):
            child.engine = engine
        table.say(name, batch)


def move_tensors(table: Table, batch: torch.Tensor, times: int) -> None:
    """Move the activations, then the weights, then take the first weights again; print which kernels felt it most.

    Beside it, what the suite measures, which moves both itself: before and after each of these moves.
    """
    draw = random.Random(SEED)
    held: list[torch.Tensor] = []
    table.say_of_places(batch)
    for number in range(times):
        torch.cuda.empty_cache()
        held += fillers(table.device, draw)
        table.say(f"activations elsewhere, {number + 1}", batch)
    table.say_of_places(batch)
    weights = Weights(table.weights)
    for number in range(times):
        held += fillers(table.device, draw)
        weights.move()
        table.say(f"weights elsewhere, {number + 1}", batch)
        table.say_of_places(batch)
    weights.restore()
    table.say("the first weights again", batch)
    print(*most_moved(table.lines), sep="\n")


def most_moved(lines: Sequence[dict[str, Kernel]]) -> Iterator[str]:
    """The kernels of every line whose time differed most from line to line."""
    yield f"\n{'kernel':60}{'launches':>10}{'shortest':>12}{'longest':>12}"
    rows = []
    for name in set.intersection(*map(set, lines)):
        times_s = [line[name].time_s for line in lines]
        rows.append((max(times_s) - min(times_s), name, lines[0][name].launches, min(times_s), max(times_s)))
    for _, name, launches, shortest_s, longest_s in sorted(rows, reverse=True)[:MOST_MOVED]:
        yield f"{name[:58]:60}{launches:10}{shortest_s * 1e6:9.3f} us{longest_s * 1e6:9.3f} us"


def load_again(children: Sequence[Any]) -> None:
    """Deserialize the engines of Torch-TensorRT's modules once more."""
    for child in children:
        child.engine = None
        child.setup_engine()


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
