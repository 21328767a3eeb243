"""What does a GPU serve under load? Only on request: one, two and four requests in flight at a time."""

import pytest


@pytest.mark.question("load")
def test_throughput(inference, measure_under_load):
    """Requests in flight beside others have right outputs; what an image costs then is judged beside the baseline."""
    measure_under_load(inference)


@pytest.mark.profiles
@pytest.mark.question("load")
def test_busy_share(inference, measure_busy_share):
    """With several requests in flight, the GPU is busy for some share of the time."""
    assert 0 < measure_busy_share(inference) <= 1
