"""What the tests of every part share."""

from __future__ import annotations

import time

import pytest
from hypothesis import settings

# A machine that is busy with something else is no defect.
settings.register_profile("suite", settings(), deadline=None)
settings.load_profile("suite")


@pytest.fixture
def steady_time(monkeypatch):
    """A clock that only sleeping moves, and looking at it, by a microsecond: no other process disturbs it."""
    now = [0.0]

    def sleep(duration_s):
        now[0] += duration_s

    def look():
        now[0] += 1e-6
        return now[0]

    monkeypatch.setattr(time, "sleep", sleep)
    monkeypatch.setattr(time, "perf_counter", look)
