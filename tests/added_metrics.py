"""A count and a continuous metric, each one entry, and the instrument that measures both: what somebody might add."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from fixtures.instruments import table
from fixtures.instruments.instrument import Instrument
from regression import metrics
from regression.metric import Fails, Kind, Metric
from regression.spread import Spread

COPIES = Metric(
    key="copies",
    title="device copies",
    path=("extra_info", "copies"),
    kind=Kind.COUNT,
    judged=True,
    fails=Fails.MORE,
    history_noise=0.001,
)
ENERGY = Metric(
    key="energy",
    title="energy",
    path=("extra_info", "energy_j"),
    judged=True,
    spread=Spread(process=0.001, process_df=8, unseen=0.01, day=0.001, gpu=0.001),
    min_effect=0.01,
    worth_knowing=0.05,
    share=0.1,
)
METRICS = (*metrics.METRICS, COPIES, ENERGY)


class Added(Instrument):
    """Reads both from the environment, which fresh processes share."""

    name = "added"

    def measure(self) -> Mapping[str, Any]:
        return {"copies": int(os.environ["ADDED_COPIES"]), "energy_j": float(os.environ["ADDED_ENERGY_J"])}


def register() -> None:
    """Add the entries; called before anything else has looked at the tables."""
    metrics.METRICS = METRICS
    table.LATENCY_PASS.append(Added)
