"""The one change that a search for the package to blame follows: which it is, and whether a record shows it: pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regression.judge.verdict import Reason, Verdict
from rehearsal.bisection import Answer
from rehearsal.described import processes
from rehearsal.judge import Judged
from rehearsal.paired import BY_KEY, LATENCY, continuous
from rehearsal.protocol import NEW, SIDES
from rehearsal.record import Record
from rehearsal.rows import OUTPUTS, Row, count_rows, output_rows
from rehearsal.sequential import likelihood, likelihood_bound

LEAST_PAIRS = 2
"""Of a step whose change is continuous; two can be far likelier with a change than without."""


@dataclass(frozen=True)
class Seen:
    """What a record says of the followed change.

    Attributes:
        answer: None where nothing was measured yet.
        is_sure: whether more pairs would say nothing else.
    """

    answer: Answer | None
    is_sure: bool
    ratio: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Followed:
    """A row of a rehearsal whose cause is searched for.

    Args:
        questions: how many records will be asked at most; they share the error.
    """

    row: Row
    questions: int

    @property
    def benchmark(self) -> str:
        return self.row.judgement.benchmark

    @property
    def metric(self) -> str:
        return self.row.judgement.metric

    @property
    def is_continuous(self) -> bool:
        """Whether it is a time, of which one pair says little."""
        return self.row.low_ratio is not None and not self.is_failure

    @property
    def is_failure(self) -> bool:
        """Whether it is that the benchmark no longer runs."""
        return self.row.judgement.verdict is Verdict.MISSING

    @property
    def is_of_kernels(self) -> bool:
        return self.is_continuous and self.metric != LATENCY

    def seen(self, record: Record) -> Seen:
        """Whether the new side of a record shows the change."""
        if self.is_failure:
            why = record.failed[NEW].get(self.benchmark)
            if why is not None:
                return Seen(Answer.CARRIES, True, why=why)
        for side in SIDES:
            why = record.failed[side].get(self.benchmark) or record.missing[side].get(self.benchmark)
            if why is not None:
                return Seen(Answer.UNTRIED, True, why=why)
        if self.is_failure:
            return Seen(Answer.LACKS if record.pairs else None, bool(record.pairs))
        return self._time(record) if self.is_continuous else self._exact(record)

    def settled(self, record: Record) -> tuple[set[str], set[str]]:
        """What needs no further pair, as `rehearsal.judge.settled` says it: all, or the followed metric not yet."""
        everything = set(record.benchmarks())
        if self.seen(record).is_sure:
            return everything, everything
        if self.is_failure:
            return set(), set()  # whatever it was that failed, it is tried again
        # Some counts are a profile's.
        return (set(), everything) if self.is_continuous and not self.is_of_kernels else (everything, set())

    def _time(self, record: Record) -> Seen:
        assert self.row.judgement.ratio is not None
        change = math.log(self.row.judgement.ratio)
        for key, benchmark, found, process in continuous(record, processes(record)):
            if (key, benchmark) == (self.metric, self.benchmark):
                said = likelihood(found.values, found.within, process, change)
                sure = len(found.values) >= LEAST_PAIRS and abs(said) >= likelihood_bound(self.questions)
                return Seen(Answer.CARRIES if said > 0 else Answer.LACKS, sure, found.new / found.old)
        return Seen(None, False)

    def _exact(self, record: Record) -> Seen:
        """A count carries the change if it lies nearer to the new side's than to the old side's."""
        if self.metric == OUTPUTS:
            found = [row for row in output_rows(record) if row.judgement.benchmark == self.benchmark]
            carries = any(row.judgement.verdict is Verdict.CHANGED and row.failed == self.row.failed for row in found)
        else:
            found = [
                row
                for row in count_rows(record, processes(record))
                if (row.judgement.metric, row.judgement.benchmark) == (self.metric, self.benchmark)
            ]
            carries = any(self._is_nearer(row) for row in found)
        if not found:
            return Seen(None, False)
        return Seen(Answer.CARRIES if carries else Answer.LACKS, True, found[0].judgement.ratio)

    def _is_nearer(self, row: Row) -> bool:
        now, old, new = row.judgement.now, self.row.judgement.baseline, self.row.judgement.now
        if now is None or old is None or new is None:
            return row.judgement.verdict is Verdict.CHANGED
        return abs(now - new) < abs(now - old)


def follow(judged: Judged, questions: int) -> Followed | None:
    """The change of a rehearsal that is searched for: what fails before what does not, the clearest first; else None.

    What no longer runs is the clearest, then times by how far they lie outside their intervals, then what is counted.
    """
    verdicts = (Verdict.MISSING, Verdict.SLOWER, Verdict.CHANGED, Verdict.FASTER)
    rows = [
        row
        for row in judged.rows
        if row.judgement.verdict in verdicts and row.judgement.reason is not Reason.SKIPPED and _is_known(row)
    ]
    if not rows:
        return None
    return Followed(min(rows, key=lambda row: (not row.failed, *_clearness(row, verdicts))), questions)


def _is_known(row: Row) -> bool:
    return row.judgement.metric == OUTPUTS or row.judgement.metric in BY_KEY


def _clearness(row: Row, verdicts: Sequence[Verdict]) -> tuple[int, float]:
    width = 0.0
    if row.low_ratio and row.high_ratio and row.judgement.ratio:
        width = -abs(math.log(row.judgement.ratio)) / max(math.log(row.high_ratio / row.low_ratio), 1e-12)
    return verdicts.index(row.judgement.verdict), width
