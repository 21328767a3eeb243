"""Modules in benchmarks/ that ask questions, each with the word in its ids that names it; most of them on request."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

IN_EVERY_SESSION: Mapping[str, str] = {"test_cold_start.py": "cold-start"}
"""A session has them with their folder."""

ON_REQUEST: Mapping[str, str] = {
    "test_memory_growth.py": "growth",
    "test_batches.py": "batches",
    "test_throughput.py": "load",
}
"""A session has them only where they are named. The word is in the ids of a module's tests, so that `-k` with it names
them, too."""

MODULES: Mapping[str, str] = {**IN_EVERY_SESSION, **ON_REQUEST}


def modules_of(ids: Collection[str], among: Mapping[str, str] = MODULES) -> list[str]:
    """The modules that these ids of answers in stored runs come from, each once."""
    return [
        module for module, word in among.items() if any(re.search(rf"-{word}(-[0-9]+)?$", id_, re.ASCII) for id_ in ids)
    ]
