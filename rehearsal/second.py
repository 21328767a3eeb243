"""Makes the second environment: all packages of the first, then what is to be tried, with what that needs.

`python -m rehearsal.second FOLDER [--old PYTHON] [--find-links FOLDER] [--no-index] -- REQUIREMENT ...`
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement

from common import output
from common.errors import UsageError
from common.signals import interrupting
from rehearsal.environments import installed
from rehearsal.groups import Distribution, differing, mixed
from rehearsal.installer import Installer, NotMade

MADE, UNUSABLE = 0, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 made, 2 not (a sentence says why); an environment that is not whole is removed."""
    parser = argparse.ArgumentParser(prog="python -m rehearsal.second", description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="becomes the environment; an older one is replaced")
    parser.add_argument("requirements", nargs="+", type=requirement, metavar="REQUIREMENT", help="such as timm==1.0.31")
    parser.add_argument("--old", type=Path, default=Path(sys.executable), metavar="PYTHON", help="default: this one")
    parser.add_argument("--find-links", action="append", default=[], metavar="FOLDER")
    parser.add_argument("--no-index", action="store_true")
    options = parser.parse_args(argv)
    found = [f"--find-links={where}" for where in options.find_links] + ["--no-index"] * options.no_index
    try:
        with interrupting():
            changed = make(options.folder, options.old, options.requirements, found)
    except (UsageError, NotMade) as error:
        print(f"rehearsal: {options.folder} cannot be made: {error}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        there = "is as it was" if options.folder.exists() else "is not there"
        print(f"rehearsal: interrupted; {options.folder} {there}", file=sys.stderr)
        return UNUSABLE
    print(f"{options.folder} differs from {options.old} in {', '.join(changed) or 'nothing'}")
    return MADE


def make(folder: Path, old: Path, requirements: Sequence[str], options: Sequence[str] = ()) -> list[str]:
    """The packages in which the new environment differs, with their versions.

    Raises:
        UsageError: the folder is something else or holds the old interpreter, which does not answer, or the disk is
            full.
        NotMade: what is asked for cannot be had.
    """
    if folder.exists() and not (folder / "pyvenv.cfg").is_file():
        raise UsageError("it exists and is no environment; choose another folder")
    if Path(os.path.abspath(old)).is_relative_to(os.path.abspath(folder)):  # noqa: PTH100  a venv's link leads elsewhere
        raise UsageError(f"{old}, which it is made from, is in it; choose another folder")
    _, before = installed(old)
    installer = Installer(options)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        python = installer.create(old, folder)
        installer.install(python, ["--no-deps", *arguments(mixed(before, before, ()))])
        installer.install(python, requirements)
        _, now = installed(python)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    said = {
        name: [some[name].version if name in some else "none" for some in (before, now)] for name in (*before, *now)
    }
    return [f"{name} {' -> '.join(said[name])}" for name in differing(before, now)]


def arguments(distributions: Sequence[Distribution]) -> list[str]:
    """What installs these: the source of an editable one is an option and its value."""
    found: list[str] = []
    for one in distributions:
        found += one.requirement.split(maxsplit=1) if one.requirement.startswith("-e ") else [one.requirement]
    return found


def requirement(text: str) -> str:
    """A requirement, and no option of an installer."""
    try:
        return str(Requirement(text))
    except InvalidRequirement:
        raise argparse.ArgumentTypeError(f"{text!r} is no requirement such as timm==1.0.31") from None


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
