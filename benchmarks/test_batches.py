"""What do changing batch sizes cost? Only on request: every size in a mixture with others, beside that size alone."""

import pytest


@pytest.mark.question("batches")
def test_changing_batches(measure_in_mixture):
    """Every size has right outputs in the mixture; what a call costs there is judged beside the baseline."""
    measure_in_mixture()
