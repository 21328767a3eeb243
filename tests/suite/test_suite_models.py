"""Weights: real ones where they can be had, checked; else seeded ones, quickly, and the same everywhere."""

from __future__ import annotations

import socket
import time

import pytest
import timm
import torch

from fixtures import images, models
from fixtures.models import WeightsError, WrongWeights

SAMPLE = images.find(images.SAMPLE_FOLDER)


def test_packaged_lite0_weights_know_the_photographs():
    """Every name of 2020 is mapped onto the right one of timm: one swapped layer would change these probabilities."""
    model = models.load("tf_efficientnet_lite0", "auto", SAMPLE)
    assert model.weights.pretrained and model.input_size == (3, 224, 224)
    batch = torch.stack([model.transform(images.read(SAMPLE.folder / file)) for file in SAMPLE.files])
    with torch.no_grad():
        probabilities, labels = model.module(batch).softmax(1).max(1)
    assert all(int(label) in SAMPLE.right_labels(file) for file, label in zip(SAMPLE.files, labels, strict=True))
    assert probabilities.tolist() == pytest.approx([0.953, 0.971, 0.991, 0.925, 0.840, 0.799, 0.907, 0.371], abs=2e-3)


def test_a_damaged_weights_file_is_refused_and_not_replaced(monkeypatch):
    monkeypatch.setattr(models, "LITE0_SHA256", "0" * 64)
    with pytest.raises(WrongWeights, match=r"has SHA-256 579344\w+, expected 0{64}"):
        models.load("tf_efficientnet_lite0", "auto", SAMPLE)


def test_seeded_weights_are_the_same_every_time_and_keep_activations_in_scale():
    first, second = (models.load("test_efficientnet", "seeded", SAMPLE) for _ in range(2))
    assert not first.weights.pretrained and "asked for" in first.weights.source
    for name, value in first.module.state_dict().items():
        assert torch.equal(value, second.module.state_dict()[name]), name
    picture = first.transform(images.read(SAMPLE.folder / SAMPLE.files[0]))[None]
    with torch.no_grad():
        logits = first.module(picture)
    assert not first.module.training and torch.isfinite(logits).all() and logits.std() > 0.01


@pytest.fixture
def silent_hub(monkeypatch, tmp_path):
    """A hub that never answers; the kernel accepts its connections."""
    server = socket.create_server(("127.0.0.1", 0))
    import huggingface_hub

    endpoint = f"http://127.0.0.1:{server.getsockname()[1]}"
    api = huggingface_hub.HfApi
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api(endpoint=endpoint))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *arguments, **options: None)
    yield endpoint
    server.close()


def test_a_hub_that_does_not_answer_costs_less_than_ten_seconds(silent_hub):
    began = time.monotonic()
    with pytest.raises(WeightsError, match="hub cannot be reached"):
        models.load("test_efficientnet", "pretrained", SAMPLE)
    assert time.monotonic() - began < 10


def test_without_a_hub_auto_falls_back_and_says_why(monkeypatch):
    def unreachable(repository):
        raise WeightsError("the hub cannot be reached")

    monkeypatch.setattr(models, "_from_hub", unreachable)
    assert models.load("test_efficientnet", "auto", SAMPLE).weights.source == (
        "seeded, batch norm calibrated (the hub cannot be reached)"
    )


def test_a_checkpoint_of_ones_own(tmp_path):
    source = timm.create_model("test_efficientnet")
    path = tmp_path / "mine.pth"
    torch.save(source.state_dict(), path)
    model = models.load("test_efficientnet", str(path), SAMPLE)
    assert model.weights.pretrained
    assert torch.equal(model.module.state_dict()["classifier.weight"], source.state_dict()["classifier.weight"])
    with pytest.raises(WrongWeights, match=r"does not fit"):
        models.load("tf_efficientnet_lite0", str(path), SAMPLE)
    named = path.rename(tmp_path / "mine-0123abcd.pth")
    with pytest.raises(WrongWeights, match="expected 0123abcd"):
        models.load("test_efficientnet", str(named), SAMPLE)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("pwned",))

    path = tmp_path / "evil.pth"
    torch.save({"state_dict": Evil()}, path)
    with pytest.raises(WrongWeights, match="cannot be read safely"):
        models.load("test_efficientnet", str(path), SAMPLE)
