"""Mangled pictures: a picture or a sentence comes out, and the check finds what is neither."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from fixtures.models import images, picture
from proof import mangled_pictures

PICTURES = 200


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    return mangled_pictures.originals()


@pytest.mark.filterwarnings("ignore:IM image format:DeprecationWarning")
def test_what_is_mangled_is_sound_and_of_every_format_that_is_read(sound: dict[str, bytes], tmp_path: Path) -> None:
    assert {name.split()[0] for name in sound} >= set(picture.FORMATS) - {"DIB", "MPO"}
    assert len({name.split()[0] for name in sound}) > 30
    for name, raw in sound.items():
        kind, _, mode = name.partition(" ")
        if kind in ("EPS", "MPEG"):
            continue  # Pillow needs Ghostscript for the one, and only tells the size of the other
        with Image.open(io.BytesIO(raw)) as opened:
            opened.load()
            assert opened.format is not None and opened.format.upper() == kind
        (tmp_path / "picture.png").write_bytes(raw)
        if kind in picture.FORMATS and mode != "I":
            assert images.read(tmp_path / "picture.png").size in ((40, 30), (30, 40)), name


def test_nothing_but_a_picture_or_a_sentence_comes_of_mangled_pictures(sound: dict[str, bytes], tmp_path: Path) -> None:
    counts = Counter(mangled_pictures.outcome(number * 5, sound, tmp_path)[1] for number in range(PICTURES))
    assert counts["read"] > 20 and counts["refused"] > 20


def test_a_picture_is_made_of_its_number_alone(sound: dict[str, bytes], tmp_path: Path) -> None:
    assert len({mangled_pictures.outcome(7, sound, tmp_path) for _ in range(3)}) == 1


def test_a_reader_that_lets_an_error_through_is_found(
    sound: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(path: Path, name: str, note: object) -> Image.Image:
        with Image.open(path) as image:
            return image.convert("RGB")

    monkeypatch.setattr(images, "read", careless)
    with pytest.raises(mangled_pictures.Defect):
        for number in range(PICTURES):
            mangled_pictures.outcome(number, sound, tmp_path)


def test_the_command_counts_and_fails_where_there_is_a_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mangled_pictures.main(["--pictures", "4", "--first", "1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("format ") and "4 mangled pictures of" in said and said.endswith("0 defects\n")
    monkeypatch.setattr(mangled_pictures, "SIZE", 1)
    assert mangled_pictures.main(["--pictures", "300"]) == 1
    assert "Defect" not in capsys.readouterr().out
