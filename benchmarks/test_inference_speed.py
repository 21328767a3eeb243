"""How fast is every variant? Latency as a caller waits for it, the GPU's time in its kernels, and the host's work."""

import pytest


def test_latency(inference, measure_latency):
    """A variant is timed if its outputs are right."""
    measure_latency(inference)


def test_latency_in_visits(visit_in_turns):
    """The latency that is judged comes from many short visits, the benchmarks of a batch size in turns."""
    visit_in_turns()


@pytest.mark.profiles
def test_kernel_time(inference, measure_kernel_time):
    """The kernels of one inference account for all its GPU time."""
    kernel_time = measure_kernel_time(inference)
    assert kernel_time.time_s == pytest.approx(sum(kernel.time_s for kernel in kernel_time.kernels))


@pytest.mark.profiles
def test_host_work(inference, measure_host_work):
    """Every inference that is counted enters at least one Python function."""
    host_work = measure_host_work(inference)
    assert host_work.python.calls >= host_work.inferences
