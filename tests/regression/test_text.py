"""Text for people: amounts, and names on one line."""

import math

import pytest

from regression.text import change, difference, escaped, flattened, listed, measure, microseconds, percent, wrapped


@pytest.mark.parametrize(
    ("value", "like", "unit", "text"),
    [
        (0.0052390, None, "s", "5.2390 ms"),
        (0.00099, 0.001, "s", "0.99000 ms"),
        (12.5, None, "s", "12.500 s"),
        (3e-8, None, "s", "30.000 ns"),
        (1024.0, None, "B", "1.0000 KiB"),
        (275.0, None, "", "275"),
        (1_234_567.0, None, "", "1234567"),
        (0.0, 0.0, "", "0"),
        (0.0, 0.0, "B", "0 B"),
        (144.0, None, "B", "144 B"),
        (400.123456, None, "W", "400.12 W"),
        (None, None, "s", "-"),
    ],
)
def test_values_have_five_digits_and_one_unit(value: float | None, like: float | None, unit: str, text: str) -> None:
    assert measure(value, like, unit) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (1.0, "+0.00 %"),
        (0.99999999, "+0.00 %"),
        (0.995, "-0.50 %"),
        (1.5, "+50.0 %"),
        (30.0, "30 x"),
        (1e17, "over 1000 x"),
        (None, "-"),
    ],
)
def test_changes_have_the_digits_they_deserve(ratio: float | None, text: str) -> None:
    assert change(ratio) == text


def test_what_is_beside_a_factor_is_a_factor_too() -> None:
    """A row that says `603 x` says how its confirmations differ in the same way."""
    assert [percent(math.log(ratio)) for ratio in (0.98, 1.0998, 10.5, 603.1)] == [
        "-2.00 %", "+9.98 %", "+950.00 %", "603 x"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "now", "unit", "text"),
    [
        (0, 1, "", "+1"),
        (4, 2, "", "-2"),
        (275, 275, "", "+0"),
        (2**20, 3 * 2**20, "B", "+2.0000 MiB"),
        (None, 1, "", "-"),
        (1, None, "", "-"),
    ],
)
def test_a_difference_has_a_sign_and_the_unit(before: float | None, now: float | None, unit: str, text: str) -> None:
    assert difference(before, now, unit) == text


@pytest.mark.parametrize(("seconds", "text"), [(2e-6, "+2.00 us"), (-99.94e-6, "-99.94 us"), (99.96e-6, "+100 us")])
def test_microseconds_have_two_decimals_up_to_a_hundred(seconds: float, text: str) -> None:
    assert microseconds(seconds) == text


def test_an_escaped_name_loses_nothing_and_a_flattened_one_reads_well() -> None:
    name = "a \t b\n\x1b[31mc"
    assert escaped(name) == r"a \t b\n\x1b[31mc"
    assert flattened(name) == "a b [31mc"


def test_a_line_does_not_end_between_an_amount_and_its_unit() -> None:
    text = "detects 0.47 %; not measured again"
    assert wrapped(text, 13) == ["detects", "    0.47 %;", "    not", "    measured", "    again"]
    assert wrapped("in all it took 46 s, 5 samples", 18) == ["in all it took", "    46 s, 5", "    samples"]


@pytest.mark.parametrize("words, text", [("A", "A"), ("AB", "A and B"), ("ABC", "A, B and C")])
def test_words_are_listed_as_a_sentence_has_them(words: str, text: str) -> None:
    assert listed(list(words)) == text
