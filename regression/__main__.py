"""The command line: `python -m regression RUN.json ...` judges, other commands look at stored runs and keep them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence

from common import output
from common.errors import not_installed

JUDGE = "regression.command"
COMMANDS: Mapping[str, str] = {
    "history": "regression.report.history",
    "detectable": "regression.report.detectable",
    "store": "regression.store.command",
    "baseline": "regression.baseline.command",
    "incidents": "regression.incidents.command",
    "fleet": "regression.fleet.command",
}
"""Command to the module whose `main` runs it."""
# 1 would be a regression.
UNUSABLE = 2
# As a shell has it for Ctrl-C.
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 nothing to fail for, 1 a regression, 2 unusable input (a sentence on stderr says which)."""
    for stream in (sys.stdout, sys.stderr):
        # Names come from files, and a terminal may lack their characters.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    module = COMMANDS.get(arguments[0], "") if arguments else ""
    try:
        # Only what runs is imported: SciPy and Matplotlib take a while.
        command = importlib.import_module(module or JUDGE)
        status: int = command.main(arguments[1:] if module else arguments)
        return status
    except ModuleNotFoundError as error:
        print(f"regression: {not_installed(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("regression: interrupted", file=sys.stderr)
        return INTERRUPTED


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
