"""One more kernel on the GPU, of a known length: PyTorch's spin kernel, its cycles calibrated."""

from __future__ import annotations

from collections.abc import Callable

import torch

from fixtures.instruments import kernel_time as clocks
from fixtures.instruments import profiles
from fixtures.machine.device import Device
from proof.inject.slowdown import SPIN_KERNEL

# The kernel is as long as it was asked to be within the larger of these: a spin ends some tens of nanoseconds late.
TOLERANCE, TOLERANCE_S = 0.02, 50e-9
TRIES = 6
RATE_CYCLES = 2_000_000
AHEAD_S = 0.1
INFERENCES = 5
PROFILED, LOAD_S = 40, 0.1


class TooShort(Exception):
    """The kernel that was asked for is shorter than any kernel."""


class SpinningKernel:
    """A built variant whose every call queues one more kernel after its own.

    Its length is estimated with CUDA events before the first test, and tuned with profiles before the first test that
    profiles: a profile before then would make every later launch, and with it the latencies, slower.

    Attributes:
        size_s: the kernel's length as far as it is known.
    """

    def __init__(
        self,
        call: Callable[[torch.Tensor], torch.Tensor],
        batch: torch.Tensor,
        device: Device,
        share: float,
        fixed_s: float | None,
    ) -> None:
        self.call, self.batch, self.device, self.share, self.fixed_s = call, batch, device, share, fixed_s
        self.size_s: float | None = None
        self._cycles: int | None = None
        self._rate = 0.0
        self._kernels = 1
        self._tuned = False

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        result = self.call(batch)
        if self._cycles is not None:
            torch.cuda._sleep(self._cycles)
        return result

    def prepare(self, profiled: bool) -> None:
        """Estimate the kernel's cycles, or tune them, each once.

        Raises:
            TooShort: no kernel is that short.
            profiles.InvalidProfile: the profiles lose events.
        """
        if self._cycles is None:
            self._estimate()
        if profiled and not self._tuned:
            assert self._cycles is not None
            profiles.keep_busy(self._run, self.device, clocks.WARM_UP_S)
            self._cycles, self.size_s = tune(self._profile, self.wanted_s, self._cycles, self._rate / self._kernels)
            self._tuned = True

    def begin(self) -> None:
        """Act from now on."""

    def end(self) -> None:
        """Act no more."""

    def wanted_s(self, rest_s: float) -> float:
        """The length that was asked for, beside other kernels of `rest_s` seconds."""
        return self.share * rest_s if self.fixed_s is None else self.fixed_s

    def _run(self) -> torch.Tensor:
        return self(self.batch)

    def _estimate(self) -> None:
        """Set the cycles from the clock rate and from the time between two events around inferences.

        The GPU begins with a spin, so that the host is ahead and the time is that of the kernels and little else.
        """
        for _ in range(3):
            self._run()
        _elapsed_s(lambda: torch.cuda._sleep(50 * RATE_CYCLES))  # the clocks rise
        self._rate = RATE_CYCLES / _elapsed_s(lambda: torch.cuda._sleep(RATE_CYCLES))
        torch.cuda._sleep(int(AHEAD_S * self._rate))
        rest_s = _elapsed_s(lambda: [self._run() for _ in range(INFERENCES)]) / INFERENCES
        self.size_s = self.wanted_s(rest_s)
        self._cycles = round(self.size_s * self._rate / self._kernels)

    def _profile(self, cycles: int) -> tuple[float, float]:
        """Seconds that the extra kernels take with so many cycles each, and seconds of the rest, per inference."""
        self._cycles = cycles
        for retakes in range(clocks.RETAKES, -1, -1):
            profiles.keep_busy(self._run, self.device, LOAD_S)
            try:
                found = clocks.summarise(clocks.take_profile(self._run, self.device, PROFILED))
                break
            except profiles.InvalidProfile:
                if not retakes:
                    raise
        extra = [kernel for kernel in found.kernels if SPIN_KERNEL in kernel.name]
        self._kernels = max(1, sum(kernel.launches for kernel in extra))
        extra_s = sum(kernel.time_s for kernel in extra)
        return extra_s, found.time_s - extra_s


def tune(
    measure: Callable[[int], tuple[float, float]], wanted_s: Callable[[float], float], cycles: int, rate: float
) -> tuple[int, float]:
    """Find the cycles of a kernel that is as long as wanted.

    Args:
        measure: of a number of cycles, the kernel's length and that of all others in seconds.
        wanted_s: the length wanted, of that of all others.
        cycles: where to begin.
        rate: cycles per second, of all extra kernels together.

    Returns:
        The cycles, and the length measured with them; the nearest of TRIES where none is within the tolerance.

    Raises:
        TooShort: even without any cycles the kernel is longer, by more than the tolerance.
    """
    best: tuple[float, int, float] | None = None
    for _ in range(TRIES):
        extra_s, rest_s = measure(cycles)
        wanted = wanted_s(rest_s)
        off_s = abs(extra_s - wanted)
        if best is None or off_s < best[0]:
            best = off_s, cycles, extra_s
        if off_s <= max(TOLERANCE * wanted, TOLERANCE_S):
            break
        if cycles == 0 and extra_s > wanted:
            raise TooShort(
                f"a kernel of {wanted * 1e6:.2f} us was asked for and none takes less than {extra_s * 1e6:.2f} us"
            )
        cycles = max(0, round(cycles + (wanted - extra_s) * rate))
    assert best is not None
    return best[1], best[2]


def _elapsed_s(queue: Callable[[], object]) -> float:
    """Seconds on the GPU between the beginning and the end of what `queue` queues."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    queue()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * 1e-3
