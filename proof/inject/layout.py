"""A model in channels-last with one module in NCHW: the layout conversions that such a slip costs."""

from __future__ import annotations

from typing import Any

import torch

from proof.inject.slowdown import UNCHANGED


class NoSuchModule(Exception):
    """The model has no module of that name."""


def in_channels_last(model: torch.nn.Module, module: str) -> torch.nn.Module:
    """Put the model's weights into channels-last, in place, and those of one of its modules back into NCHW.

    That module gets its input in NCHW, and gives its output back in channels-last, so that outputs stay the same.

    Args:
        module: its path, such as `blocks.1.0`, or UNCHANGED for none.

    Raises:
        NoSuchModule: the model has no module of that path.
    """
    _lay_out(model, torch.channels_last)
    if module == UNCHANGED:
        return model
    chosen = submodule(model, module)
    _lay_out(chosen, torch.contiguous_format)
    chosen.register_forward_pre_hook(_to_nchw)
    chosen.register_forward_hook(_to_channels_last)
    return model


def submodule(model: torch.nn.Module, path: str) -> torch.nn.Module:
    """The module of a model at a path such as `blocks.1.0`.

    Raises:
        NoSuchModule: there is none.
    """
    try:
        return model.get_submodule(path)
    except AttributeError:
        known = ", ".join(name for name, _ in model.named_modules() if name.count(".") == 2)
        raise NoSuchModule(f"--slow: the model has no module {path!r}; it has for example {known}") from None


def _lay_out(module: torch.nn.Module, memory_format: torch.memory_format) -> None:
    for parameter in module.parameters():
        if parameter.dim() == 4:
            # `contiguous` leaves the strides of a 1x1 convolution's weights as they are, and they decide the layout
            parameter.data = parameter.data.clone(memory_format=memory_format)


def _to_nchw(_module: torch.nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.contiguous() if isinstance(value, torch.Tensor) else value for value in inputs)


def _to_channels_last(_module: torch.nn.Module, _inputs: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
    return output.contiguous(memory_format=torch.channels_last)
