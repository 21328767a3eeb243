"""What a rehearsal would measure, how long that takes at most, and what could be seen in that time."""

from __future__ import annotations

import math
from collections.abc import Iterable

from regression.text import WIDTH, change, count, wrapped
from rehearsal.described import differences, notes
from rehearsal.judge import test_count
from rehearsal.paired import latency_prior
from rehearsal.protocol import OLD, SIDES
from rehearsal.record import Record
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS, expected

WITHIN = 0.01
"""Standard error that a pair's turns of a benchmark are expected to leave."""


def plan(record: Record, start_s: float) -> str:
    """The plan of a rehearsal whose sides have described themselves, and took so many seconds to start."""
    return "\n".join(part for text in _sentences(record, start_s) for part in wrapped(text, WIDTH))


def _sentences(record: Record, start_s: float) -> Iterable[str]:
    names = record.compared()
    yield f"{count(len(names), 'benchmark')} on {record.sides[OLD]['device']['name']}:"
    yield from (f"  {name}" for name in names)
    for side in SIDES:
        yield from (f"  not compared, {side}: {name}: {why}" for name, why in record.missing[side].items())
    yield from notes(record)
    kinds = "latency in turns, outputs, counts" + (", kernel time by operator" if record.is_cuda else "")
    yield f"Measured: {kinds}; {LEAST_PAIRS} to {MOST_PAIRS} pairs of fresh processes."
    yield (
        f"At most {record.budget_s:.0f} s, and the end of the pair that is under way then; less where all is decided "
        "before."
    )
    yield from _detectable(record, start_s)
    found = differences(record)
    yield f"{count(len(found), 'difference')} of the environment{':' if found else ''}"
    yield from (f"  {item.field}: {item.baseline} -> {item.now}" for item in found)


def _detectable(record: Record, start_s: float) -> Iterable[str]:
    """What could be seen in as many pairs as the budget holds at most."""
    most = min(MOST_PAIRS, int(record.budget_s / start_s))
    if most < MOST_PAIRS:
        holds = f"time for at most {count(most, 'pair')}" if most >= LEAST_PAIRS else "too short to decide anything"
        yield f"That is {holds}, if each pair needs {start_s:.0f} s to start, as now, besides builds and turns."
    if most < LEAST_PAIRS:
        return
    for pairs in dict.fromkeys((LEAST_PAIRS, most)):
        said = expected(pairs, WITHIN, latency_prior(record, 1.0), test_count(record))
        yield f"A change of latency of {change(math.exp(said.detectable), '')} could be seen after {pairs} pairs."
