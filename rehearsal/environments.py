"""The environments between two sides, in a folder that is removed afterwards, and what is installed in a side's."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from common.errors import UsageError
from rehearsal.groups import Distribution, read
from rehearsal.installer import LAST_WORDS, Installer, NoRoom, NotMade

PROBE = """
import importlib.metadata, json, platform
found = {}
for one in importlib.metadata.distributions():
    try:
        name, direct = one.metadata["Name"], one.read_text("direct_url.json")
        found.setdefault(name.lower().replace("_", "-").replace(".", "-"), {
            "name": name, "version": one.version, "requires": one.requires or [],
            "direct_url": json.loads(direct) if direct else None,
        })
    except Exception: continue  # metadata of a package that is half removed
print(json.dumps({"python": platform.python_version(), "distributions": list(found.values())}))
"""
PROBE_S = 120.0


def installed(python: Path) -> tuple[str, dict[str, Distribution]]:
    """The version of an interpreter, and the packages of its environment.

    The project itself is left out, where it is installed in place: a side runs it from its checkout.

    Raises:
        UsageError: it cannot say.
    """
    try:
        done = subprocess.run(
            [python, "-P", "-c", PROBE], stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_S, check=True
        )
        document = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise UsageError(f"{python} does not say what is installed: {str(error)[:LAST_WORDS]}") from None
    found = {name: one for name, one in read(document).items() if not _is_project(one)}
    return str(document["python"]), found


def _is_project(one: Distribution) -> bool:
    if not one.source.startswith("-e file:"):
        return False
    folder = Path(unquote(urlsplit(one.source.removeprefix("-e ")).path))
    return (folder / "rehearsal" / "worker.py").is_file()


class Environments:
    """Environments of one interpreter, each made once; a context that removes them at its end.

    Args:
        python: whose version they have.
        options: of the installer, such as `--no-index`.
        keep: leave the folder.

    Raises:
        NoRoom: there is no folder for them.
    """

    def __init__(self, python: Path, options: Sequence[str] = (), *, keep: bool = False) -> None:
        self._python, self._keep = python, keep
        self._installer = Installer(options)
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="rehearsal-environments-"))
        except OSError as error:
            raise NoRoom(
                f"no temporary folder for environments can be made: {error.strerror}; free some space, or set TMPDIR"
            ) from None
        self._made: dict[tuple[str, ...], Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def installer(self) -> str:
        return self._installer.name

    def make(self, distributions: Sequence[Distribution]) -> Path:
        """The interpreter of an environment with just these packages.

        Raises:
            NotMade: the installer cannot make it.
            NoRoom: the disk is full.
        """
        lines = tuple(one.requirement for one in distributions)
        if lines not in self._made:
            name = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]
            folder = self.folder / name
            try:
                self._make(folder, lines)
            except NotMade:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            self._made[lines] = folder / "bin" / "python"
        return self._made[lines]

    def _make(self, folder: Path, lines: Sequence[str]) -> None:
        requirements = folder.with_suffix(".txt")
        try:
            requirements.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            raise NoRoom(f"{requirements} cannot be written: {error.strerror}; set TMPDIR to another disk") from None
        # All versions are given, and groups keep apart what pins forbid: nothing is left to resolve.
        self._installer.install(
            self._installer.create(self._python, folder), ["--no-deps", "--requirement", str(requirements)]
        )
