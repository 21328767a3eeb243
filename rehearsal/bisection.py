"""Searches the smallest set of groups of packages that carries a change, by halving: pure, with an oracle.

The groups lie in an order in which what a group needs comes before it, so the new versions of the first k groups can
always be installed together. With the first 0 the change is absent, with all of them it is there. Halving finds a group
at which it appears: that group carries it, at least together with some before it. Then it is kept, and halving goes on
among those before it, until what is kept carries the change alone. For one group to blame of n this asks about log2(n)
times. It is the search for one minimal conflict of U. Junker, QuickXPlain (AAAI 2004), one group after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What an environment with the new versions of some groups says."""

    CARRIES = "carries"
    LACKS = "lacks"
    UNTRIED = "untried"
    """It cannot be made or run."""


Oracle = Callable[[frozenset[int]], Answer]
"""Of the groups that have their new versions; it is asked once for each set."""


@dataclass(frozen=True)
class Outcome:
    """What the search found.

    Attributes:
        blamed: blocks of groups, the last first. A block of more than one could not be told apart.
        needed: groups that have to come with them.
        asked: how many sets were asked for.
    """

    blamed: tuple[tuple[int, ...], ...]
    needed: tuple[int, ...]
    asked: int

    @property
    def is_found(self) -> bool:
        """Whether the change is in the packages at all."""
        return bool(self.blamed)


def search(needs: Sequence[frozenset[int]], oracle: Oracle) -> Outcome:
    """The smallest set of groups that carries the change.

    It is the smallest where new versions add to a change and none takes it away again; anyhow it carries the change,
    and without its last found group it does not.

    Args:
        needs: of each group those that have to be new with it, and what these need; all come before it.
        oracle: asked first for all groups; where they do not carry the change, nothing is blamed.
    """
    answers: dict[frozenset[int], Answer] = {frozenset(): Answer.LACKS}

    def ask(groups: frozenset[int]) -> Answer:
        if groups not in answers:
            answers[groups] = oracle(groups)
        return answers[groups]

    blamed: list[tuple[int, ...]] = []
    kept: frozenset[int] = frozenset()
    high = len(needs)
    if ask(frozenset(range(high))) is Answer.CARRIES:
        while high and (not blamed or ask(kept) is not Answer.CARRIES):
            low, high = _border(high, lambda k: ask(kept | frozenset(range(k))))  # noqa: B023
            block = tuple(range(low, high))
            blamed.append(block)
            kept = kept.union(block, *(needs[one] for one in block))
            high = low
    needed = kept.difference(*blamed)
    return Outcome(tuple(blamed), tuple(sorted(needed)), len(answers) - 1)


def _border(high: int, ask: Callable[[int], Answer]) -> tuple[int, int]:
    """Two numbers of first groups: with the lower one the change is absent, with the higher one it is there.

    They are neighbours, except where nothing between them can be tried.
    """
    low, untried = 0, set[int]()
    while between := [k for k in range(low + 1, high) if k not in untried]:
        middle = min(between, key=lambda k: abs(2 * k - low - high))
        answer = ask(middle)
        if answer is Answer.CARRIES:
            high = middle
        elif answer is Answer.LACKS:
            low = middle
        else:
            untried.add(middle)
    return low, high


def most_asked(groups: int, blamed: int = 1) -> int:
    """How many sets are asked for at most where so many of the groups are to blame together, and all can be tried."""
    halvings = (math.ceil(math.log2(left)) + 1 for left in range(groups, max(groups - blamed, 0), -1))
    return 1 + sum(halvings) if groups > 1 else groups
