"""Outputs of both sides against each other and the reference."""

from __future__ import annotations

import numpy as np
import pytest

from rehearsal.outputs import compare

FILES = ["a.jpg", "b.jpg"]
REFERENCE = np.array([[5.0, 1.0, 0.0, 0.0], [0.0, 0.0, 3.0, 2.999]], dtype=np.float32)


def answer(logits, files=FILES, **other):
    said = {"files": files, "logits": np.asarray(logits, dtype=np.float32).tobytes()}
    return said | {"bound": 1e-3, "pretrained": True, "weights": "seeded"} | other


def test_equal_outputs():
    found = compare(answer(REFERENCE), answer(REFERENCE), answer(REFERENCE))
    assert (found["relative_error"], found["new_error"], found["lost_labels"], found["images"]) == (0.0, 0.0, {}, 2)


def test_a_label_that_only_the_new_side_gets_wrong_is_lost():
    new = REFERENCE.copy()
    new[0] = [1.0, 5.0, 0.0, 0.0]
    found = compare(answer(REFERENCE), answer(new), answer(REFERENCE))
    assert found["lost_labels"] == found["other_labels"] == {"a.jpg": [0, 1]}
    assert found["relative_error"] == pytest.approx(np.sqrt(32 / 26), rel=1e-4)


def test_a_near_tie_is_not_lost_and_neither_is_what_the_old_side_has_wrong_too():
    tie, wrong = REFERENCE.copy(), REFERENCE.copy()
    tie[1] = [0.0, 0.0, 2.999, 3.0]
    wrong[0] = [1.0, 5.0, 0.0, 0.0]
    found = compare(answer(REFERENCE), answer(tie), answer(REFERENCE))
    assert (found["other_labels"], found["lost_labels"]) == ({"b.jpg": [2, 3]}, {})
    assert compare(answer(wrong), answer(wrong), answer(REFERENCE))["lost_labels"] == {}


def test_what_is_not_finite_has_no_error():
    new = REFERENCE.copy()
    new[0, 0] = np.nan
    assert compare(answer(REFERENCE), answer(new), answer(REFERENCE))["new_error"] is None


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (answer(REFERENCE[:, :3]), "different classes"),
        (answer(REFERENCE, files=["c.jpg", "d.jpg"]), "no photograph in common"),
        (answer(REFERENCE, pretrained=False), "different weights"),
    ],
)
def test_what_cannot_be_compared_is_said(new, problem):
    assert problem in compare(answer(REFERENCE), new, answer(REFERENCE))["problem"]
