"""A side of a rehearsal that is really slowed: as `rehearsal.worker`, with injections of `proof.inject`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.errors import UsageError
from fixtures.instruments.latency import synchronised
from proof.inject.injection import Slowdown
from proof.inject.slowdown import NEEDS_CUDA, OPTION, parse
from rehearsal import worker
from rehearsal.worker import VERSION as VERSION
from rehearsal.worker import Channel


def serve(channel: Channel) -> None:
    """Answer requests until the channel closes."""
    worker.serve(channel, Side)


class Side(worker.Side):
    """A side whose variants are slowed down.

    Args:
        arguments: options of the suite, and `--slow=PATTERN:KIND=AMOUNT`, which may be repeated.

    Raises:
        UsageError: as a plain side does; or nothing can be slowed so.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        super().__init__([word for word in arguments if not word.startswith(OPTION)])
        asked = [parse(word.removeprefix(OPTION)) for word in arguments if word.startswith(OPTION)]
        self.slowdown = Slowdown(asked, self.device)
        for one in asked:
            if not any(one in self.slowdown.of(key) for key in self.keys.values()):
                raise UsageError(f"{OPTION}{one}: no benchmark is called so; those are {', '.join(self.keys)}")
            if one.kind in NEEDS_CUDA and not self.device.is_cuda:
                raise UsageError(f"{OPTION}{one}: the kind {one.kind} needs a CUDA GPU; on a CPU slow the host down")
        for key in self.keys.values():
            self.slowdown.check(key)

    def answer_slow(self, benchmark: str) -> None:
        """Calibrate what slows the latency of a built benchmark, and slow it from now on."""
        self._slow(benchmark, "latency")

    def answer_count(self, benchmark: str) -> dict[str, Any]:
        self._slow(benchmark, "host_work")
        return super().answer_count(benchmark)

    def answer_profile(self, benchmark: str) -> dict[str, Any]:
        self._slow(benchmark, "kernel_time")
        return super().answer_profile(benchmark)

    def answer_slowed(self) -> dict[str, Any]:
        """By benchmark what was injected, and its size in seconds."""
        return dict(self.slowdown.injected)

    def _slow(self, benchmark: str, measurement: str) -> None:
        inference = self._inference(benchmark)
        self.slowdown.prepare(inference, measurement)
        self._calls[benchmark] = synchronised(inference.run, self.device)
