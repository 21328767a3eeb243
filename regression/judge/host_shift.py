"""The shift that host-bound benchmarks share: a host that is slower tonight delays every call whose GPU waits for it.

Everything is on the natural logarithm; docs/method.md derives it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from regression.judge.calibration import unexplained
from regression.judge.common_shift import FEWEST, shared_by, weights
from regression.judge.noise import Floats

Bools = npt.NDArray[np.bool_]

# Host-bound is a benchmark whose GPU waits for the host for at least so much of the latency.
WAITS = 0.25
# Of fewer variants a shift may be that of a compiler, and no host's.
FEWEST_VARIANTS = 3
# Fewer baseline runs do not show how far benchmarks stray besides.
FEWEST_RUNS = 3


def host_bound(waits: Floats, variants: Sequence[Hashable]) -> Bools:
    """Which benchmarks (B,) are host-bound; none of them where too few are to tell a host's shift from their own.

    Args:
        waits: (B,), share of the latency in which the GPU waits for the host, NaN where that is not known.
    """
    return _enough(np.nan_to_num(waits) >= WAITS, variants)


def _enough(member: Bools, variants: Sequence[Hashable]) -> Bools:
    of_variants = {variant for variant, is_member in zip(variants, member.tolist(), strict=True) if is_member}
    enough = int(member.sum()) >= FEWEST and len(of_variants) >= FEWEST_VARIANTS
    return np.asarray(member & enough)


@dataclasses.dataclass(frozen=True)
class HostShift:
    """What host-bound benchmarks share in each process, less than which they are judged.

    A process that measured too few of them has no shift (NaN), and then says nothing of any of them.
    """

    member: Bools
    """(B,): which benchmarks are host-bound."""
    weight: Floats
    """(B,): the same in sum for every variant, 0 for what is not host-bound."""
    baselines: Floats
    """(K,): the shift of every baseline run; their mean is 0."""
    now: float = 0.0
    again: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    """(n,): the shift of every confirmation."""

    @classmethod
    def of(cls, logs: Floats, member: Bools, variants: Sequence[Hashable]) -> HostShift:
        """From the logarithms (B, K) of the baseline's runs, NaN where there is no value.

        A benchmark that too few runs measured together with the others is judged as it is.
        """
        found = _shifts(logs, _weights(member, variants))
        member = _enough(member & (np.isfinite(logs - found).sum(axis=1) >= FEWEST_RUNS), variants)
        if not member.any():
            return cls(member, np.zeros(len(member)), np.zeros(logs.shape[1]))
        return cls(member, _weights(member, variants), found - np.nanmean(found))

    def tonight(self, first: Floats, again: Floats) -> HostShift:
        """With this run's and its confirmations' deviations (B,) and (B, n) from the centres."""
        found = np.zeros(1 + again.shape[1])
        if self.member.any():
            found = shared_by(np.column_stack([first, again]), self.weight)
        return dataclasses.replace(self, now=float(found[0]), again=found[1:])

    def less(self, logs: Floats) -> Floats:
        """The baseline's logarithms (B, K) less the shifts of their runs."""
        return np.asarray(np.where(self.member[:, None], logs - self.baselines, logs))

    def without(self, deviations: Floats, shifts: Floats) -> Floats:
        """Deviations (B, N) as near to 0 as the shifts (N,) of their processes bring them, if they went the same way.

        So nothing is accused of what the others became faster by.
        """
        return np.where(self.member[:, None], unexplained(deviations, shifts), deviations)

    @property
    def hidden(self) -> Floats:
        """How much of a slowdown (B,) a faster host may hide."""
        faster = np.nanmax([0.0, -self.now, *-self.again])
        return np.where(self.member, faster, 0.0)


def _weights(member: Bools, variants: Sequence[Hashable]) -> Floats:
    """Weights (B,): the same in sum for every variant of the members, 0 for the others."""
    found = np.zeros(len(member))
    rows = np.flatnonzero(member).tolist()
    if rows:
        found[rows] = weights(np.ones(len(rows)), [variants[row] for row in rows])
    return found


def _shifts(logs: Floats, weight: Floats) -> Floats:
    """What the benchmarks of a weight (B,) share in each run of logs (B, K), measured from their medians."""
    strayed = np.full(logs.shape, np.nan)
    rows = (weight > 0) & np.isfinite(logs).any(axis=1)
    if rows.any():
        strayed[rows] = logs[rows] - np.nanmedian(logs[rows], axis=1, keepdims=True)
    return shared_by(strayed, weight)
