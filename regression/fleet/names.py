"""Names of benchmarks that may be seen by everybody: a user's own files and labels are numbered instead."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from common.on_request import END_OF_ID
from regression.shared import is_shared

# `efficientnet_b0.ra_in1k-tensorrt-fp16-b128`: a model as timm names it, a variant, a batch size or a question.
REST = re.compile(rf"[a-z0-9]+(?:-[a-z0-9]+)*(?:-b[0-9]+|{END_OF_ID})", re.ASCII)
SUITES = re.compile(rf"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)?-{REST.pattern}", re.ASCII)
LONGEST = 64


def public(models: Mapping[str, str | None]) -> dict[str, str]:
    """What each benchmark is called on a page for everybody.

    Args:
        models: benchmark id to the model that its run names; None where it names none.
    """
    own = _numbered("own model", (model for model in models.values() if model and not _is_public(model)))
    others = _numbered("own benchmark", (id_ for id_, model in models.items() if _unplaced(id_, model)))
    found = {}
    for id_, model in models.items():
        if id_ in others:
            found[id_] = others[id_]
        elif model in own:
            found[id_] = f"{own[model]}-{id_.removeprefix(f'{model}-')}"
        else:
            found[id_] = id_
    return found


def _is_public(model: str) -> bool:
    return len(model) <= LONGEST and bool(SUITES.fullmatch(f"{model}-x-b1"))


def _unplaced(id_: str, model: str | None) -> bool:
    """Whether nothing of an id is known to be the suite's own."""
    if is_shared(id_):
        return False
    if not model:
        return len(id_) > 2 * LONGEST or not SUITES.fullmatch(id_)
    return not (id_.startswith(f"{model}-") and REST.fullmatch(id_.removeprefix(f"{model}-")))


def _numbered(noun: str, names: Iterable[str]) -> dict[str, str]:
    return {name: f"{noun} {number}" for number, name in enumerate(sorted(set(names)), start=1)}
