"""docs/measuring.md says the error bounds that the precisions have."""

from __future__ import annotations

import re

from fixtures.variants.precision import ALLOWANCE, FP16, FP32
from tests.docs.pages import ROOT, text


def test_the_table_says_the_largest_errors_and_the_bounds():
    rows = dict(re.findall(r"^\| (FP[^|]+) \| (.+) \|$", text(ROOT / "docs" / "measuring.md"), re.MULTILINE))
    assert FP32.tf32_errors
    for row, errors in {
        "FP32 with TF32 convolutions": FP32.tf32_errors,
        "FP16": FP16.errors,
        "FP32 on a CPU": FP32.errors,
    }.items():
        known = (errors.pretrained, errors.seeded)
        said = [float(cell) for cell in rows[row].split(" | ")]
        assert said == [float(f"{value:.1e}") for value in (*known, *(ALLOWANCE * value for value in known))]
