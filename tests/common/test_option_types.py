"""Types of options: the same sentence from argparse and from pytest."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common import option_types


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (option_types.names, "b, a,b", ("b", "a")),
        (option_types.counts, "128,1,128", (128, 1)),
        (option_types.count, "99999", 99_999),
        (option_types.sizes, "test, 380,test", ("test", 380)),
        (option_types.seconds, "0.5", 0.5),
        (option_types.output_file, "new/page.html", Path("new/page.html")),
    ],
)
def test_what_can_be_read(type_: Callable[[str], Any], text: str, value: object) -> None:
    assert type_(text) == value


@pytest.mark.parametrize(
    ("type_", "texts", "said"),
    [
        (option_types.names, ["", " , "], "names at least one"),
        (option_types.counts, ["1,x", "0", "1,-2"], "is not a whole number from 1 to 99,999"),
        (option_types.sizes, ["380x380", "0", "tests"], "is not a whole number from 1 to 99,999"),
        (option_types.count, ["0", "-3", "x", "1.5", "", "100000", "٣", "1" * 5000], "is not a whole number from 1"),
        (option_types.seconds, ["0", "-1", "nan", "inf", "soon"], "is not a positive number of seconds"),
        (option_types.output_file, [".", "/proc/page.html"], "folder|cannot be written"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(
    type_: Callable[[str], Any], texts: list[str], said: str
) -> None:
    for text in texts:
        with pytest.raises(argparse.ArgumentTypeError, match=said):
            type_(text)
