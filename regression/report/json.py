"""A report as JSON: every judgement with its numbers, and the kernels behind what changed."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from regression.explain.kernels import Change, Explanation
from regression.judge.verdict import Report
from regression.report.content import summary


def as_json(report: Report, kernels: Mapping[str, Any] = MappingProxyType({})) -> str:
    """The report as JSON, every judgement with its numbers; `kernels` is what `explanation.as_dict` gives."""
    document = _plain(report) | {"failed": report.failed, "summary": summary(report), "kernels": dict(kernels)}
    return json.dumps(document, indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value if isinstance(value, (int, float, type(None))) else str(value)


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """The explanation for JSON, with full names; times in seconds per inference."""
    told = dataclasses.asdict(explanation)
    del told["benchmark"], told["compared"]
    return told | {"change_s": explanation.change_s, "changes": [_change_as_dict(one) for one in explanation.changes]}


def _change_as_dict(change: Change) -> dict[str, Any]:
    members = [_change_as_dict(member) for member in change.members]
    return dataclasses.asdict(change) | {"change_s": change.change_s, "members": members}
