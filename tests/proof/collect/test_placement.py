"""The experiment on places in memory says what it needs, and moves what it says. What it measures needs a GPU."""

from __future__ import annotations

import pytest
import torch

from fixtures.instruments.kernel_time import Kernel, KernelTime
from fixtures.machine.device import resolve
from proof.collect import placement


@pytest.mark.skipif(torch.cuda.is_available(), reason="is for machines without a GPU")
@pytest.mark.parametrize("variant", ["tensorrt-fp32", "eager-fp32"])
def test_without_a_gpu_it_says_so(capsys, variant):
    assert placement.main(["tf_efficientnet_lite0", variant, "1"]) == 2
    assert capsys.readouterr().err == "python -m proof.collect.placement: needs a CUDA GPU\n"


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["efficientnet_b99", "tensorrt-fp32", "1"], "has no model 'efficientnet_b99'"),
        (["efficientnet_b0", "tensorrt-fp32", "0"], "the batch size 0 is not a positive number"),
    ],
)
def test_a_mistake_is_said(capsys, arguments, said):
    with pytest.raises(SystemExit) as ended:
        placement.main(arguments)
    assert ended.value.code == 2 and said in capsys.readouterr().err


class Child:
    """As Torch-TensorRT's module: `setup_engine` keeps an engine that is there."""

    def __init__(self):
        self.loads = 0
        self.engine = None
        self.setup_engine()

    def setup_engine(self):
        if self.engine is None:
            self.loads += 1
            self.engine = f"engine {self.loads}"


def test_every_load_makes_a_new_engine():
    child = Child()
    placement.load_again([child])
    placement.load_again([child])
    assert child.engine == "engine 3"


def test_tensors_are_moved_and_the_first_weights_come_back(monkeypatch, capsys):
    module = torch.nn.BatchNorm1d(4).eval()
    places: list[set[int]] = []

    def summarised(profile):
        places.append({tensor.data_ptr() for tensor in module.parameters()})
        number = len(places)
        steady, restless = Kernel("steady", 2, 3e-6), Kernel("restless", 1, number * 1e-6)
        return KernelTime(steady.time_s + restless.time_s, (), 3, (steady, restless))

    monkeypatch.setattr(placement, "keep_busy", lambda run, *arguments: run())
    monkeypatch.setattr(placement, "take_profile", lambda *arguments: None)
    monkeypatch.setattr(placement, "summarise", summarised)
    monkeypatch.setattr(placement, "measure_kernel_time", lambda *arguments, movable: KernelTime(7e-6, (), 3, ()))
    monkeypatch.setattr(placement, "MOST_MOVED", 1)
    batch = torch.rand(2, 4)
    table = placement.Table(module, resolve("cpu"))
    with torch.no_grad():
        table.say("as built", batch)
        placement.move_tensors(table, batch, 2)
    as_built, *activations, first, second, again = places
    assert activations == [as_built, as_built] and again == as_built
    assert not first & as_built and not second & (first | as_built)
    *lines, titles, row = capsys.readouterr().out.splitlines()
    assert titles.split() == ["kernel", "launches", "shortest", "longest"]
    assert row.split() == ["restless", "1", "1.000", "us", "6.000", "us"]
    assert [line.split()[-2:] for line in lines if line.startswith("as the suite")] == [["7.000", "us"]] * 4
