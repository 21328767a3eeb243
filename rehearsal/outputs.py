"""Compares what both sides say of the same photographs: with each other, and with the old side's FP32 reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from common.numbers import significant

Labels = npt.NDArray[np.intp]
Logits = npt.NDArray[np.float64]
"""(files, classes)"""


def logits(answer: Mapping[str, Any]) -> tuple[list[str], Logits]:
    """The files and logits that a side sent."""
    files = list(answer["files"])
    return files, np.frombuffer(answer["logits"], dtype=np.float32).astype(np.float64).reshape(len(files), -1)


def compare(old: Mapping[str, Any], new: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    """How the outputs of the two sides compare, in types of JSON.

    A label is lost where the new side names another class than the reference, the old side names the reference's, and
    the two classes are no near tie: they lie further apart than an error at the bound can move them.

    Returns:
        `relative_error` of new against old, `old_error` and `new_error` against the reference (the largest over the
        photographs, None where a logit is not finite), `bound`, `images`, `other_labels` and `lost_labels` (file to the
        old and the new class), and `problem` (empty where the two can be compared).
    """
    (files, before), (new_files, now), (reference_files, right) = map(logits, (old, new, reference))
    shared = [file for file in files if file in new_files and file in reference_files]
    classes = {part.shape[1] for part in (before, now, right)}
    found: dict[str, Any] = {"bound": new["bound"], "images": len(shared), "problem": ""}
    if old["pretrained"] != new["pretrained"] or len(classes) > 1 or not shared:
        found["problem"] = (
            f"the sides name different classes ({before.shape[1]} and {now.shape[1]})"
            if len(classes) > 1
            else "the sides have no photograph in common"
            if not shared
            else f"the sides have different weights: {old['weights']}; {new['weights']}"
        )
        return found
    before, now, right = (
        part[[names.index(file) for file in shared]]
        for names, part in ((files, before), (new_files, now), (reference_files, right))
    )
    labels = [part.argmax(axis=1) for part in (before, now, right)]
    deviations = min(3.0, math.sqrt(right.shape[1]))
    movable = deviations * math.sqrt(2) * new["bound"] * np.sqrt(np.square(right).mean(axis=1))
    rows = np.arange(len(shared))
    margin = right.max(axis=1) - right[rows, labels[1]]
    other = labels[0] != labels[1]
    lost = (labels[1] != labels[2]) & (labels[0] == labels[2]) & ~(margin < movable)
    return {
        **found,
        "relative_error": _largest(now, before),
        "old_error": _largest(before, right),
        "new_error": _largest(now, right),
        "other_labels": _named(shared, labels, other),
        "lost_labels": _named(shared, labels, lost),
    }


def _largest(part: Logits, reference: Logits) -> float | None:
    errors = np.linalg.norm(part - reference, axis=1) / np.linalg.norm(reference, axis=1)
    largest = float(errors.max())
    return significant(largest) if math.isfinite(largest) else None


def _named(files: Sequence[str], labels: Sequence[Labels], which: npt.NDArray[np.bool_]) -> dict[str, list[int]]:
    return {file: [int(labels[0][row]), int(labels[1][row])] for row, file in enumerate(files) if which[row]}
