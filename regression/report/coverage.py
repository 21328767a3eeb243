"""How much of a run could have shown a regression, and whether that is enough to call it passed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from regression.judge.verdict import Reason, Verdict
from regression.metric import Kind
from regression.report.groups import Place
from regression.report.rows import Row
from regression.runs.run import Run
from regression.shared import is_shared, kind
from regression.text import count, listed

# A verdict for whoever has to act on it.
PASSED, INCOMPLETE, FAILED = "passed", "incomplete", "FAILED"
MOST_NAMED = 2
MOST_METRICS = 4
# What was suspected and not settled; every other UNSURE could not have shown a regression.
SUSPECTED = (Reason.UNCONFIRMED, Reason.DISAGREED, Reason.BELOW_LIMIT)


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What was measured, and what of it could have shown a regression; a measurement is one benchmark and metric."""

    measured: int
    continuous: int
    """Of them, times: exact counts never hide a change, however many there are."""
    blind: tuple[Row, ...]
    """Measurements that could not have shown a regression: too noisy, disturbed, or without a baseline."""
    undecided: tuple[Row, ...]
    """Measurements of which a change was suspected and neither confirmed nor refuted."""
    shared: tuple[Row, ...]
    """What is UNSURE of all benchmarks together, which is no measurement of its own."""
    known: int
    """Benchmarks of the baseline, questions aside."""
    absent: tuple[str, ...]
    """Benchmarks of the baseline that this run did not select, questions aside."""
    broken: tuple[str, ...]
    """Benchmarks that failed and are not MISSING, since the baseline does not have them."""
    cut_short: tuple[str, ...]
    """Benchmarks that failed and are not MISSING, since what the baseline must have of them was measured before."""
    benchmarks: int
    """Benchmarks of this run, questions aside."""
    labels_checked: int
    labels_wrong: int
    skipped: int
    deselected: int

    @property
    def could_show(self) -> int:
        """Measurements that could have shown a regression, those that did included."""
        return self.measured - len(self.blind) - len(self.undecided)

    @property
    def unsettled(self) -> tuple[Row, ...]:
        """Every row that a report must give a reason for although nothing failed."""
        return (*self.undecided, *self.blind, *self.shared)

    @property
    def blind_continuous(self) -> tuple[Row, ...]:
        return tuple(row for row in self.blind if row.metric.kind is Kind.CONTINUOUS)

    @property
    def mostly_blind(self) -> bool:
        """Of all measurements."""
        return self.could_show * 2 < self.measured

    @property
    def mostly_blind_continuous(self) -> bool:
        """Of times, beside counts that see well."""
        unseen = [row for row in (*self.blind, *self.undecided) if row.metric.kind is Kind.CONTINUOUS]
        return len(unseen) * 2 > self.continuous

    @property
    def complete(self) -> bool:
        """Whether a run that does not fail may be called passed: most could have shown a regression, labels included.

        Nothing broke, at least half of the baseline's benchmarks were measured, and at least half of the measurements,
        and of the times among them, could have shown a regression.
        """
        seen = self.measured > 0 and not self.mostly_blind and not self.mostly_blind_continuous
        enough = seen and 2 * len(self.absent) <= self.known
        return enough and self.labels_checked > 0 and not self.broken and not self.cut_short

    def status(self, *, failed: bool) -> str:
        """One word for the run."""
        return FAILED if failed else PASSED if self.complete else INCOMPLETE


def coverage(
    rows: Sequence[Row], run: Run, baselines: Sequence[Run], wrong_labels: Collection[object] = ()
) -> Coverage:
    """The coverage of a judged run; `baselines` are those that it was judged against."""
    missing = {row.benchmark for row in rows if row.verdict is Verdict.MISSING}
    # What is said of all benchmarks together is no measurement of its own.
    measured = [row for row in rows if row.verdict is not Verdict.MISSING and row.benchmark in run.benchmarks]
    # A question that a run does not ask is left out by intention.
    known = {id_ for baseline in baselines for id_ in baseline.measured}
    unsure = [row for row in measured if row.verdict is Verdict.UNSURE]
    in_baseline = {id_ for baseline in baselines for id_ in baseline.benchmarks}
    failed = [id_ for id_ in run.failed if id_ not in missing]
    return Coverage(
        measured=len(measured),
        continuous=sum(row.metric.kind is Kind.CONTINUOUS for row in measured),
        blind=tuple(
            row for row in measured if row.verdict is Verdict.NEW or (row in unsure and row.reason not in SUSPECTED)
        ),
        undecided=tuple(row for row in unsure if row.reason in SUSPECTED),
        shared=tuple(row for row in rows if is_shared(row.benchmark) and row.verdict is Verdict.UNSURE),
        known=len(known),
        absent=tuple(sorted(known - run.benchmarks.keys() - missing)),
        broken=tuple(id_ for id_ in failed if id_ not in in_baseline),
        cut_short=tuple(id_ for id_ in failed if id_ in in_baseline),
        benchmarks=len(run.measured),
        labels_checked=len(run.labels),
        labels_wrong=len(wrong_labels),
        skipped=len(run.skipped),
        deselected=run.deselected,
    )


def where(rows: Sequence[Row], places: Mapping[str, Place]) -> str:
    """Which measurements these are: `batch-1 latency of A and B, launches and peak memory of 24 benchmarks`.

    Of more than a sentence holds `batch-1 latency, launches and peak memory of 3 benchmarks`, of which each has one of
    these or more.
    """
    benchmarks: dict[str, list[str]] = {}
    for row in rows:
        benchmarks.setdefault(row.title, []).append(row.benchmark)
    titles: dict[tuple[str, ...], list[str]] = {}
    for title in benchmarks:
        titles.setdefault(tuple(sorted(benchmarks[title])), []).append(title)
    if len(titles) <= MOST_NAMED:
        return ", ".join(_of_metrics(_cut(alike), benchmarks[alike[0]], places) for alike in titles.values())
    return _of_metrics(_cut(list(benchmarks)), list(dict.fromkeys(row.benchmark for row in rows)), places)


def _cut(titles: Sequence[str]) -> str:
    more = [count(len(titles) - MOST_METRICS, "more metric")] if len(titles) > MOST_METRICS else []
    return listed([*titles[:MOST_METRICS], *more])


def _of_metrics(title: str, ids: Sequence[str], places: Mapping[str, Place]) -> str:
    batches = {places[id_].batch_size if id_ in places else None for id_ in ids}
    (only,) = batches if len(batches) == 1 else (None,)
    own = [id_ for id_ in ids if not is_shared(id_)]
    together = dict.fromkeys(kind(id_) for id_ in ids if is_shared(id_))
    who = " and ".join(ids) if len(ids) <= MOST_NAMED else count(len(own), "benchmark")
    who += "".join(f" and of {name} together" for name in together if len(ids) > MOST_NAMED)
    return f"{title if only is None else f'batch-{only} {title}'} of {who}"
