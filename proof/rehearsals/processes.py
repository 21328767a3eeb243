"""Records many fresh processes of one environment that take turns on one device, for rehearsals of distinct pairs.

`python -m proof.rehearsals.processes FILE.json [--processes N] [--seconds N] [--batches N] [--budget TIME]
[--slow PATTERN:KIND=AMOUNT --slowed-processes N] -- OPTIONS OF THE SUITE`

The processes of a batch start side by side and all stay resident. One after the other they compute the reference, which
takes all cores; then engines are built side by side as well. Whatever else is built times kernels (`cudnn.benchmark`)
and is built by one process at a time. Then the processes take turns as the two sides of a rehearsal do. Counts and
profiles come after all latencies. A file that ends in .xz is packed.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import option_types, output
from common.errors import UsageError
from common.signals import interrupting
from proof.inject.slowdown import COUNTED, OPTION, Asked, is_reference, parse
from proof.rehearsals.batches import Batch, Process, Recording
from regression.text import count
from rehearsal import turns
from rehearsal.arguments import ROOT, duration
from rehearsal.device_lock import locked
from rehearsal.protocol import KEEPS_PARTS
from rehearsal.record import Turns
from rehearsal.side import NotAnswered, Place, Side, SideEnded, UnusableSide, end_all

SLOWED_WORKER = "proof.rehearsals.slowed_worker"
# Kinds that slow down what a rehearsal measures.
KINDS = ("host", "kernel", "operator", *COUNTED)
LEAST_PROCESSES = 2


class NoProcess(UsageError):
    """Fewer processes are left than can take turns; the message says why."""


class Batches:
    """Measures batches of processes into a recording.

    Args:
        places: where each process of a batch runs, by its name.
        seconds: how long the turns of a batch take.
        timeout_s: a process that takes longer to answer is ended.
        shown: shows a line.
    """

    def __init__(
        self,
        places: Sequence[Place],
        seconds: float,
        timeout_s: float,
        shown: Callable[[str], None],
        seed: int | None = None,
    ) -> None:
        self._places, self._seconds, self._timeout_s, self._shown = places, seconds, timeout_s, shown
        self._draw = random.Random(seed)
        self._sides: dict[str, Side] = {}
        self._took: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        self._latencies_s: defaultdict[str, list[float]] = defaultdict(list)
        self._batch = Batch()
        self._left_out: list[str] = []

    def run(self, number: int, file: Path, recording: Recording | None) -> Recording:
        """Measure one batch, add it to the recording, and write the file.

        Raises:
            NoProcess: fewer than two processes are left.
        """
        began = time.monotonic()
        self._batch, self._left_out = Batch(), []
        self._took.clear()
        folder = tempfile.TemporaryDirectory(prefix="rehearsal-parts-", ignore_cleanup_errors=True)
        try:
            self._start(number)
            self._keep_parts(Path(folder.name))
            first = next(iter(self._sides.values()))
            if recording is None:
                side = described(first.place, first.description)
                recording = Recording(side, datetime.now(UTC).isoformat(timespec="seconds"))
            with locked(first.description["device"]["uuid"]):
                self._measure(number, list(first.description["benchmarks"]))
            self._side_by_side(lambda side: side.end(), list(self._sides.values()))
        finally:
            sides, self._sides = list(self._sides.values()), {}
            end_all(sides, at_once=True)
            folder.cleanup()
        self._batch.took_s = round(time.monotonic() - began, 1)
        recording.batches.append(self._batch)
        recording.notes += [f"Batch {number}: {text}" for text in self._left_out]
        recording.write(file)
        rounds = min(found.rounds for found in self._batch.turns.values())
        self._shown(
            f"batch {number}: {len(self._batch.processes)} processes, {rounds} rounds at least, "
            f"{self._batch.took_s:.0f} s, of them {self._seconds:.0f} s turns"
        )
        return recording

    def _start(self, number: int) -> None:
        """Start all processes side by side."""
        self._shown(f"batch {number}: starting {len(self._places)} processes")

        def start(place: Place) -> None:
            began = time.monotonic()
            try:
                side = Side(place)
                side.begin()
            except (UnusableSide, SideEnded) as error:
                self._left_out.append(f"{error}.")
            else:
                self._sides[place.name] = side
                self._took["start", ""].append(time.monotonic() - began)

        self._side_by_side(start, self._places)
        self._sides = {place.name: self._sides[place.name] for place in self._places if place.name in self._sides}
        self._check()
        if any(map(_is_slowed, self._places)) and not any(_is_slowed(side.place) for side in self._sides.values()):
            raise NoProcess(f"no process can be slowed: {' '.join(dict.fromkeys(self._left_out))}")

    def _keep_parts(self, folder: Path) -> None:
        """Have each process leave what it compiles in a folder of its own, and so say what a later one would be spared.

        None loads what another compiled: two sides of a rehearsal compile each for itself.
        """
        for name in [name for name, side in self._sides.items() if side.description.get(KEEPS_PARTS)]:
            (folder / name).mkdir()
            self._ask(name, "keep", "starting", folder=str(folder / name))

    def _measure(self, number: int, benchmarks: Sequence[str]) -> None:
        engines = [name for name in benchmarks if _is_engine(self._benchmarks()[name]["variant"])]
        others = [name for name in benchmarks if name not in engines]
        self._latencies_s.clear()
        names = list(self._sides)
        self._batch.processes = {name: Process() for name in names}
        models = list(dict.fromkeys(str(self._benchmarks()[name]["model"]) for name in benchmarks))
        for name in names:
            self._each(name, models, self._reference)
        if engines:
            self._shown(
                f"batch {number}: building {count(len(engines), 'engine')} in {len(names)} processes side by side"
            )
            self._side_by_side(lambda name: self._each(name, engines, self._build), list(self._sides))
        for name in turns.order(self._sides, self._draw) if others else ():
            self._shown(f"batch {number}: building {count(len(others), 'benchmark')} in {name}")
            self._each(name, others, self._build)
        for name in list(self._sides):
            if _is_slowed(self._sides[name].place):
                self._shown(f"batch {number}: slowing {name}")
            self._each(name, benchmarks, self._time)
        self._check()
        self._shown(f"batch {number}: {len(self._sides)} processes take turns at {count(len(benchmarks), 'benchmark')}")
        self._take_turns({name: turns.calls(max(self._latencies_s[name])) for name in benchmarks})
        self._shown(f"batch {number}: counts")
        self._side_by_side(
            lambda name: self._each(name, benchmarks, self._kept("count", "counting")), list(self._sides)
        )
        if next(iter(self._sides.values())).description["device"]["is_cuda"]:
            for benchmark in benchmarks:
                self._shown(f"batch {number}: kernel time of {benchmark}")
                for name in turns.order(self._sides, self._draw):
                    self._each(name, [benchmark], self._kept("profile", "profiling"))
        self._check()
        self._batch.seconds = self._medians()

    def _take_turns(self, counts: dict[str, int]) -> None:
        """Turns of all processes; where one ends, the others go on without it."""
        ends = time.monotonic() + self._seconds
        self._batch.turns = {
            benchmark: Turns(calls, {name: [] for name in self._sides}, {name: [] for name in self._sides})
            for benchmark, calls in counts.items()
        }

        def in_turn(name: str, request: str, doing: str, failed: str, **arguments: Any) -> Any:
            try:
                return self._ask(name, request, doing, **arguments)
            except NotAnswered as error:
                raise SideEnded(name, f" cannot {failed}: {error}") from None

        def take(name: str, benchmark: str, calls: int, core: int | None) -> Sequence[float]:
            doing, failed, on = f"taking a turn of {benchmark}", f"run {benchmark}", turns.on(core)
            times_s: list[float] = in_turn(name, "turn", doing, failed, benchmark=benchmark, calls=calls, **on)
            return times_s

        while True:
            self._check()
            left_s = max(0.0, ends - time.monotonic())
            try:
                turns.take_turns(
                    list(self._sides),
                    counts,
                    left_s,
                    take,
                    self._batch.turns,
                    self._draw,
                    cores=turns.common_cores(side.description for side in self._sides.values()),
                )
                return
            except SideEnded as error:
                self._leave_out(error.side, str(error))

    def _reference(self, name: str, model: str) -> None:
        self._ask(name, "reference", f"computing the reference of {model}", model=model)

    def _build(self, name: str, benchmark: str) -> None:
        answer = self._ask(name, "build", f"building {benchmark}", benchmark=benchmark)
        self._keep(name, benchmark, answer)
        self._took["spared", benchmark].append(answer.get("spared_s", 0.0))

    def _time(self, name: str, benchmark: str) -> None:
        """Find what a call takes, and slow it where that was asked for; beside other builds neither could be known."""
        doing = f"taking a turn of {benchmark}"
        times_s = self._ask(name, "turn", doing, benchmark=benchmark, calls=turns.LEAST_CALLS)
        self._latencies_s[benchmark].append(min(times_s))

    def _kept(self, request: str, doing: str) -> Callable[[str, str], None]:
        def ask(name: str, benchmark: str) -> None:
            self._keep(name, benchmark, self._ask(name, request, f"{doing} {benchmark}", benchmark=benchmark))

        return ask

    def _keep(self, name: str, benchmark: str, answer: Any) -> None:
        self._batch.processes[name].keep(benchmark, answer["extra_info"], answer["suite"])

    def _ask(self, name: str, request: str, doing: str, **arguments: Any) -> Any:
        began = time.monotonic()
        answer = self._sides[name].ask(request, doing, self._timeout_s, **arguments)
        self._took[request, arguments.get("benchmark", "")].append(time.monotonic() - began)
        return answer

    def _each(self, name: str, benchmarks: Sequence[str], do: Callable[[str, str], None]) -> None:
        """Do something with each benchmark of a process; where that fails, the process is left out."""
        for benchmark in benchmarks:
            if name not in self._sides:
                return
            try:
                do(name, benchmark)
            except SideEnded as error:
                self._leave_out(name, str(error))
            except NotAnswered as error:
                self._leave_out(name, f"{name} cannot measure {benchmark}: {error}".removesuffix("."))

    def _side_by_side(self, do: Callable[[Any], None], what: Collection[Any]) -> None:
        with ThreadPoolExecutor(max(1, len(what))) as threads:
            try:
                list(threads.map(do, what))
            except BaseException:
                # Threads wait for answers, which would come before Ctrl-C has an effect.
                end_all(list(self._sides.values()), at_once=True)
                raise

    def _leave_out(self, name: str, why: str) -> None:
        """End a process and forget what it measured."""
        self._left_out.append(f"{why}.")
        self._shown(self._left_out[-1])
        self._sides.pop(name).end(at_once=True)
        self._batch.processes.pop(name, None)
        for found in self._batch.turns.values():
            found.min_s.pop(name, None)
            found.median_s.pop(name, None)

    def _check(self) -> None:
        if len(self._sides) < LEAST_PROCESSES:
            raise NoProcess(
                f"{len(self._sides)} of {len(self._places)} processes are left, too few to take turns: "
                + " ".join(dict.fromkeys(self._left_out))
            )
        if not self._benchmarks():
            raise NoProcess("the options of the suite select no benchmark that runs here; ask for others")

    def _benchmarks(self) -> dict[str, Any]:
        found: dict[str, Any] = next(iter(self._sides.values())).description["benchmarks"]
        return found

    def _medians(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for (request, benchmark), took_s in self._took.items():
            median_s = float(f"{statistics.median(took_s):.3g}")
            if benchmark:
                found.setdefault(request, {})[benchmark] = median_s
            else:
                found[request] = median_s
        return found


def described(place: Place, description: Mapping[str, Any]) -> dict[str, Any]:
    """A process and what it said of itself, as `Recording.side` has it: without what slows it."""
    return {
        "interpreter": str(place.python),
        "checkout": str(place.checkout),
        **description,
        "arguments": [word for word in place.arguments if not word.startswith(OPTION)],
    }


def _is_engine(variant: str) -> bool:
    return "tensorrt" in variant


def _is_slowed(place: Place) -> bool:
    asked = [parse(word.removeprefix(OPTION)) for word in place.arguments if word.startswith(OPTION)]
    return any(not is_reference(one.kind, one.text) for one in asked)


def places(processes: int, arguments: Sequence[str], slow: Sequence[Asked], slowed: int) -> list[Place]:
    """Where the processes of a batch run; the last `slowed` of them are slowed down.

    The others have the shortest kernel in an operator that is slowed down in those.
    """

    def place(name: str, injected: Sequence[str]) -> Place:
        words = (*arguments, *(f"{OPTION}{one}" for one in injected))
        there = (Path(sys.executable), ROOT, words)
        return Place(name, *there, SLOWED_WORKER) if injected else Place(name, *there)

    alike = [f"{one.pattern}:{one.kind}={one.module}" for one in slow if one.kind == "operator"]
    return [
        *(place(f"process-{number + 1}", alike) for number in range(processes - slowed)),
        *(place(f"slowed-{number + 1}", [str(one) for one in slow]) for number in range(slowed)),
    ]


def slowed(text: str) -> Asked:
    """The value of `--slow`.

    Raises:
        argparse.ArgumentTypeError: it is none, or slows down what no rehearsal measures.
    """
    asked = parse(text)
    if asked.kind not in KINDS:
        raise argparse.ArgumentTypeError(f"{asked}: this kind is not for rehearsals; kinds are {', '.join(KINDS)}")
    return asked


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m proof.rehearsals.processes",
        description=__doc__.splitlines()[0],
        epilog="What follows -- are options of the suite.",
    )
    parser.add_argument("file", type=option_types.output_file, metavar="FILE.json")
    parser.add_argument("--processes", type=int, default=12, metavar="N", help="of a batch, slowed ones included")
    parser.add_argument("--seconds", type=option_types.seconds, default=60.0, metavar="N", help="turns of a batch take")
    parser.add_argument("--batches", type=int, default=5, metavar="N")
    parser.add_argument(
        "--budget", type=duration, metavar="TIME", help="no batch begins that would not end within it, such as 9m"
    )
    parser.add_argument("--timeout", type=option_types.seconds, default=600.0, metavar="SECONDS", help="of an answer")
    parser.add_argument("--slow", type=slowed, action="append", default=[], metavar="PATTERN:KIND=AMOUNT")
    parser.add_argument("--slowed-processes", type=int, default=0, metavar="N", help="of a batch, slowed by --slow")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Record; exit status 2 where nothing could be recorded, with a sentence."""
    parser = _parser()
    given = list(sys.argv[1:] if argv is None else argv)
    own = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:own])
    options.arguments = given[own + 1 :]
    if bool(options.slow) != bool(options.slowed_processes):
        parser.error("--slow and --slowed-processes go together; give both or neither")
    if options.processes - options.slowed_processes < LEAST_PROCESSES or options.batches < 1:
        parser.error(f"a batch needs {LEAST_PROCESSES} processes that are not slowed, and there is one batch at least")
    try:
        with interrupting():
            return _record(options)
    except (UsageError, SideEnded, output.UnwritableOutput) as error:
        print(f"processes: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("processes: interrupted; the file has the batches that were whole", file=sys.stderr)
        return 2


def _record(options: argparse.Namespace) -> int:
    began = time.monotonic()
    found = places(options.processes, options.arguments, options.slow, options.slowed_processes)
    found[0].check()

    def shown(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    batches = Batches(found, options.seconds, options.timeout, shown)
    recording: Recording | None = None
    for number in range(1, options.batches + 1):
        longest_s = max((batch.took_s for batch in recording.batches), default=0.0) if recording else 0.0
        if options.budget is not None and time.monotonic() - began + longest_s > options.budget:
            shown(f"batch {number} is left out: the longest took {longest_s:.0f} s, and the budget has less")
            break
        recording = batches.run(number, options.file, recording)
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
