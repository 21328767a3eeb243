"""Any image that a camera or a web page yields is read; what is none is named."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from fixtures import images

RED, WHITE = (220, 20, 30), (255, 255, 255)


@pytest.fixture
def photo():
    return Image.new("RGB", (40, 30), RED)


def read_saved(path, image, **options):
    image.save(path, **options)
    picture = images.read(path)
    assert picture.mode == "RGB"
    return picture


def near(pixel, expected, tolerance=4):
    return np.allclose(pixel, expected, atol=tolerance)


def test_png_with_alpha_shows_white_where_it_is_transparent(tmp_path, photo):
    photo.putalpha(Image.linear_gradient("L").resize((40, 30)).point(lambda level: 0 if level < 128 else 255))
    picture = read_saved(tmp_path / "alpha.png", photo)
    assert picture.getpixel((5, 0)) == WHITE and picture.getpixel((5, 29)) == RED


def test_palette_with_transparency(tmp_path, photo):
    palette = photo.quantize(4)
    picture = read_saved(tmp_path / "palette.png", palette, transparency=palette.getpixel((0, 0)))
    assert picture.getpixel((3, 3)) == WHITE


@pytest.mark.parametrize(
    "mode, file", [("L", "grey.jpg"), ("1", "bits.png"), ("P", "palette.gif"), ("CMYK", "print.jpg")]
)
def test_other_colour_modes(tmp_path, photo, mode, file):
    source = photo.convert(mode)
    picture = read_saved(tmp_path / file, source)
    assert near(picture.getpixel((20, 15)), source.convert("RGB").getpixel((20, 15)), 40)


@pytest.mark.parametrize("suffix", ["webp", "bmp", "tiff", "ppm"])
def test_other_formats(tmp_path, photo, suffix):
    assert near(read_saved(tmp_path / f"photo.{suffix}", photo).getpixel((20, 15)), RED, 12)


def test_sixteen_bit_is_scaled_not_clipped(tmp_path):
    levels = np.linspace(0, 65535, 1200).astype(np.uint16).reshape(30, 40)
    picture = read_saved(tmp_path / "deep.png", Image.fromarray(levels))
    assert picture.getpixel((0, 0)) == (0, 0, 0) and picture.getpixel((39, 29)) == WHITE
    assert near(picture.getpixel((20, 15)), np.full(3, levels[15, 20] / 257), 1)


def test_exif_rotation_is_applied(tmp_path, photo):
    photo.paste((0, 0, 255), (0, 0, 40, 5))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    picture = read_saved(tmp_path / "turned.jpg", photo, exif=exif, quality=95)
    assert picture.size == (30, 40) and near(picture.getpixel((29, 20)), (0, 0, 255), 30)


def test_what_is_no_whole_image_is_named_with_the_reason(tmp_path, photo):
    photo.resize((400, 300)).save(tmp_path / "whole.jpg")
    data = (tmp_path / "whole.jpg").read_bytes()
    for name, content, reason in (
        ("cut.jpg", data[: len(data) // 2], "truncated"),
        ("empty.png", b"", "the file is empty"),
        ("text.jpg", b"<html>not found</html>", "not an image"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(images.UnreadableImage, match=f"{name}: .*{reason}"):
            images.read(tmp_path / name)


def test_a_folder_gives_its_images_with_their_labels(tmp_path, photo):
    for name in ("b.jpg", "a.png", "c.webp"):
        photo.save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "labels.csv").write_text("file,index\nb.jpg,281 282\n")
    found = images.find(tmp_path)
    assert found.files == ("a.png", "b.jpg", "c.webp")
    assert found.right_labels("b.jpg") == {281, 282} and not found.right_labels("a.png")


@pytest.mark.parametrize(
    "table, said",
    [
        ("a.png,5\n", "must begin with the line 'file,index'"),
        ("file,index\na.png,cat\n", "line 2: index is 'cat'"),
        ("file,index\na.png\n", "line 2: index is None"),
        ("file,index\nz.png,5\n", "line 2: there is no image 'z.png'"),
    ],
)
def test_a_table_of_labels_that_is_wrong_is_said(tmp_path, photo, table, said):
    photo.save(tmp_path / "a.png")
    (tmp_path / "labels.csv").write_text(table)
    with pytest.raises(pytest.UsageError, match=said):
        images.find(tmp_path)


def test_a_folder_without_an_image_is_refused(tmp_path):
    with pytest.raises(pytest.UsageError, match="no image in"):
        images.find(tmp_path)
