"""Warns of calls that became rarely but much slower: the 99 % quantile of the latency, which never fails."""

from __future__ import annotations

import math
import statistics
from collections.abc import Collection, Iterable, Sequence

import numpy as np
from scipy import special

from regression.judge.limits import FAMILY_WISE_ERROR
from regression.runs.run import Run
from regression.text import percent

KEY = "latency_p99"
# With fewer runs the spread between them is not known.
FEWEST = 3
# Runs that agree better than this by chance do not make every night a warning.
LEAST_SPREAD = 0.02
MOST_LISTED = 4


def tail_notes(run: Run, baselines: Sequence[Run], told: Collection[str] = ()) -> Iterable[str]:
    """A sentence that names the benchmarks whose 99 % quantile grew beyond its spread between the baseline's runs.

    `told` are benchmarks of which it is no news, since their latency as a whole became slower, or their host.
    The limit is that of Student's t for one more run of the same spread, with the family-wise error of a verdict over
    all benchmarks.
    """
    before = {
        id_: [
            math.log(baseline.benchmarks[id_].values[KEY])
            for baseline in baselines
            if id_ in baseline.benchmarks
            and KEY in baseline.benchmarks[id_].values
            and not baseline.benchmarks[id_].disturbances
        ]
        for id_, item in run.benchmarks.items()
        if KEY in item.values and not item.disturbances
    }
    known = {id_: logs for id_, logs in before.items() if len(logs) >= FEWEST}
    grown = {}
    for id_, logs in known.items():
        moved = math.log(run.benchmarks[id_].values[KEY]) - statistics.fmean(logs)
        spread = max(float(np.std(logs, ddof=1)), LEAST_SPREAD) * math.sqrt(1 + 1 / len(logs))
        if moved > spread * float(special.stdtrit(len(logs) - 1, 1 - FAMILY_WISE_ERROR / len(known))):
            grown[id_] = moved
    worst = sorted(grown.keys() - set(told), key=lambda id_: -grown[id_])
    if worst:
        named = ", ".join(f"{id_} {percent(grown[id_])}" for id_ in worst[:MOST_LISTED])
        more = f" and {len(worst) - MOST_LISTED} more" if len(worst) > MOST_LISTED else ""
        yield (
            "Warning, which does not fail: the 99 % quantile of the latency grew beyond its spread between the "
            f"baseline's runs: {named}{more}."
        )
