"""docs/measuring.md says the bounds that the precisions have, and its table of models keeps to them."""

from __future__ import annotations

import re

from pytest import approx

from fixtures.variants.precision import (
    EIGHT_BITS,
    ELEVEN_BITS,
    LARGEST_BOUND,
    QUANTIZED_FP8,
    QUANTIZED_INT8,
    SINGLE,
)
from tests.docs.pages import ROOT, text

PAGE = text(ROOT / "docs" / "measuring.md")


def test_the_table_says_what_is_known_and_allowed():
    rows = dict(re.findall(r"^\| (FP[^|]+|INT8[^|]+|bfloat16) \| (.+) \|$", PAGE, re.MULTILINE))
    quantized = ("INT8, quantized", QUANTIZED_INT8), ("FP8 (e4m3), quantized", QUANTIZED_FP8)
    for row, arithmetic in (("FP16, TF32", ELEVEN_BITS), ("bfloat16", EIGHT_BITS), ("FP32", SINGLE), *quantized):
        assert rows[row].split(" | ")[1:3] == [f"{arithmetic.known:g}", f"{arithmetic.allowed:g}"]
    assert f"never more than {LARGEST_BOUND:g}" in PAGE


def test_every_models_right_variants_are_within_the_bounds_and_lost_precisions_beyond():
    """The table that `python -m proof.numerics` printed."""
    rows = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if re.match(r"\| `\w+` \| \d+ \| ", line)]
    assert len(rows) >= 15
    coarser = EIGHT_BITS.roundoff / ELEVEN_BITS.roundoff
    assert max(float(row[6]) for row in rows) == coarser * EIGHT_BITS.known
    for row in rows:
        single, half, half_for_single, bfloat16 = (float(cell.replace(",", "")) for cell in row[3:])
        assert 1.5 * single < SINGLE.allowed < half_for_single / 2, row
        assert half < ELEVEN_BITS.allowed / 2 and ELEVEN_BITS.allowed < bfloat16, row


def test_quantized_models_are_within_the_bounds_and_lose_no_label():
    """The table that `python -m proof.quantization` printed."""
    found = re.findall(r"^\| `\w+` \| (?:seeded|pretrained) \| \d+ \| (.+) \|$", PAGE, re.MULTILINE)
    rows = [row.split(" | ") for row in found]
    assert len(rows) >= 6
    for start, arithmetic in ((1, QUANTIZED_INT8), (5, QUANTIZED_FP8)):
        assert max(float(row[start + 1]) for row in rows) == approx(arithmetic.known, rel=0.05)
        assert 1.5 * arithmetic.known < arithmetic.allowed
        assert all(row[start + 2].endswith(" 0 wrong") for row in rows)
        assert all(float(row[start + 3]) > float(row[start]) for row in rows)
