"""The identity of a stored run: equal for every copy of one session's run, different for all others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from common.schema import RUN_ID
from common.stored import mapping

LENGTH = 16
# Statistics that every copy of a run keeps, whether or not it was saved with every round.
KEPT = ("min", "max", "mean", "stddev", "median", "rounds")


def identity(document: Mapping[str, Any]) -> str:
    """The identity that a stored run carries, or one derived from its GPU and its statistics.

    Copies of one session differ in `datetime`, which is the time of saving. So it enters the derived identity only
    where the statistics may repeat: where there are none, or fewer than pytest-benchmark stores.
    """
    suite = mapping(document.get("suite"))
    carried = suite.get(RUN_ID)
    if isinstance(carried, str) and carried.strip() and carried.isprintable():
        return carried.strip()
    records = document.get("benchmarks")
    measured = [
        [str(record.get("fullname") or record.get("name")), *(mapping(record.get("stats")).get(name) for name in KEPT)]
        for record in (records if isinstance(records, list) else [])
        if isinstance(record, dict)
    ]
    gpu = mapping(mapping(document.get("machine_info")).get("gpu")).get("uuid")
    whole = bool(measured) and all(value is not None for row in measured for value in row)
    when = "" if whole else document.get("datetime")
    told = json.dumps([gpu, when, sorted(measured, key=str)], sort_keys=True, default=str)
    return hashlib.sha256(told.encode(errors="backslashreplace")).hexdigest()[:LENGTH]
