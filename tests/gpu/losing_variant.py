"""A pytest plugin with a variant whose calls lose the GPU: an index out of range is an assertion of the device."""

import torch

from fixtures.variants.table import VARIANTS
from fixtures.variants.variant import BuildInputs, Built, Variant


def build(inputs: BuildInputs) -> Built:
    def call(batch: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = inputs.module(batch)
        return outputs[torch.full((len(batch),), 2**20, device=batch.device)]

    return Built(call)


VARIANTS["losing-fp32"] = Variant("losing-fp32", "fp32", build)
