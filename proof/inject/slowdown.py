"""A pytest plugin for proofs alone (`-p proof.inject.slowdown`): makes chosen benchmarks slower by known amounts."""

from __future__ import annotations

import argparse
import dataclasses
import math
import re

import pytest

from regression.changes import WrongChange, parse_change

OPTION = "--slow="
# Which metric an injection is scored by: an extra kernel adds a launch too, and a layout may add memory.
SCORED = {
    "kernel": "kernel_time",
    "host": "latency",
    "layout": "kernel_time",
    "operator": "same_kernels",
    "launch": "launches",
    "synchronisation": "synchronisations",
    "copy": "host_device_copies",
    "wrapper": "python_calls",
    "first": "first_call",
    "context": "gpu_memory",
    "leak": "host_growth",
    "gpu-leak": "gpu_growth",
    "recompilation": "recompilations",
}
# Kinds that add a number of things to every call, and no time worth speaking of.
COUNTED = ("launch", "synchronisation", "copy", "wrapper")
# Kinds that are asked for by a number.
NUMBERED = (*COUNTED, "recompilation")
# Kinds that act in the process of a first request, and not in the session's.
STARTING = ("first", "context")
# Kinds by which every call keeps so many bytes.
LEAKS = ("leak", "gpu-leak")
# What cannot be done to a CPU.
NEEDS_CUDA = ("kernel", "operator", "launch", "synchronisation", "copy", "context", "gpu-leak")
MOST_COUNTED = 1000
SIZES = {"B": 1, "KB": 1 << 10, "MB": 1 << 20}
LARGEST_LEAK = 64 << 20
# Of what a call takes: it is called some hundreds of times, and 7000 times as long it takes a minute.
LARGEST_SHARE = 10.0
# In which measurement a metric's injection acts, where that is not the profile of the kernels.
ACTS_IN = {
    "latency": "latency",
    "recompilations": "latency",
    "python_calls": "host_work",
    "host_growth": "memory_growth",
    "gpu_growth": "memory_growth",
}
# The layout that changes nothing: channels-last throughout.
UNCHANGED = "none"
# Part of the extra kernel's name in profiles: PyTorch's at::cuda::(anonymous namespace)::spin_kernel(long)
SPIN_KERNEL = "spin_kernel"


@dataclasses.dataclass(frozen=True)
class Asked:
    """One slowdown that the command line asks for.

    Attributes:
        pattern: a variant's name, or a pattern of benchmark ids.
        kind: a key of SCORED.
        text: the amount as it was written; of a layout and of an operator, with the path of the module.
        share: the amount as a fraction of kernel time or of latency.
        fixed_s: the length of the kernel, where that was asked for instead, or of the sleep before the first call.
        module: the path of the module whose operator is slowed down.
        times: how many launches, synchronisations, copies, wrappers or recompilations are added.
        size_bytes: of the GPU memory that a context takes more, or of the memory that each call keeps.
    """

    pattern: str
    kind: str
    text: str
    share: float = 0.0
    fixed_s: float | None = None
    module: str = ""
    times: int = 0
    size_bytes: int = 0

    @property
    def acts_in(self) -> str:
        """In which measurement it acts, and in no other, so that each metric has one cause; a layout acts always."""
        if self.kind in STARTING:
            return f"first_request: {self.kind}"
        return ACTS_IN.get(SCORED[self.kind], "kernel_time")

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
        "as so many microseconds. host=N%%: the host works longer, by this share of the latency. layout=MODULE: "
        f"eager variants run in channels-last, and this module of the model (blocks.1.0) in NCHW; '{UNCHANGED}' is "
        "what that is to be compared with. operator=MODULE+N%%: in eager variants the kernels of this module's "
        "operator take longer, by this share of the kernel time; operator=MODULE is what that is to be compared with. "
        "launch=N, synchronisation=N, copy=N, wrapper=N: each call launches so many kernels more, waits so often more "
        "for the GPU, copies so often more to it, goes through so many Python functions more. recompilation=N: so many "
        "calls come after one of another batch size, for which torch.compile compiles again. first=Ns: the first call "
        "of a process sleeps so many seconds before. context=NGiB: a process holds so much more of the GPU's memory. "
        "leak=NKB, gpu-leak=NKB: each call keeps so much memory of the host or of the GPU",
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
    if kind == "operator":
        module, plus, amount = amount.partition("+")
        share = _share(amount) if plus else 0.0
        return Asked(pattern, kind, f"{module}+{share * 100:g}%" if plus else module, share=share, module=module)
    if kind in NUMBERED:
        times = int(amount) if amount.isdecimal() else 0
        if not 0 < times <= MOST_COUNTED:
            raise argparse.ArgumentTypeError(f"{amount!r} is not a number from 1 to {MOST_COUNTED}")
        return Asked(pattern, kind, str(times), times=times)
    if kind == "first":
        length_s = _number(amount, "s")
        return Asked(pattern, kind, f"{length_s:g}s", fixed_s=length_s)
    if kind == "context":
        size_gib = _number(amount, "GiB")
        return Asked(pattern, kind, f"{size_gib:g}GiB", size_bytes=round(size_gib * 2**30))
    if kind in LEAKS:
        return Asked(pattern, kind, amount, size_bytes=_bytes(amount))
    if kind == "kernel" and amount.endswith("us"):
        length_s = _microseconds(amount)
        return Asked(pattern, kind, f"{length_s * 1e6:g}us", fixed_s=length_s)
    share = _share(amount)
    return Asked(pattern, kind, f"{share * 100:g}%", share=share)


def is_reference(kind: str, text: str) -> bool:
    """Whether what is stored as asked is only there to be compared with."""
    return (kind == "layout" and text == UNCHANGED) or (kind == "operator" and "+" not in text)


def _share(text: str) -> float:
    try:
        share = parse_change(text)
    except WrongChange as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if not share > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not more than nothing")
    if share > LARGEST_SHARE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is more than {LARGEST_SHARE:.0%}: calibrating it alone could take hours; ask for less"
        )
    return share


def _number(text: str, unit: str) -> float:
    try:
        number = float(text.removesuffix(unit)) if text.endswith(unit) else math.nan
    except ValueError:
        number = math.nan
    if not 0 < number < MOST_COUNTED:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {unit} from above 0 to {MOST_COUNTED}")
    return number


def _bytes(text: str) -> int:
    """A size such as 1KB, in units of 1024."""
    match = re.fullmatch(r"(\d+)(B|KB|MB)", text)
    size = int(match[1]) * SIZES[match[2]] if match else 0
    if not 0 < size <= LARGEST_LEAK:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1KB, up to {LARGEST_LEAK >> 20}MB")
    return size


def _microseconds(text: str) -> float:
    try:
        length_s = float(text.removesuffix("us")) * 1e-6
    except ValueError:
        length_s = math.nan
    if not 0 < length_s < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of microseconds")
    return length_s
