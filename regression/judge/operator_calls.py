"""API calls operator by operator, given the kernels chosen: what no baseline run does in that operator with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from regression.judge.algorithms import Algorithms, kind_of, launch_otherwise
from regression.judge.choices import Operators, Place, all_placed, paired, titles
from regression.runs.operator_table import StoredOperator
from regression.text import escaped, fit

Placed = Mapping[Place, StoredOperator]
# The API calls of one operator, and those of every baseline run that launched the same kernels there; first its title,
# and its kind where its algorithm may be another one.
Compared = tuple[str, str, Mapping[str, int], Sequence[Mapping[str, int]]]


def other_calls(now: Operators, baselines: Iterable[Operators], algorithms: Algorithms) -> list[str]:
    """`call before -> now in operator` of every API call that an operator makes more or less often than ever before.

    An operator whose kernels no baseline run chose says nothing: other kernels need other calls. One whose kernels were
    chosen says nothing of the calls in which the algorithms that launch the same kernels differ. One that no baseline
    run has makes all its calls anew; one that every baseline run has and this one lacks makes none of them any more.
    """
    changes: defaultdict[tuple[str, int, int], list[str]] = defaultdict(list)
    for name, kind, calls, seen in _compared(all_placed(now), [all_placed(operators) for operators in baselines]):
        for call in dict.fromkeys([*calls, *(call for one in seen for call in one)]):
            number, before = calls.get(call, 0), {one.get(call, 0) for one in seen}
            if number not in before:
                nearest = min(before, key=lambda other: (abs(other - number), other))
                if not algorithms.chosen(kind, call, (nearest, number)):
                    changes[call, nearest, number].append(name)
    ordered = sorted(changes.items(), key=lambda item: (-abs(item[0][2] - item[0][1]) * len(item[1]), item[0]))
    return [
        f"{fit(escaped(call))} {before} -> {number} in {_operators(names)}" for (call, before, number), names in ordered
    ]


def _compared(now: Placed, baselines: Sequence[Placed]) -> Iterable[Compared]:
    everywhere = dict.fromkeys(place for baseline in baselines for place in baseline)
    # What this run lacks, but some baseline run as well, is not gone.
    places = [place for place in everywhere if place in now or all(place in baseline for baseline in baselines)]

    def alike(own: Place, place: Place) -> bool:
        return any(place in one and not launch_otherwise([now[own], one[place]]) for one in baselines)

    there = paired(now, places, alike)
    called = titles([*now, *places])
    for own, operator in now.items():
        seen = [baseline[there[own]] for baseline in baselines if there[own] in baseline]
        calls = [one.api_calls for one in seen if one.kernels == operator.kernels]
        if calls:
            yield called[own], kind_of(operator.name), operator.api_calls, calls
        elif not seen:
            yield called[own], "", operator.api_calls, [{}]
    kept = set(there.values())
    for place in places:
        if place not in kept:
            yield called[place], "", {}, [baseline[place].api_calls for baseline in baselines]


def _operators(names: Sequence[str]) -> str:
    more = len(names) - 1
    others = f" and {more} more operator{'' if more == 1 else 's'}" if more else ""
    return f"{fit(escaped(names[0]))}{others}"
