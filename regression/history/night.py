"""What a history needs of a stored run: when it was, on what, and one value for each benchmark and metric."""

import dataclasses
import datetime
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path

from regression.metrics import METRICS, OF_THE_MACHINE, Metric, lookup
from regression.runs import environment
from regression.runs import read as read_run
from regression.runs import run as runs
from regression.text import escaped

# How a value from visits was measured.
VISITS = ("visits",)


@dataclasses.dataclass(frozen=True)
class Night:
    """One stored run, without what a thousand of them would not fit into memory with.

    `values` maps (benchmark id, metric key) to seconds, bytes or a count. Only nights of one `identity` (slug, MIG
    profile and precision policy) have a history in common.
    """

    file: Path
    when: datetime.datetime
    identity: tuple[str, str, str]
    values: Mapping[tuple[str, str], float]
    alike: Mapping[tuple[str, str], tuple[Hashable, ...]]
    """How a value was measured, where that differs: only values that were measured alike have a history in common."""
    run: runs.Run = dataclasses.field(repr=False)

    @property
    def day(self) -> str:
        return self.when.strftime("%Y-%m-%d")


def read(path: Path, metrics: Sequence[Metric] = METRICS) -> Night:
    """One stored run. Raises runs.UnusableRun, whose message is a sentence that names the file and the field."""
    return of(read_run.read(path, metrics), metrics)


def of(run: runs.Run, metrics: Sequence[Metric] = METRICS) -> Night:
    """A run that was read already; raises runs.UnusableRun as `read` does."""
    path = run.path
    try:
        when = datetime.datetime.fromisoformat(run.datetime)
    except ValueError:
        raise runs.UnusableRun(path, "`datetime` is not a date and time, so it has no place in a history.") from None
    # The parts of kernel time are relative to a baseline; a history has none.
    parts = {metric.key for metric in metrics if metric.by_operator}
    values = {
        (name, metric): value
        for name, found in run.benchmarks.items()
        for metric, value in {**found.values, **found.visited}.items()
        if metric not in OF_THE_MACHINE and metric not in parts
    }
    alike = {(name, metric): how for name, found in run.benchmarks.items() for metric, how in found.alike.items()}
    alike |= {(name, metric): VISITS for name, found in run.benchmarks.items() for metric in found.visited}
    slug = lookup(run.machine, ("gpu", "slug")) or run.machine.get("slug") or "unknown device"
    mig, policy = lookup(run.machine, ("gpu", "mig")), lookup(run.machine, ("settings", "precision_policy"))
    return Night(
        path,
        when if when.tzinfo else when.replace(tzinfo=datetime.UTC),
        (escaped(str(slug)), escaped(str(mig or "")), escaped(str(policy or ""))),
        values,
        alike,
        dataclasses.replace(
            run, benchmarks={}, confirmations=(), suite={"weights": run.suite.get("weights")}, labels={}, problems=()
        ),
    )


def commit(before: Night, after: Night) -> tuple[str, ...]:
    """The two commits, such as `commit 9123ef0c4a51 -> 07e8136a1b2c`; empty where it is one."""
    return _told(change for change in _differences(before, after) if change.field == environment.COMMIT)


def differences(before: Night, after: Night) -> tuple[str, ...]:
    """What else was recorded otherwise in the later run, such as `software.driver 580.95 -> 590.12`."""
    return _told(change for change in _differences(before, after) if change.field != environment.COMMIT)


def _differences(before: Night, after: Night) -> tuple[environment.Difference, ...]:
    return environment.differences([before.run], after.run)


def _told(changed: Iterable[environment.Difference]) -> tuple[str, ...]:
    return tuple(f"{change.field} {change.baseline} -> {change.now}" for change in changed)
