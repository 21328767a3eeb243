"""The report as JSON: every judgement with its numbers, and the kernels behind what changed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from regression.explain.kernels import Change, Explanation
from regression.report.content import Content


def text(content: Content) -> str:
    """All that the judge said, with full names; times in seconds, sizes in bytes, kernels per inference."""
    kernels = {one.benchmark: _explanation(one.explanation) for one in content.changed}
    said: dict[str, Any] = {
        "failed": content.failed,
        "headline": content.answer,
        "summary": content.summary,
        "repeat": content.repeat,
        "refresh": content.refresh,
        "yardsticks": [
            {"benchmark": one.benchmark, "yardstick": one.other, "ratios": dict(one.ratios)}
            for one in content.yardsticks
        ],
        "history": [{"benchmark": row.benchmark, "metric": row.metric.key, "says": says} for row, says in content.past],
    }
    document = said | _plain(content.report) | {"kernels": kernels}
    return json.dumps(document, indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (int, float, type(None))) else str(value)


def _explanation(explanation: Explanation) -> dict[str, Any]:
    told = dataclasses.asdict(explanation)
    del told["benchmark"], told["compared"]
    return told | {
        "change_s": explanation.change_s,
        "changes": [_change(one) for one in explanation.changes],
        "operators": [
            dataclasses.asdict(one) | {"change_s": one.change_s} for one in explanation.operators if one.change_s
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    members = [_change(member) for member in change.members]
    return dataclasses.asdict(change) | {"change_s": change.change_s, "members": members}
