"""Wheels and a checkout made for trying the search for the package to blame: small pure Python, some slow when new."""

from __future__ import annotations

import base64
import hashlib
import shutil
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rehearsal.installer import Installer
from rehearsal.protocol import NEEDED

PARTS = tuple(f"part-{letter}" for letter in "abcdefghijkl")
"""Twelve packages that an inference calls one after the other."""
OLD_VERSION, NEW_VERSION = "1.0", "2.0"
STAND_IN = "0.0.1"
"""Of the empty packages that stand in for what a side needs."""
WORK, MORE = 2_000, 6_000
"""Steps of every part, and what a slow one adds."""

PART = """
VERSION = {version!r}

def work(versions):
    total = 0.0
    for step in range({work} + (more() if {slow} else 0)):
        total += step * 0.5
    return total

def more():
    return {more}
"""


def write(folder: Path, name: str, version: str, source: str, requires: Sequence[str] = ()) -> Path:
    """A wheel with one module of pure Python."""
    module = name.replace("-", "_")
    about = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files = {
        f"{module}.py": source,
        f"{about}/METADATA": metadata + "".join(f"Requires-Dist: {one}\n" for one in requires),
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,", ""])
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module.lower()}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return wheel


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def write_parts(
    folder: Path,
    parts: Iterable[str],
    slow: Mapping[str, Sequence[str]],
    requires: Mapping[str, Sequence[str]] | None = None,
    more: int = MORE,
) -> None:
    """Old and new wheels of the parts, and what every side needs.

    Args:
        slow: a part whose new version is slow, to the other parts whose new versions it takes besides.
        requires: of a part's new version.
        more: steps that a slow part adds.
    """
    for name in NEEDED:
        write(folder, name, STAND_IN, "")
    for part in parts:
        write(folder, part, OLD_VERSION, PART.format(version=OLD_VERSION, work=WORK, more=0, slow=False))
        others = slow.get(part)
        condition = "False" if others is None else f"all(versions[one] == {NEW_VERSION!r} for one in {list(others)!r})"
        source = PART.format(version=NEW_VERSION, work=WORK, more=more, slow=condition)
        write(folder, part, NEW_VERSION, source, (requires or {}).get(part, ()))


def environment(folder: Path, wheels: Path, packages: Iterable[str]) -> Path:
    """The interpreter of a new environment with just these wheels, such as `part-a==1.0`."""
    installer = Installer(["--no-index", "--find-links", str(wheels)])
    python = installer.create(Path(sys.executable), folder)
    installer.install(python, ["--no-deps", *packages])
    return python


def sides(folder: Path, wheels: Path, parts: Sequence[str]) -> dict[str, Path]:
    """An old and a new environment with all parts."""
    needed = [f"{name}=={STAND_IN}" for name in NEEDED]
    return {
        name: environment(folder / name, wheels, [*needed, *(f"{part}=={version}" for part in parts)])
        for name, version in (("old", OLD_VERSION), ("new", NEW_VERSION))
    }


def checkout(folder: Path) -> Path:
    """A checkout whose only benchmark calls every part that is installed."""
    (folder / "rehearsal").mkdir(parents=True)
    (folder / "rehearsal" / "__init__.py").touch()
    shutil.copy(Path(__file__).with_name("parts_worker.py"), folder / "rehearsal" / "worker.py")
    return folder
