"""The experiment on an engine's place in memory says what it needs. What it measures needs a GPU."""

from __future__ import annotations

import pytest
import torch

from proof.collect import placement


@pytest.mark.skipif(torch.cuda.is_available(), reason="is for machines without a GPU")
def test_without_a_gpu_it_says_so(capsys):
    assert placement.main(["tf_efficientnet_lite0", "tensorrt-fp32", "1"]) == 2
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
