"""The fleet: every GPU model's nights, one verdict for each benchmark, and where GPU models disagree."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from regression.fleet import names
from regression.fleet.night import NIGHTS, Night
from regression.judge.verdict import FAILING, Verdict
from regression.metric import Kind
from regression.metrics import METRICS
from regression.shared import is_shared

GENERATIONS: Mapping[str, str] = {
    "6": "Pascal", "7.0": "Volta", "7.2": "Volta", "7.5": "Turing", "8.9": "Ada", "8": "Ampere", "9": "Hopper",
    "10": "Blackwell", "11": "Blackwell", "12": "Blackwell",
}  # fmt: skip


class Word(StrEnum):
    """What is said of a benchmark or a night, worst first. A failing CHANGED is told from one that is listed only."""

    MISSING = "missing"
    SLOWER = "slower"
    CHANGED = "changed"
    ACCEPTED = "accepted"
    UNSURE = "unsure"
    LISTED = "other value"
    FASTER = "faster"
    SAME = "same"
    NEW = "new"
    UNJUDGED = "not judged"
    NO_RUN = "no run"


FAILS = frozenset({Word.MISSING, Word.SLOWER, Word.CHANGED})
# What says neither that something is well nor that it is not.
SILENT = frozenset({Word.UNSURE, Word.NEW, Word.UNJUDGED, Word.NO_RUN})
TIMES = frozenset(metric.key for metric in METRICS if metric.kind is Kind.CONTINUOUS)
ORDER = {word: place for place, word in enumerate(Word)}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The worst verdict of one benchmark on one GPU model, and the metrics that have it."""

    word: Word
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Failing:
    """What fails on one GPU model on its last night."""

    benchmark: str
    word: Word
    metrics: tuple[str, ...]
    since: datetime.date
    """The first night of an unbroken row of failing ones; nights that say nothing do not break it."""
    longer: bool
    """Whether the row reaches the first night that is shown."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """One GPU model of the fleet."""

    slug: str
    name: str
    generation: str
    gpus: int
    """How many GPUs measured in these nights."""
    last: datetime.date
    status: Word
    """Of its last night: the worst word, UNSURE only where most measurements are."""
    counts: Mapping[Word, int]
    """Of its last night: benchmarks by their worst verdict."""
    nights: tuple[Word, ...]
    """The last days of the whole fleet, oldest first."""
    cells: Mapping[str, Cell]
    """Benchmark to what its last night says."""
    failing: tuple[Failing, ...]
    url: str

    @property
    def judged(self) -> bool:
        return bool(self.cells)


@dataclass(frozen=True, kw_only=True)
class Disagreement:
    """Benchmarks of a metric that fail on some GPU models and are well on others."""

    word: Word
    metric: str
    benchmarks: tuple[str, ...]
    where: str
    """`on NVIDIA L4 alone`, `on Hopper alone`, `on 3 of 20 GPU models`."""
    models: tuple[str, ...]
    """Slugs of those on which they fail."""
    well: int
    """GPU models on which all of them are well."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """All GPU models of a store."""

    days: tuple[datetime.date, ...]
    """Oldest first."""
    models: tuple[Model, ...]
    benchmarks: tuple[str, ...]
    """As everybody may know them, in the order of their runs."""
    disagreements: tuple[Disagreement, ...]

    @property
    def sentence(self) -> str:
        """The headline."""
        last = [model for model in self.models if model.last == self.days[-1]]
        failing = [model for model in last if model.status in FAILS]
        silent = [model for model in last if model.status is Word.UNJUDGED]
        late = len(self.models) - len(last)
        said = f"{self.days[-1]}: "
        of = len(last) if failing else len(last) - len(silent)
        number = f"{of} GPU model{'' if of == 1 else 's'}"
        if failing:
            said += f"{len(failing)} of {number} {'fails' if len(failing) == 1 else 'fail'}"
        else:
            said += f"nothing fails on {number}" if of else "no GPU model was judged"
        said += f"; {len(silent)} judged nothing" if silent and of else ""
        said += f"; {late} did not run" if late else ""
        alone = sum(len(one.benchmarks) for one in self.disagreements)
        return f"{said}; {alone} measurements fail on some and not on others." if alone else f"{said}."


def fleet(nights: Iterable[Night], days: int = NIGHTS) -> Fleet | None:
    """The fleet of some nights; None where there are none.

    A night of a GPU model is all that was measured on one day; of each GPU its latest run counts.
    """
    by_model: dict[str, list[Night]] = {}
    for night in sorted(nights, key=lambda night: night.when):
        by_model.setdefault(night.slug, []).append(night)
    if not by_model:
        return None
    end = max(found[-1].day for found in by_model.values())
    shown = tuple(end - datetime.timedelta(days=back) for back in reversed(range(days)))
    called = names.public({id_: model for found in by_model.values() for one in found for id_, model in _models(one)})
    models = [_model(slug, found, shown, called) for slug, found in by_model.items()]
    models.sort(key=lambda model: (model.generation, model.slug))
    order: dict[str, None] = {}
    for found in sorted(by_model.values(), key=lambda found: -len(found[-1].verdicts)):
        order |= dict.fromkeys(called[id_] for id_ in found[-1].models)
    measured = {name for model in models for name in model.cells}
    return Fleet(
        days=shown,
        models=tuple(models),
        benchmarks=tuple(name for name in dict.fromkeys((*order, *sorted(measured))) if name in measured),
        disagreements=tuple(_disagreements(by_model, models, called)),
    )


def word(verdict: str, failing: bool | None) -> Word:
    """The word of one stored verdict; `failing` is None where its run does not say which fail."""
    if verdict in (Verdict.SLOWER, Verdict.MISSING, Verdict.CHANGED):
        known = verdict in FAILING if failing is None else failing
        if verdict == Verdict.CHANGED:
            return Word.CHANGED if known else Word.LISTED
        return Word(verdict.lower()) if known else Word.ACCEPTED
    return Word(verdict.lower()) if verdict in tuple(Verdict) else Word.UNJUDGED


def words(night: Night) -> dict[tuple[str, str], Word]:
    """(benchmark, metric) to its word."""
    failures = night.failures
    return {
        (id_, metric): word(verdict, None if failures is None else metric in failures.get(id_, {}))
        for id_, found in night.verdicts.items()
        for metric, verdict in found.items()
    }


def _models(night: Night) -> Iterable[tuple[str, str | None]]:
    return night.models.items()


def _model(slug: str, found: Sequence[Night], shown: Sequence[datetime.date], called: Mapping[str, str]) -> Model:
    by_day: dict[datetime.date, list[Night]] = {}
    for night in found:
        by_day.setdefault(night.day, []).append(night)
    merged = {day: _merged(of_day) for day, of_day in by_day.items()}
    last = found[-1]
    tonight = merged[last.day]
    cells: dict[str, Cell] = {}
    for id_ in dict.fromkeys(id_ for id_, _ in tonight):
        cells[called[id_]] = _cell({metric: said for (name, metric), said in tonight.items() if name == id_})
    failing = []
    for id_ in dict.fromkeys(id_ for id_, _ in tonight):
        cell = cells[called[id_]]
        if cell.word in FAILS:
            since, longer = _since(id_, cell.metrics, merged, shown)
            failing.append(
                Failing(benchmark=called[id_], word=cell.word, metrics=cell.metrics, since=since, longer=longer)
            )
    failing.sort(key=lambda one: (ORDER[one.word], one.since, one.benchmark))
    return Model(
        slug=slug,
        name=last.gpu_name,
        generation=_generation(last.capability),
        gpus=len({night.uuid for night in found if night.uuid}) or 1,
        last=last.day,
        status=_status(tonight),
        counts=Counter(cell.word for name, cell in cells.items() if not is_shared(name)),
        nights=tuple(_status(merged[day]) if day in merged else Word.NO_RUN for day in shown),
        cells=cells,
        failing=tuple(failing),
        url=next((night.url for night in reversed(found) if night.day == last.day and night.url), ""),
    )


def _merged(of_day: Sequence[Night]) -> dict[tuple[str, str], Word]:
    """The worst of what a day's runs say, the latest of each GPU."""
    latest = {night.uuid: night for night in of_day}
    found: dict[tuple[str, str], Word] = {}
    for night in latest.values():
        for key, said in words(night).items():
            found[key] = min(found.get(key, said), said, key=ORDER.__getitem__)
    return found


def _cell(found: Mapping[str, Word]) -> Cell:
    worst = min(found.values(), key=ORDER.__getitem__)
    if worst is Word.UNSURE and not _mostly_unsure(found.items()):
        # One noisy metric, such as the latency of one image, beside others that see.
        worst = min((said for said in found.values() if said is not Word.UNSURE), key=ORDER.__getitem__)
    metrics = tuple(metric for metric, said in found.items() if said is worst)
    return Cell(word=worst, metrics=() if worst is Word.SAME else metrics)


def _status(found: Mapping[tuple[str, str], Word]) -> Word:
    if not found:
        return Word.UNJUDGED
    worst = min(found.values(), key=ORDER.__getitem__)
    if worst in FAILS:
        return worst
    return Word.UNSURE if _mostly_unsure((metric, said) for (_, metric), said in found.items()) else Word.SAME


def _mostly_unsure(found: Iterable[tuple[str, Word]]) -> bool:
    """Whether most could not have shown a regression, or most times: exact counts never hide one, however many."""
    silent = [(metric in TIMES, said in SILENT) for metric, said in found]
    times = [one for is_time, one in silent if is_time]
    return 2 * sum(one for _, one in silent) > len(silent) or 2 * sum(times) > len(times)


def _since(
    id_: str,
    metrics: Sequence[str],
    merged: Mapping[datetime.date, Mapping[tuple[str, str], Word]],
    shown: Sequence[datetime.date],
) -> tuple[datetime.date, bool]:
    first = max(merged)
    for day in sorted((day for day in merged if day >= shown[0]), reverse=True):
        said = [merged[day].get((id_, metric), Word.NO_RUN) for metric in metrics]
        if any(one in FAILS for one in said):
            first = day
        elif any(one not in SILENT for one in said):
            return first, False
    earliest = min((day for day in merged if day >= shown[0]), default=first)
    return first, first == earliest and len(merged) > 1


def _generation(capability: str) -> str:
    whole = capability.partition(".")[0]
    known = GENERATIONS.get(capability) or GENERATIONS.get(whole)
    return known or (f"compute capability {capability}" if capability else "other devices")


def _disagreements(
    by_model: Mapping[str, Sequence[Night]], models: Sequence[Model], called: Mapping[str, str]
) -> list[Disagreement]:
    tonight: dict[tuple[str, str], dict[str, Word]] = {}
    for slug, found in by_model.items():
        for key, said in _merged([night for night in found if night.day == found[-1].day]).items():
            tonight.setdefault(key, {})[slug] = said
    groups: dict[tuple[frozenset[str], Word, str], list[tuple[str, frozenset[str]]]] = {}
    for (id_, metric), of_all in tonight.items():
        bad = frozenset(slug for slug, said in of_all.items() if said in FAILS)
        well = frozenset(slug for slug, said in of_all.items() if said not in FAILS | SILENT)
        if bad and well:
            worst = min((of_all[slug] for slug in bad), key=ORDER.__getitem__)
            groups.setdefault((bad, worst, metric), []).append((called[id_], well))
    by_slug = {model.slug: model for model in models}
    told = [
        Disagreement(
            word=worst,
            metric=metric.replace("_", " "),
            benchmarks=tuple(name for name, _ in found),
            where=_where(bad, found, by_slug),
            models=tuple(sorted(bad)),
            well=len(frozenset.intersection(*(well for _, well in found))),
        )
        for (bad, worst, metric), found in groups.items()
    ]
    return sorted(told, key=lambda one: (len(one.models), ORDER[one.word], -len(one.benchmarks), one.metric))


def _where(bad: frozenset[str], found: Sequence[tuple[str, frozenset[str]]], models: Mapping[str, Model]) -> str:
    if len(bad) == 1:
        return f"on {models[next(iter(bad))].name} alone"
    generations = {models[slug].generation for slug in bad}
    well = {slug for _, one in found for slug in one}
    if len(generations) == 1 and not any(models[slug].generation in generations for slug in well):
        return f"on {next(iter(generations))} alone"
    return f"on {len(bad)} of {len(bad | well)} GPU models"
