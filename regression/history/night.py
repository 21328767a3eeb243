"""What a history needs of a stored run: when it was, on what, and one value for each benchmark and metric."""

import dataclasses
import datetime
import functools
import math
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from common.stored import UNKNOWN_DEVICE, moment
from regression.metric import Kind, Metric
from regression.metrics import METRICS
from regression.runs import environment
from regression.runs import run as runs
from regression.text import escaped
from regression.values import lookup

# How a value from visits was measured.
VISITS = ("visits",)
# Tells a pool's GPUs apart as nvidia-smi's users do, and identifies no GPU elsewhere.
GPU = re.compile(r"(?:MIG-)?(?:GPU-)?\w{1,8}")
GPU_UUID = "gpu.uuid"
TOLD_APART = (runs.COMMIT, GPU_UUID)
MALFORMED = "is no night of a history"
FORM = 1
"""Raised when `of` makes something else of a run: what it made before is then made anew."""


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
    gpu: str = ""
    """The first block of the GPU's UUID, such as `GPU-1bdf0e2f`; empty on a CPU."""
    disturbed: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    """Benchmark id to why its GPU was disturbed, of those that were."""
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    """Every recorded field of the machine, the commit and the weights; of the GPU's UUID its first block."""
    run_id: str = ""
    """The run's identity, which its copies share; empty where it is not known."""

    @property
    def day(self) -> str:
        return self.when.strftime("%Y-%m-%d")

    def usable(self, benchmark: str, metric: Metric) -> bool:
        """Whether the value counts: a disturbed GPU takes another time, and computes and counts the same."""
        return metric.kind is not Kind.CONTINUOUS or benchmark not in self.disturbed


def of(run: runs.Run, metrics: Sequence[Metric] = METRICS) -> Night:
    """A run as a history needs it. Raises runs.UnusableRun, whose message is a sentence that names file and field."""
    when = moment(run.datetime)
    if when is None:
        raise runs.UnusableRun(run.path, "`datetime` is not a date and time, so it has no place in a history.")
    # The parts of kernel time are relative to a baseline; a history has none.
    parts = {metric.key for metric in metrics if metric.by_operator}
    values = {
        _key(name, metric): value
        for name, found in run.benchmarks.items()
        for metric, value in {**found.values, **found.visited}.items()
        if metric not in parts
    }
    alike = {_key(name, metric): how for name, found in run.benchmarks.items() for metric, how in found.alike.items()}
    alike |= {_key(name, metric): VISITS for name, found in run.benchmarks.items() for metric in found.visited}
    placed = {metric.key for metric in metrics if metric.spread and metric.spread.loading}
    alike |= {key: (str(run.loading),) for key in values if key[1] in placed}
    mig, policy = lookup(run.machine, ("gpu", "mig")), lookup(run.machine, ("settings", "precision_policy"))
    shortened = GPU.match(run.gpu)
    gpu = shortened.group() if shortened else escaped(run.gpu)
    fields = dict(run.recorded)
    if GPU_UUID in fields:
        fields[GPU_UUID] = gpu
    return Night(
        file=run.path,
        when=when,
        identity=(run.slug or UNKNOWN_DEVICE, escaped(str(mig or "")), escaped(str(policy or ""))),
        values=values,
        alike=alike,
        gpu=gpu,
        disturbed={name: found.disturbances for name, found in run.benchmarks.items() if found.disturbances},
        environment=fields,
        run_id=run.identity,
    )


def once(found: Iterable[Night]) -> list[Night]:
    """The nights without the further copies of a session's run; of a copy that was cut short, the longer one stays."""
    kept: dict[Hashable, Night] = {}
    for night in found:
        run = night.run_id or night.file
        if run not in kept or len(kept[run].values) < len(night.values):
            kept[run] = night
    return list(kept.values())


def as_json(night: Night) -> dict[str, Any]:
    """The night as an object for JSON, without its file; `from_json` is the way back."""
    return {
        "run_id": night.run_id,
        "when": night.when.isoformat(),
        "identity": list(night.identity),
        "gpu": night.gpu,
        "values": _nested(night.values),
        "alike": _nested({key: list(how) for key, how in night.alike.items()}),
        "disturbed": {name: list(reasons) for name, reasons in night.disturbed.items()},
        "environment": dict(night.environment),
    }


def from_json(stored: Any, file: Path) -> Night:
    """The night that `as_json` gave, of the run in `file`. ValueError, with a sentence, where it is none."""
    try:
        when = moment(stored["when"])
        slug, mig, policy = (str(part) for part in stored["identity"])
        night = Night(
            file=file,
            when=when or datetime.datetime.min,
            identity=(slug, mig, policy),
            values={_key(*key): float(value) for key, value in _flat(stored["values"])},
            alike={_key(*key): tuple(how) for key, how in _flat(stored["alike"])},
            gpu=str(stored["gpu"]),
            disturbed={str(name): tuple(reasons) for name, reasons in stored["disturbed"].items()},
            environment={str(field): str(value) for field, value in stored["environment"].items()},
            run_id=str(stored["run_id"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{escaped(file)} {MALFORMED}: {escaped(repr(error)[:100])}; read the run again.") from None
    if when is None or not all(math.isfinite(value) and value >= 0 for value in night.values.values()):
        raise ValueError(f"{escaped(file)} {MALFORMED}: a date or a value is wrong; read the run again.")
    return night


def commit(before: Night, after: Night) -> tuple[str, ...]:
    """The two commits, such as `commit 9123ef0c4a51 -> 07e8136a1b2c`; empty where it is one."""
    return _told(change for change in _differences(before, after) if change.field == runs.COMMIT)


def differences(before: Night, after: Night) -> tuple[str, ...]:
    """What else was recorded otherwise in the later run, such as `software.driver 580.95 -> 590.12`; the GPU aside."""
    return _told(change for change in _differences(before, after) if change.field not in TOLD_APART)


def _differences(before: Night, after: Night) -> tuple[environment.Difference, ...]:
    return environment.changed([before.environment], after.environment)


def _told(changed: Iterable[environment.Difference]) -> tuple[str, ...]:
    return tuple(f"{change.field} {change.baseline} -> {change.now}" for change in changed)


@functools.cache
def _key(benchmark: str, metric: str) -> tuple[str, str]:
    """One tuple for all nights: thousands of nights hold hundreds of them each."""
    return (benchmark, metric)


def _nested(flat: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for (benchmark, metric), value in flat.items():
        nested.setdefault(benchmark, {})[metric] = value
    return nested


def _flat(nested: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[tuple[str, str], Any]]:
    return (((name, metric), value) for name, found in nested.items() for metric, value in found.items())
