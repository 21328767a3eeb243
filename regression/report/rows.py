"""The lines of a verdict: judgements with their metrics, worst first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from common.stored import lost_by
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metric import Kind, Metric
from regression.metrics import METRICS
from regression.shared import EVERY, is_shared
from regression.text import change, count, difference, listed, measure

# Worst first.
ORDER = (
    Verdict.SLOWER,
    Verdict.MISSING,
    Verdict.CHANGED,
    Verdict.UNSURE,
    Verdict.FASTER,
    Verdict.NEW,
    Verdict.SAME,
)
# A part of kernel time changed as the whole did where they differ by less than this part of what could be detected.
ALIKE = 0.1
ALL_METRICS = "all metrics"
QUIET = (Reason.INSIDE_NOISE, Reason.BY_OPERATORS, Reason.NOISY, Reason.NO_BASELINE, Reason.SEEN_BEFORE)


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is said of one benchmark and metric: the numbers, and the same as text that every form shows."""

    benchmark: str
    metric: Metric
    title: str
    """The metric's, or `all metrics` for a benchmark that is MISSING for several."""
    verdict: Verdict
    reason: Reason
    detail: str
    failed: bool
    baseline: float | None
    """In the metric's unit, as is `now`."""
    now: float | None
    ratio: float | None
    detectable_ratio: float | None

    @property
    def same(self) -> bool:
        return self.verdict is Verdict.SAME

    @property
    def accepted(self) -> bool:
        return self.reason is Reason.ACCEPTED

    @property
    def word(self) -> str:
        """The verdict, or that it was accepted."""
        return "accepted" if self.accepted else str(self.verdict)

    @property
    def lost_by(self) -> str:
        """The benchmark that had lost the GPU, where it has no value for that; else empty."""
        return lost_by(self.detail)

    @property
    def baseline_text(self) -> str:
        return measure(self.baseline, self.baseline, self.metric.unit)

    @property
    def now_text(self) -> str:
        return measure(self.now, self.baseline, self.metric.unit)

    @property
    def change_text(self) -> str:
        return (
            change(self.ratio)
            if self.metric.kind is not Kind.COUNT
            else change_text(self.metric, self.baseline, self.now)
        )

    @property
    def detectable_text(self) -> str:
        return change(self.detectable_ratio, "")

    @property
    def moved(self) -> str:
        """The change for a sentence: `0 -> 1` of a count, `+1.20 %` of anything else."""
        if self.metric.kind is not Kind.COUNT or self.baseline_text == self.now_text != "-":
            return self.change_text
        return f"{self.baseline_text} -> {self.now_text}"

    @property
    def against_baseline(self) -> str:
        """The verdict as the beginning of a sentence: `latency SLOWER than the baseline by 6.00 %`."""
        if self.verdict in (Verdict.SLOWER, Verdict.FASTER) and self.ratio is not None:
            return f"{self.title} {self.verdict} than the baseline by {change(1 + abs(self.ratio - 1), '')}"
        return f"{self.title} {self.verdict} ({self.moved})"

    @property
    def told(self) -> str:
        """The details of the reason, of a count with the change itself."""
        counted = self.verdict is Verdict.CHANGED or (self.verdict is Verdict.UNSURE and self.metric.kind is Kind.COUNT)
        return "; ".join(filter(None, (self.moved if counted and self.baseline is not None else "", self.detail)))

    @property
    def named(self) -> str:
        """Of a count that changed what is new, gone or more often: `cudaMalloc 0 -> 1`, which no number says."""
        return self.detail if self.verdict is Verdict.CHANGED else ""

    @property
    def remark(self) -> str:
        """Why the verdict is what it is; empty where the verdict says all."""
        if self.reason in QUIET and not self.detail:
            return ""
        if self.reason is Reason.NEGLIGIBLE and not self.detail:
            return "negligible: outside the noise, too small to matter"
        return f"{self.reason}: {self.told}" if self.told else self.reason


def change_text(metric: Metric, before: float | None, now: float | None) -> str:
    """A change of a metric: of a count the difference, since 0 has no ratio; else percent."""
    if metric.kind is Kind.COUNT:
        return difference(before, now, metric.unit)
    return change(now / before if before and now is not None else None)


def rows(judgements: Iterable[Judgement], metrics: Sequence[Metric] = METRICS) -> tuple[Row, ...]:
    """The judgements' rows, worst first; a benchmark that is MISSING for several metrics has one.

    What fails comes first, then verdicts in their order, then what was never suspected, then what all benchmarks share
    before any of them, then the larger change. SAME keeps the order of the run, so that the metrics of a benchmark stay
    together.
    """
    ordered = sorted(judgements, key=_rank)
    by_key = {metric.key: metric for metric in metrics}
    missing = Counter(item.benchmark for item in ordered if item.verdict is Verdict.MISSING)
    found: list[Row] = []
    told: set[str] = set()
    for item in ordered:
        whole = item.verdict is Verdict.MISSING and missing[item.benchmark] > 1
        if whole and item.benchmark in told:
            continue
        if whole:
            told.add(item.benchmark)
        metric = by_key[item.metric]
        row = Row(
            benchmark=item.benchmark,
            metric=metric,
            title=ALL_METRICS if whole else metric.title,
            verdict=item.verdict,
            reason=item.reason,
            detail=item.detail,
            failed=item.failed,
            baseline=None if whole else item.baseline,
            now=item.now,
            ratio=item.ratio,
            detectable_ratio=item.detectable_ratio,
        )
        found.append(row)
    return tuple(found)


def folded(ordered: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Rows that moved, without those that say nothing more; and those whose change or whose want all benchmarks share.

    The row of a part of kernel time that changed as the whole did goes into the whole's remark. A change that lies
    within its detectable change of what all benchmarks show together is no finding of its own. Neither is what was not
    measured since another benchmark had lost the GPU.
    """
    wholes = {(row.benchmark, row.metric.key): row for row in ordered}
    common = {(row.metric.key, row.verdict): row for row in ordered if row.benchmark == EVERY}
    parts: dict[tuple[str, str], list[str]] = {}
    told: list[Row] = []
    shared: list[Row] = []
    for row in ordered:
        if row.lost_by:
            shared.append(row)
            continue
        whole = wholes.get((row.benchmark, row.metric.part_of))
        if whole and (whole.verdict, whole.reason) == (row.verdict, row.reason) and _alike(row, whole, ALIKE):
            parts.setdefault((row.benchmark, whole.metric.key), []).append(row.title)
            continue
        every = common.get((row.metric.key, row.verdict))
        (shared if every and every is not row and _alike(row, every) else told).append(row)
    return [_with_parts(row, parts.get((row.benchmark, row.metric.key), ())) for row in told], shared


def _alike(row: Row, other: Row, part: float = 1.0) -> bool:
    """Whether two changes differ by no more than a part of what could be detected."""
    if not (row.ratio and other.ratio and row.detectable_ratio):
        return False
    return abs(math.log(row.ratio / other.ratio)) <= part * math.log(row.detectable_ratio)


def _with_parts(row: Row, titles: Sequence[str]) -> Row:
    said = f"{listed(titles)} likewise" if titles else ""
    return replace(row, detail="; ".join(filter(None, (row.detail, said))))


def shared_sentences(shared: Iterable[Row]) -> Iterable[str]:
    """For each metric and verdict how many benchmarks changed as all of them did together, and by how much.

    Then how many were not measured since another benchmark had lost the GPU.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    lost: dict[tuple[str, str], list[Row]] = {}
    for row in shared:
        if row.lost_by:
            lost.setdefault((row.word, row.detail), []).append(row)
        else:
            found.setdefault((row.title, row.word), []).append(row)
    for (title, word), alike in found.items():
        changes = [row.change_text for row in sorted(alike, key=lambda row: row.ratio or 1.0)]
        span = " to ".join(dict.fromkeys((changes[0], changes[-1])))
        yield f"{count(len(alike), 'benchmark')} {word} in {title} as all together are, by {span}"
    for (word, why), alike in lost.items():
        yield f"{count(len(alike), 'benchmark')} {word}, {why}"


def _rank(item: Judgement) -> tuple[bool, int, bool, bool, float]:
    same = item.verdict is Verdict.SAME
    size = 0.0 if same or not item.ratio else abs(item.ratio - 1)
    one = same or not is_shared(item.benchmark)
    return not item.failed, ORDER.index(item.verdict), item.reason is Reason.NOISY, one, -size
