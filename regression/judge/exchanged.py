"""What became of an operator's kernels from one choice to another, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from regression.judge.choices import Launches, without_grids
from regression.runs.operator_table import Grid

# Of those that an operator launches anew, or no longer, so many are named.
MOST_KERNELS = 3


def exchanged(before: Launches, now: Launches, short: Callable[[str], str]) -> str:
    """`old -> new` of the kernels that an operator launches no longer and anew, a few of each.

    What it launches as before is left out: an engine is one operator and launches hundreds of kernels. Where it
    launches the same kernels with other grids, these are told: `conv 8x4x6 -> 8x4x3 blocks`.

    Args:
        short: what a kernel is called.
    """
    names = [Counter(launch.kernel for launch in launches) for launches in (before, now)]
    kept = names[0] & names[1]
    gone, new = (_counted(counter - kept, short) for counter in names)
    if not gone and not new:
        return _other_grids(before, now, short) or "the same kernels in another order"
    if kept and not gone:
        return f"also {new}"
    if kept and not new:
        return f"no longer {gone}"
    return f"{gone or 'nothing'} -> {new or 'nothing'}"


def _other_grids(before: Launches, now: Launches, short: Callable[[str], str]) -> str:
    """`kernel old -> new blocks` of a few kernels in the order of their launches; empty where that is another one."""
    if without_grids(before) != without_grids(now):
        return ""
    said = [
        f"{short(old.kernel)} {_blocks(old.grid)} -> {_blocks(new.grid)} blocks"
        for old, new in zip(before, now, strict=True)
        if old != new
    ]
    return " + ".join(_few(list(dict.fromkeys(said))))


def _blocks(grid: Grid | None) -> str:
    return "x".join(map(str, grid)) if grid else "unknown"


def _counted(kernels: Counter[str], short: Callable[[str], str]) -> str:
    said = [f"{number} x {short(name)}" if number > 1 else short(name) for name, number in kernels.items()]
    return " + ".join(_few(said))


def _few(said: list[str]) -> list[str]:
    more = [f"{len(said) - MOST_KERNELS} more"] if len(said) > MOST_KERNELS else []
    return [*said[:MOST_KERNELS], *more]
