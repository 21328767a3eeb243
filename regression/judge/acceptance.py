"""Applies known changes to judgements: what they cover is reported as accepted, and does not fail."""

from __future__ import annotations

import dataclasses
import datetime
import math
from collections.abc import Mapping, Sequence

from regression.judge.accepted import Accepted, allowance
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.text import percent


@dataclasses.dataclass(frozen=True)
class Circumstances:
    """What decides whether an entry holds for a run.

    Attributes:
        gpu: slug of the run's device.
        noise: (benchmark, metric) to the noise of one measurement, as a logarithm.
        part_of: metric to the metric that it is a part of, whose entries cover it as well.
    """

    today: datetime.date
    gpu: str
    noise: Mapping[tuple[str, str], float]
    part_of: Mapping[str, str]


def accept(
    judgements: Sequence[Judgement], accepted: Sequence[Accepted], at: Circumstances
) -> tuple[list[Judgement], set[Accepted]]:
    """The judgements, those that an entry covers as accepted; and the entries that said anything of one."""
    used: set[Accepted] = set()
    return [_accept(item, accepted, at, used) for item in judgements] if accepted else list(judgements), used


def _accept(item: Judgement, accepted: Sequence[Accepted], at: Circumstances, used: set[Accepted]) -> Judgement:
    # A lost label is an error of the outputs, which no entry accepts.
    if not (item.failed or item.reason is Reason.UNCONFIRMED) or item.reason is Reason.LABEL_LOST:
        return item
    keys = [key for key in (item.metric, at.part_of.get(item.metric)) if key]
    entries = [one for one in accepted if any(one.covers(item.benchmark, key, at.today, at.gpu) for key in keys)]
    for entry in entries:
        if entry.verdict and entry.verdict == item.verdict and entry.value in (None, item.now):
            used.add(entry)
            until = f"{entry.verdict} until {entry.expires}: {entry.reason}"
            return dataclasses.replace(item, reason=Reason.ACCEPTED, detail=until)
    if item.ratio is None or item.ratio <= 1:
        return item
    # Of several entries the most generous holds.
    sized = [one for one in entries if one.change is not None]
    if not sized:
        return item
    entry = max(sized, key=lambda one: one.change or 0.0)
    used.add(entry)
    assert entry.change is not None
    size = f"{percent(math.log1p(entry.change))} until {entry.expires}: {entry.reason}"
    if math.log(item.ratio) <= allowance(entry, at.noise.get((item.benchmark, item.metric), 0.0)):
        verdict = item.verdict if item.verdict is Verdict.CHANGED else Verdict.SLOWER
        return dataclasses.replace(item, verdict=verdict, reason=Reason.ACCEPTED, detail=size)
    return dataclasses.replace(item, detail=f"more than the accepted {size}; {item.detail}")
