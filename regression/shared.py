"""Names that stand for a benchmark in the judgement of a shift that several share."""

from __future__ import annotations

import re

EVERY, HOST_BOUND = "all benchmarks", "host-bound benchmarks"
OFFSETS = "the GPU's offsets"
ENGINES, KERNELS = "engines", "PyTorch's kernels"
_OF_A_GPU = re.compile(rf"({ENGINES}|{KERNELS}) at batch [0-9]{{1,6}}")


def of_a_gpu(name: str) -> bool:
    """Whether it stands for benchmarks whose kernel times another GPU moves alike (`gpu_name`)."""
    return _OF_A_GPU.fullmatch(name) is not None


def gpu_name(engine: bool, batch_size: str) -> str:
    """Stands for the benchmarks of one batch size, either of engines or of PyTorch's kernels."""
    return f"{ENGINES if engine else KERNELS} at batch {batch_size}"


def kind(name: str) -> str:
    """The name itself, or OFFSETS, of which there may be many."""
    return OFFSETS if of_a_gpu(name) else name


def needs_all(name: str) -> bool:
    """Whether confirming it takes every benchmark of a session; what is host-bound is kept anyway."""
    return name == EVERY or of_a_gpu(name)


def is_shared(name: str) -> bool:
    """Whether it stands for several benchmarks."""
    return name in (EVERY, HOST_BOUND) or of_a_gpu(name)
