"""A side of a rehearsal that is really slowed: as `rehearsal.worker`, with injections of `proof.inject`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common.errors import UsageError
from fixtures.instruments.latency import synchronised
from fixtures.key import Key
from proof.inject.injection import Slowdown
from proof.inject.slowdown import NEEDS_CUDA, OPTION, parse
from proof.rehearsals.batches import SLOWED
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

    def answer_build(self, benchmark: str) -> dict[str, Any]:
        """Build it, calibrate what slows its latency, and from then on do as a plain side does."""
        self._slow(benchmark, "latency")
        return super().answer_build(benchmark)

    def answer_count(self, benchmark: str) -> dict[str, Any]:
        self._slow(benchmark, "host_work")
        return super().answer_count(benchmark)

    def answer_profile(self, benchmark: str) -> dict[str, Any]:
        self._slow(benchmark, "kernel_time")
        return super().answer_profile(benchmark)

    def _recorded(self, key: Key) -> dict[str, Any]:
        found = super()._recorded(key)
        found["extra_info"] = {**found["extra_info"], SLOWED: self.slowdown.injected.get(str(key), [])}
        return found

    def _slow(self, benchmark: str, measurement: str) -> None:
        inference = self._inference(benchmark)
        self.slowdown.prepare(inference, measurement)
        self._calls[benchmark] = synchronised(inference.run, self.device)
