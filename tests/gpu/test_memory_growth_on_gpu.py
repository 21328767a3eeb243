"""On a GPU: a leak of 4 KB a call is seen, PyTorch's and the driver's, and unchanged code leaves nothing behind."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest
import torch

from fixtures.instruments.memory_growth import MemoryGrowth
from fixtures.machine.device import resolve

LEAK_BYTES = 4096

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


@pytest.fixture(scope="module")
def device():
    return resolve("cuda")


def from_pytorch(device):
    return torch.empty(LEAK_BYTES, dtype=torch.uint8, device=device.torch_device)


def from_the_driver(device):
    """Memory that PyTorch's allocator knows nothing of, as a library's own."""
    address = ctypes.c_uint64()
    assert ctypes.CDLL("libcuda.so.1").cuMemAlloc_v2(ctypes.byref(address), ctypes.c_size_t(LEAK_BYTES)) == 0
    return address


@pytest.mark.parametrize("leak, smallest, largest", [
    (lambda device: None, 0, 0), (from_pytorch, 4_096_000, 4_096_000), (from_the_driver, 3_072_000, 6_144_000),
], ids=["unchanged", "PyTorch", "driver"])  # fmt: skip
def test_the_growth_of_the_gpu_is_what_each_call_keeps(device, leak, smallest, largest):
    values, kept = torch.rand(1 << 16, device=device.torch_device), []

    def run():
        kept.append(leak(device))
        return values.sin()

    found = MemoryGrowth(SimpleNamespace(batch_size=1, run=run), device).measure()
    assert smallest <= found["gpu_growth_bytes"] <= largest, found
