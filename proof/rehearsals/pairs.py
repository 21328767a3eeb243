"""Records the pairs of a real rehearsal of one environment, all that its budget holds, whatever is decided.

`python -m proof.rehearsals.pairs FILE.json [--pairs N] [--budget TIME] [--slow PATTERN:KIND=AMOUNT] [--unpinned] [-v]
-- OPTIONS OF THE SUITE`

With `--slow` the new side is really slowed. The file has a batch for each pair, for `proof.rehearsals.distinct`, and is
written after every pair. A file that ends in .xz is packed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import option_types, output
from common.errors import UsageError
from common.signals import interrupting
from proof.inject.slowdown import COUNTED, OPTION, Asked, parse
from proof.rehearsals.batches import Batch, Process, Recording
from rehearsal.arguments import ROOT, duration
from rehearsal.device_lock import locked
from rehearsal.protocol import CORES, NEW, OLD, SIDES
from rehearsal.record import Pair, Record
from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS
from rehearsal.session import Rehearsal
from rehearsal.side import Place, Side, SideEnded

SLOWED_WORKER = "proof.rehearsals.slowed_worker"
# Kinds that slow down what a rehearsal measures.
KINDS = ("host", "kernel", "operator", *COUNTED)


class Recorder:
    """Turns the record of a rehearsal under way into a file.

    Args:
        is_pinned: whether sides are told on which core to take a turn, as in a rehearsal.
        is_verbose: whether to print what each request took.
    """

    def __init__(self, file: Path, *, is_pinned: bool, is_verbose: bool) -> None:
        self.is_pinned, self._is_verbose = is_pinned, is_verbose
        self._file = file
        self._began = self._pair_began = time.monotonic()
        self.turns_s = 0.0
        # Of every pair what it took beside its turns, and what its turns took.
        self._took: list[tuple[float, float]] = []
        self.recording: Recording | None = None

    def start(self, place: Place) -> Side:
        """A side of which is kept what its turns take."""
        return _TimedSide(place, self)

    def settled(self, record: Record) -> tuple[set[str], set[str]]:
        """Before each pair: nothing is ever decided, and what there is so far is written."""
        now = time.monotonic()
        if len(record.pairs) > len(self._took):
            self._took.append((now - self._pair_began - self.turns_s, self.turns_s))
            self.say(f"pair {len(self._took)}: {self._took[-1][0]:.1f} s, and {self._took[-1][1]:.1f} s of turns")
        self._pair_began, self.turns_s = now, 0.0  # also where a pair was given up
        self.recording = self._recorded(record)
        if self.recording.batches:
            self.recording.write(self._file)
        return set(), set()

    def say(self, text: str) -> None:
        """Print what was done, and when."""
        if self._is_verbose:
            print(f"{time.monotonic() - self._began:6.1f} s  {text}", file=sys.stderr, flush=True)

    def _recorded(self, record: Record) -> Recording:
        """The pairs that are whole, each as a batch of two processes."""
        names = record.compared()
        batches = []
        for number, (pair, took) in enumerate(zip(record.pairs, self._took, strict=True)):
            if _is_whole(pair, names):
                processes = {side: Process() for side in SIDES}
                for one, process in processes.items():
                    for name in names:
                        process.keep(name, pair.measured[one][name], pair.lists[one])
                batches.append(Batch({name: pair.turns[name] for name in names}, processes, *took, number == 0))
        failed = [f"{one}: {name}: {why}" for one in SIDES for name, why in record.failed[one].items()]
        arguments = [word for word in record.sides[OLD]["arguments"] if not word.startswith(OPTION)]
        benchmarks = {name: record.sides[OLD]["benchmarks"][name] for name in names}
        side = {**record.sides[OLD], "arguments": arguments, "benchmarks": benchmarks}
        return Recording(side, record.datetime, batches, [*failed, *record.notes])


class _TimedSide(Side):
    def __init__(self, place: Place, recorder: Recorder) -> None:
        self._recorder = recorder
        super().__init__(place)

    def begin(self) -> None:
        super().begin()
        self._recorder.say(f"{self.name} has begun")
        if not self._recorder.is_pinned:
            self.description.pop(CORES, None)

    def ask(self, request: str, doing: str, timeout_s: float, **arguments: Any) -> Any:
        began = time.monotonic()
        answer = super().ask(request, doing, timeout_s, **arguments)
        took_s = time.monotonic() - began
        if request == "turn":
            self._recorder.turns_s += took_s
        else:
            self._recorder.say(f"{self.name} took {took_s:.1f} s for {doing}")
        return answer


def _is_whole(pair: Pair, names: Sequence[str]) -> bool:
    return all(name in pair.turns and all(name in pair.measured[side] for side in SIDES) for name in names)


def slowed(text: str) -> Asked:
    """The value of `--slow`.

    Raises:
        argparse.ArgumentTypeError: it is none, or slows down what no rehearsal measures.
    """
    asked = parse(text)
    if asked.kind not in KINDS:
        raise argparse.ArgumentTypeError(f"{asked}: this kind is not for rehearsals; kinds are {', '.join(KINDS)}")
    return asked


def places(arguments: Sequence[str], slow: Sequence[Asked]) -> dict[str, Place]:
    """Where the sides run; the new one is slowed down.

    The old side has the shortest kernel in an operator that is slowed down in the new one.
    """
    alike = [f"{one.pattern}:{one.kind}={one.module}" for one in slow if one.kind == "operator"]
    found = {}
    for side, injected in ((OLD, alike), (NEW, [str(one) for one in slow])):
        there = (Path(sys.executable), ROOT, (*arguments, *(f"{OPTION}{one}" for one in injected)))
        found[side] = Place(side, *there, SLOWED_WORKER) if injected else Place(side, *there)
    return found


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
    parser.add_argument("-v", "--verbose", action="store_true", help="print what each request took")
    given = list(sys.argv[1:] if argv is None else argv)
    own = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:own])
    if options.pairs < LEAST_PAIRS:
        parser.error(f"--pairs {options.pairs}: a rehearsal has at least {LEAST_PAIRS}")
    try:
        with interrupting():
            missing = _record(options, given[own + 1 :])
    except (UsageError, SideEnded, output.UnwritableOutput) as error:
        print(f"pairs: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pairs: interrupted; the file has the pairs that were whole", file=sys.stderr)
        return 2
    for sentence in missing:
        print(f"pairs: {sentence}", file=sys.stderr)
    return 2 if missing else 0


def _record(options: argparse.Namespace, arguments: Sequence[str]) -> list[str]:
    """What could not be recorded, a sentence each."""
    began = time.monotonic()
    recorder = Recorder(options.file, is_pinned=not options.unpinned, is_verbose=options.verbose)
    rehearsal = Rehearsal(
        places(arguments, options.slow),
        options.budget,
        least_pairs=LEAST_PAIRS,
        most_pairs=options.pairs,
        counted=options.pairs,
        build_timeout_s=options.timeout,
        turn_timeout_s=options.timeout,
        settled=recorder.settled,
        progress=lambda text, share: None,
        start=recorder.start,
    )
    ended = False
    try:
        found = rehearsal.describe()
        with locked(found.sides[OLD]["device"]["uuid"]):
            rehearsal.run(found)
        ended = True
    finally:
        rehearsal.end(at_once=not ended)
    recorder.settled(found)
    whole = recorder.recording
    if whole is None or not whole.batches:
        raise UsageError(f"no pair was whole: {'; '.join(whole.notes) if whole else 'none was begun'}")
    print(f"{len(whole.batches)} pairs, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return whole.notes


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
