"""Which kernels account for a change of kernel time between stored runs of one benchmark.

Against several baseline runs, the kernels are those of the one baseline run whose kernel time is nearest to the median
of them all, each weighed as the judge does: a run that happened. An average over runs that chose other convolution
kernels would list fractions of launches that no run ever made. `Explanation.seen_before` says how many baseline runs
launched just what this one does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from regression.explain.layers import Layers
from regression.explain.names import base_name, shorten
from regression.explain.operators import OperatorChange
from regression.judge.common_shift import middle
from regression.runs.kernel_table import StoredKernel

# Kernels that a library may pick for a convolution or a matrix product, and the layout changes that come with them.
CHOSEN = re.compile(r"conv|fprop|dgrad|wgrad|winograd|gemm|cutlass|xmma|nchwtonhwc|nhwctonchw|splitk", re.IGNORECASE)
CONVOLUTION = "convolution, matmul"
# The layout that a kernel works in, as a part of its name.
LAYOUT = re.compile(r"_?(nchw|nhwc)", re.IGNORECASE)
REST = "(not in the kernel tables)"


@dataclass(frozen=True)
class Change:
    """What one kernel, or one group of kernels chosen in place of others, adds to the change of an inference.

    `kind` is `new`, `gone`, `more` or `fewer` (launches), `slower` or `faster` (each), `other selection` or
    `new layout` (a group, listed in `members`) or `rest` (kernel time that the tables do not account for). Times are
    seconds per inference. `share` is `change_s` over the whole change: of all changes together 1, of a single one
    perhaps more, or negative.
    """

    kernel: str
    short: str
    kind: str
    launches_before: float
    launches_now: float
    before_s: float
    now_s: float
    share: float = 0.0
    members: tuple["Change", ...] = ()

    @property
    def change_s(self) -> float:
        """Seconds per inference that this adds; negative where it takes time away."""
        return self.now_s - self.before_s

    @property
    def lead(self) -> "Change":
        """Of a group the kernel that did most towards its change; a single kernel itself."""
        sign = 1 if self.change_s >= 0 else -1
        return max(self.members, key=lambda member: sign * member.change_s, default=self)


@dataclass(frozen=True)
class Explanation:
    """The kernels behind one benchmark's change, largest first; or, in `missing`, the sentence that says why not."""

    benchmark: str
    changes: tuple[Change, ...] = ()
    before_s: float = 0.0
    now_s: float = 0.0
    baseline_runs: int = 0
    seen_before: int = 0
    missing: str = ""
    compared: int = 0
    """Which of the baseline's tables the kernels are compared with."""
    layers: Layers | None = None
    """Of a TensorRT engine, against the same baseline run."""
    operators: tuple[OperatorChange, ...] = ()
    """Against all runs of the baseline, the largest change first; empty where they are not known."""
    same: bool = False
    """Whether the judge calls the kernel time SAME: then its differences are noise, and something else changed."""

    @property
    def change_s(self) -> float:
        """The whole change in seconds per inference."""
        return self.now_s - self.before_s

    @property
    def other_selection(self) -> bool:
        """Whether other kernels were chosen for the same work, as `cudnn.benchmark` may do in every process."""
        return any(change.kind == "other selection" for change in self.changes)

    @property
    def new_layout(self) -> bool:
        """Whether kernels gave way to those of the same name for another layout, NCHW or NHWC."""
        return any(change.kind == "new layout" for change in self.changes)


def explain(
    benchmark: str,
    baseline: Sequence[tuple[StoredKernel, ...]],
    now: tuple[StoredKernel, ...],
    baseline_s: Sequence[float | None] = (),
    now_s: float | None = None,
    trusted: Sequence[float] | None = None,
) -> Explanation:
    """Compare this run's kernels with those of the baseline's runs, one table (see `kernel_table`) each.

    `baseline_s`, in the tables' order, and `now_s` are the stored kernel times in seconds; the change is between them,
    and what the tables do not account for is a row of its own. Without them the tables' sums are compared. `trusted` is
    how much the judge lets each baseline run count, all fully by default.
    """
    if not now:
        return Explanation(benchmark, missing="This run has no kernel table (a CPU, or an older version).")
    times = [*baseline_s, *[None] * (len(baseline) - len(baseline_s))]
    usable = [
        (table, total if total else _sum(table), number)
        for number, (table, total) in enumerate(zip(baseline, times, strict=True))
        if table
    ]
    if not usable:
        return Explanation(benchmark, missing="The baseline has no kernel table (a CPU, or an older version).")
    weight = np.array([trusted[number] if trusted else 1.0 for _, _, number in usable])
    # Where none of them counts, all are alike.
    weight = weight if weight.any() else np.ones(len(usable))
    typical_s = float(middle(np.array([total for _, total, _ in usable]), weight))
    before, before_s, compared = min(usable, key=lambda run: abs(run[1] - typical_s))
    now_s = now_s if now_s else _sum(now)
    changes = _grouped(_changes(before, now))
    rest_s = now_s - before_s - sum(change.change_s for change in changes)
    if abs(rest_s) > 1e-3 * abs(now_s - before_s) and abs(rest_s) > 1e-12:
        # A recorder's kernel time may be another statistic of its profiles than its tables.
        changes.append(Change(REST, REST, "rest", 0, 0, before_s - _sum(before), now_s - _sum(now)))
    whole = now_s - before_s
    changes = [_shared(change, whole) for change in sorted(changes, key=lambda change: -abs(change.change_s))]
    seen = sum(_counts(table) == _counts(now) for table, _, _ in usable)
    return Explanation(benchmark, tuple(changes), before_s, now_s, len(usable), seen, compared=compared)


def _sum(table: Sequence[StoredKernel]) -> float:
    return sum(kernel.time_s for kernel in table)


def _counts(table: Sequence[StoredKernel]) -> dict[str, float]:
    return {kernel.name: kernel.launches for kernel in table}


def _shared(change: Change, whole_s: float) -> Change:
    members = tuple(_shared(member, whole_s) for member in change.members)
    return replace(change, share=change.change_s / whole_s if whole_s else 0.0, members=members)


def _changes(before: Sequence[StoredKernel], now: Sequence[StoredKernel]) -> list[Change]:
    old, new = ({kernel.name: kernel for kernel in table} for table in (before, now))
    short = shorten([*old, *(name for name in new if name not in old)])
    changes = []
    for name in short:
        a, b = old.get(name, StoredKernel(name, 0, 0.0)), new.get(name, StoredKernel(name, 0, 0.0))
        if a.launches != b.launches:
            more = "new" if name not in old else "more"
            fewer = "gone" if name not in new else "fewer"
            kind = more if b.launches > a.launches else fewer
        else:
            kind = "slower" if b.time_s >= a.time_s else "faster"
        changes.append(Change(name, short[name], kind, a.launches, b.launches, a.time_s, b.time_s))
    return changes


def _grouped(changes: list[Change]) -> list[Change]:
    """Put kernels that gave way to others of their family, and those others, into one group each.

    A family are all convolutions and matrix products, or kernels of one name in whatever layout. Apart, two convolution
    kernels that changed places would bury the change that is left: -30 us, +32 us, for 2 us.
    """
    families: dict[str, list[Change]] = {}
    for change in changes:
        if change.launches_before != change.launches_now:
            name = LAYOUT.sub("", base_name(change.kernel))
            family = CONVOLUTION if CHOSEN.search(change.kernel) else name
            families.setdefault(family, []).append(change)
    grouped: set[str] = set()
    groups = []
    for family, members in families.items():
        risen = sum(max(member.launches_now - member.launches_before, 0) for member in members)
        fallen = sum(max(member.launches_before - member.launches_now, 0) for member in members)
        if not risen or not fallen:
            continue
        grouped.update(member.kernel for member in members)
        ordered = tuple(sorted(members, key=lambda member: -abs(member.change_s)))
        relaid = family != CONVOLUTION and len({base_name(member.kernel) for member in members}) > 1
        groups.append(
            Change(
                family,
                family,
                "new layout" if relaid else "other selection",
                sum(member.launches_before for member in members),
                sum(member.launches_now for member in members),
                sum(member.before_s for member in members),
                sum(member.now_s for member in members),
                members=ordered,
            )
        )
    return [change for change in changes if change.kernel not in grouped] + groups
