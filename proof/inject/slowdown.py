"""A pytest plugin for proofs alone (`-p proof.inject.slowdown`): makes chosen benchmarks slower by known amounts."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re

import pytest

from regression.metrics import WrongChange, parse_change

# Which metric a slowdown is scored by: an extra kernel adds a launch too, and a layout may add memory.
SCORED = {"kernel": "kernel_time", "host": "latency", "layout": "kernel_time"}
# The layout that changes nothing: channels-last throughout.
UNCHANGED = "none"
# Part of the extra kernel's name in profiles: PyTorch's at::cuda::(anonymous namespace)::spin_kernel(long)
SPIN_KERNEL = "spin_kernel"


@dataclasses.dataclass(frozen=True)
class Asked:
    """One slowdown that the command line asks for.

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

    def __str__(self) -> str:
        return f"{self.pattern}:{self.kind}={self.text}"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("slowdown", "known slowdowns, for proofs")
    group.addoption(
        "--slow",
        type=parse,
        action="append",
        default=[],
        metavar="PATTERN:KIND=AMOUNT",
        help="what (a variant, or a pattern of benchmark ids such as '*-b128') and by how much; may be repeated. "
        "kernel=N%% or kernel=Nus: one more kernel after each inference, as long as this share of the kernel time, or "
        "as so many microseconds. host=N%%: the host waits for this share of the latency at each call. layout=MODULE: "
        f"eager variants run in channels-last, and this module of the model (blocks.1.0) in NCHW; '{UNCHANGED}' is "
        "what that is to be compared with",
    )


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    if not config.option.help:
        # the rest imports the suite, which pytest wants to import itself, and first
        config.pluginmanager.import_plugin("proof.inject.injection")


def parse(text: str) -> Asked:
    """One slowdown as the command line writes it.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    match = re.fullmatch(rf"([^:=]+):({'|'.join(SCORED)})=(.+)", text)
    if not match:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not PATTERN:KIND=AMOUNT, such as tensorrt-fp16:kernel=0.5%; kinds are {', '.join(SCORED)}"
        )
    pattern, kind, amount = match.groups()
    if kind == "layout":
        return Asked(pattern, kind, amount)
    if kind == "kernel" and amount.endswith("us"):
        length_s = _microseconds(amount)
        return Asked(pattern, kind, f"{length_s * 1e6:g}us", fixed_s=length_s)
    share = _share(amount)
    return Asked(pattern, kind, f"{share * 100:g}%", share=share)


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
        length_s = float(text.removesuffix("us")) * 1e-6
    except ValueError:
        length_s = math.nan
    if not 0 < length_s < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of microseconds")
    return length_s
