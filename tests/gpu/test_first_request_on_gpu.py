"""On a GPU: variants are started in processes of their own by a process that never touches the GPU."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
import torch

from fixtures.key import Key
from fixtures.machine.device import resolve
from fixtures.starting.first_request import LOAD, FirstRequest
from fixtures.starting.servers import COMMAND, Servers
from fixtures.variants.table import VARIANTS
from proof.inject.slowdown import parse
from proof.inject.starting import command

MODEL = "efficientnet_b0"
NAMES = ("eager-fp32", "eager-fp16", "torchscript-fp16", "tensorrt-fp16", "onnx-tensorrt-fp16")
# Of a CUDA context with PyTorch's kernels: some hundreds of MiB.
LEAST_BYTES, MOST_BYTES = 100 * 2**20, 4 * 2**30

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU"),
]


def started(servers: Servers, name: str) -> FirstRequest:
    free_bytes = torch.cuda.mem_get_info(0)[0]
    return servers.first_request(Key(MODEL, name, 1), free_bytes)


def opened(start: list[str]) -> Servers:
    arguments = ["--device=cuda:0", f"--models={MODEL}", "--weights=seeded", f"--uuid={resolve('cuda:0').uuid}"]
    return Servers(arguments, 600, start)


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    found = opened(list(COMMAND))
    yield found
    found.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_variant_is_started_and_the_driver_sees_its_memory(servers: Servers, name: str) -> None:
    if reason := VARIANTS[name].reason_to_skip(resolve("cuda:0")):
        pytest.skip(reason)
    found = started(servers, name)
    fields = found.fields()
    print(name, fields, file=sys.stderr)
    assert found.finite and found.first_call_s > 0
    assert LEAST_BYTES < fields["gpu_memory_bytes"] < MOST_BYTES
    divided = VARIANTS[name].divided
    assert any(stage.name == LOAD for stage in found.stages) is (divided is not None and divided.possible())
    held = [stage.process_gpu_bytes for stage in found.stages if stage.process_gpu_bytes is not None]
    assert all(size <= fields["gpu_memory_bytes"] * 1.1 for size in held)


def test_injections_show_in_their_metric_alone(servers: Servers) -> None:
    slowed = opened(command([parse("eager-fp32:first=1s"), parse("eager-fp32:context=1GiB")]))
    try:
        plain, more, other = (
            started(servers, "eager-fp32"),
            started(slowed, "eager-fp32"),
            started(slowed, "eager-fp16"),
        )
    finally:
        slowed.close()
    assert more.first_call_s > 1
    grown = more.fields()["gpu_memory_bytes"] - plain.fields()["gpu_memory_bytes"]
    assert grown == pytest.approx(2**30, rel=0.1)
    assert other.fields()["gpu_memory_bytes"] < plain.fields()["gpu_memory_bytes"] + 2**29
