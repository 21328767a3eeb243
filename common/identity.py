"""What tells stored runs apart: one string, the same in every copy of a session's run and in no other run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from common.schema import RUN_ID

# What pytest-benchmark measures of every benchmark; no two sessions agree in it to the last digit.
MEASURED = ("mean", "stddev", "total")


def identity(document: Mapping[str, Any]) -> str:
    """The identity of a stored run's JSON: `suite.run_id`, or for a run without one a digest of its contents.

    The copies of one session differ in `datetime`, which is that of writing, and in whether they hold every round.
    So neither enters the digest; the time does where the statistics alone may repeat, as in a run that was made up.
    """
    suite = document.get("suite")
    run_id = suite.get(RUN_ID) if isinstance(suite, Mapping) else None
    if isinstance(run_id, str) and run_id:
        return run_id
    return f"sha256-{hashlib.sha256(_contents(document).encode()).hexdigest()[:32]}"


def _contents(document: Mapping[str, Any]) -> str:
    records = document.get("benchmarks")
    benchmarks = [_without_rounds(record) for record in records] if isinstance(records, list) else records
    contents = {**document, "benchmarks": benchmarks}
    if isinstance(benchmarks, list) and benchmarks and all(map(_is_measured, benchmarks)):
        del contents["datetime"]
    return json.dumps(contents, sort_keys=True, separators=(",", ":"))


def _without_rounds(record: Any) -> Any:
    stats = record.get("stats") if isinstance(record, Mapping) else None
    if not isinstance(stats, Mapping):
        return record
    return {**record, "stats": {name: value for name, value in stats.items() if name != "data"}}


def _is_measured(record: Any) -> bool:
    stats = record.get("stats") if isinstance(record, Mapping) else None
    return isinstance(stats, Mapping) and all(name in stats for name in MEASURED)
