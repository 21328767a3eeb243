"""How fast is every variant? Latency as a caller waits for it, and the time that the GPU spends in its kernels."""

import pytest


def test_latency(inference, measure_latency):
    """A variant is timed if its outputs are right."""
    measure_latency(inference)


@pytest.mark.profiles
def test_kernel_time(inference, measure_kernel_time):
    """The kernels of one inference account for all its GPU time."""
    kernel_time = measure_kernel_time(inference)
    assert kernel_time.time_s == pytest.approx(sum(kernel.time_s for kernel in kernel_time.kernels))
