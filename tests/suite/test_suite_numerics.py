"""Whether outputs are right: finite, near the reference, and with labels that differ only where they may."""

from __future__ import annotations

import pytest
import torch

from fixtures import numerics


@pytest.fixture
def reference():
    """Two images' logits: the first clear, the second a near tie between classes 7 and 8."""
    logits = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    logits[0, 3] = 12.0
    logits[1, 7], logits[1, 8] = 9.0, 8.999
    return logits


def test_right_outputs_pass_with_their_error(reference):
    assert numerics.check_outputs(reference * 1.001, reference, 0.01) == pytest.approx(0.001, rel=1e-3)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_value_that_is_not_finite_is_wrong(reference, value):
    wrong = reference.clone()
    wrong[1, 5] = value
    with pytest.raises(numerics.WrongOutputs, match="1 of 2000 logits are not finite"):
        numerics.check_outputs(wrong, reference, 0.01)


def test_one_wrong_row_is_wrong(reference):
    wrong = reference.clone()
    wrong[1] = wrong[1].roll(1)
    with pytest.raises(
        numerics.WrongOutputs, match=r"relative error of the logits is 1\.\d, more than the 0.01 allowed"
    ):
        numerics.check_outputs(wrong, reference, 0.01)
    with pytest.raises(numerics.WrongOutputs, match=r"shape \(1, 1000\), the reference \(2, 1000\)"):
        numerics.check_outputs(reference[:1], reference, 0.01)


def test_another_label_agrees_on_a_near_tie_alone(reference):
    tied, clear = reference[1].clone(), reference[0].clone()
    tied[8] += 0.01
    clear[4] = 13.0
    near_tie = numerics.judge_image("cat.jpg", tied, reference[1], 0.01, frozenset({7}))
    assert (near_tie.label, near_tie.reference_label, near_tie.agrees, near_tie.correct) == (8, 7, True, False)
    assert near_tie.margin == pytest.approx(0.001, abs=1e-6)
    other = numerics.judge_image("koala.jpg", clear, reference[0], 0.01, frozenset())
    assert (other.label, other.agrees, other.overlaps, other.correct) == (4, False, False, None)


def test_margin_of_an_agreeing_label_is_the_distance_to_the_second(reference):
    found = numerics.judge_image("koala.jpg", reference[0], reference[0], 0.01, frozenset({3}))
    assert found.agrees and found.overlaps and found.correct and found.relative_error == 0
    assert found.margin == pytest.approx(12.0 - reference[0].topk(2).values[1].item())


def test_a_lost_precision_is_outside_the_bound(lite0_logits):
    """bfloat16 instead of half precision: finite, with the right labels, and still not what was asked for."""
    reference, bfloat16 = lite0_logits
    bound = numerics.error_bound("fp16", pretrained=True)
    assert (bfloat16.argmax(1) == reference.argmax(1)).sum() >= 7
    with pytest.raises(numerics.WrongOutputs, match="relative error"):
        numerics.check_outputs(bfloat16, reference, bound)


@pytest.fixture
def lite0_logits():
    from fixtures import images, models

    photographs = images.find(images.SAMPLE_FOLDER)
    model = models.load("tf_efficientnet_lite0", "auto", photographs)
    batch = torch.stack([model.transform(images.read(photographs.folder / file)) for file in photographs.files])
    with torch.no_grad():
        reference = model.module(batch)
        return reference, model.module.bfloat16()(batch.bfloat16()).float()
