"""`python -m regression baseline COMMAND ...`: one module for each command."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence

from common.errors import UsageError
from common.output import UnwritableOutput
from regression.runs.run import UnusableRun
from regression.store import opening
from regression.text import escaped

PROGRAM = "python -m regression baseline"
UNUSABLE = 2
COMMANDS: Mapping[str, tuple[str, str]] = {
    "list": ("listing", "what baselines there are, what they can show, and which run is the odd one"),
    "record": ("recording", "measure a new baseline in fresh processes; it replaces the old one whole"),
    "refresh": ("refreshing", "let newer values take the place of older ones for some benchmarks alone"),
    "exclude": ("excluding", "leave a run out everywhere; it is kept"),
    "restore": ("restoring", "take an excluded run back"),
    "accept": ("accepting", "write a known change of a judged run into accepted.toml"),
    "prune": ("pruning", "remove runs that are no longer of a baseline"),
    "migrate": ("migrating", "rewrite a baseline in the newest schema, and name what cannot be carried over"),
}
"""Command to its module, which has `add_options(parser)` and `run(options)`, and what it does."""


def main(argv: Sequence[str]) -> int:
    """Exit status: 0 done; 1 done, and something fails or is missing; 2 not done, with a sentence on stderr."""
    arguments, extra = _split(argv)
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Looks after the baselines of a store.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, does) in COMMANDS.items():
        commands.add_parser(name, help=does, add_help=False)
    known, rest = parser.parse_known_args(arguments[:1])
    module = importlib.import_module(f"regression.baseline.{COMMANDS[known.command][0]}")
    own = argparse.ArgumentParser(prog=f"{PROGRAM} {known.command}", description=f"{module.__doc__}")
    module.add_options(own)
    opening.add_option(own.add_argument)
    options = own.parse_args([*rest, *arguments[1:]])
    options.extra = extra
    try:
        status: int = module.run(options)
        return status
    except (UsageError, UnusableRun, UnwritableOutput) as problem:
        print(f"regression: {escaped(str(problem))}", file=sys.stderr)
        return UNUSABLE


def _split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The command's own arguments, and those after `--`, which are pytest's."""
    words = list(argv)
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]
