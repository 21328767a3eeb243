"""What the writer and the readers of a stored run share: its schema, names of its files, and what is never compared.

docs/stored-runs.md describes the format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SCHEMA = 3
"""The `suite.schema` that is written; every schema from 1 to this one is read."""

LOADING = 5
"""The `suite.loading` that is written: how and in which order TensorRT engines are loaded, and in how many places
engines, weights and activations lie while kernels are timed. It is raised when that changes, as kernel times then do.

Runs without it (1) loaded one engine after another; runs with 2 had activations in one place, runs with 3 weights, runs
with 4 engines."""

WEIGHTS_MOVE = 4
"""The `suite.loading` from which on weights lie elsewhere in every profile."""

RENAMED: Mapping[int, Mapping[str, str]] = {1: {"host_pace_s": "host_calibration_s"}}
"""Fields of a benchmark (in `extra_info` and in confirmations) that a schema called otherwise: old name to new name."""

BASELINE = "baseline"
"""What `--benchmark-save` calls a run of the baseline; runs of other names are history."""

INTERRUPTED = "interrupted"
"""The field of `suite` that says what ended a session early, and while doing what; absent where it ran to its end."""

LOST_BY = "not measured: the GPU was lost by "
"""How the sentence in `suite.failed` begins of a benchmark that came after the one that it names, and is not to blame;
what happened follows in parentheses."""

QUESTIONS = "questions"
"""The field of `suite` that lists what is asked of variants beside their latency, each as a benchmark without one."""

VISITS = "visits"
"""The field of a benchmark, and of one in a confirmation, with the latencies and calibrations of its visits."""

BY_NAME = "by_name"
"""The field of `host_work` with the place of each count's mapping of names in the run's list."""

RUN_ID = "run_id"
"""The field of `suite` that tells the session's run from all others, the same in each of its copies."""

RUN_FILE = re.compile(r"\d{4,}_.+\.json")
MARKS, INDEX = "marks", "index"
"""Folders in a GPU's folder whose files are no runs: marks, and the store's index."""

BASELINE_FILE = re.compile(rf"\d{{4,}}_{BASELINE}\.json")
CANDIDATE = f"{BASELINE}-candidate"
"""What a run is called that a mark makes a run of the baseline, once all of the baseline's runs are there."""

PERHAPS_BASELINE_FILE = re.compile(rf"\d{{4,}}_{BASELINE}.*\.json")

# What changes from boot to boot or moment to moment, and the name of the host, which says nothing about its speed.
VOLATILE = re.compile(r"node|cpu\.hz_.*|.*temperature.*|.*_clock_now.*|.*power_draw.*")
"""Fields of `machine_info`, with dots between the levels, that are neither stored nor compared."""

NOT_SELECTED = "its test was not selected"
"""Why a benchmark has no kernel time whose session left out the test that takes it: it lacks none."""

STORE = "BENCHMARK_STORE"
"""Environment variable: the URL of the store of runs, where `--store` is not given."""

OWN_PROCESSES = "INFERENCE_OWN_GPU_PROCESSES"
"""Environment variable: how many processes of one session hold the GPU; they do not disturb each other."""


def version(suite: Mapping[str, Any]) -> int | None:
    """The schema of a run's fields, which may be one of tomorrow; None where what is stored is no number of a schema.

    A run without one, such as pytest-benchmark's own, has today's names.
    """
    found = suite.get("schema", SCHEMA)
    is_number = isinstance(found, (int, float)) and not isinstance(found, bool)
    return int(found) if is_number and found == found and 1 <= found < float("inf") and not found % 1 else None
