"""Mangled pictures: a picture or a sentence, never a traceback. `python -m proof.mangled_pictures --pictures 5000`.

Each picture begins as a sound file of a format that Pillow reads here, in one of its modes, with metadata where the
format has them. Its bytes are then mangled, and it is read and preprocessed as a session does. A picture is made of
its number alone, so a failure can be repeated (`--first NUMBER`).
"""

from __future__ import annotations

import argparse
import io
import random
import resource
import struct
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from timm.data.transforms_factory import create_transform

from common import output
from fixtures.models import images, preprocessing

WIDTH, HEIGHT = 40, 30
SIZE = 64
MODES = ("RGB", "L", "P", "RGBA", "LA", "1", "CMYK", "YCbCr", "I;16", "I", "F")
# Those that `save` writes and nobody reads, or that only pass a file through.
WRITTEN_ONLY = frozenset({"PALM", "PDF", "BUFR", "GRIB", "HDF5", "WMF"})
NUMBERS = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 65535, 65536, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
TRANSFORM = create_transform(input_size=(3, SIZE, SIZE), crop_pct=0.875, interpolation="bicubic")


class Defect(Exception):
    """A picture led to something else than a picture or a sentence; the message says to what."""


def originals() -> dict[str, bytes]:
    """A sound file for every format and mode that can be made here, by `format mode`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a format that Pillow will drop is still read
        return _originals()


def _originals() -> dict[str, bytes]:
    Image.init()
    photo = Image.open(images.SAMPLE_FOLDER / "macaw.jpg").resize((WIDTH, HEIGHT))
    found: dict[str, bytes] = {}
    for name in sorted(set(Image.OPEN) & set(Image.SAVE) - WRITTEN_ONLY):
        for mode in MODES:
            saved = io.BytesIO()
            try:
                _converted(photo, mode).save(saved, format=name, exif=_exif())
            except Exception:  # a format that has no such mode says so in a way of its own
                continue
            found[f"{name} {mode}"] = saved.getvalue()
    return {**found, **_written_by_hand(photo)}


def _converted(photo: Image.Image, mode: str) -> Image.Image:
    if mode == "F":
        return photo.convert("L").convert("F").point(lambda level: level / 255 + 0)
    if mode in ("I", "I;16"):
        return photo.convert("L").convert("I").point(lambda level: level * 256 + 0).convert(mode)
    return photo.convert(mode)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "a camera", 72.0
    return exif


def _written_by_hand(photo: Image.Image) -> dict[str, bytes]:
    """Files of formats that Pillow only reads."""
    rgb, grey = photo.tobytes(), photo.convert("L").tobytes()
    pcx, bmp = io.BytesIO(), io.BytesIO()
    photo.save(pcx, format="PCX")
    photo.save(bmp, format="DIB")
    cards = ("SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    2",
             f"NAXIS1  = {WIDTH:20d}", f"NAXIS2  = {HEIGHT:20d}", "END")  # fmt: skip
    fits = "".join(card.ljust(80) for card in cards).ljust(2880).encode()
    dib = bytearray(bmp.getvalue())
    dib[8:12] = struct.pack("<I", 2 * HEIGHT)
    rows = ",\n".join('"' + "ab"[row % 2] * WIDTH + '"' for row in range(HEIGHT))
    xpm = f'/* XPM */\nstatic char *x[] = {{\n"{WIDTH} {HEIGHT} 2 1",\n"a c #ff0000",\n"b c #00ff00",\n{rows}\n}};'
    pixar = bytearray(1024)
    pixar[:4], pixar[416:420], pixar[424:428] = b"\x80\xe8\0\0", struct.pack("<HH", HEIGHT, WIDTH), b"\x0e\0\x02\0"
    return {
        "SUN RGB": struct.pack(">8I", 0x59A66A95, WIDTH, HEIGHT, 24, len(rgb), 1, 0, 0) + rgb,
        "FITS L": fits + grey.ljust(2880, b"\0"),
        "PSD RGB": b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, HEIGHT, WIDTH, 8, 3) + bytes(14) + rgb,
        "XPM P": xpm.encode(),
        "CUR RGB": struct.pack("<HHH4B2HII", 0, 2, 1, WIDTH, HEIGHT, 0, 0, 0, 0, len(dib), 22) + dib,
        "DCX RGB": struct.pack("<III", 0x3ADE68B1, 12, 0) + pcx.getvalue(),
        "XVTHUMB P": b"P7 332\n#END_OF_COMMENTS\n%d %d 255\n" % (WIDTH, HEIGHT) + grey,
        "PIXAR RGB": bytes(pixar) + rgb,
        "MPEG": b"\0\0\1\xb3" + bytes((WIDTH >> 4, (WIDTH & 15) << 4, HEIGHT)) + bytes(64),
        "GBR L": struct.pack(">5I4sI", 29, 2, WIDTH, HEIGHT, 1, b"GIMP", 10) + b"\0" + grey,
    }  # fmt: skip


# Ways of mangling; each makes other bytes of a file's.


def flipped_bits(raw: bytes, random_: random.Random) -> bytes:
    """One to forty bits, anywhere or in the beginning, where the structure is."""
    found = bytearray(raw)
    for _ in range(random_.choice((1, 1, 2, 8, 40))):
        found[_place(found, random_)] ^= 1 << random_.randrange(8)
    return bytes(found)


def other_numbers(raw: bytes, random_: random.Random) -> bytes:
    """One to four numbers of one to four bytes that are extreme."""
    found = bytearray(raw)
    for _ in range(random_.randint(1, 4)):
        at, form = _place(found, random_), random_.choice(("<I", ">I", "<H", ">H", "B"))
        size = struct.calcsize(form)
        found[at : at + size] = struct.pack(form, random_.choice(NUMBERS) & (2 ** (8 * size) - 1))
    return bytes(found)


def moved_bytes(raw: bytes, random_: random.Random) -> bytes:
    """A piece that is missing, doubled, random, or all that follows it cut off."""
    found = bytearray(raw)
    at, length, how = _place(found, random_), random_.randrange(1, 200), random_.randrange(4)
    if how == 0:
        del found[at : at + length]
    elif how == 1:
        found[at:at] = found[at : at + length]
    elif how == 2:
        found[at : at + length] = random_.randbytes(length)
    else:
        del found[at:]
    return bytes(found)


def damaged_exif(raw: bytes, random_: random.Random) -> bytes:
    """A JPEG with metadata of wrong types, lengths and offsets on a rotated photograph; other formats as they are."""
    if not raw.startswith(b"\xff\xd8"):
        return flipped_bits(raw, random_)
    order = random_.choice("<>")
    entries = [struct.pack(f"{order}HHIHH", 0x112, random_.choice((3, 3, 3, 4, 5, 7)), 1, random_.randrange(10), 0)]
    for _ in range(random_.randint(1, 5)):
        tag, kind = random_.choice((0x10E, 0x11A, 0x128, 0x8769, 0x8825, 0x9286)), random_.randrange(14)
        entries.append(struct.pack(f"{order}HHII", tag, kind, random_.choice(NUMBERS[:9]), random_.choice(NUMBERS)))
    head = b"II*\0" if order == "<" else b"MM\0*"
    exif = b"Exif\0\0" + head + struct.pack(f"{order}IH", 8, len(entries)) + b"".join(entries) + random_.randbytes(40)
    return raw[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + raw[2:]


WAYS: Mapping[str, Callable[[bytes, random.Random], bytes]] = {
    "flipped bits": flipped_bits,
    "other numbers": other_numbers,
    "moved bytes": moved_bytes,
    "damaged EXIF": damaged_exif,
}


def _sealed(raw: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what they hold: else nothing of a mangled one is looked at."""
    found, at = raw[:8], 8
    while at + 12 <= len(raw):
        (length,) = struct.unpack(">I", raw[at : at + 4])
        chunk = raw[at + 4 : at + 8 + length]
        found += struct.pack(">I", length) + chunk + struct.pack(">I", zlib.crc32(chunk))
        at += 12 + length
    return found + raw[at:]


def _place(raw: bytes | bytearray, random_: random.Random) -> int:
    """A byte's place; half of the time in the beginning."""
    return random_.randrange(min(len(raw), random_.choice((64, len(raw)))) or 1)


# What comes of them.


def outcome(number: int, sound: Mapping[str, bytes], folder: Path) -> tuple[str, str]:
    """What came of the mangled picture of this number: its format, and whether it was read or refused.

    Raises:
        Defect: neither.
    """
    random_ = random.Random(number)
    names = list(sound)
    name = names[number % len(names)]
    way = list(WAYS)[number // len(names) % len(WAYS)]
    raw = WAYS[way](sound[name], random_)
    if name.startswith("PNG") and random_.random() < 0.8:
        raw = _sealed(raw)
    # readers go by content, whatever a file is called
    file = f"picture-{number}{random_.choice(('.jpg', '.png', '.tif'))}"
    (folder / file).write_bytes(raw)
    try:
        return name.split()[0], _read(folder, file)
    except Defect:
        raise
    except Exception as error:
        raise Defect(f"{name}, {way}: {''.join(traceback.format_exception(error))}") from error
    finally:
        (folder / file).unlink()


def _read(folder: Path, file: str) -> str:
    photographs, notes = images.find(folder), list[str]()
    if file not in photographs.files:
        raise Defect(f"{file} was not found")
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            tensor = preprocessing.tensor(photographs, file, TRANSFORM, notes.append)
        except images.UnreadableImage as error:
            _check(str(error), file)
            return "refused"
    for sentence in notes:
        _check(sentence, file)
    if warned:
        raise Defect(f"{file} warns: {warned[0].message}")
    if tensor.shape != (3, SIZE, SIZE) or tensor.dtype is not torch.float32 or not torch.isfinite(tensor).all():
        raise Defect(f"{file} became {tuple(tensor.shape)} of {tensor.dtype}")
    return "read"


def _check(sentence: str, file: str) -> None:
    if not sentence.isprintable() or not sentence.startswith(f"{file}: ") or len(sentence) > 500:
        raise Defect(f"not a sentence with the file's name: {sentence!r}")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m proof.mangled_pictures", description=__doc__)
    parser.add_argument("--pictures", type=int, default=5000, help="how many (default: 5000)")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first (default: 0)")
    options = parser.parse_args(argv)
    sound, counts, defects = originals(), Counter[tuple[str, str]](), 0
    slowest, before_kib = (0.0, 0), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        for number in range(options.first, options.first + options.pictures):
            began = time.perf_counter()
            try:
                counts[outcome(number, sound, Path(folder))] += 1
            except Defect as defect:
                defects += 1
                print(f"picture {number}: {defect}", flush=True)
            slowest = max(slowest, (time.perf_counter() - began, number))
    for line in _lines(counts):
        print(line)
    grew_mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib) / 1024
    print(f"slowest: picture {slowest[1]}, {slowest[0]:.2f} s; memory grew by {grew_mib:.0f} MiB at most")
    print(f"{options.pictures} mangled pictures of {len(sound)} files, {defects} defects")
    return 1 if defects else 0


def _lines(counts: Mapping[tuple[str, str], int]) -> Iterator[str]:
    yield f"{'format':12}{'read':>8}{'refused':>9}"
    rows: dict[str, Any] = {
        name: (counts.get((name, "read"), 0), counts.get((name, "refused"), 0)) for name, _ in counts
    }
    for name in sorted(rows):
        yield f"{name:12}{rows[name][0]:8d}{rows[name][1]:9d}"
    yield f"{'all':12}{sum(row[0] for row in rows.values()):8d}{sum(row[1] for row in rows.values()):9d}"


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main(sys.argv[1:]))
