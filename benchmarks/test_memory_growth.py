"""Does memory leak? Only on request: how much memory thousands of calls leave behind, on the host and on the GPU."""

import pytest


@pytest.mark.question("memory-growth")
def test_memory_growth(inference, measure_memory_growth):
    """What grows is judged beside the baseline; a leak fails there."""
    measure_memory_growth(inference)
