"""Every sample image has a source and a licence, and no source is left over."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image

DATA = Path(__file__).parents[2] / "data"
IMAGES = DATA / "images"
COLUMNS = ("file", "index", "synset", "description", "author", "licence", "original")


def sources(text: str) -> list[dict[str, str]]:
    """Rows of the table in ``SOURCES.md``."""
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows[2:]]


ROWS = sources((IMAGES / "SOURCES.md").read_text(encoding="utf-8"))


def test_every_image_has_a_source_and_every_source_an_image():
    files = sorted(path.name for path in IMAGES.iterdir() if path.suffix not in {".md", ".csv"})
    assert files
    assert sorted(row["file"] for row in ROWS) == files


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_source_is_complete(row):
    assert all(row.values())
    text = (IMAGES / "SOURCES.md").read_text(encoding="utf-8")
    assert f"\n{row['licence']}: https://creativecommons.org/" in text


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_class_is_the_one_in_the_class_index(row):
    index = json.loads((DATA / "imagenet_class_index.json").read_text(encoding="utf-8"))
    classes = [index[number] for number in re.findall(r"\d+", row["index"])]
    assert [synset for synset, _ in classes] == row["synset"].split(", ")
    for _, name in classes:
        assert name.replace("_", " ") in row["description"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["file"])
def test_image_is_whole_and_of_the_size_that_is_said(row):
    with Image.open(IMAGES / row["file"]) as image:
        image.load()
        assert image.mode == "RGB"
        assert min(image.size) <= 512
