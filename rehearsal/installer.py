"""Makes environments and installs packages into them: with uv, else with venv and pip."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from common.errors import UsageError

FULL = ("No space left on device", "os error 28", "Disk quota exceeded", "os error 122")
LAST_WORDS = 300
PIP = ("--disable-pip-version-check", "--no-input")


class NotMade(Exception):
    """An environment cannot be made; the message is what the installer said. Another one may be possible."""


class NoRoom(UsageError):
    """There is no room for environments; the message says where."""


class Installer:
    """uv where it is installed, since it links packages from its cache; else venv and pip.

    Args:
        options: of the installer, such as `--no-index`.
    """

    def __init__(self, options: Sequence[str] = ()) -> None:
        self._options = tuple(options)
        self._uv = uv()

    @property
    def name(self) -> str:
        return "uv" if self._uv else "venv and pip"

    def create(self, python: Path, folder: Path) -> Path:
        """An empty environment of an interpreter's version.

        Raises:
            NotMade: it cannot be made.
            NoRoom: the disk is full.
        """
        if self._uv:
            self._run([*self._uv, "venv", "--quiet", "--python", str(python), str(folder)], folder)
        else:
            without = ["--without-pip"] if _has_pip() else []
            self._run([str(python), "-m", "venv", *without, str(folder)], folder)
        return folder / "bin" / "python"

    def install(self, python: Path, arguments: Sequence[str]) -> None:
        """Install into the environment of an interpreter.

        Raises:
            NotMade: what is asked for cannot be had.
            NoRoom: the disk is full.
        """
        install = ["install", "--quiet", *self._options, *arguments]
        if self._uv:
            command = [*self._uv, "pip", *install, "--python", str(python)]
        elif _has_pip():
            command = [sys.executable, "-m", "pip", "--python", str(python), *PIP, *install]
        else:
            command = [str(python), "-m", "pip", *PIP, *install]
        self._run(command, python.parent.parent)

    def _run(self, command: Sequence[str], folder: Path) -> None:
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
                f"the disk of {folder} is full, so no environment can be made there; free some space, or use another "
                "disk (set TMPDIR, or name another folder)"
            )
        raise NotMade(said[-LAST_WORDS:] or f"{command[0]} ended with status {done.returncode}")


def uv() -> list[str]:
    """The command that runs uv, empty where it is not installed."""
    if found := shutil.which("uv"):
        return [found]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else []


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None
