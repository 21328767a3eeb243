"""What a search for the package to blame recorded, and the sentences that say it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from regression.text import change, count
from rehearsal.bisection import Answer, most_asked

INTERRUPTED = "The search was interrupted before it found the package to blame."
MOST_NAMED = 12


@dataclass
class Step:
    """One environment that was tried.

    Attributes:
        groups: those that had their new versions, by number.
        answer: an Answer.
        ratio: the followed value, new over old; None for what is no ratio.
        why: what was seen, or why it cannot be tried.
        is_sure: whether it was decided before the time of the step was spent.
    """

    groups: list[int]
    answer: str
    ratio: float | None = None
    why: str = ""
    is_sure: bool = True
    took_s: float = 0.0


@dataclass
class Bisection:
    """A search.

    Attributes:
        groups: the packages that differ; those of one group were never parted.
        pins: of each group the requirement that keeps it together, empty where it is one package.
        versions: by package the old and the new one, None where a side lacks it.
        step_s: a step takes at most so many seconds.
        followed: benchmark, metric and verdict of the change that is searched for, and its ratio.
        blamed: blocks of groups that carry the change together, the last found first.
        needed: groups that have to come with them.
        ended: why nothing was found; empty where something was.
        kept: the folder of the environments, empty where they were removed.
    """

    groups: list[list[str]]
    pins: list[str]
    versions: dict[str, list[str | None]]
    installer: str
    step_s: float
    followed: dict[str, Any] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    blamed: list[list[int]] = field(default_factory=list)
    needed: list[int] = field(default_factory=list)
    ended: str = ""
    kept: str = ""

    @property
    def is_interrupted(self) -> bool:
        return self.ended == INTERRUPTED

    def to_dict(self) -> dict[str, Any]:
        """In types of JSON."""
        return asdict(self)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Bisection:
        """From what `to_dict` made.

        Raises:
            TypeError, KeyError, IndexError, ValueError: it is something else.
        """
        made = cls(**{**document, "steps": [Step(**step) for step in document["steps"]]})
        for number, step in enumerate(made.steps):
            Answer(step.answer), step_line(made, number), made.named(step.groups)
        list(sentences(made)), verdict(made)
        return made

    def named(self, groups: Iterable[int]) -> str:
        """The packages of some groups with their versions."""
        packages = [name for group in groups for name in self.groups[group]]
        said = [
            f"{name} {' -> '.join('none' if one is None else one for one in self.versions[name])}"
            for name in packages[:MOST_NAMED]
        ]
        more = len(packages) - MOST_NAMED
        return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def announced(search: Bisection) -> Iterable[str]:
    """What the search costs at most, and what it cannot tell apart."""
    number = len(search.groups)
    packages = sum(map(len, search.groups))
    apart = f", in {count(number, 'group')} that their pins allow to part" if number != packages else ""
    yield f"{count(packages, 'package')} of the two sides {'differs' if packages == 1 else 'differ'}{apart}."
    one, two = most_asked(number), most_asked(number, 2)
    yield (
        f"The search for the one to blame takes at most {count(one, 'further rehearsal')} of at most "
        f"{search.step_s:.0f} s, {_minutes(one * search.step_s)} in all, and the making of as many environments "
        f"({search.installer})" + (f"; at most {two} if two are to blame only together" if number > 1 else "") + "."
    )
    yield from pinned(search)


def pinned(search: Bisection) -> Iterable[str]:
    """The groups of several packages, with what keeps them together."""
    for names, why in zip(search.groups, search.pins, strict=True):
        if len(names) > 1:
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            yield f"Pins keep together: {', '.join(names[:MOST_NAMED])}{more} ({why})."


def sentences(search: Bisection) -> Iterable[str]:
    """What came of the search."""
    if search.followed:
        yield (
            f"Searched for: {search.followed['verdict']} {search.followed['metric']} of "
            f"{search.followed['benchmark']}{_size(search.followed.get('ratio'))}."
        )
    if search.ended:
        yield search.ended
    elif search.blamed:
        yield verdict(search)
        yield from _beside(search)
    if search.steps:
        took_s = sum(step.took_s for step in search.steps)
        most = most_asked(len(search.groups), max(1, len(search.blamed)))
        yield f"{count(len(search.steps), 'rehearsal')} of at most {most}, in {took_s:.0f} s."
    unsure = sum(not step.is_sure for step in search.steps)
    if unsure:
        yield f"In {unsure} of them the time was spent before it was certain; what was likelier was taken."
    untried = [step.why for step in search.steps if step.answer == Answer.UNTRIED]
    if untried:
        yield f"{count(len(untried), 'environment')} could not be tried: {'; '.join(dict.fromkeys(untried))}."
    if search.kept:
        yield f"The environments are in {search.kept}."


def verdict(search: Bisection) -> str:
    """One sentence: who is to blame."""
    if not search.blamed:
        return search.ended
    if len(search.blamed) > 1:
        groups = sorted(group for block in search.blamed for group in block)
        return f"To blame, only together: {search.named(groups)}."
    (block,) = search.blamed
    return f"To blame: {search.named(block)}."


def _beside(search: Bisection) -> Iterable[str]:
    yield from (
        f"Environments between these could not be tried, so it is one of them or several: {search.named(block)}."
        for block in search.blamed
        if len(block) > 1
    )
    if search.needed:
        yield f"Its requirements bring along, without carrying the change: {search.named(search.needed)}."
    blamed = [group for block in search.blamed for group in block]
    yield from (
        f"Pins keep together: {', '.join(search.groups[group])} ({search.pins[group]})."
        for group in blamed
        if len(search.groups[group]) > 1
    )


def step_line(search: Bisection, number: int) -> str:
    """One tried environment: how many new packages it had, and what it said."""
    step = search.steps[number]
    packages = sum(len(search.groups[group]) for group in step.groups)
    said = f": {step.why}" if step.why else ""
    return f"{count(packages, 'package')} new, {step.answer}{_size(step.ratio)}{said}"


def _size(ratio: float | None) -> str:
    return "" if ratio is None else f" ({change(ratio)})"


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
