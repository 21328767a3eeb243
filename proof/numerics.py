"""Errors of right variants and of lost precisions, in units of what the model's own sensitivity to rounding predicts.

`python -m proof.numerics MODEL[@PIXELS] ...` prints one line a model, measured on the CPU with the suite's own
photographs. The suite's bounds (fixtures/variants/precision.py) must lie between the columns of right variants and the
columns of lost precisions.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Iterator, Sequence

import torch
from torch import nn

from common import output
from common.errors import UsageError
from fixtures.models import images, names, sensitivity
from fixtures.models import model as models
from fixtures.models.numerics import relative_errors
from fixtures.variants.precision import ELEVEN_BITS, SINGLE

LITES = ("tf_efficientnet_lite1@160", "tf_efficientnet_lite4@160")
SMALL = tuple(f"efficientnet_b{number}@160" for number in range(1, 8))
V2 = ("tf_efficientnetv2_b0", "efficientnetv2_s@160", "tf_efficientnetv2_s@160")
DEFAULT = (
    "tf_efficientnet_lite0", "efficientnet_b0", "efficientnet_b0@64", *SMALL, *LITES, *V2,
    "test_efficientnet", "test_efficientnet@64",
)  # fmt: skip
HEADINGS = ("amplification", "FP32", "FP16", "FP16 for FP32", "bfloat16 for FP16")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m proof.numerics", description=__doc__)
    parser.add_argument("models", nargs="*", default=DEFAULT, metavar="MODEL[@PIXELS]")
    parser.add_argument("--weights", default=models.SEEDED, help="as in the suite (default: seeded)")
    options = parser.parse_args(arguments)
    print("| model | pixels | " + " | ".join(HEADINGS) + " |\n| --- | ---: |" + " ---: |" * len(HEADINGS))
    allowed = f"{SINGLE.allowed:g}", f"{ELEVEN_BITS.allowed:g}"
    for text in options.models:
        print(line(text, options.weights), flush=True)
    print("| *allowed* | | | " + " | ".join((*allowed, *allowed)) + " |")


def loaded(text: str, weights: str, program: str) -> tuple[models.Model, torch.Tensor]:
    """A model by MODEL or MODEL@PIXELS, and the sample photographs as a batch for it.

    Raises:
        SystemExit: there is none; the message begins with the program's name.
    """
    name, _, pixels = text.partition("@")
    try:
        named = names.resolve(name)
        sample = images.find(images.SAMPLE_FOLDER)
        model = models.load(named.at(int(pixels)) if pixels else named, models.Wanted(weights), sample)
    except (UsageError, models.WeightsError, ValueError) as problem:
        raise SystemExit(f"{program}: {problem}") from None
    return model, torch.stack([model.transform(images.read(sample.folder / file)) for file in sample.files])


def line(text: str, weights: str) -> str:
    """The row of one model: errors over roundoff times amplification; FP32's is the largest of `singles`."""
    model, pictures = loaded(text, weights, "python -m proof.numerics")
    with torch.no_grad():
        reference = model.module(pictures)
        amplification = sensitivity.amplification(model.module, pictures, reference)

        def error(logits: torch.Tensor) -> float:
            return float(relative_errors(logits.float(), reference).max()) / amplification

        single = max(error(logits) for logits in singles(model.module, pictures))
        half, bfloat16 = (error(in_type(model.module, pictures, kind)) for kind in (torch.float16, torch.bfloat16))
    cells = (
        f"{amplification:.1f}",
        f"{single / SINGLE.roundoff:.1f}",
        f"{half / ELEVEN_BITS.roundoff:.2f}",
        f"{half / SINGLE.roundoff:,.0f}",
        f"{bfloat16 / ELEVEN_BITS.roundoff:.1f}",
    )
    return f"| `{text.partition('@')[0]}` | {model.input_size[1]} | " + " | ".join(cells) + " |"


def singles(module: nn.Module, pictures: torch.Tensor) -> Iterator[torch.Tensor]:
    """FP32 logits in other orders of summation: TorchScript, frozen, at two batch sizes, one by one, channels last."""
    for batch in (pictures, pictures[:1]):
        script = torch.jit.freeze(torch.jit.trace(module, batch))
        for _ in range(2):  # the second call is optimised
            logits = torch.cat([script(part) for part in pictures.split(len(batch))])
        yield logits
    yield torch.cat([module(picture) for picture in pictures.split(1)])
    last = copy.deepcopy(module).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    yield last(pictures.to(memory_format=torch.channels_last))


def in_type(module: nn.Module, pictures: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    """Logits of the model in another number format."""
    logits: torch.Tensor = copy.deepcopy(module).to(kind)(pictures.to(kind))
    return logits


if __name__ == "__main__":
    with output.reader_may_leave():
        main()
