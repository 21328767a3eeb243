"""A plugin of the sessions that tests start, which spares each of them six seconds that no test is about."""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import json
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from pytest_benchmark import plugin

from common import harness

# Imports make a million objects that stay: no collection looks at them, now or later (`pytest_collection_finish`).
gc.disable()

FOUND = "CPU_FOUND"
look = plugin.get_cpu_info


def get_cpu_info() -> dict[str, Any]:
    """What py-cpuinfo found for the first session; the environment hands it on to the processes of later ones."""
    if FOUND not in os.environ:
        os.environ[FOUND] = json.dumps(look())
    found: dict[str, Any] = json.loads(os.environ[FOUND])
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """PyTorch is imported in sessions of the suite; those of a test's own benchmarks need none."""
    if (early_config.rootpath / "fixtures").is_dir():
        import_timm()
        measure_briefly(setattr)


def import_timm() -> None:
    """Without TorchDynamo, which takes as long as all of PyTorch; a variant that needs it imports it later."""
    name = "torch._dynamo.utils"
    if name in sys.modules or "timm" in sys.modules:
        return
    stand_in = ModuleType(name)
    setattr(stand_in, "is_compile_supported", lambda device: importlib.import_module(name).is_compile_supported(device))  # noqa: B010
    sys.modules[name] = stand_in
    with mock.patch("torch.compiler.disable", lambda function: function):
        importlib.import_module("timm")
    del sys.modules[name]


def measure_briefly(put: Callable[[object, str, object], None]) -> None:
    """One window of calls to warm up, whether they are steady or not, and a fifth of the host calibration's work.

    On a busy machine a call is never steady, and every benchmark would wait the full time for it.
    """
    latency = importlib.import_module("fixtures.instruments.latency")
    calibration = importlib.import_module("fixtures.machine.calibration")
    put(latency, "warm_up", functools.partial(latency.warm_up, min_s=0.0, max_s=0.0, window_s=0.01))
    put(calibration, "PRODUCTS", 4)


def pytest_configure(config: pytest.Config) -> None:
    """Hypothesis, of which no session of the suite has a test, is imported at its end for its statistics."""
    hypothesis = config.pluginmanager.get_plugin("hypothesispytest")
    if hypothesis:
        config.pluginmanager.unregister(hypothesis)


def pytest_collection_finish() -> None:
    """Tests have their garbage collected, and nothing that was imported is looked at with it, in inner sessions too."""
    gc.freeze()
    setattr(gc, "freeze", lambda: None)  # noqa: B010
    setattr(gc, "unfreeze", lambda: None)  # noqa: B010
    gc.enable()


plugin.get_cpu_info = get_cpu_info
harness.know_clock()
# The interpreter's last collection would look at all that PyTorch is.
atexit.register(gc.freeze)
