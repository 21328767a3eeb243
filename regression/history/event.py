"""What a history says: lasting changes, swaps of the GPU, and the series with too few nights to tell."""

from dataclasses import dataclass

from regression.history.changepoints import DRIFT, STEP
from regression.history.night import Night
from regression.history.noise import FEWEST
from regression.metric import Metric
from regression.metrics import METRICS
from regression.text import change

SWAP = "swap"
# Of the changes of one series so many are told beside a verdict, the last ones.
MOST = 3


@dataclass(frozen=True)
class Event:
    """One lasting change of one benchmark and metric: a `step`, a `drift`, or what a `swap` of the GPU did.

    `first` is the first night that differs, `last` the first at the new level (later than `first` for a drift). The
    true first night lies between `earliest` and `latest`. `before` and `after` are in the metric's unit, on the GPU of
    `first`. `environment` is what was recorded otherwise, with the night where that is not `first`.
    """

    benchmark: str
    metric: Metric
    kind: str
    first: Night
    last: Night
    earliest: Night
    latest: Night
    nights: int
    ongoing: bool
    """Whether a drift lasts until the newest night of the series."""
    before: float
    after: float
    environment: tuple[str, ...]

    @property
    def ratio(self) -> float | None:
        """After over before; None where there was none of it before."""
        return self.after / self.before if self.before else None

    @property
    def a_night(self) -> float | None:
        """By which fraction a drift moves on in one night; None for what is none, and where there was none before."""
        return self.ratio ** (1 / self.nights) - 1 if self.kind == DRIFT and self.ratio else None

    @property
    def when(self) -> str:
        """The night or nights, such as `2026-10-01 to 2026-10-20`."""
        if self.kind == DRIFT:
            return f"since {self.first.day}" if self.ongoing else f"{self.first.day} to {self.last.day}"
        return self.first.day

    @property
    def told(self) -> str:
        """What happened when, such as `a drift since 2026-10-01, +0.30 % a night`; every form says it like this."""
        if self.kind == SWAP:
            return f"another GPU since {self.first.day}"
        since = self.when if self.ongoing else f"from {self.when}"
        what = f"a step on {self.when}" if self.kind == STEP else f"a drift {since}"
        return f"{what}, {self.detail}" if self.detail else what

    @property
    def detail(self) -> str:
        """The pace of a drift, and between which nights a change began where that is not known to the night."""
        pace = f"{change(1 + self.a_night)} a night" if self.a_night is not None else ""
        known = self.earliest.day == self.latest.day
        began = "" if known else f"begun between {self.earliest.day} and {self.latest.day}"
        return ", ".join(part for part in (pace, began) if part)


@dataclass(frozen=True)
class Swap:
    """The night from which on another GPU measures, and what that changed."""

    night: Night
    before: str
    after: str
    events: tuple[Event, ...]
    environment: tuple[str, ...]

    def sentence(self) -> str:
        """What happened to the GPU, and in how many series it shows."""
        shown = {0: "no series shows it", 1: "1 series shows it"}.get(
            len(self.events), f"{len(self.events)} series show it"
        )
        return f"{self.night.day}: another GPU measures from here on ({self.before} -> {self.after}); {shown}."


@dataclass(frozen=True)
class Short:
    """A series with too few nights to show a change worth knowing, and how many it needs."""

    benchmark: str
    metric: Metric
    nights: int
    needed: int


@dataclass(frozen=True)
class History:
    """The stored runs of one GPU model, MIG profile and precision policy in time order, and what changed in them."""

    identity: tuple[str, str, str]
    nights: tuple[Night, ...]
    series: int
    events: tuple[Event, ...]
    swaps: tuple[Swap, ...] = ()
    short: tuple[Short, ...] = ()
    disturbed: int = 0
    """Nights with values of a disturbed GPU, which are left out."""

    @property
    def title(self) -> str:
        return ", ".join(part for part in self.identity[:2] if part)

    def sentence(self) -> str:
        """How many runs there are from when to when, what came of them, and what too few nights cannot tell."""
        count = len(self.nights)
        if count < FEWEST:
            runs = "one stored run" if count == 1 else f"{count} stored runs"
            return f"{self.title}: {runs}; a history needs at least {FEWEST}."
        said = [self._changes()]
        if self.short:
            needed = sorted(one.needed for one in self.short)
            span = f"{needed[0]}" if needed[0] == needed[-1] else f"{needed[0]} to {needed[-1]}"
            are = "1 series has" if len(self.short) == 1 else f"{len(self.short)} series have"
            said.append(f"{are} too few nights to tell, {span} are needed")
        if self.swaps:
            said.append("the GPU was swapped on " + ", ".join(dict.fromkeys(swap.night.day for swap in self.swaps)))
        if self.disturbed:
            nights = "1 night" if self.disturbed == 1 else f"{self.disturbed} nights"
            said.append(f"times of a disturbed GPU are left out in {nights}")
        return (
            f"{self.title}: {count} stored runs from {self.nights[0].day} to {self.nights[-1].day}, {'; '.join(said)}."
        )

    def _changes(self) -> str:
        told = self.series - len(self.short)
        if self.events:
            changes = "1 lasting change" if len(self.events) == 1 else f"{len(self.events)} lasting changes"
            return f"{changes} in {self.series} series"
        if not self.series:
            return f"no series has the {FEWEST} nights that a history needs"
        if not told:
            return f"nothing can be said yet of {self.series} series"
        return f"no lasting change in {f'{told} of ' if self.short else ''}{self.series} series"

    def says(self, benchmark: str, metric: Metric, ratio: float | None) -> str:
        """What the history says of a change against the baseline, as the end of a sentence; empty without the series.

        `ratio` is now over the baseline, and None where that is not known.
        """
        series = (benchmark, metric.part_of or metric.key)
        if not any(series in night.values for night in self.nights[:-1]):
            return ""
        up = ratio is None or ratio > 1
        found = [
            event
            for event in (*self.events, *(one for swap in self.swaps for one in swap.events))
            if (event.benchmark, event.metric.key) == series and (event.after > event.before) == up
        ]
        if found:
            found.sort(key=lambda event: event.first.when)
            told = (f"{one.told} ({change(one.ratio)} in all)" for one in found[-MOST:])
            return f"in the history {', then '.join(told)}"
        short = next((one for one in self.short if (one.benchmark, one.metric.key) == series), None)
        if short is not None:
            return f"the history has too few nights to tell since when ({short.nights} of the {short.needed} needed)"
        if len(self.values(*series)) < FEWEST:
            return f"the history has too few nights to tell since when (it needs at least {FEWEST})"
        return "in the history no lasting change yet"

    def values(self, benchmark: str, metric: str) -> list[tuple[Night, float]]:
        """The nights on which this benchmark's metric (its key) was measured as on the newest, with the value."""
        key = (benchmark, metric)
        of = next((one for one in METRICS if one.key == metric), None)
        usable = [night for night in self.nights if key in night.values and (not of or night.usable(benchmark, of))]
        found = measured_alike(key, usable)
        return [(night, night.values[key]) for night in found]


def measured_alike(key: tuple[str, str], found: list[Night]) -> list[Night]:
    """Those of a series' nights whose value was measured as that of the newest."""
    how = found[-1].alike.get(key) if found else None
    return [night for night in found if night.alike.get(key) == how]
