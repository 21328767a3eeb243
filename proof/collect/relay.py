"""A pytest plugin for collecting runs, `-p proof.collect.relay`: one process gets ready while the last one profiles.

Starting takes a sixth of a run and needs no GPU. Each process keeps two pipes open to the next one: the host's until
its first profile, after which it measures nothing more that waits for the host, and the GPU's until it ends.
"""

from __future__ import annotations

import importlib
import os

import pytest

HOST_BEFORE, GPU_BEFORE, HOST, _GPU = range(4)
# What takes long to import and leaves the GPU alone.
PRELOADED = ("torch", "torchvision", "timm", "scipy.stats")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("relay").addoption(
        "--relay",
        type=lambda text: [int(number) for number in text.split(",")],
        required=True,
        metavar="FD,FD,FD,FD",
        help="the read ends of the host's and the GPU's pipe from the process before, the write ends to the next one",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Before anything large is imported."""
    pipes = early_config.known_args_namespace.relay
    for pipe in pipes:
        os.set_inheritable(pipe, False)
    _wait(pipes[HOST_BEFORE])
    # RELAY_PRELOAD: more modules, where they are known to leave the GPU alone
    for module in (*os.environ.get("RELAY_PRELOAD", "").split(), *PRELOADED):
        importlib.import_module(module)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before the suite looks at its device."""
    _wait(config.getoption("relay")[GPU_BEFORE])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    pipes = item.config.getoption("relay")
    if item.get_closest_marker("profiles") is not None and pipes[HOST] is not None:
        os.close(pipes[HOST])
        pipes[HOST] = None


def _wait(pipe: int) -> None:
    """Until the other end is closed: nothing is ever written."""
    os.read(pipe, 1)
    os.close(pipe)
