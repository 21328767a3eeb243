"""A pytest plugin for proofs alone (`-p proof.slowdown`): makes chosen benchmarks slower by a known amount."""

from __future__ import annotations

import argparse
import dataclasses
import math

import pytest

from regression.metrics import WrongChange, parse_change

# The layout that changes nothing: channels-last throughout.
UNCHANGED = "none"
# Part of the extra kernel's name in profiles: PyTorch's at::cuda::(anonymous namespace)::spin_kernel(long)
SPIN_KERNEL = "spin_kernel"


@dataclasses.dataclass(frozen=True)
class Asked:
    """What the command line asks for.

    Attributes:
        pattern: a variant's name, or a pattern of benchmark ids.
        kind: `kernel` (one more on the GPU), `host` (a busy wait) or `layout`.
        text: the amount as it was written; of a layout, the path of the module.
        share: the amount as a fraction of kernel time or of latency.
        fixed_s: the length of the kernel, where that was asked for instead.
    """

    pattern: str
    kind: str
    text: str
    share: float = 0.0
    fixed_s: float | None = None

    @property
    def arguments(self) -> list[str]:
        """The command line that asks for it."""
        if self.fixed_s is not None:
            amount = f"--slow-kernel={self.fixed_s * 1e6:g}"
        else:
            option = {"kernel": "--slow-kernel-time", "host": "--slow-latency", "layout": "--slow-layout"}[self.kind]
            amount = f"{option}={self.text}"
        return ["-p", "proof.slowdown", f"--slow={self.pattern}", amount]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("slowdown", "known slowdowns, for proofs")
    group.addoption("--slow", metavar="PATTERN", help="which: a variant, or a pattern of benchmark ids ('*-b128')")
    group.addoption(
        "--slow-kernel-time",
        type=_share,
        metavar="N%",
        help="queue one more kernel after each inference, as long as this share of the benchmark's kernel time",
    )
    group.addoption(
        "--slow-kernel",
        type=_microseconds,
        metavar="MICROSECONDS",
        help="queue one more kernel of this length after each inference",
    )
    group.addoption(
        "--slow-latency", type=_share, metavar="N%", help="let the host wait for this share of the latency at each call"
    )
    group.addoption(
        "--slow-layout",
        metavar="MODULE",
        help="run eager variants in channels-last, and this module of the model (blocks.1.0) in NCHW; "
        f"'{UNCHANGED}' is what that is to be compared with",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not config.option.help:
        # the rest imports the suite, which pytest wants to import itself, and first
        config.pluginmanager.import_plugin("proof.injection")


def read(config: pytest.Config) -> Asked:
    """What is asked for.

    Raises:
        pytest.UsageError: nothing, or more than one thing.
    """
    kinds = {
        name: config.getoption(name) for name in ("slow_kernel_time", "slow_kernel", "slow_latency", "slow_layout")
    }
    given = {name: value for name, value in kinds.items() if value is not None}
    pattern = config.getoption("slow")
    if not pattern or len(given) != 1:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in kinds)
        raise pytest.UsageError(f"-p proof.slowdown needs --slow and one of {options}")
    if "slow_kernel_time" in given:
        return Asked(pattern, "kernel", _percent(given["slow_kernel_time"]), share=given["slow_kernel_time"])
    if "slow_kernel" in given:
        return Asked(pattern, "kernel", f"{given['slow_kernel'] * 1e6:g} us", fixed_s=given["slow_kernel"])
    if "slow_latency" in given:
        return Asked(pattern, "host", _percent(given["slow_latency"]), share=given["slow_latency"])
    return Asked(pattern, "layout", given["slow_layout"])


def _percent(share: float) -> str:
    return f"{share * 100:g}%"


def _share(text: str) -> float:
    try:
        share = parse_change(text)
    except WrongChange as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not share > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not more than nothing")
    return share


def _microseconds(text: str) -> float:
    try:
        length_s = float(text) * 1e-6
    except ValueError:
        length_s = math.nan
    if not 0 < length_s < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of microseconds")
    return length_s
