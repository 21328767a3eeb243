"""One rehearsal from the first process to the last: pairs of fresh processes, until all is decided or time is up."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal import outputs, turns
from rehearsal.protocol import KEEPS_PARTS, NEW, OLD, SIDES, UNTIMED_CALLS
from rehearsal.record import Pair, Record
from rehearsal.side import NotAnswered, Place, Side, SideEnded, UnusableSide, end_all
from rehearsal.turns import LEAST_ROUNDS

LEAST_TURNS_S = 1.0
"""Of a pair and benchmark, or its least rounds where they take longer; a budget that has not so much for LEAST_PAIRS
decides nothing."""
MOST_TURNS_S = 20.0
BUDGET_S, GPU_BUDGET_S = 600.0, 3600.0
"""Where none is given. On a GPU engines and profiles take minutes a pair; it ends as soon as all is decided."""
BUILD_GRACE_S = 60.0
CHECKED_S = 0.6
"""What counts and profiles of a benchmark take at least, before it is known."""

Progress = Callable[[str, float], None]
"""Shows a line, and which share of the time is spent."""
Settled = Callable[[Record], tuple[set[str], set[str]]]
"""Of a record the benchmarks whose latency is decided, and those whose kernel time is."""


class TooShort(UnusableSide):
    """The budget is too short to decide anything."""


class Rehearsal:
    """A rehearsal under way.

    Args:
        places: where the sides run, old and new.
        budget_s: no pair begins after so many seconds, and no round beyond the fewest of a pair; None for as long as
            the device needs.
        pairs: how many pairs there are at most, and after how many something can be decided.
        counted: in how many pairs is counted.
        settled: says what is decided; asked before every pair.
        progress: shows what is done, and which share of the budget is spent.
        start: starts a side.

    Attributes:
        start_s: how long both sides took to start, with nothing built.
    """

    def __init__(
        self,
        places: Mapping[str, Place],
        budget_s: float | None,
        *,
        least_pairs: int,
        most_pairs: int,
        counted: int,
        build_timeout_s: float,
        turn_timeout_s: float,
        settled: Settled,
        progress: Progress,
        seed: int | None = None,
        start: Callable[[Place], Side] = Side,
    ) -> None:
        self._places, self._budget_s = places, budget_s or BUDGET_S
        self._is_asked_for = budget_s is not None
        self._least_pairs, self._most_pairs, self._counted = least_pairs, most_pairs, counted
        self._build_timeout_s, self._turn_timeout_s = build_timeout_s, turn_timeout_s
        self._settled, self._progress, self._start_side = settled, progress, start
        self._draw = random.Random(seed)
        self._began = time.monotonic()
        self.start_s = self._build_s = self._end_s = self._spared_s = 0.0
        self._parts: tempfile.TemporaryDirectory[str] | None = None
        self._sides: dict[str, Side] = {}
        self._starting: dict[str, Side] = {}
        self._doing = self._decided = ""
        self._benchmark = ""
        self._references: dict[str, Any] = {}
        self._round_s: dict[str, float] = {}

    def describe(self) -> Record:
        """Start both sides, and let each say what it is; they go on.

        Raises:
            UnusableSide: a side cannot be started, or the two cannot be compared.
        """
        for place in self._places.values():
            place.check()
        began = time.monotonic()
        self._start()
        self.start_s = time.monotonic() - began
        if not self._is_asked_for and self._sides[OLD].description["device"]["is_cuda"]:
            self._budget_s = GPU_BUDGET_S
        record = Record(
            sides={
                side: {
                    "interpreter": str(place.python),
                    "checkout": str(place.checkout),
                    "arguments": list(place.arguments),
                    **self._sides[side].description,
                }
                for side, place in self._places.items()
            },
            budget_s=self._budget_s,
            datetime=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        _check(record)
        return record

    def run(self, record: Record) -> None:
        """Measure pair after pair into the record; whatever ends it early, what is whole is recorded.

        Raises:
            TooShort: after the first builds it is seen that nothing can be decided.
        """
        # A pair that a failure ended costs its benchmark, and none of the pairs of the others.
        whole = attempts = 0
        while whole < self._most_pairs:
            latency, kernels = self._settled(record)
            self._decided = f"{len(latency)} of {len(record.compared())} decided"
            left = [name for name in record.compared() if name not in latency]
            profiled = [name for name in record.compared() if name not in kernels] if record.is_cuda else []
            counted = [name for name in record.compared() if _times_counted(record, name) < self._counted]
            wanted = [name for name in record.compared() if name in {*left, *profiled, *counted}]
            # The first pair also counts and compares outputs, whatever else is asked for.
            if not wanted or (whole and not (left or profiled)):
                break
            if attempts and not self._has_room(whole, left, 0.0 if self._starting else self.start_s):
                break
            attempts += 1
            pair = Pair()
            record.pairs.append(pair)
            try:
                self._pair(record, pair, whole, wanted, left, counted, profiled)
            except SideEnded as error:
                if not self._benchmark:
                    raise
                record.failed[error.side][self._benchmark] = str(error)
                if all(turns.rounds < LEAST_ROUNDS for turns in pair.turns.values()):
                    record.pairs.remove(pair)
                self._end_sides(at_once=True)
            else:
                whole += 1
                self._end_sides()

    def end(self, *, at_once: bool = False) -> None:
        """End both sides, and remove what they kept for later pairs."""
        starting, self._starting = self._starting, {}
        with ExitStack() as stack:  # what comes last is done first, and nothing is left out
            if self._parts is not None:
                stack.callback(self._parts.cleanup)
                self._parts = None
            stack.callback(self._end_sides, at_once=at_once)
            stack.callback(end_all, starting.values(), at_once=True)

    def _end_sides(self, *, at_once: bool = False) -> None:
        sides, self._sides = list(self._sides.values()), {}
        end_all(sides, at_once=at_once)

    def _has_room(self, whole: int, latencies: Sequence[str], until_then_s: float) -> bool:
        """Whether the budget has room for one more pair; for one without which nothing is decided, until its turns.

        Args:
            until_then_s: what passes before it can build.
        """
        left_s = self._left_s() - until_then_s - self._build_s
        return left_s > (self._least_turns_s(latencies) + self._end_s if whole >= self._least_pairs else 0.0)

    def _between_s(self) -> float:
        """What a further pair takes beside its turns. Its processes start while the pair before it ends."""
        return self._build_s + max(self._end_s, self.start_s)

    def _pair(
        self,
        record: Record,
        pair: Pair,
        number: int,
        wanted: Sequence[str],
        left: Sequence[str],
        counted: Sequence[str],
        profiled: Sequence[str],
    ) -> None:
        self._doing = f"pair {number + 1} of {self._most_pairs}"
        if not self._sides:
            self._start()
        began = time.monotonic()
        counts = self._build(record, pair, wanted)
        # What was compiled now is loaded in the next pair.
        self._build_s = time.monotonic() - began - self._spared_s
        left = [name for name in left if name in counts]
        seconds = self._seconds(number, left, is_only=not any(record.failed.values()))
        ends = time.monotonic() + seconds

        def shown() -> None:
            rounds = max((found.rounds for found in pair.turns.values()), default=0)
            self._show(f"latency of {len(left)} benchmarks, round {rounds}, {max(0, ends - time.monotonic()):.0f} s")

        turns.take_turns(
            SIDES,
            {name: counts[name] for name in left},
            seconds,
            self._take,
            pair.turns,
            self._draw,
            shown,
            turns.common_cores(side.description for side in self._sides.values()),
        )
        began = time.monotonic()
        self._benchmark = ""
        if number + 1 < self._most_pairs and self._has_room(number + 1, left, max(self._end_s, self.start_s)):
            self._start_next()
        self._compare_outputs(record, [name for name in counts if name not in record.outputs])
        for request, names in (("count", counted), ("profile", profiled)):
            for name in names:
                if name in counts:
                    self._measure(record, pair, request, name)
        self._benchmark = ""
        self._end_s = max(self._end_s, time.monotonic() - began)

    def _least_turns_s(self, latencies: Sequence[str]) -> float:
        """How long the turns of a pair take at least."""
        return sum(max(LEAST_TURNS_S, LEAST_ROUNDS * self._round_s.get(name, 0.0)) for name in latencies)

    def _seconds(self, number: int, latencies: Sequence[str], *, is_only: bool) -> float:
        """How long the turns of a pair may take, so that as many pairs as possible find room in the budget.

        Args:
            is_only: nothing is known yet that would be lost where the budget is refused.
        """
        self._end_s = end_s = self._end_s or CHECKED_S * len(latencies)
        least_s = self._least_turns_s(latencies)
        left_s = self._left_s() - end_s
        if not number and is_only and left_s - least_s < (self._least_pairs - 1) * (self._between_s() + least_s):
            spent_s = self._budget_s - self._left_s()
            needed_s = spent_s + (self._least_pairs - 1) * (self._between_s() + least_s) + least_s + end_s
            raise TooShort(
                f"--budget of {self._budget_s:.0f} s is too short to decide anything: {self._least_pairs} pairs of "
                f"processes take about {needed_s:.0f} s here; give more, or fewer benchmarks (--models, --variants, "
                "--batch-sizes)"
            )
        longest_s = MOST_TURNS_S * len(latencies)
        pairs = (self._most_pairs - number, self._least_pairs - number)
        planned = turns.planned(left_s, self._between_s(), least_s, longest_s, *pairs)
        return planned[1] if planned else max(0.0, min(left_s, least_s))

    def _launch(self) -> dict[str, Side]:
        """New processes of both sides, which import at the same time."""
        launched: dict[str, Side] = {}
        try:
            for side in turns.order(SIDES, self._draw):
                launched[side] = self._start_side(self._places[side])
        except BaseException:
            end_all(launched.values(), at_once=True)
            raise
        return launched

    def _start_next(self) -> None:
        """Let the sides of the next pair start: that disturbs no count and no kernel, but would disturb latencies.

        Where they cannot, the next pair tries again, and says why.
        """
        with suppress(SideEnded, UnusableSide):
            self._starting = self._launch()

    def _start(self) -> None:
        self._benchmark = ""
        self._show("starting both sides")
        self._sides, self._starting = self._starting or self._launch(), {}
        for side in self._sides.values():
            side.begin()
        # Both or neither: the two would not be built in the same way.
        if all(one.description.get(KEEPS_PARTS) for one in self._sides.values()):
            self._keep_parts()

    def _keep_parts(self) -> None:
        """Have each side keep what it compiles in a folder of its own, the same in all pairs.

        Where none can be made, each process compiles for itself.
        """
        try:
            if self._parts is None:
                self._parts = tempfile.TemporaryDirectory(prefix="rehearsal-parts-", ignore_cleanup_errors=True)
            folders = {name: Path(self._parts.name, name) for name in self._sides}
            for folder in folders.values():
                folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            return
        for name, side in self._sides.items():
            try:
                side.ask("keep", "starting", self._turn_timeout_s, folder=str(folders[name]))
            except NotAnswered as error:
                raise UnusableSide(f"the {name} side: {error}") from None

    def _build(self, record: Record, pair: Pair, wanted: Sequence[str]) -> dict[str, int]:
        """Build on both sides; the calls of a turn of every benchmark that both could build."""
        counts = {}
        self._spared_s = 0.0
        for name in wanted:
            self._show(f"building {name}")
            latencies_s = []
            for side in turns.order(SIDES, self._draw):
                with self._failing(record, side, name):
                    answer = self._ask(side, "build", name, self._build_timeout_s + BUILD_GRACE_S)
                    latencies_s.append(answer["latency_s"])
                    self._spared_s += answer.get("spared_s", 0.0)
                    self._keep(pair, side, name, answer)
                    if answer.get("not_loaded"):
                        _note(
                            record,
                            f"The {side} side could not load what it had compiled of {name}, and built it in one "
                            f"piece in one pair or more ({answer['not_loaded']}).",
                        )
            if not any(name in record.failed[side] for side in SIDES):
                counts[name] = turns.calls(max(latencies_s))
                self._round_s[name] = (UNTIMED_CALLS + counts[name]) * sum(latencies_s)
        return counts

    def _compare_outputs(self, record: Record, names: Sequence[str]) -> None:
        for name in names:
            self._show(f"outputs of {name}")
            said: dict[str, Any] = {}
            for side in SIDES:
                with self._failing(record, side, name):
                    said[side] = self._ask(side, "outputs", name, self._turn_timeout_s)
            model = record.sides[OLD]["benchmarks"][name]["model"]
            if model not in self._references:
                with self._failing(record, OLD, name):
                    self._references[model] = self._sides[OLD].ask(
                        "reference", f"computing the reference of {model}", self._turn_timeout_s, model=model
                    )
            if len(said) == len(SIDES) and model in self._references:
                record.outputs[name] = outputs.compare(said[OLD], said[NEW], self._references[model])

    def _measure(self, record: Record, pair: Pair, request: str, name: str) -> None:
        self._show(f"{'counts' if request == 'count' else 'kernel time'} of {name}")
        for side in turns.order(SIDES, self._draw):
            with self._failing(record, side, name):
                self._keep(pair, side, name, self._ask(side, request, name, self._turn_timeout_s))

    def _keep(self, pair: Pair, side: str, name: str, answer: Mapping[str, Any]) -> None:
        pair.measured[side][name] = answer["extra_info"]
        pair.lists[side] = answer["suite"]

    def _take(self, side: str, benchmark: str, calls: int, core: int | None) -> Sequence[float]:
        self._benchmark, doing = benchmark, f"taking a turn of {benchmark}"
        arguments = {"benchmark": benchmark, "calls": calls, **turns.on(core)}
        try:
            found: list[float] = self._sides[side].ask("turn", doing, self._turn_timeout_s, **arguments)
        except NotAnswered as error:  # a round without it is not whole, so a new pair measures the rest
            raise SideEnded(side, f" failed while {doing}: {error}") from None
        return found

    def _ask(self, side: str, request: str, benchmark: str, timeout_s: float) -> Any:
        self._benchmark = benchmark
        doing = {"build": "building", "count": "counting", "profile": "profiling"}.get(request, "running")
        return self._sides[side].ask(request, f"{doing} {benchmark}", timeout_s, benchmark=benchmark)

    @contextmanager
    def _failing(self, record: Record, side: str, benchmark: str) -> Iterator[None]:
        """What a side says it cannot do is recorded as a failure of the benchmark."""
        try:
            yield
        except NotAnswered as error:
            record.failed[side][benchmark] = str(error)

    def _left_s(self) -> float:
        return self._budget_s - (time.monotonic() - self._began)

    def _show(self, text: str) -> None:
        left_s = max(0.0, self._left_s())
        minutes, seconds = divmod(round(left_s), 60)
        # What is longest stands last, where a narrow terminal cuts it.
        said = ", ".join(filter(None, (self._doing, self._decided, f"{minutes}:{seconds:02} left")))
        self._progress(f"{said}: {text}", 1 - left_s / self._budget_s)


def _note(record: Record, sentence: str) -> None:
    if sentence not in record.notes:
        record.notes.append(sentence)


def _times_counted(record: Record, benchmark: str) -> int:
    """In how many pairs both sides were counted."""
    return sum(all("host_work" in pair.measured[side].get(benchmark, {}) for side in SIDES) for pair in record.pairs)


def _check(record: Record) -> None:
    """Fill in what a side lacks that the other has.

    Raises:
        UnusableSide: they have no benchmark in common, or run on different devices.
    """
    devices = [record.sides[side]["device"] for side in SIDES]
    if devices[0]["is_cuda"] != devices[1]["is_cuda"] or devices[0]["uuid"] != devices[1]["uuid"]:
        names = " and ".join(f"{device['name']} {device['uuid']}".strip() for device in devices)
        raise UnusableSide(
            f"the sides run on different devices ({names}), which cannot take turns; compare stored runs instead "
            "(python -m regression)"
        )
    for side, other in ((OLD, NEW), (NEW, OLD)):
        here, missing = record.sides[side]["benchmarks"], record.sides[side]["missing"]
        for name, parts in record.sides[other]["benchmarks"].items():
            if name not in here:
                reasons = (missing.get(key) for key in (name, parts["model"], parts["variant"]))
                record.missing[side][name] = next(filter(None, reasons), "not part of this side's matrix")
    if not record.compared():
        raise UnusableSide(
            f"the sides have no benchmark in common ({'; '.join(f'{side}: {_has(record, side)}' for side in SIDES)})"
        )


def _has(record: Record, side: str) -> str:
    """The first benchmarks that a side has; where it has none, why."""
    names, missing = record.sides[side]["benchmarks"], record.sides[side]["missing"]
    return ", ".join(list(names)[:3] or dict.fromkeys(missing.values())) or "nothing was selected"
