"""The command line: `python -m regression RUN.json ...` judges, other commands look at stored runs and keep them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from common import output

# As a shell has it for Ctrl-C.
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 nothing to fail for, 1 a regression, 2 unusable input (a sentence on stderr says which)."""
    for stream in (sys.stdout, sys.stderr):
        # Names come from files, and a terminal may lack their characters.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = COMMANDS.get(arguments[0]) if arguments else None
    try:
        return command(arguments[1:]) if command else _judge(arguments)
    except KeyboardInterrupt:
        print("regression: interrupted", file=sys.stderr)
        return INTERRUPTED


# Each imports what it needs only when it runs: SciPy and Matplotlib take a while.


def _judge(arguments: Sequence[str]) -> int:
    from regression import command

    return command.main(arguments)


def _history(arguments: Sequence[str]) -> int:
    from regression.report import history

    return history.main(arguments)


def _detectable(arguments: Sequence[str]) -> int:
    from regression.report import detectable

    return detectable.main(arguments)


def _store(arguments: Sequence[str]) -> int:
    from regression.store import command

    return command.main(arguments)


def _baseline(arguments: Sequence[str]) -> int:
    from regression.baseline import command

    return command.main(arguments)


def _incidents(arguments: Sequence[str]) -> int:
    from regression.incidents import command

    return command.main(arguments)


def _fleet(arguments: Sequence[str]) -> int:
    from regression.fleet import command

    return command.main(arguments)


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "history": _history,
    "detectable": _detectable,
    "store": _store,
    "baseline": _baseline,
    "incidents": _incidents,
    "fleet": _fleet,
}


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
