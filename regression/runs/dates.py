"""Which runs are dated later than they can be."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from common.stored import moment
from regression.runs.run import Run
from regression.text import count, escaped

# Clocks of machines that ask for the time differ by less.
CLOCKS_DIFFER = datetime.timedelta(hours=1)


def from_the_future(runs: Iterable[Run], now: datetime.datetime | None = None) -> list[str]:
    """A sentence where runs are dated later than `now`: their order in the history, and what is oldest, is wrong."""
    latest = (now or datetime.datetime.now(tz=datetime.UTC)) + CLOCKS_DIFFER
    ahead = [run for run in runs if (date := moment(run.datetime)) is not None and date > latest]
    if not ahead:
        return []
    first = ahead[0]
    more = f", and {count(len(ahead) - 1, 'other run')}" if ahead[1:] else ""
    return [
        f"{escaped(first.path.name)} is dated {escaped(first.datetime[:16])}{more}: in the future. "
        "Set the clock of the machine that stored it; a history is in the order of the dates."
    ]
