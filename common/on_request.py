"""Modules in benchmarks/ that a session has only where they are named, each with the word in its ids that names it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

ON_REQUEST: Mapping[str, str] = {
    "test_cold_start.py": "cold-start",
    "test_memory_growth.py": "growth",
    "test_batches.py": "batches",
    "test_throughput.py": "load",
}
"""The word is in the ids of the module's tests, so that `-k` with it names them, too."""


def _end_of_id(*words: str) -> str:
    return rf"-(?:{'|'.join(words)})(?:-[0-9]+)?"


END_OF_ID = _end_of_id(*ON_REQUEST.values())
"""As a pattern: what follows the variant, or the batch size, in the ids of these tests."""

ALWAYS_ON_A_GPU = frozenset({"test_cold_start.py"})
"""A session on a GPU has them with their folder. Beside other work a first call takes a CPU twenty times as long."""


def modules_of(ids: Collection[str]) -> list[str]:
    """The modules that these ids of answers in stored runs come from, each once."""
    return [
        module
        for module, word in ON_REQUEST.items()
        if any(re.search(f"{_end_of_id(word)}$", id_, re.ASCII) for id_ in ids)
    ]
