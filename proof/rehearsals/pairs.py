"""Records the pairs of a real rehearsal of one environment, all that its budget holds, whatever is decided.

`python -m proof.rehearsals.pairs FILE.json [--pairs N] [--budget TIME] [--slow PATTERN:KIND=AMOUNT] [--unpinned]
-- OPTIONS OF THE SUITE`

The two processes of a pair take turns right after each other, as in every rehearsal. With `--slow` the new side is
really slowed. The file has a batch for each pair, for `proof.rehearsals.distinct`, and is written after every pair. A
file that ends in .xz is packed.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from common import option_types, output
from common.errors import UsageError
from common.signals import interrupting
from proof.rehearsals.batches import Batch, Process, Recording
from proof.rehearsals.processes import described, places, slowed
from rehearsal.arguments import duration
from rehearsal.device_lock import locked
from rehearsal.protocol import CORES, NEW, OLD, SIDES
from rehearsal.record import Pair, Record
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS
from rehearsal.session import Rehearsal
from rehearsal.side import Place, Side, SideEnded

BUILD = "build"


class Took:
    """What requests took, in seconds.

    Args:
        is_pinned: whether sides are told on which core to take a turn, as in a rehearsal.
    """

    def __init__(self, *, is_pinned: bool = True) -> None:
        self.is_pinned = is_pinned
        self._seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        # By benchmark, of every build what it took, and what of it a later process is spared.
        self._builds: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)

    def start(self, place: Place) -> Side:
        """A side of which is kept what it takes to answer."""
        return _TimedSide(place, self)

    def add(self, request: str, benchmark: str, seconds: float, answer: Any) -> None:
        """Keep what one request took."""
        if request == BUILD:
            self._builds[benchmark].append((seconds, float(answer.get("spared_s", 0.0))))
        else:
            self._seconds[request, benchmark].append(seconds)

    def seconds(self, pairs: int, start_s: float) -> dict[str, Any]:
        """Medians, as `Batch.seconds` has them of one process of two, of which each compiles all that it runs.

        Args:
            start_s: what both sides took to start. Those of later pairs start while the pair before them ends.
        """
        found: dict[str, Any] = {"spared": {}, BUILD: {}}
        for benchmark, builds in self._builds.items():
            spared_s = statistics.median([spared_s for _, spared_s in builds if spared_s] or [0.0])
            loaded_s = statistics.median(took_s - own_s for took_s, own_s in builds)
            found["spared"][benchmark], found[BUILD][benchmark] = spared_s, loaded_s + spared_s
        for (request, benchmark), took_s in self._seconds.items():
            median_s = statistics.median(took_s)
            if benchmark:
                found.setdefault(request, {})[benchmark] = median_s
            else:
                found[request] = median_s
        # Of all pairs together, where they are counted for every process.
        found["start"] = start_s / (len(SIDES) * pairs)
        found["reference"] = found.get("reference", 0.0) / (len(SIDES) * pairs)
        return found


class _TimedSide(Side):
    def __init__(self, place: Place, took: Took) -> None:
        self._took = took
        super().__init__(place)

    def begin(self) -> None:
        super().begin()
        if not self._took.is_pinned:
            self.description.pop(CORES, None)

    def ask(self, request: str, doing: str, timeout_s: float, **arguments: Any) -> Any:
        began = time.monotonic()
        answer = super().ask(request, doing, timeout_s, **arguments)
        self._took.add(request, arguments.get("benchmark", ""), time.monotonic() - began, answer)
        return answer


def recording(record: Record, place: Place, took: Took, start_s: float) -> Recording:
    """The pairs that are whole, each as a batch of two processes.

    Args:
        place: of the old side.
        start_s: what both sides took to start.
    """
    names = record.compared()
    pairs = [pair for pair in record.pairs if _is_whole(pair, names)]
    seconds = took.seconds(len(pairs), start_s) if pairs else {}
    batches = []
    for pair in pairs:
        batch = Batch({name: pair.turns[name] for name in names}, {side: Process() for side in SIDES}, seconds)
        for side, process in batch.processes.items():
            for name in names:
                process.keep(name, pair.measured[side][name], pair.lists[side])
        batches.append(batch)
    failed = [f"{side}: {name}: {why}" for side in SIDES for name, why in record.failed[side].items()]
    return Recording(described(place, record.sides[OLD]), record.datetime, batches, [*failed, *record.notes])


def _is_whole(pair: Pair, names: Sequence[str]) -> bool:
    return all(name in pair.turns and all(name in pair.measured[side] for side in SIDES) for name in names)


def main(argv: Sequence[str] | None = None) -> int:
    """Record; exit status 2 where not all was recorded, with a sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.rehearsals.pairs",
        description=__doc__.splitlines()[0],
        epilog="What follows -- are options of the suite.",
    )
    parser.add_argument("file", type=option_types.output_file, metavar="FILE.json")
    parser.add_argument("--pairs", type=int, default=MOST_PAIRS, metavar="N", help="at most (default: %(default)s)")
    parser.add_argument("--budget", type=duration, default=300.0, metavar="TIME", help="default: 5m")
    parser.add_argument("--timeout", type=option_types.seconds, default=600.0, metavar="SECONDS", help="of an answer")
    parser.add_argument("--slow", type=slowed, action="append", default=[], metavar="PATTERN:KIND=AMOUNT")
    parser.add_argument("--unpinned", action="store_true", help="let the system choose the cores of both sides")
    given = list(sys.argv[1:] if argv is None else argv)
    own = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:own])
    if options.pairs < LEAST_PAIRS:
        parser.error(f"--pairs {options.pairs}: a rehearsal has at least {LEAST_PAIRS}")
    try:
        with interrupting():
            _record(options, given[own + 1 :])
    except (UsageError, SideEnded, output.UnwritableOutput) as error:
        print(f"pairs: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pairs: interrupted; the file has the pairs that were whole", file=sys.stderr)
        return 2
    return 0


def _record(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    began = time.monotonic()
    old, new = places(len(SIDES), arguments, options.slow, 1 if options.slow else 0)
    sides = {OLD: dataclasses.replace(old, name=OLD), NEW: dataclasses.replace(new, name=NEW)}
    took = Took(is_pinned=not options.unpinned)

    def kept(found: Record) -> tuple[set[str], set[str]]:
        """Nothing is ever decided; what was recorded so far is written."""
        if found.pairs:
            recording(found, sides[OLD], took, rehearsal.start_s).write(options.file)
        return set(), set()

    rehearsal = Rehearsal(
        sides,
        options.budget,
        least_pairs=LEAST_PAIRS,
        most_pairs=options.pairs,
        counted=options.pairs,
        build_timeout_s=options.timeout,
        turn_timeout_s=options.timeout,
        settled=kept,
        progress=lambda text, share: None,
        start=took.start,
    )
    ended = False
    try:
        found = rehearsal.describe()
        with locked(found.sides[OLD]["device"]["uuid"]):
            rehearsal.run(found)
        ended = True
    finally:
        rehearsal.end(at_once=not ended)
    kept(found)
    print(f"{len(found.pairs)} pairs, {time.monotonic() - began:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
