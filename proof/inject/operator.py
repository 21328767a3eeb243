"""An operator of an eager model whose kernels take longer: the same operator, the same kernels, one of them longer.

A kernel's own duration cannot be stretched from outside: a larger problem is another problem, a second stream that
contends is as noisy as what is to be detected, and a kernel more is another choice of kernels. So the operator gets a
spin kernel in *every* run, the shortest in those to be compared with, a longer one in the slowed run. Operator, kernels
and launches are then equal, and a kernel's duration alone differs: what the judgement of the same kernels must see.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fixtures.machine.device import Device
from proof.inject.layout import submodule
from proof.inject.spinning import SpinningKernel


class Within(TorchDispatchMode):
    """While it is entered, every operator that PyTorch is asked for also does something, inside its own interval."""

    def __init__(self, action: Callable[[], object]) -> None:
        super().__init__()
        self._action = action

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._action()
        return result


class SlowOperator(SpinningKernel):
    """A built eager variant in which the operators of one module launch a spin kernel after their own.

    Attributes:
        size_s: by how much longer it is than the shortest.
    """

    def __init__(
        self,
        call: Callable[[torch.Tensor], torch.Tensor],
        batch: torch.Tensor,
        device: Device,
        share: float,
        module: torch.nn.Module,
        path: str,
    ) -> None:
        super().__init__(call, batch, device, share, None)
        self._module = submodule(module, path)
        self._mode = Within(self._spin)
        self._handles: list[Any] = []
        self._shortest_s = 0.0

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        return self.call(batch)

    def begin(self) -> None:
        if not self._handles:
            self._handles = [
                self._module.register_forward_pre_hook(lambda *_: self._mode.__enter__() and None),
                self._module.register_forward_hook(lambda *_: self._mode.__exit__(None, None, None), always_call=True),
            ]

    def end(self) -> None:
        while self._handles:
            self._handles.pop().remove()

    def prepare(self, profiled: bool) -> None:
        """Find the shortest kernel, and tune the one that was asked for."""
        if self._tuned:
            return
        if self.share:
            self._shortest_s = self._profile(0)[0]
            self._cycles = None
            super().prepare(profiled)
            assert self.size_s is not None
            self.size_s -= self._shortest_s
        self._tuned = True

    def wanted_s(self, rest_s: float) -> float:
        """With the shortest kernel, which is there without the slowdown too."""
        return self._shortest_s + self.share * (rest_s + self._shortest_s)

    def _spin(self) -> None:
        torch.cuda._sleep(self._cycles or 0)
