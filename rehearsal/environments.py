"""Makes the environments between two sides in a folder that is removed afterwards: with uv, else with venv and pip."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

from common.errors import UsageError
from rehearsal.groups import Distribution, read

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
FULL = ("No space left on device", "os error 28", "Disk quota exceeded", "os error 122")
LAST_WORDS = 300
PIP = ("--disable-pip-version-check", "--no-input")


class NotMade(Exception):
    """An environment cannot be made; the message is what the installer said. Another one may be possible."""


class NoRoom(UsageError):
    """There is no room for environments; the message says where."""


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
        self._python, self._options, self._keep = python, tuple(options), keep
        self._uv = uv()
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="rehearsal-environments-"))
        except OSError as error:
            raise NoRoom(
                f"no folder for environments can be made in {tempfile.gettempdir()}: {error.strerror}"
            ) from None
        self._made: dict[tuple[str, ...], Path] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if not self._keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def installer(self) -> str:
        return "uv" if self._uv else "venv and pip"

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
        python = folder / "bin" / "python"
        # All versions are given, and groups keep apart what pins forbid: nothing is left to resolve.
        install = ["install", "--quiet", "--no-deps", "--requirement", str(requirements), *self._options]
        if self._uv:
            self._run([*self._uv, "venv", "--quiet", "--python", str(self._python), str(folder)])
            self._run([*self._uv, "pip", *install, "--python", str(python)])
        elif importlib.util.find_spec("pip"):
            self._run([str(self._python), "-m", "venv", "--without-pip", str(folder)])
            self._run([sys.executable, "-m", "pip", "--python", str(python), *PIP, *install])
        else:
            self._run([str(self._python), "-m", "venv", str(folder)])
            self._run([str(python), "-m", "pip", *PIP, *install])

    def _run(self, command: Sequence[str]) -> None:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
        except OSError as error:
            raise NotMade(f"{command[0]} cannot be run: {error.strerror}") from None
        if done.returncode == 0:
            return
        said = " ".join(done.stdout.decode("utf-8", "replace").split())
        if any(word in said for word in FULL):
            raise NoRoom(
                f"the disk of {self.folder} is full, so no environment can be made there; free some space, or set "
                "TMPDIR to a folder on another disk"
            )
        raise NotMade(said[-LAST_WORDS:] or f"{command[0]} ended with status {done.returncode}")


def uv() -> list[str]:
    """The command that runs uv, empty where it is not installed."""
    if found := shutil.which("uv"):
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else []
