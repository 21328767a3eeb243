"""Compares where two runs were measured, and says which baselines must not be compared at all."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping

from regression.runs.run import COMMIT, Run, one_line
from regression.text import escaped, scale
from regression.values import lookup

NOT_RECORDED = "not recorded"
WEIGHTS = "weights."
# py-cpuinfo says the size of a cache as a number of bytes, or as the system says it, such as `1.5 MiB`.
CACHE_SIZE = re.compile(r"cpu\.\w+_cache_size")


@dataclasses.dataclass(frozen=True)
class Difference:
    """One recorded field that differs between the baseline and this run."""

    field: str
    baseline: str
    now: str


def differences(baselines: Iterable[Run], now: Run) -> tuple[Difference, ...]:
    """Every field of machine_info, the commit and the weights, in which some baseline run differs from this one."""
    return changed([run.recorded for run in baselines], now.recorded)


def changed(baselines: Iterable[Mapping[str, str]], present: Mapping[str, str]) -> tuple[Difference, ...]:
    """The same of what `Run.recorded` says of the runs."""
    before: dict[str, dict[str, None]] = {}
    for run in baselines:
        for field in run.keys() | present.keys():
            if _is_of_another_model(field, run) or _is_of_another_model(field, present):
                continue
            before.setdefault(field, {})[run.get(field, NOT_RECORDED)] = None
    found = []
    differing = {
        field: values for field, values in before.items() if values.keys() != {present.get(field, NOT_RECORDED)}
    }
    for field, values in sorted(differing.items(), key=lambda item: (_rank(item[0]), item[0])):
        value = _readable(field, present.get(field, NOT_RECORDED))
        readable = dict.fromkeys(_readable(field, other) for other in values)
        if readable.keys() != {value}:
            found.append(Difference(field, " or ".join(readable), value))
    return tuple(found)


def refusal(baseline: Run, now: Run, *, across_gpus: bool = False) -> str | None:
    """Why a run must not be judged against this baseline, as a sentence, or None where it may.

    Args:
        across_gpus: whether another GPU model or MIG layout is what the user asks about.
    """
    for what, path in (
        ("device", ("settings", "device")),
        ("GPU model", ("gpu", "name")),
        ("MIG layout", ("gpu", "mig")),
        ("precision policy", ("settings", "precision_policy")),
        ("CPU model", ("cpu", "brand_raw")),
    ):
        if what == "CPU model" and _gpu(now):
            continue
        if across_gpus and what in ("GPU model", "MIG layout") and _gpu(baseline) and _gpu(now):
            continue
        before, value = lookup(baseline.machine, path), lookup(now.machine, path)
        if what == "GPU model" and _gpu(baseline) != _gpu(now):
            before, value = (one_line(name or "a machine without a known GPU") for name in (before, value))
            return f"was measured on {before}, this run on {value} (`machine_info.gpu`)."
        # Older versions recorded less; what only one of the two says is a difference, not another machine.
        comparable = what == "MIG layout" or (before is not None and value is not None)
        was, is_now = one_line(before), one_line(value)
        if comparable and was != is_now:
            return f"has another {what}: {was}, this run {is_now} (`machine_info.{'.'.join(path)}`)."
    return _other_model(baseline, now)


def _other_model(baseline: Run, now: Run) -> str | None:
    """The first model of both runs that is called alike and is not the same size."""
    before, present = (run.suite.get("models") for run in (baseline, now))
    if not isinstance(before, Mapping) or not isinstance(present, Mapping):
        return None
    for name in sorted(before.keys() & present.keys()):
        for field, what in (("input_size", "input size"), ("classes", "number of classes")):
            values = [lookup(models[name], (field,)) for models in (before, present)]
            was, is_now = map(one_line, values)
            if None not in values and was != is_now:
                return f"has another {what} of {escaped(name)}: {was}, this run {is_now} (`suite.models`)."
    return None


def _gpu(run: Run) -> bool:
    return isinstance(lookup(run.machine, ("gpu",)), Mapping)


def _is_of_another_model(field: str, run: Mapping[str, str]) -> bool:
    """Whether the field says the weights of a model that the run, which records weights, did not load."""
    return field.startswith(WEIGHTS) and field not in run and any(name.startswith(WEIGHTS) for name in run)


def _rank(field: str) -> int:
    """What most likely explains a change comes first."""
    order = (COMMIT, "gpu", "software", "settings", "weights", "python", "cpu")
    return next((rank for rank, name in enumerate(order) if field.startswith(name)), len(order))


def _readable(field: str, value: str) -> str:
    if not (CACHE_SIZE.fullmatch(field) and value.isdecimal()):
        return value
    size, unit = scale(int(value), "B")
    return f"{int(value) / size:g} {unit}"
