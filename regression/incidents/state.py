"""What an issue remembers of its incident: a small JSON object in a comment that GitHub does not show."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import re
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

SCHEMA = 1
COMMENT = re.compile(r"<!-- nightly-incident (\{[^\n]*\}) -->")
# Above the first the lists are packed; GitHub takes 65,536 characters of text and all.
LONGEST_PLAIN, LONGEST = 8_000, 45_000
LARGEST_UNPACKED_BYTES = 2**22

FAILURES, UNJUDGED = "failures", "unjudged"

Keys = frozenset[tuple[str, str, str]]
"""GPU, metric and benchmark."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class State:
    """One incident, as its issue remembers it."""

    kind: str
    """FAILURES, or UNJUDGED: jobs that judged nothing."""
    first: str
    """The night on which it began, such as 2026-11-24."""
    last: str
    """The last night on which anything of it failed."""
    family: str = ""
    compiler: str = ""
    failing: Keys = frozenset()
    """What it is about; of UNJUDGED the names of jobs, as (job, "", "")."""
    also: Keys = frozenset()
    """What else failed on the same benchmarks."""
    well: Keys = frozenset()
    """What of `failing` and `also` has ended since."""
    environment: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    """GPU to field to value, as on the last night on which it failed."""

    @property
    def covered(self) -> Keys:
        return self.failing | self.also


def written(state: State) -> str:
    """The comment, on one line; nothing in it can end it.

    Of more than fits into an issue the first half is remembered, and so on: the next night opens an issue for the rest.
    """
    text = _document(state)
    while len(text) > LONGEST and state.failing:
        fewer = len(state.failing) // 2
        state = dataclasses.replace(
            state, failing=frozenset(sorted(state.failing)[:fewer]), also=frozenset(), well=frozenset()
        )
        text = _document(state)
    return f"<!-- nightly-incident {text} -->"


def _document(state: State) -> str:
    lists = {name: _grouped(getattr(state, name)) for name in ("failing", "also", "well")}
    document: dict[str, Any] = {
        "schema": SCHEMA, "kind": state.kind, "first": state.first, "last": state.last, "family": state.family,
        "compiler": state.compiler, "environment": {gpu: dict(fields) for gpu, fields in state.environment.items()},
    }  # fmt: skip
    text = _json(document | lists)
    if len(text) <= LONGEST_PLAIN:
        return text
    packed = base64.b64encode(zlib.compress(_json(lists).encode(), 9)).decode("ascii")
    return _json(document | {"packed": packed})


def read(body: str) -> State | None:
    """The state that an issue's text holds; None where there is none that can be used."""
    found = COMMENT.findall(body)
    if not found:
        return None
    try:
        document = json.loads(found[-1])
        if document["schema"] != SCHEMA:
            return None
        if "packed" in document:
            document |= json.loads(_unpacked(document["packed"]))
        texts = {name: document[name] for name in ("kind", "first", "last", "family", "compiler")}
        environment = {str(gpu): _texts(fields) for gpu, fields in document["environment"].items()}
        keys = {name: _flat(document[name]) for name in ("failing", "also", "well")}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, zlib.error, binascii.Error):
        return None
    if not all(isinstance(text, str) for text in texts.values()) or texts["kind"] not in (FAILURES, UNJUDGED):
        return None
    return State(**texts, **keys, environment=environment)  # type: ignore[arg-type]


def replaced(body: str, state: State) -> str:
    """The issue's text with this state in the place of the old one; what people wrote into it stays."""
    return f"{COMMENT.sub('', body).rstrip()}\n\n{written(state)}\n"


def _json(value: object) -> str:
    # ASCII without < and >, and so without an end of the comment, whatever names hold.
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _grouped(keys: Iterable[tuple[str, str, str]]) -> list[list[list[Any]]]:
    """Names of benchmarks once: lists of (GPU, metric) pairs, each with the benchmarks that have just these."""
    of_benchmark: dict[str, list[list[str]]] = {}
    for gpu, metric, benchmark in sorted(keys):
        of_benchmark.setdefault(benchmark, []).append([gpu, metric])
    groups: dict[str, list[list[Any]]] = {}
    for benchmark, pairs in of_benchmark.items():
        groups.setdefault(json.dumps(pairs), [pairs, []])[1].append(benchmark)
    return list(groups.values())


def _flat(grouped: Iterable[Any]) -> Keys:
    keys = frozenset(
        (gpu, metric, benchmark)
        for pairs, benchmarks in grouped
        for gpu, metric in pairs
        for benchmark in _listed(benchmarks)
    )
    if not all(isinstance(name, str) for key in keys for name in key):
        raise TypeError
    return keys


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _texts(fields: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in fields.items()}


def _unpacked(packed: str) -> bytes:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(packed, validate=True), LARGEST_UNPACKED_BYTES)
    if unpacker.unconsumed_tail:
        raise ValueError("too large")
    return data
