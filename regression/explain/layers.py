"""Which layers of a TensorRT engine are new or gone, beside its kernels: no record ties a kernel to a layer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from regression.text import count

# With a layer more, all that follow it are numbered anew.
NUMBER = re.compile(r"_myl\d+_\d+$")


@dataclass(frozen=True)
class Layers:
    """How many layers an engine has now and had in the baseline run, and the names of those that came and went."""

    now: int
    before: int
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()

    def sentence(self) -> str:
        """How many there are and, where that can be said, how many are others than in the baseline run."""
        said = f"{count(self.now, 'engine layer')}, not tied to kernels"
        if not self.before:
            return f"{said}; the baseline recorded none"
        if not self.new and not self.gone:
            return f"{said}; the same names as in the baseline"
        return f"{said}; {len(self.new)} new, {len(self.gone)} gone"


def compare(before: Mapping[str, Any], now: Mapping[str, Any]) -> Layers | None:
    """The engine layers of two stored benchmarks (their `extra_info`); None where this run has none.

    Names are counted, and compared without the number that TensorRT ends them with.
    """
    present, earlier = _names(now), _names(before)
    if not present:
        return None
    if not earlier:
        return Layers(len(present), 0)
    new, gone = Counter(present) - Counter(earlier), Counter(earlier) - Counter(present)
    return Layers(len(present), len(earlier), tuple(new.elements()), tuple(gone.elements()))


def _names(extra_info: Mapping[str, Any]) -> list[str]:
    stored = extra_info.get("engine_layers")
    return [NUMBER.sub("", name) for name in stored if isinstance(name, str)] if isinstance(stored, list) else []
