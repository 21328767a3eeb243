"""Judges the session that has just measured: repeats what was disturbed, confirms what is suspected, and says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence, Set
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from common.given import RECORD, at_store
from common.stored import lost_by
from regression import rerun
from regression.judge.accepted import Accepted
from regression.judge.judge import judge
from regression.judge.limits import CONFIRMATIONS
from regression.judge.patience import recent, sentences, unwatched
from regression.judge.verdict import Report, Verdict, failures, suspects, verdicts
from regression.metric import Metric
from regression.report import terminal
from regression.report.content import content
from regression.report.repeat import COMPARE
from regression.runs.dates import from_the_future
from regression.runs.find import Stored
from regression.runs.read import parse, read
from regression.runs.run import Run
from regression.shared import needs_all

REMEASURED = 2
# What a run is called before it is stored.
THIS_RUN = Path("this run")


@dataclasses.dataclass(frozen=True)
class Rules:
    """What a session is judged by."""

    mode: str
    """`--judge`: fail, report or require."""
    metrics: tuple[Metric, ...]
    accepted: tuple[Accepted, ...]
    wrong_accepted: tuple[str, ...]
    """A sentence for each entry of the accepted changes that cannot be used."""
    patience: int
    compare: str = COMPARE
    """The option by which the verdict was asked for."""
    not_asked: str = ""
    """Why there is nothing to compare with where there is not, if it is not for want of a baseline."""
    store: str = ""
    """The store that `--store` named; empty where the environment or nothing did."""
    every_row: bool = False
    """Print every row of the verdict."""


@dataclasses.dataclass
class Additions:
    """What judging adds to the run that will be stored."""

    remeasured: list[tuple[dict[str, Any], dict[str, Any]]] = dataclasses.field(default_factory=list)
    """Records that take the place of disturbed ones, each with the `suite` whose lists it points into."""
    confirmations: list[tuple[dict[str, Any], dict[str, Any]]] = dataclasses.field(default_factory=list)
    """Likewise."""
    verdicts: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    failures: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)

    def add_to(self, document: dict[str, Any]) -> None:
        """Add to a stored run, in place."""
        for record, suite in self.remeasured:
            rerun.replace_record(document, record, suite)
        document["suite"]["confirmations"] = []
        for entry, suite in self.confirmations:
            rerun.add_confirmation(document, entry, suite)
        if self.verdicts:
            document["suite"] |= {"verdicts": self.verdicts, "failures": self.failures}


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What is said of a session."""

    report: Report
    run: Run
    baselines: Sequence[Run]
    lines: tuple[str, ...]
    failed: bool


class Session(Protocol):
    """What judging asks of the session that measured."""

    def document(self) -> dict[str, Any]:
        """The session as the run that would be stored now, with the additions so far."""

    def repeat(self, benchmarks: Collection[str], stage: str) -> dict[str, Any]:
        """The stored run of a fresh process with all of the session's tests of these benchmarks.

        Args:
            stage: what it is for, `confirming` or `measuring again`.

        Raises:
            rerun.NotMeasured: it stored none.
            rerun.Interrupted: the session is asked to end.
        """

    def doing(self, what: str) -> AbstractContextManager[None]:
        """Say on the terminal which repetition is going on, how long it will take, and how long it took."""


def judge_session(
    session: Session, rules: Rules, stored: Stored, additions: Additions, read: Callable[[Path], Run] = read
) -> Outcome:
    """Judge what a session measured against stored runs; what the fresh processes found goes into `additions`.

    Args:
        read: reads a stored run's file.

    Raises:
        regression.runs.run.UnusableRun: the session has nothing that could be judged.
    """
    return _Judging(session, rules, stored, additions, read).outcome()


class _Judging:
    def __init__(
        self, session: Session, rules: Rules, stored: Stored, additions: Additions, read: Callable[[Path], Run]
    ) -> None:
        self.session, self.rules, self.stored, self.additions, self.read = session, rules, stored, additions, read
        self.notes: list[str] = []
        self.interrupted = False

    def outcome(self) -> Outcome:
        run = self._run()
        self._repeat_disturbed(run)
        if self.additions.remeasured or self.interrupted:
            run = self._run()
        report = self._report(run)
        found = suspects(report)
        suspected = list(dict.fromkeys(benchmark for benchmark, _ in found))
        if suspected:
            of_questions = {metric.key for metric in self.rules.metrics if metric.of_questions}
            self._confirm(run, report, suspected, {metric in of_questions for _, metric in found})
            run = self._run()
            report = self._report(run)
        self.additions.verdicts, self.additions.failures = verdicts(report), failures(report)
        patience = self.rules.patience
        past = recent(self.stored.history, run, patience, self.stored.excluded, self.read)
        found = unwatched(report, past, patience)
        report = dataclasses.replace(report, notes=(*report.notes, *self.notes, *sentences(found, patience)))
        return self._told(report, run)

    def _told(self, report: Report, run: Run) -> Outcome:
        failed = self.rules.mode in ("fail", "require") and report.failed
        if report.baselines:
            said = content(
                report,
                run,
                self.stored.baselines,
                self.rules.metrics,
                compare=self.rules.compare,
                store=self.rules.store,
            )
            lines = [terminal.every_row(said) if self.rules.every_row else terminal.text(said)]
            if all(item.verdict is Verdict.NEW for item in report.judgements):
                lines.append("nothing was judged: the baseline has no value of what this run measured")
                failed |= self.rules.mode == "require"
        else:
            why = report.not_asked or "there is no baseline for this device yet"
            lines = [f"nothing to judge against: {why}", *report.notes, *map(str, report.left_out)]
            if self.rules.mode == "require":
                lines.append("--judge=require: there is no baseline to judge against")
                failed = True
        return Outcome(report, run, self.stored.baselines, tuple(lines), failed)

    def _run(self) -> Run:
        return parse(self.session.document(), THIS_RUN, self.rules.metrics)

    def _report(self, run: Run) -> Report:
        return judge(
            run,
            self.stored.baselines,
            metrics=self.rules.metrics,
            accepted=self.rules.accepted,
            left_out=self.stored.left_out,
            notes=(
                *self.rules.wrong_accepted,
                *self.stored.notes,
                *from_the_future((run, *self.stored.baselines)),
            ),
            not_asked=self.rules.not_asked,
            record=at_store(RECORD, self.rules.store),
        )

    def _repeat_disturbed(self, run: Run) -> None:
        disturbed = [name for name, benchmark in run.benchmarks.items() if benchmark.disturbances]
        for attempt in range(1, REMEASURED + 1):
            if not disturbed:
                return
            asked = {run.benchmarks[name].is_question for name in disturbed}
            why = f"{len(disturbed)} disturbed, {attempt} of {REMEASURED}"
            measured = self._repeat(run, why, "measuring again", asked)
            if measured is None:
                return
            again = parse(measured, THIS_RUN, self.rules.metrics).benchmarks
            calm = [name for name in disturbed if name in again and not again[name].disturbances]
            self.additions.remeasured += [
                (record, measured["suite"]) for record in rerun.records(measured) if record["param"] in calm
            ]
            disturbed = [name for name in disturbed if name not in calm]

    def _confirm(self, run: Run, report: Report, suspected: Sequence[str], asked: Set[bool]) -> None:
        controls = report.controls
        kept = {*suspected, *controls, *(run.benchmarks if any(map(needs_all, suspected)) else ())}
        what = f"{len(suspected)} suspected and {len(controls)} controls"
        for number in range(1, CONFIRMATIONS + 1):
            measured = self._repeat(run, f"{what}, {number} of {CONFIRMATIONS}", "confirming", asked)
            if measured is not None:
                entry = rerun.confirmation(measured, controls, self.rules.metrics, kept, report.host_bound)
                disturbed = list(parse(measured, THIS_RUN, self.rules.metrics).disturbances)
                entry |= {"disturbed": disturbed} if disturbed else {}
                self.additions.confirmations.append((entry, measured["suite"]))

    def _repeat(self, run: Run, why: str, stage: str, asked: Set[bool]) -> dict[str, Any] | None:
        """A fresh process with every benchmark that did not fail, whatever is suspected.

        What was measured before another benchmark lost the GPU of this process is measured, too.
        Where an engine lies in the GPU's memory moves its kernel time, and it lies where it did only after the same
        builds and calls (docs/measuring.md). Questions and benchmarks do without each other.

        Args:
            asked: whether it is for questions, for benchmarks, or for both.
        """
        if self.interrupted:
            return None
        failed = {id_ for id_, why in run.failed.items() if not (lost_by(why) and id_ in run.benchmarks)}
        benchmarks = (run.selected or frozenset()) - failed - run.skipped.keys()
        questions = {id_ for id_ in benchmarks if id_ in run.benchmarks and run.benchmarks[id_].is_question}
        if asked == {True}:
            benchmarks &= questions
        elif asked == {False}:
            benchmarks -= questions
        with self.session.doing(f"repeating the session for {why}"):
            try:
                return self.session.repeat(benchmarks, stage)
            except rerun.NotMeasured as error:
                self.notes.append(f"not measured again: {error}")
                return None
            except rerun.Interrupted:  # the run says by what
                self.interrupted = True
                return None
