"""One identity for every copy of a session's run, and another for every other run."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from common.identity import identity

ROOT = Path(__file__).resolve().parents[2]
OLDER = ROOT / "proof" / "runs" / "nvidia-h200-slowed-kernel-2.json"
"""Stored before runs had an identity of their own."""
STORED = [OLDER, *sorted((ROOT / "baselines").glob("*/*/*.json"))]


@pytest.fixture
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(OLDER.read_text())
    return loaded


def test_every_stored_run_has_its_own() -> None:
    assert len(STORED) > 5
    assert len({identity(json.loads(path.read_text())) for path in STORED}) == len(STORED)


def test_the_artifact_is_the_run_that_was_saved(document: dict[str, Any]) -> None:
    """`--benchmark-json` holds every round, and was written a moment before."""
    artifact = copy.deepcopy(document)
    artifact["datetime"] = "2026-11-23T01:05:31.000000+00:00"
    for record in artifact["benchmarks"]:
        record["stats"]["data"] = [0.1, 0.2]
    assert identity(artifact) == identity(document)


def test_a_run_says_its_own_identity(document: dict[str, Any]) -> None:
    document["suite"]["run_id"] = "3f9c0a1b"
    other = copy.deepcopy(document)
    other["benchmarks"] = []
    assert identity(document) == identity(other) == "3f9c0a1b"


@pytest.mark.parametrize("run_id", [None, 7, "", "  ", "a\nb", ["x"]])
def test_what_is_no_identity_is_not_taken_for_one(document: dict[str, Any], run_id: Any) -> None:
    derived = identity(document)
    document["suite"]["run_id"] = run_id
    assert identity(document) == derived


def test_another_gpu_or_another_measurement_is_another_run(document: dict[str, Any]) -> None:
    elsewhere, again = copy.deepcopy(document), copy.deepcopy(document)
    elsewhere["machine_info"]["gpu"]["uuid"] = "GPU-other"
    again["benchmarks"][3]["stats"]["median"] *= 1.0000001
    assert len({identity(one) for one in (document, elsewhere, again)}) == 3


def test_where_statistics_may_repeat_the_time_tells_runs_apart() -> None:
    """Runs that another tool made, with a median and nothing else."""
    one = {"datetime": "2026-03-01T00:00:00", "benchmarks": [{"name": "a", "stats": {"median": 1.0}}]}
    assert identity(one) != identity(one | {"datetime": "2026-03-02T00:00:00"})
    assert identity({"benchmarks": None}) != identity({"benchmarks": None, "datetime": "2026-03-02T00:00:00"})
    assert identity({"suite": 3, "machine_info": []}) == identity({})
