"""Does every TensorRT variant run on TensorRT?"""

import pytest


@pytest.mark.requires("tensorrt")
def test_runs_on_tensorrt(inference):
    """The compiled graph consists of engines; the TorchScript frontend alone may leave operators to PyTorch."""
    key, details = inference.key, inference.built.details
    left = ", ".join(details["left_to_pytorch"])
    assert details["engines"], f"{key} has no TensorRT engine; PyTorch runs {left}"
    assert details["may_leave_operators"] or not left, f"{key} leaves to PyTorch: {left}"
