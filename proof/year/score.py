"""Compares what was told of a year with what happened in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from proof.year.calendar import GPUS, RENAMED, TENSORRT, Calendar, Change
from proof.year.nightly import Nightly, Told
from regression.history.event import Event, History
from regression.incidents.plan import Kind
from regression.judge.verdict import Verdict

KERNEL_TIME = "kernel_time"
# A small change is dated up to so many nights beside the true one (docs/history.md).
NEARBY = 2


class Score:
    """Lines that say what was told when, and sentences on what should have been told otherwise."""

    def __init__(self, nightly: Nightly, histories: Iterable[History], calendar: Calendar | None = None) -> None:
        self.nightly, self.calendar = nightly, calendar or nightly.calendar
        self.histories = {history.identity[0]: history for history in histories}
        self.lines: list[str] = []
        self.wrong: list[str] = []
        self.stored: list[str] = []
        for change in self.calendar.changes:
            self._change(change)
        self._swaps()
        self._red()
        self._issues()
        self._history()
        self._renamed()

    def _change(self, change: Change) -> None:
        worse = change.until is not None
        verdict = Verdict.SLOWER if worse else Verdict.FASTER
        rows = {name: self._first(change, name, verdict) for name in change.benchmarks}
        took_back = any(other.until == change.night and other.gpu == change.gpu for other in self.calendar.changes)
        what = f"{change.gpu} night {change.night}: {100 * change.change:+.0f} %" + (
            f" over {change.nights} nights" if change.nights > 1 else ""
        )
        if took_back:
            self.lines.append(f"{what}, which takes back what was before")
            return
        nights = sorted(night for night in rows.values() if night is not None)
        self.lines.append(f"{what}: {verdict} from night {', '.join(map(str, sorted({*nights})))} on")
        in_time = range(change.night, change.night + change.nights)
        if len(nights) != len(rows) or not all(night in in_time for night in nights):
            self.wrong.append(f"{what}: told by the judge on {rows}")

    def _first(self, change: Change, benchmark: str, verdict: Verdict) -> int | None:
        """The first night on which the judge says so of the benchmark's kernel time."""
        end = change.until or self.calendar.nights
        return next(
            (
                told.night
                for told in self._nights(change.gpu, change.night, end)
                for row in told.outcome.report.judgements
                if (row.benchmark, row.metric, row.verdict) == (benchmark, KERNEL_TIME, verdict)
            ),
            None,
        )

    def _nights(self, gpu: str, first: int, end: int) -> Iterator[Told]:
        return (told for told in self.nightly.told if told.gpu == gpu and first <= told.night < end)

    def _red(self) -> None:
        """A night may be red only while something is worse than the baseline."""
        red = [told for told in self.nightly.told if told.outcome.failed]
        for told in red:
            if not self.calendar.expected_red(told.gpu, told.night):
                self.wrong.append(f"{told.gpu} night {told.night} was red: {told.outcome.lines[0][:300]}")
        self.lines.append(f"{len(red)} red of {len(self.nightly.told)} nights")

    def _issues(self) -> None:
        """One for each change that is worse, opened on its first red night, closed on the first that is green."""
        done = [(night, action) for night, plan in self.nightly.plans for action in plan.actions]
        opened = [
            (night, ", ".join(action.cause.gpus) if action.cause else "not judged")
            for night, action in done
            if action.kind is Kind.OPEN
        ]
        closed = [night for night, action in done if action.kind is Kind.CLOSE]
        worse = [change for change in self.calendar.changes if change.until is not None]
        self.lines.append(f"issues opened on {opened}, closed on nights {closed}")
        for change in worse:
            in_time = range(change.night, change.night + change.nights)
            if sum(gpu == change.gpu and night in in_time for night, gpu in opened) != 1:
                self.wrong.append(f"{change.gpu} night {change.night}: not one issue, but those of {opened}")
        ends = [change.until for change in worse if change.until is not None and change.until < self.calendar.nights]
        if len(opened) != len(worse) or sorted(closed) != sorted(ends):
            self.wrong.append(f"issues: opened on {opened}, closed on {closed}, to be closed on {sorted(ends)}")

    def _history(self) -> None:
        """Each change once, on its night; and nothing else, but what the change does to the latency."""
        for gpu, history in self.histories.items():
            changes = [change for change in self.calendar.changes if change.gpu == gpu]
            own = [(change, name) for change in changes for name in change.benchmarks]
            for event in history.events:
                explained = [change for change, name in own if self._explains(change, name, event)]
                night = self._night(event)
                change_text = f"{100 * ((event.ratio or 1) - 1):+.1f} %"
                self.lines.append(
                    f"{gpu} history: {event.kind} of {event.metric.title} of {event.benchmark} "
                    f"from night {night} on, {change_text}"
                )
                if not explained:
                    self.wrong.append(f"the history tells what did not happen: {self.lines[-1]}")
            for change, name in own:
                told = [
                    event
                    for event in history.events
                    if event.metric.key == KERNEL_TIME and self._explains(change, name, event)
                ]
                if len(told) != 1:
                    self.wrong.append(f"the history tells {gpu} night {change.night} of {name} {len(told)} times")

    def _explains(self, change: Change, name: str, event: Event) -> bool:
        """Whether the event is this change: its benchmark, its direction, and its night within what its size allows."""
        first = (event.earliest.when - self.nightly.world.first).days
        last = (event.latest.when - self.nightly.world.first).days
        end = change.night + change.nights - 1
        near = first - NEARBY <= change.night <= last + NEARBY or change.night - NEARBY <= first <= end + NEARBY
        return event.benchmark == name and ((event.ratio or 1) > 1) == (change.change > 0) and near

    def _night(self, event: Event) -> int:
        return (event.first.when - self.nightly.world.first).days

    def _swaps(self) -> None:
        for gpu, history in self.histories.items():
            found = [(swap.night.when - self.nightly.world.first).days for swap in history.swaps]
            expected = [self.calendar.swapped[gpu]] if gpu in self.calendar.swapped else []
            self.lines += [f"{gpu} history: another GPU from night {night} on" for night in found]
            if found != expected:
                self.wrong.append(f"{gpu}: the history tells of another GPU on {found}, it was on {expected}")

    def _renamed(self) -> None:
        """While the baseline knows the old names alone, the report says which name is likely the new one."""
        first, end = self.calendar.renamed, self.calendar.refreshed
        for told in self.nightly.told:
            text = " ".join(" ".join(told.outcome.lines).split())
            named = all(f"{old} -> {new}" in text for old, new in zip(TENSORRT, RENAMED, strict=True))
            if named != (first <= told.night < end):
                self.wrong.append(f"{told.gpu} night {told.night}: {'says' if named else 'does not say'} the new names")
        self.lines.append(f"renamed on night {first}, refreshed on night {end}: said from one to the other")

    def stored_once(self, identities: Iterable[str]) -> None:
        """Whether the store holds every night once."""
        found = self.stored = list(identities)
        expected = {f"{gpu}-{night}-0" for gpu in GPUS for night in range(self.calendar.nights)}
        lost = expected - set(found)
        twice = [name for name in expected if found.count(name) > 1]
        self.lines.append(f"the store holds {len(expected) - len(lost)} of {len(expected)} nights")
        if lost or twice:
            self.wrong.append(f"the store lacks {sorted(lost)[:5]}, and has twice {sorted(twice)[:5]}")
