"""Errors and labels of quantized models, as Model Optimizer simulates them on a CPU.

`python -m proof.quantization [MODEL[@PIXELS] ...]` prints one line a model, with ranges from the suite's own
photographs: for INT8 and FP8 the largest relative error of the logits, the same in roundoffs times the model's
amplification, how many photographs keep their label (of those that lose it, how many are no near tie), and the error
where convolutions with few channels are quantized as well. The bounds in fixtures/variants/precision.py come from it.
It needs `pip install -e '.[quantization]'`.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Sequence

import torch

from common import output
from fixtures.machine.device import resolve
from fixtures.models import model as models
from fixtures.models import sensitivity
from fixtures.models.numerics import judge_image, relative_errors
from fixtures.variants import quantization
from fixtures.variants.precision import FP8, INT8
from proof.numerics import loaded

DEFAULT = (
    "tf_efficientnet_lite0",
    "efficientnet_b0",
    "efficientnet_b0@160",
    "efficientnet_b1@160",
    "test_efficientnet",
)
FORMATS = ((INT8, quantization.INT8), (FP8, quantization.FP8))
HEADINGS = ("model", "weights", "pixels", "amplification", *(f"{name}{what}" for name in ("INT8", "FP8") for what in (
    "", " in roundoffs", " labels", " of all layers")))  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m proof.quantization", description=__doc__)
    parser.add_argument("models", nargs="*", default=DEFAULT, metavar="MODEL[@PIXELS]")
    parser.add_argument("--weights", default=models.SEEDED, help="as in the suite (default: seeded)")
    options = parser.parse_args(arguments)
    reason = quantization.MODEL_OPTIMIZER.missing(resolve("cpu")) or quantization.MODEL_OPTIMIZER.broken()
    if reason:
        raise SystemExit(f"python -m proof.quantization: {reason}")
    print(f"| {' | '.join(HEADINGS)} |\n| --- | --- |{' ---: |' * (len(HEADINGS) - 2)}")
    for text in options.models:
        print(line(text, options.weights), flush=True)


def line(text: str, weights: str) -> str:
    """The row of one model."""
    model, pictures = loaded(text, weights, "python -m proof.quantization")
    with torch.no_grad():
        reference = model.module(pictures)
        amplification = sensitivity.amplification(model.module, pictures, reference)
        cells = [f"{amplification:.1f}"]
        for precision, number_format in FORMATS:
            logits, of_all = (
                simulated(model.module, pictures, number_format, fewest) for fewest in (quantization.FEWEST_CHANNELS, 1)
            )
            error = float(relative_errors(logits, reference).max())
            bound = precision.arithmetic.error_bound(amplification)
            labels = [judge_image("", *both, bound, frozenset()) for both in zip(logits, reference, strict=True)]
            kept = sum(label.label == label.reference_label for label in labels)
            wrong = sum(not label.agrees for label in labels)
            cells += [
                f"{error:.3f}",
                f"{error / precision.arithmetic.roundoff / amplification:.2f}",
                f"{kept} of {len(labels)}, {wrong} wrong",
                f"{float(relative_errors(of_all, reference).max()):.3f}",
            ]
    kind = "pretrained" if model.weights.pretrained else "seeded"
    return f"| `{text.partition('@')[0]}` | {kind} | {model.input_size[1]} | {' | '.join(cells)} |"


def simulated(
    module: torch.nn.Module, pictures: torch.Tensor, number_format: quantization.Format, fewest_channels: int
) -> torch.Tensor:
    """Logits of the model in FP32 with quantized layers."""
    changed = copy.deepcopy(module)
    quantization.quantize(changed, pictures, number_format, fewest_channels)
    logits: torch.Tensor = changed(pictures)
    return logits


if __name__ == "__main__":
    with output.reader_may_leave():
        main()
