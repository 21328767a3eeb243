"""What is said of a run: the closed vocabulary of verdicts and reasons, judgements, and the report of them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from regression.runs.environment import Difference
from regression.runs.run import Label, LeftOut

# Over all tests of a run and both directions: the error of what is reported.
FAMILY_WISE_ERROR = 0.01


class Verdict(StrEnum):
    """What a judgement says."""

    SAME = "SAME"
    FASTER = "FASTER"
    SLOWER = "SLOWER"
    CHANGED = "CHANGED"
    UNSURE = "UNSURE"
    NEW = "NEW"
    MISSING = "MISSING"


class Reason(StrEnum):
    """Why a judgement says so."""

    INSIDE_NOISE = "inside-noise"
    BY_OPERATORS = "by-operators"
    SEEN_BEFORE = "seen-before"
    NEGLIGIBLE = "negligible"
    CONFIRMED = "confirmed"
    WITHOUT_CONTROLS = "without-controls"
    UNCONFIRMED = "unconfirmed"
    ACCEPTED = "accepted"
    NOISY = "noisy"
    OTHER_KERNELS = "other-kernels"
    DISAGREED = "disagreed"
    BELOW_LIMIT = "below-limit"
    DISTURBED = "disturbed"
    NEW_VALUE = "new-value"
    LABEL_LOST = "label-lost"
    NO_BASELINE = "no-baseline"
    FAILED = "failed"
    SKIPPED = "skipped"
    NOT_TIMED = "not-timed"


FAILING = frozenset({Verdict.SLOWER, Verdict.MISSING})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is said of one benchmark and metric. Values are in the metric's unit, ratios are now over baseline.

    A name of `regression.shared` stands for several benchmarks; it has ratios and no values.
    """

    benchmark: str
    metric: str
    baseline_runs: int = 0
    baseline: float | None = None
    now: float | None = None
    ratio: float | None = None
    """Of the confirmations' mean relative to their controls where there are any, else of the initial run."""
    first_ratio: float | None = None
    detectable_ratio: float | None = None
    p_value: float | None = None
    raw_ratio: float | None = None
    """Before a shift is subtracted, where one is: of the confirmations' mean that of their controls, of the initial run
    that which the benchmark shares."""
    verdict: Verdict
    reason: Reason
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether the session fails for it, unless accepted: SLOWER, MISSING, and a CHANGED whose reason says so."""
        if self.verdict is Verdict.CHANGED:
            return self.reason in (Reason.CONFIRMED, Reason.UNCONFIRMED, Reason.LABEL_LOST)
        return self.verdict in FAILING and self.reason is not Reason.ACCEPTED


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """A metric that is shown and never judged."""

    benchmark: str
    metric: str
    baseline: float | None
    now: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that is said of one run."""

    run: Path
    judgements: tuple[Judgement, ...]
    shown: tuple[Shown, ...] = ()
    baselines: tuple[Path, ...] = ()
    differences: tuple[Difference, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    labels: tuple[tuple[str, Label], ...] = ()
    """Benchmarks whose labels no longer agree."""
    notes: tuple[str, ...] = ()
    family_wise_error: float = FAMILY_WISE_ERROR
    tests: int = 0
    controls: tuple[str, ...] = ()
    """Benchmarks that came out SAME, against which confirmations are held."""
    host_bound: tuple[str, ...] = ()
    """Benchmarks of which a time is judged less what they share, so that a confirmation needs it of all of them."""
    trusted: Mapping[str, Mapping[Path, float]] = dataclasses.field(default_factory=dict)
    """Metric to how much its tests let each baseline run count, from 0 to 1."""
    deselected: int = 0
    not_asked: str = ""
    """Why there is nothing to compare with, if it is not for want of a baseline: the end of a sentence."""

    @property
    def failed(self) -> bool:
        return bool(self.labels) or any(judgement.failed for judgement in self.judgements)


def suspects(report: Report) -> list[tuple[str, str]]:
    """Benchmarks and metrics that must be measured again in fresh processes before the report can be believed."""
    return [(item.benchmark, item.metric) for item in report.judgements if item.reason is Reason.UNCONFIRMED]


def verdicts(report: Report) -> dict[str, dict[str, str]]:
    """What a stored run keeps of a report as `suite.verdicts`: id to metric to verdict."""
    kept: dict[str, dict[str, str]] = {}
    for item in report.judgements:
        kept.setdefault(item.benchmark, {})[item.metric] = str(item.verdict)
    return kept


def failures(report: Report) -> dict[str, dict[str, str]]:
    """What a stored run keeps as `suite.failures`: of the verdicts that fail, id to metric to reason."""
    kept: dict[str, dict[str, str]] = {}
    for item in report.judgements:
        if item.failed:
            kept.setdefault(item.benchmark, {})[item.metric] = str(item.reason)
    return kept
