"""The command line: `python -m regression RUN.json ...` judges, `history` and `detectable` look at stored runs,
`store` keeps them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence

from common import output


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 nothing to fail for, 1 a regression, 2 unusable input (a sentence on stderr says which)."""
    for stream in (sys.stdout, sys.stderr):
        # Names come from files, and a terminal may lack their characters.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    command = COMMANDS.get(arguments[0]) if arguments else None
    return command(arguments[1:]) if command else _judge(arguments)


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


COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "history": _history,
    "detectable": _detectable,
    "store": _store,
}


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
