"""What Torch-TensorRT makes of small modules in FP8: the error of their engine beside that of the simulation (GPU)."""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Sequence

import torch
from torch import nn

from common import output
from fixtures.machine.device import resolve
from fixtures.variants import quantization
from fixtures.variants.variant import BuildInputs

SHAPE = (8, 32, 28, 28)
MODULES: dict[str, nn.Module] = {
    "a linear layer after a mean over the picture": nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 1000)
    ),
    "two 1x1 convolutions, 32 to 16 to 96 channels": nn.Sequential(nn.Conv2d(32, 16, 1), nn.Conv2d(16, 96, 1)),
    "the same with ReLU6 between, 32 to 64 to 32": nn.Sequential(
        nn.Conv2d(32, 64, 1), nn.ReLU6(), nn.Conv2d(64, 32, 1)
    ),
    "the same with batch norm and SiLU": nn.Sequential(
        nn.Conv2d(32, 64, 1, bias=False), nn.BatchNorm2d(64), nn.SiLU(),
        nn.Conv2d(64, 32, 1, bias=False), nn.BatchNorm2d(32),
    ),
}  # fmt: skip


@torch.no_grad()
def row(module: nn.Module, images: torch.Tensor) -> tuple[float, float, float]:
    """The share of the engine's outputs that are finite, its relative error, and that of the simulation.

    Args:
        module: in FP32, on the CPU.
        images: (N, C, H, W), on the CPU.
    """
    device = resolve("cuda").torch_device
    right = module(images)
    half, batch = copy.deepcopy(module).to(device, torch.float16), images.to(device, torch.float16)
    simulated = copy.deepcopy(half)
    quantization.quantize(simulated, batch, quantization.FP8)
    built = quantization.build_fp8(BuildInputs(half, batch.clone(), images))
    found = built.call(batch).float().cpu()
    return float(torch.isfinite(found).float().mean()), _error(found, right), _error(simulated(batch), right)


def _error(found: torch.Tensor, right: torch.Tensor) -> float:
    return float((found.float().cpu() - right).abs().max() / right.abs().max())


def main(argv: Sequence[str] | None = None) -> int:
    """Print a Markdown table; exit status 2 where FP8 cannot run."""
    argparse.ArgumentParser(prog="python -m proof.fp8_layers", description=__doc__).parse_args(argv)
    device = resolve("auto")
    needed = (quantization.FP8_ARITHMETIC, quantization.MODEL_OPTIMIZER)
    if reason := next(filter(None, (one.missing(device) for one in needed)), ""):
        print(f"python -m proof.fp8_layers: {reason}", file=sys.stderr)
        return 2
    torch.manual_seed(0)
    images = torch.randn(SHAPE)
    print("| layers | finite | error | simulated |", "| --- | ---: | ---: | ---: |", sep="\n")
    for name, module in MODULES.items():
        finite, error, simulated = row(module.eval(), images)
        print(f"| {name} | {finite:.0%} | {error:.4f} | {simulated:.4f} |")
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
