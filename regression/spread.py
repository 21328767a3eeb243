"""What the prior spreads of a metric are made of."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from common.schema import WEIGHTS_MOVE


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spread:
    """Prior spreads of a metric: standard deviations of the natural logarithm (0.001 is 0.1 %)."""

    process: float
    """Between fresh processes."""
    process_df: float
    """How many degrees of freedom the prior of `process` is worth."""
    rounds: float = 0.0
    """How much of the spread of a process's rounds to expect between processes as well (0: the rounds say nothing)."""
    choice_s: float = 0.0
    """Where the baseline's processes launched different kernels or grids: what that adds to `process`, in seconds a
    launch, and to `day`, as far as the GPU waits for the host (for the same kernels to `process` alone)."""
    choice_in_place_s: float = 0.0
    """The least that `choice_s` is among runs whose suites left weights in one place."""
    unseen: float
    """Between fresh processes, for a benchmark with fewer than three baseline runs."""
    day: float
    """Between days, on one GPU."""
    visits: float = 0.0
    """Between fresh processes besides `process`, of a value from visits, as far as the GPU waits for the host."""
    visits_day: float = 0.0
    """Between days besides `day`, likewise."""
    gpu: float
    """Between GPUs of one model."""
    engine: float = 0.0
    """Between GPUs besides `gpu`, of a TensorRT engine, as far as the GPU waits for the host."""
    host: float = 0.0
    """Between GPUs besides `gpu`, as far as the GPU waits for the host: another GPU has another one, as a rule."""
    loading: float = 0.0
    """Besides `gpu`, between runs whose suites loaded engines, or placed weights or activations, in different ways: of
    an engine, and of other kernels as far as the GPU waits for the host."""

    def choice_among(self, loadings: Iterable[int]) -> float:
        """`choice_s` among runs with these numbers of `suite.loading`."""
        return self.choice_s if min(loadings) >= WEIGHTS_MOVE else max(self.choice_s, self.choice_in_place_s)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shared:
    """Prior spreads of what several benchmarks share, less which each of them is judged."""

    shift: Spread
    """Of what they share."""
    besides: Spread
    """Of what each strays besides."""
    worth_knowing: float
    """A shift that must be seen for what they share to be called SAME, as a fraction."""
    fewest_variants: int
    """Of fewer variants a shift is not what they share."""
    of_the_gpu: bool = False
    """Whether every process of a night has the same."""
