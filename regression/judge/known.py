"""Which benchmarks have a value of which metric, in a run and in its baseline; looked up once for every metric."""

from __future__ import annotations

from collections.abc import Sequence

from regression.metric import Metric
from regression.runs.run import Run


class Known:
    """What a run and its baseline can be compared in."""

    def __init__(self, run: Run, baselines: Sequence[Run]) -> None:
        self._run = run
        self._calm = _metrics_by_id(baselines, disturbed=False)
        self._any = _metrics_by_id(baselines, disturbed=True)

    def in_both(self, metric: Metric) -> list[str]:
        """Ids with a value now and in some undisturbed baseline run, in the run's order."""
        return [
            id_
            for id_, item in self._run.benchmarks.items()
            if metric.key in item.values and metric.key in self._calm.get(id_, ())
        ]

    def in_baseline(self, metric: Metric, *, disturbed: bool = False) -> dict[str, None]:
        """Ids with a value in some baseline run; of a disturbed GPU only where that is asked for."""
        found = self._any if disturbed else self._calm
        return {id_: None for id_, metrics in found.items() if metric.key in metrics}


def _metrics_by_id(runs: Sequence[Run], *, disturbed: bool) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for run in runs:
        for id_, item in run.benchmarks.items():
            if disturbed or not item.disturbances:
                found.setdefault(id_, set()).update(item.values)
    return found
