"""The kernels of one inference, as a stored run lists them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from regression.values import LARGEST_VALUE


@dataclass(frozen=True)
class StoredKernel:
    """One kernel in one inference: its full name, how often it is launched, and its summed time in seconds."""

    name: str
    launches: float
    time_s: float


def kernel_table(extra_info: Mapping[str, Any], names: Sequence[str]) -> tuple[StoredKernel, ...]:
    """The kernels of one stored benchmark; `names` is the run's `suite.kernels`. Rows of one name are added up.

    Empty where there is no table. ValueError where the table is malformed, with what is wrong with it.
    """
    stored = extra_info.get("kernels")
    if stored is None:
        return ()
    try:
        columns = [list(stored[column]) for column in ("kernel", "launches", "time_s")]
    except (TypeError, KeyError):
        raise ValueError("'kernels' is not the three lists kernel, launches and time_s") from None
    if len({len(column) for column in columns}) > 1:
        raise ValueError("the lists in 'kernels' differ in length")
    rows: dict[str, StoredKernel] = {}
    for index, launches, time_s in zip(*columns, strict=True):
        if not isinstance(index, int) or not 0 <= index < len(names):
            raise ValueError(f"'kernels' refers to kernel {index!r}, and 'suite.kernels' has {len(names)} names")
        if not all(isinstance(value, (int, float)) and 0 <= value <= LARGEST_VALUE for value in (launches, time_s)):
            raise ValueError("'kernels' has a launch count or a time that is not a positive number")
        name = str(names[index])
        seen = rows.get(name, StoredKernel(name, 0, 0.0))
        rows[name] = StoredKernel(name, seen.launches + launches, seen.time_s + time_s)
    return tuple(rows.values())
