"""What does a service feel before its first answer? On every GPU: one fresh process per variant, as it starts."""

import pytest


@pytest.mark.question("cold-start")
def test_first_request(first_request):
    """A process that has just started answers its first request with numbers."""
    assert first_request().finite
