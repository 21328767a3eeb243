"""Tables as columns and as rows again."""

from __future__ import annotations

import pytest

from common.columns import columns, rows

ROWS = [{"image": "cat.jpg", "label": 3}, {"image": "dog.jpg", "label": 4}]


def test_columns_are_rows_again():
    assert columns(ROWS) == {"image": ["cat.jpg", "dog.jpg"], "label": [3, 4]}
    assert rows(columns(ROWS)) == ROWS
    assert columns([]) == {} and rows({}) == []


def test_rows_of_different_fields_are_no_table():
    with pytest.raises(ValueError, match="not all the same fields"):
        columns([*ROWS, {"image": "bird.jpg"}])


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"image": ["a"], "label": []}, "differ in length"), ({"image": "a"}, "no mapping of names to lists"),
        (3, "no mapping"), ("a", "no mapping"), ([[]], "no mapping"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_said(stored, said):
    with pytest.raises(ValueError, match=said):
        rows(stored)
