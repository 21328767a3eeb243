"""The benchmarks of a report by model and batch size: a line for each group says what it could have shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from regression.judge.verdict import Verdict
from regression.metric import Kind, Metric
from regression.report.rows import ORDER, Row
from regression.runs.run import Run
from regression.shared import EVERY, is_shared, kind
from regression.text import change, count

OTHERS = "other benchmarks"
ANSWERS = "questions"
NOUNS = {EVERY: "shift", ANSWERS: "answer", OTHERS: "benchmark"}


@dataclass(frozen=True, order=True)
class Place:
    """Where a benchmark stands in the matrix of this suite."""

    model: str
    variant: str
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class Group:
    """The verdicts of the benchmarks of one model and batch size."""

    title: str
    benchmarks: int
    noun: str
    """What its benchmarks are: variants, or benchmarks or answers, which have no place in the matrix; shifts of all."""
    verdicts: tuple[tuple[str, int], ...]
    """How many rows have each verdict, worst first; not SAME alone."""
    detects: tuple[str, ...]
    """For each metric its range of detectable changes, `kernel time 0.44-1.2 %`; last all counts, which are exact."""

    @property
    def quiet(self) -> bool:
        return [word for word, _ in self.verdicts] == [Verdict.SAME]

    @property
    def size(self) -> str:
        return count(self.benchmarks, self.noun)

    @property
    def told(self) -> str:
        """`SAME`, or how many have which verdict."""
        return Verdict.SAME if self.quiet else ", ".join(f"{number} {word}" for word, number in self.verdicts)


def places(run: Run, baselines: Iterable[Run] = ()) -> dict[str, Place]:
    """Where each benchmark stands; those of other suites stand nowhere."""
    found = {}
    for one in (*baselines, run):
        for id_, benchmark in one.benchmarks.items():
            params = benchmark.params
            if params.get("batch_size", "").isdecimal() and {"model", "variant"} <= params.keys():
                found[id_] = Place(params["model"], params["variant"], int(params["batch_size"]))
    return found


def groups(rows: Sequence[Row], places: Mapping[str, Place], metrics: Sequence[Metric]) -> tuple[Group, ...]:
    """One group for each model and batch size, in the order of the names; last what has no place in the matrix.

    What benchmarks share is a group of its own, and so are the answers to questions.
    """
    found: dict[tuple[str, int], list[Row]] = {}
    order_of = {metric.key: number for number, metric in enumerate(metrics)}
    for row in sorted(rows, key=lambda row: order_of[row.metric.key]):
        place = places.get(row.benchmark)
        outside = EVERY if is_shared(row.benchmark) else ANSWERS if row.metric.of_questions else OTHERS
        found.setdefault((place.model, place.batch_size) if place else (outside, 0), []).append(row)
    order = sorted(found, key=lambda key: (not key[1], key))
    return tuple(_group(key, found[key]) for key in order)


def _group(key: tuple[str, int], rows: Sequence[Row]) -> Group:
    model, batch_size = key
    words = Counter(row.word for row in rows)
    known = [*dict.fromkeys([*map(str, ORDER), *words])]
    return Group(
        title=f"{model} b{batch_size}" if batch_size else model,
        benchmarks=len({row.benchmark for row in rows}),
        noun="variant" if batch_size else NOUNS[model],
        verdicts=tuple((word, words[word]) for word in known if words[word]),
        detects=tuple(_detects(rows)),
    )


def _detects(rows: Sequence[Row]) -> Iterable[str]:
    ranges: dict[str, list[float]] = {}
    for row in rows:
        if row.metric.kind is Kind.CONTINUOUS and row.detectable_ratio is not None:
            of_some = is_shared(row.benchmark) and row.benchmark != EVERY
            title = f"{row.title} of {kind(row.benchmark)}" if of_some else row.title
            ranges.setdefault(title, []).append(row.detectable_ratio)
    for title, ratios in ranges.items():
        yield f"{title} {span(min(ratios), max(ratios))}"
    if any(row.metric.kind is Kind.COUNT and row.baseline is not None for row in rows):
        yield "counts exact"


def span(least: float, most: float) -> str:
    """Two ratios as a range of changes in one unit, `0.44-1.2 %` or `8.3-19.7 x`."""
    low, high = (_short(ratio) for ratio in (least, most))
    if high.endswith(" x") and low.endswith(" %"):
        low = f"{least:.3g} x"
    if low == high:
        return low
    return f"{low} to {high}" if high.startswith("over") else f"{low[:-2]}-{high}"


def _short(ratio: float) -> str:
    """A ratio as a change with two digits."""
    percent = (ratio - 1) * 100
    return change(ratio, "") if percent >= 1000 else f"{float(f'{percent:.2g}'):g} %"
