"""The shift that several benchmarks share, less which each of them is judged: a slower host's, or another GPU's.

Everything is on the natural logarithm; docs/method.md derives it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from regression.judge.calibration import unexplained
from regression.judge.common_shift import FEWEST, median, shared_by, weights
from regression.judge.noise import Floats
from regression.spread import Shared

Bools = npt.NDArray[np.bool_]

# Fewer baseline runs do not show how far benchmarks stray besides.
FEWEST_RUNS = 3


@dataclasses.dataclass(frozen=True)
class SharedShift:
    """What the members share in each process.

    A process that measured too few of them has no shift (NaN), and then says nothing of any of them.
    """

    name: str
    """Stands for the members (`regression.shared`)."""
    prior: Shared
    member: Bools
    """(B,)"""
    weight: Floats
    """(B,): the same in sum for every variant, 0 for what is no member."""
    baselines: Floats
    """(K,): the shift of every baseline run, from their mean, or from where `measured_from` puts their middle."""
    now: float = 0.0
    again: Floats = dataclasses.field(default_factory=lambda: np.zeros(0))
    """(n,): the shift of every confirmation."""

    @classmethod
    def of(
        cls, name: str, prior: Shared, logs: Floats, member: Bools, variants: Sequence[Hashable]
    ) -> SharedShift | None:
        """From the logarithms (B, K) of the baseline's runs, NaN where there is no value; None of too few members.

        A benchmark that too few runs measured together with the others is no member, and is judged as it is.
        """
        found = _shifts(logs, _weights(member, variants))
        member = member & (np.isfinite(logs - found).sum(axis=1) >= FEWEST_RUNS)
        if not enough(member, variants, prior.fewest_variants):
            return None
        return cls(name, prior, member, _weights(member, variants), found - np.nanmean(found))

    def measured_from(self, centre: float) -> SharedShift:
        """The same with the baseline's shifts measured from `centre`, where the judge takes their middle to be."""
        return dataclasses.replace(self, baselines=self.baselines - centre)

    def tonight(self, first: Floats, again: Floats) -> SharedShift:
        """With this run's and its confirmations' deviations (B,) and (B, n) from the centres."""
        found = shared_by(np.column_stack([first, again]), self.weight)
        if self.prior.of_the_gpu:
            # A confirmation that measured too few of them is of the same GPU.
            found = np.where(np.isfinite(found), found, found[0])
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
        """How much of a slowdown (B,) may hide behind what became faster by itself."""
        faster = np.nanmax([0.0, -self.now, *-self.again])
        return np.where(self.member, faster, 0.0)


def enough(member: Bools, variants: Sequence[Hashable], fewest_variants: int) -> bool:
    """Whether the members (B,) are enough to tell what they share from what is one's own."""
    of_variants = {variant for variant, is_member in zip(variants, member.tolist(), strict=True) if is_member}
    return int(member.sum()) >= FEWEST and len(of_variants) >= fewest_variants


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
        strayed[rows] = logs[rows] - median(logs[rows])[:, None]
    return shared_by(strayed, weight)
