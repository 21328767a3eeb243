"""The server of first requests with injections: `python -m proof.inject.starting --slow=... [options of a server]`."""

from __future__ import annotations

import argparse
import fnmatch
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from common import output
from fixtures.starting import server
from proof.inject.slowdown import Asked, parse

if TYPE_CHECKING:
    from fixtures.starting.service import Service


def command(asked: Sequence[Asked]) -> list[str]:
    """What starts it, in the place of the server's own command."""
    return [sys.executable, "-m", "proof.inject.starting", *(f"--slow={one}" for one in asked)]


def main() -> None:
    """Answer as the server does, each service slowed as asked."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--slow", type=parse, action="append", default=[])
    namespace, arguments = parser.parse_known_args()
    server.main(arguments, service=lambda: slowed_by(namespace.slow))


def slowed_by(asked: Sequence[Asked]) -> Callable[..., Service]:
    """Makes services as `Service` does: those that are asked for with a longer first call or a larger context."""
    import torch

    from fixtures.starting.service import Service

    class Slowed(Service):
        held: torch.Tensor | None = None

        def create_context(self) -> None:
            super().create_context()
            size = sum(one.size_bytes for one in self._asked())
            if size:
                self.held = torch.empty(size, dtype=torch.uint8, device=self.batch.device)

        def first_answer(self) -> torch.Tensor:
            time.sleep(sum(one.fixed_s or 0.0 for one in self._asked() if one.kind == "first"))
            return super().first_answer()

        def _asked(self) -> list[Any]:
            key = self.key
            return [one for one in asked if one.pattern == key.variant or fnmatch.fnmatchcase(str(key), one.pattern)]

    return Slowed


if __name__ == "__main__":
    with output.reader_may_leave():
        main()
