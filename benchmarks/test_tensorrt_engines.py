"""Does every TensorRT variant run on TensorRT?"""


def test_runs_on_tensorrt(tensorrt_inference):
    """The compiled graph consists of engines; the TorchScript frontend alone may leave operators to PyTorch."""
    key, compiled = tensorrt_inference.key, tensorrt_inference.built.compiled
    left = ", ".join(compiled.left_to_pytorch)
    assert compiled.engines, f"{key} has no TensorRT engine; PyTorch runs {left}"
    assert compiled.may_leave_operators or not left, f"{key} leaves to PyTorch: {left}"
