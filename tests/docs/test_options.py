"""docs/options.md lists every option of the suite and of `python -m regression`, and none that does not exist."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest

from regression import __main__ as regression
from rehearsal import __main__ as rehearsal
from tests.docs.pages import ROOT, text
from tests.inner_session import environment

PAGE = text(ROOT / "docs" / "options.md")
STORE = ("list", "deliver", "rebuild", "prune")
BASELINE = ("list", "record", "refresh", "exclude", "restore", "accept", "prune", "migrate")
OPTION = re.compile(r"--[a-z][a-z-]*[a-z]")


def options_of_pytest(*arguments: str) -> set[str]:
    command = [sys.executable, "-m", "pytest", *arguments, "--help"]
    told = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    return options(told.stdout)


def options_of_command(main: Callable[[Sequence[str]], int], *arguments: str) -> set[str]:
    with contextlib.redirect_stdout(io.StringIO()) as found, pytest.raises(SystemExit, match="0"):
        main([*arguments, "--help"])
    return options(found.getvalue()) - {"--help"}


def options(found: str) -> set[str]:
    # An option stands at the beginning of its line; elsewhere it is mentioned.
    return {
        match for line in found.splitlines() for match in OPTION.findall(line[:30]) if line.lstrip().startswith("-")
    }


@pytest.fixture(scope="module")
def of_pytest() -> set[str]:
    return options_of_pytest("--noconftest")


@pytest.fixture(scope="module")
def of_the_suite(of_pytest) -> set[str]:
    return options_of_pytest("benchmarks/") - of_pytest


@pytest.fixture(scope="module")
def of_regression() -> set[str]:
    commands: list[list[str]] = [[], ["history"], ["detectable"], ["incidents"], ["fleet"]]
    commands += [[room, name] for room, names in (("store", STORE), ("baseline", BASELINE)) for name in names]
    return {option for words in commands for option in options_of_command(regression.main, *words)}


@pytest.fixture(scope="module")
def of_rehearsal() -> set[str]:
    return options_of_command(rehearsal.main)


def test_every_option_of_a_rehearsal_is_documented(of_rehearsal):
    section = PAGE[PAGE.index("## `python -m rehearsal`") :]
    assert {"--old", "--from"} <= of_rehearsal
    assert not [option for option in sorted(of_rehearsal) if f"`{option}" not in section]


def test_every_option_of_the_suite_is_documented(of_the_suite):
    assert {"--models", "--judge"} <= of_the_suite
    assert not [option for option in sorted(of_the_suite) if f"`{option}" not in PAGE]


def test_every_option_of_the_command_line_is_documented(of_regression):
    assert {"--baseline", "--format"} <= of_regression
    assert not [option for option in sorted(of_regression) if f"`{option}" not in PAGE]


def test_no_option_is_documented_that_does_not_exist(of_pytest, of_the_suite, of_regression, of_rehearsal):
    documented = {match for code in re.findall(r"`(--[^`]*)`", PAGE) for match in OPTION.findall(code)}
    assert documented - of_pytest - of_the_suite - of_regression - of_rehearsal == set()
