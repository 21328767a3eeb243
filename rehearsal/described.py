"""What the sides of a record are: their environments and how they differ, their processes as stored runs, and notes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from common.schema import SCHEMA
from regression.priors import KERNEL_TIME
from regression.runs.environment import NOT_RECORDED, Difference
from regression.runs.read import parse
from regression.runs.run import Run
from regression.text import count
from rehearsal.paired import DEVIATIONS
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import Record


def differences(record: Record) -> tuple[Difference, ...]:
    """What differs between the environments: interpreter, packages, settings, device, code, options."""
    flat = {side: dict(_environment(record.sides[side])) for side in SIDES}
    names = dict.fromkeys([*flat[OLD], *flat[NEW]])
    found = [(name, flat[OLD].get(name, NOT_RECORDED), flat[NEW].get(name, NOT_RECORDED)) for name in names]
    return tuple(Difference(name, old, new) for name, old, new in found if old != new)


def notes(record: Record) -> Iterable[str]:
    """What else there is to say, in sentences."""
    yield from record.notes
    if record.interrupted:
        yield record.interrupted
    counted = {
        side: {
            str(found["counted_with"])
            for pair in record.pairs
            for one in pair.measured[side].values()
            if isinstance(found := one.get("host_work"), Mapping) and "counted_with" in found
        }
        for side in SIDES
    }
    if counted[OLD] and counted[NEW] and counted[OLD] != counted[NEW]:
        ways = " and ".join(" or ".join(sorted(counted[side])) for side in SIDES)
        yield f"Python calls and bytecodes are not compared: the sides count them differently ({ways})."
    if record.is_cuda and not record.loads_alike:
        room = f"{100 * DEVIATIONS * KERNEL_TIME.loading:.0f} %"
        yield (
            "The suites of the two checkouts place engines, weights or activations in different ways in the GPU's "
            f"memory. Kernel times allow for {room} where that matters; compare checkouts whose suites do it alike."
        )
    yield from _skipped(record)
    if not differences(record):
        yield "Both sides are one environment with one code: whatever differs is noise."


def _skipped(record: Record) -> Iterable[str]:
    """What no row says: what neither side has, and what a side was asked for and lacks that the other was not."""
    lacked = {side: record.sides[side]["missing"] for side in SIDES}
    found: dict[tuple[str, str], list[str]] = {}
    for side, other in ((OLD, NEW), (NEW, OLD)):
        for name, reason in lacked[side].items():
            if name in lacked[other]:
                reasons = dict.fromkeys((lacked[OLD][name], lacked[NEW][name]))
                found.setdefault(("both sides", "; ".join(reasons)), []).append(name)
            elif reason not in record.missing[side].values():
                found.setdefault((f"the {side} side", reason), []).append(name)
    for (where, why), names in found.items():
        several = list(dict.fromkeys(names))
        which = several[0] if len(several) == 1 else count(len(several), "benchmark")
        yield f"Skipped on {where}, {which}: {why}."


def processes(record: Record) -> dict[str, list[Run]]:
    """By side each pair's process, as judging stored runs knows it."""
    return {side: _runs(record, side) for side in SIDES}


def _environment(side: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "python", str(side["python"])
    for group in ("packages", "settings", "device"):
        for name, value in side[group].items():
            yield f"{name}" if group == "packages" else f"{group}.{name}", str(value)
    yield "checkout", str(side["checkout"])
    yield "arguments", " ".join(side["arguments"])


def _runs(record: Record, side: str) -> list[Run]:
    """Each pair's process of a side, as judging stored runs knows it; pairs in which either measured nothing are left
    out."""
    machine = {"software": record.sides[side]["packages"], "python_version": record.sides[side]["python"]}
    return [
        parse(
            {
                "datetime": record.datetime,
                "machine_info": machine,
                "suite": {"schema": SCHEMA, **pair.lists[side]},
                "benchmarks": [
                    {"param": name, "name": name, "stats": {}, "extra_info": one}
                    for name, one in pair.measured[side].items()
                ],
            },
            Path(side),
        )
        for pair in record.pairs
        if all(pair.measured[one] for one in SIDES)
    ]
