"""The injections that an ordinary night must see: what is done to which benchmark, and which judgement must say so."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

KERNEL_TIMES = ("same_kernels", "kernel_time", "selection")
MODULE = "blocks.2.0.conv_dw"
# What proof.inject.counted.wrapped puts around a call, as stored runs name it.
WRAPPER = "proof.inject.counted.wrapped.<locals>.wrapper"
# Injected by so many times what the baseline claims to be detectable: at exactly that, one in twenty is missed.
MARGIN = 1.3
EVERYTHING = 0.01


@dataclasses.dataclass(frozen=True)
class Rule:
    """What must be said of an injection of one kind.

    Attributes:
        seen_in: metrics of which one must be SLOWER; of a count the one that must be CHANGED, by as much.
        named: part of the name that the report must give; empty where the metric says it all.
        moves: the other metrics that it moves besides, of the same benchmark.
        named_in: of a count, the metric whose judgement must give the name.
    """

    seen_in: tuple[str, ...]
    named: str = ""
    moves: tuple[str, ...] = ()
    named_in: str = "api_calls"

    @property
    def may_change(self) -> frozenset[str]:
        return frozenset((*self.seen_in, *self.moves))


RULES: Mapping[str, Rule] = {
    # the same operator with the same kernels: no other choice, so the selection must not be what sees it
    "operator": Rule(("same_kernels",), "the operator", ("kernel_time",)),
    # an operator that is new counts among the same kernels; without operators the whole kernel time must see it
    "kernel": Rule(("same_kernels", "kernel_time"), "spin_kernel", ("selection", "launches", "api_calls")),
    "host": Rule(("latency",)),
    "launch": Rule(("launches",), "LaunchKernel", (*KERNEL_TIMES, "api_calls")),
    "synchronisation": Rule(("synchronisations",), "Synchronize", (*KERNEL_TIMES, "api_calls")),
    "copy": Rule(("host_device_copies",), "Memcpy", (*KERNEL_TIMES, "launches", "api_calls", "copied_bytes")),
    "wrapper": Rule(("python_calls",), WRAPPER, ("bytecodes",), "python_calls"),
}


@dataclasses.dataclass(frozen=True)
class Injection:
    """One injection of the plan.

    Attributes:
        benchmark: the id without its model.
        sized_by: the metric whose detectable change, times MARGIN, is injected; empty where one is added.
    """

    kind: str
    benchmark: str
    sized_by: str = ""

    def asked(self, model: str, detectable: float | None) -> str:
        """The value of `--slow`, for what is detectable as a fraction."""
        amount = "1" if detectable is None else f"{MARGIN * detectable * 100:.3g}%"
        return f"{model}-{self.benchmark}:{self.kind}={f'{MODULE}+' if self.kind == 'operator' else ''}{amount}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A night of these variants and batch sizes, and what is done to it: at most one thing to a benchmark."""

    injections: tuple[Injection, ...]
    variants: tuple[str, ...]
    batch_sizes: tuple[int, ...] = (1, 128)

    @property
    def benchmarks(self) -> list[str]:
        """Their ids without the model."""
        return [f"{variant}-b{size}" for variant in self.variants for size in self.batch_sizes]


# One run carries every injection. Where the kernels never vary, as in TensorRT, launches and API calls are compared
# exactly. A wait for the GPU leaves a large batch as fast as it was.
NIGHT = Plan(
    (
        Injection("operator", "eager-fp32-b1", "same_kernels"),
        Injection("operator", "eager-fp32-b128", "same_kernels"),
        Injection("kernel", "tensorrt-fp16-b1", "same_kernels"),
        Injection("kernel", "tensorrt-fp16-b128", "same_kernels"),
        Injection("host", "eager-fp16-b1", "latency"),
        Injection("launch", "tensorrt-fp32-b1"),
        Injection("synchronisation", "tensorrt-fp32-b128"),
        Injection("copy", "torchscript-fp32-b128"),
        Injection("wrapper", "torchscript-fp16-b1"),
    ),
    ("eager-fp32", "eager-fp16", "torchscript-fp32", "torchscript-fp16", "tensorrt-fp32", "tensorrt-fp16"),
)
# More operators in a run that compiles nothing and takes half the time.
OPERATORS = Plan(
    (
        Injection("operator", "eager-fp32-b1", "same_kernels"),
        Injection("operator", "eager-fp32-b128", "same_kernels"),
        Injection("operator", "eager-fp16-b1", "same_kernels"),
        Injection("operator", "eager-fp16-b128", "same_kernels"),
        Injection("host", "torchscript-fp32-b1", "latency"),
    ),
    ("eager-fp32", "eager-fp16", "torchscript-fp32", "torchscript-fp16"),
)
# What a CPU can carry, in small.
ON_A_CPU = Plan(
    (Injection("host", "eager-fp32-b1", "latency"), Injection("wrapper", "torchscript-fp32-b1")),
    ("eager-fp32", "torchscript-fp32"),
    (1,),
)
PLANS: Mapping[str, Plan] = {"night": NIGHT, "operators": OPERATORS}


def references(model: str, injections: Iterable[Injection]) -> list[str]:
    """The values of `--slow` of the runs to compare with: an operator has a spin kernel in every run."""
    return [f"{model}-{one.benchmark}:operator={MODULE}" for one in injections if one.kind == "operator"]


def everything(model: str, plan: Plan) -> list[str]:
    """The values of `--slow` that make every kernel time longer by EVERYTHING; those of operators in their kernel."""
    operators = {one.benchmark for one in plan.injections if one.kind == "operator"}
    amount = f"{EVERYTHING * 100:g}%"
    return [
        f"{model}-{benchmark}:operator={MODULE}+{amount}"
        if benchmark in operators
        else f"{model}-{benchmark}:kernel={amount}"
        for benchmark in plan.benchmarks
    ]
