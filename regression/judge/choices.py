"""Kernel time operator by operator: did the same kernels become slower, and what does the choice of others cost?

`cudnn.benchmark` picks other kernels for some convolutions in each process, or launches the same ones with other grids,
so the sum over all operators is restless. Each operator is compared with the baseline's times for the very kernels and
grids that it launched; docs/method.md derives it.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np

from regression.judge.common_shift import middle
from regression.judge.noise import Floats
from regression.judge.restless import restless
from regression.metric import ByOperator
from regression.runs.operator_table import Launch, StoredOperator, knows_grids
from regression.runs.run import Benchmark, Confirmation

Operators = Sequence[StoredOperator]
Place = tuple[str, int]
"""An operator of a model: its name, and which of those that are called so."""
NOWHERE: Place = ("", -1)
Launches = tuple[Launch, ...]
Choice = tuple[Place, Launches]
"""An operator with the kernels that it launched, and their grids."""

# With less of its time in operators whose kernels the baseline has seen, a run is not compared by these.
LEAST_MATCHED = 0.5
STEPS, PRECISION = 50, 1e-10
# Of a run that counts for nothing: its own choices still have a time, and decide nothing else.
LEAST_WEIGHT = 1e-6


@dataclasses.dataclass(frozen=True)
class OtherChoice:
    """An operator whose kernels, or their grids, no baseline run has seen there; times in seconds at its speed.

    An operator that is new or gone is no choice of cuDNN's: it belongs to the same kernels.
    """

    operator: str
    """As `titles` calls it."""
    before: Launches
    """What most baseline runs launched there; empty where the operator itself is new."""
    now: Launches
    """Empty where the operator is gone."""
    cost_s: float
    """What it takes more than the baseline's choices do on average."""

    @property
    def is_selection(self) -> bool:
        return bool(self.before and self.now)


@dataclasses.dataclass(frozen=True)
class Known:
    """What the baseline's runs say of the operators of one benchmark.

    Attributes:
        times_s: of every choice that a run made, at the speed of the mean run.
        runs: how many runs made it; those that count less make it a fraction.
        factors: (K,) how much slower than that each run is; NaN for a run without operators.
        totals_s: (K,) the sum over its operators.
        steady_s: of every choice what it takes without its restless kernels.
        restless: the names of these, of the choices that have any; all of an operator whose kernels are not told apart.
    """

    times_s: Mapping[Choice, float]
    runs: Mapping[Choice, float]
    factors: Floats
    totals_s: Floats
    steady_s: Mapping[Choice, float]
    restless: Mapping[Choice, frozenset[str]]

    def choice(self, place: Place, operator: StoredOperator) -> Choice:
        """The choice that an operator made: by its kernels' names alone where no run knows their grids there."""
        launches = operator.launches
        if operator.grids and self._without_grids:
            bare = place, operator.without_grids.launches
            return bare if bare in self._without_grids else (place, launches)
        return place, launches

    def steady(self, choice: Choice, operator: StoredOperator) -> float:
        """What an operator that made a choice takes without the kernels that are restless there."""
        return _steady_s(operator, self.restless.get(choice, frozenset()))

    @functools.cached_property
    def _without_grids(self) -> set[Choice]:
        """The choices of kernels whose grids no run knows there."""
        known: set[Choice] = set()
        alone: set[Choice] = set()
        for place, launches in self.times_s:
            bare = without_grids(launches)
            (alone if bare == launches else known).add((place, bare))
        return alone - known

    @functools.cached_property
    def usual(self) -> dict[Place, tuple[Launches, float]]:
        """Of each place what most runs launched there, and what it takes on average over the runs."""
        places: dict[Place, list[Choice]] = {}
        for choice in self.times_s:
            places.setdefault(choice[0], []).append(choice)
        return {
            place: (
                max(choices, key=lambda choice: self.runs[choice])[1],
                sum(self.times_s[choice] * self.runs[choice] for choice in choices)
                / sum(self.runs[choice] for choice in choices),
            )
            for place, choices in places.items()
        }


@dataclasses.dataclass(frozen=True)
class Matched:
    """One process against what is known.

    Attributes:
        known_s: what the baseline takes for its choices that were seen there, and for operators that are gone.
        speed: how much slower the choices that were seen are now, their restless kernels aside; 1 where none was.
        factor: the same, with the time of new operators in the numerator and of gone ones in the denominator.
        total_s: the sum over its operators.
        share: how much of that is matched.
        apart: how much of it is restless, and so set apart.
    """

    known_s: float
    speed: float
    factor: float
    total_s: float
    share: float
    apart: float = 0.0


def all_placed(operators: Operators) -> dict[Place, StoredOperator]:
    """The operators by their place, also those that make API calls and launch nothing."""
    seen: Counter[str] = Counter()
    found = {}
    for operator in operators:
        found[operator.name, seen[operator.name]] = operator
        seen[operator.name] += 1
    return found


def placed(operators: Operators) -> dict[Place, StoredOperator]:
    """The operators that launch something, by their place."""
    return {place: operator for place, operator in all_placed(operators).items() if operator.kernels}


def alike_in_grids(
    baselines: Sequence[Operators], now: Sequence[Operators]
) -> tuple[Sequence[Operators], Sequence[Operators]]:
    """The operators of the baseline's runs and of the processes held against them; without grids if one of these has
    none."""
    if all(knows_grids(operators) for operators in now if operators):
        return baselines, now
    without = [[row.without_grids for row in operators] for operators in (*baselines, *now)]
    return without[: len(baselines)], without[len(baselines) :]


def vary(benchmarks: Iterable[Benchmark]) -> bool:
    """Whether some of these runs of one benchmark launch other kernels than others, or with other grids."""
    told = [(benchmark.kernels, benchmark.launches_with_grids) for benchmark in benchmarks]
    return any(len({one for one in of_each if one is not None}) > 1 for of_each in zip(*told, strict=True))


def _knows_kernels(operators: Operators) -> bool:
    return any(operator.times_s for operator in operators)


def titles(places: Iterable[Place]) -> dict[Place, str]:
    """What reports call each operator: its name; where several have it, with its number in the order of execution.

    The modules of TorchScript have no paths, so `aten::conv2d #17` is the 17th convolution.
    """
    places = list(places)
    repeated = {name for name, number in places if number}
    return {(name, number): f"{name} #{number + 1}" if name in repeated else name for name, number in places}


def learn(baselines: Sequence[Operators], places: Sequence[Hashable] = (), *, set_apart: bool = True) -> Known:
    """What the operators of the baseline's runs (empty where they are not known) say.

    The time of a choice is the mean over the runs that made it, each divided by its run's factor; the factor of a run
    is what its operators take over those means, as far as other runs made the same choices, without what is restless.
    Each is found from the other by turns. The factors' logarithms have the mean 0, so where all choices are the same
    they are the deviations of the runs' sums from their mean.

    Args:
        places: where each run was measured; one place by default.
        set_apart: whether what is restless is.
    """
    choices, found_s, rows = _times_s(baselines)
    apart = _restless(choices, found_s, rows, places) if set_apart else {}
    present, whole_s = np.isfinite(found_s), np.nan_to_num(found_s)
    times_s = whole_s.copy()
    for column, choice in enumerate(choices):
        for run, row in enumerate(rows[column] if choice in apart else ()):
            times_s[run, column] = _steady_s(row, apart[choice]) if row else 0.0
    recorded = present.any(axis=1)
    shared = present.sum(axis=0) > 1
    factors = np.ones(len(baselines))
    means_s = np.zeros(len(choices))
    for _ in range(STEPS):
        means_s = times_s.sum(axis=0) / np.maximum(present.T @ factors, 1e-300)
        expected_s = (present & shared) @ means_s
        sums_s = np.where(shared, times_s, 0).sum(axis=1)
        comparable = (expected_s > 0) & (sums_s > 0)
        found = np.where(comparable, sums_s / np.where(comparable, expected_s, 1), 1.0)
        if recorded.any():
            found /= np.exp(np.log(found[recorded]).mean())
        moved = np.abs(found - factors).max(initial=0)
        factors = found
        if moved < PRECISION:
            break
    return Known(
        dict(zip(choices, (whole_s.sum(axis=0) / np.maximum(present.T @ factors, 1e-300)).tolist(), strict=True)),
        dict(zip(choices, present.sum(axis=0).tolist(), strict=True)),
        np.where(recorded, factors, np.nan),
        np.where(recorded, whole_s.sum(axis=1), np.nan),
        dict(zip(choices, means_s.tolist(), strict=True)),
        apart,
    )


def _restless(
    choices: Sequence[Choice],
    found_s: Floats,
    rows: Sequence[Sequence[StoredOperator | None]],
    places: Sequence[Hashable],
) -> dict[Choice, frozenset[str]]:
    """Of the choices with restless kernels these: by kernel where every run tells their times, else all of them, and
    then of every operator that launches the same."""
    parts: list[tuple[Choice, frozenset[str]]] = []
    groups: list[Hashable] = []
    columns: list[Floats] = []
    for column, choice in enumerate(choices):
        made = [row for row in rows[column] if row]
        names = dict.fromkeys(launch.kernel for launch in choice[1])
        if len(names) > 1 and all(row.times_s for row in made):
            parts += [(choice, frozenset([name])) for name in names]
            groups += [(choice, name) for name in names]
            columns += [np.array([row.times_s[name] if row else np.nan for row in rows[column]]) for name in names]
        else:
            parts.append((choice, frozenset(names)))
            groups.append(choice[1])
            columns.append(found_s[:, column])
    if not columns:
        return {}
    apart: dict[Choice, frozenset[str]] = {}
    for place in np.flatnonzero(restless(np.column_stack(columns), groups, places)).tolist():
        of_choice, kernels = parts[place]
        apart[of_choice] = apart.get(of_choice, frozenset()) | kernels
    return apart


def _steady_s(operator: StoredOperator, apart: frozenset[str]) -> float:
    """What an operator takes without these kernels; all where it does not tell them apart."""
    if apart.issuperset(operator.kernels):
        return 0.0
    return operator.time_s - sum(operator.times_s.get(name, 0.0) for name in apart)


def typical(known: Known, baselines: Sequence[Operators], trusted: Sequence[float] | None = None) -> Known:
    """What `learn` says, with medians over the runs in the place of means, so that no single run moves an operator.

    Times are at the speed of the middle run.

    Args:
        known: what `learn` says of the baseline's runs.
        trusted: how much each run counts, from 0 to 1 (`common_shift.trust`); all fully by default.
    """
    weight = np.maximum(np.ones(len(baselines)) if trusted is None else np.array(trusted, dtype=float), LEAST_WEIGHT)
    choices, found_s, _ = _times_s(baselines)
    times_s = middle((found_s / known.factors[:, None]).T, weight) * middle(known.factors, weight)
    runs = weight @ np.isfinite(found_s)
    typical_s = dict(zip(choices, times_s.tolist(), strict=True))
    steady = {choice: known.steady_s[choice] / (known.times_s[choice] or 1.0) for choice in choices}
    return dataclasses.replace(
        known,
        times_s=typical_s,
        runs=dict(zip(choices, runs.tolist(), strict=True)),
        steady_s={choice: time_s * steady[choice] for choice, time_s in typical_s.items()},
    )


def _times_s(
    baselines: Sequence[Operators],
) -> tuple[list[Choice], Floats, list[list[StoredOperator | None]]]:
    """Every choice that some of K runs made, what it took in each (K, choices), and the operators that made it
    (choices, K); NaN and None where a run did not make it.

    A run that does not know its grids made the choice of the others with the same kernels there, if theirs is one;
    else nobody knows which of theirs it made, and its own is another one.
    """
    rows = [placed(operators) for operators in baselines]
    told: dict[Choice, set[Launches]] = {}
    for place, operator in (item for run in rows for item in run.items()):
        if operator.grids:
            told.setdefault((place, operator.without_grids.launches), set()).add(operator.launches)

    def choice(place: Place, operator: StoredOperator) -> Choice:
        others = told.get((place, operator.launches), set())
        return place, next(iter(others)) if len(others) == 1 else operator.launches

    tables = [{choice(place, operator): operator for place, operator in run.items()} for run in rows]
    choices = list(dict.fromkeys(choice for table in tables for choice in table))
    made = [[table.get(choice) for table in tables] for choice in choices]
    times_s = np.array([[row.time_s if row else np.nan for row in of_choice] for of_choice in made]).T
    return choices, times_s.reshape(len(tables), len(choices)), made


def without_grids(launches: Launches) -> Launches:
    """The launches without their grids."""
    return tuple([Launch(launch.kernel) for launch in launches])


def counterparts(known: Known, rows: Mapping[Place, StoredOperator]) -> dict[Place, Place]:
    """Of each operator of a process its counterpart in the baseline, as `paired` finds it by what runs launch there."""
    return paired(rows, known.usual, lambda own, place: known.choice(place, rows[own]) in known.times_s)


def paired(own: Iterable[Place], theirs: Iterable[Place], alike: Callable[[Place, Place], bool]) -> dict[Place, Place]:
    """Of each own place the one of theirs that is its counterpart; NOWHERE of an operator that is new.

    One that is new or gone moves the numbers of all of its name that follow. Where their number is another one, they
    are paired in their order, so that as many pairs as possible, of an own place and one of theirs, are alike.
    """
    found = dict.fromkeys(own, NOWHERE)
    places = _of_each_name(theirs)
    for name, ours in _of_each_name(found).items():
        others = places.get(name, [])
        if len(ours) == len(others):
            found |= {place: place for place in ours}
        elif len(ours) < len(others):
            found |= _in_order(ours, others, alike)
        else:
            pairs = _in_order(others, ours, lambda place, one: alike(one, place))
            found |= {one: place for place, one in pairs.items()}
    return found


def gone(known: Known, there: Mapping[Place, Place]) -> dict[Place, tuple[Launches, float]]:
    """What is usual at the places that no operator of a process has as its counterpart."""
    kept = set(there.values())
    return {place: usual for place, usual in known.usual.items() if place not in kept}


def _of_each_name(places: Iterable[Place]) -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {}
    for place in sorted(places, key=lambda place: place[1]):
        found.setdefault(place[0], []).append(place)
    return found


def _in_order(few: Sequence[Place], many: Sequence[Place], alike: Callable[[Place, Place], bool]) -> dict[Place, Place]:
    """Each of the few with one of the many, in the order of both, so that as many pairs as possible are alike."""
    skips = range(len(many) - len(few) + 1)  # how many of the many were left out before a pair
    best = [[0 for _ in skips]]
    for number, one in enumerate(few):
        before = itertools.accumulate(best[-1], max)
        best.append([most + alike(one, many[number + skip]) for skip, most in enumerate(before)])
    found, skip = {}, skips[-1]
    for number in reversed(range(len(few))):
        skip = max(range(skip + 1), key=best[number + 1].__getitem__)
        found[few[number]] = many[number + skip]
    return found


def match(known: Known, operators: Operators) -> Matched:
    """A process's operators against what is known of their choices."""
    rows = placed(operators)
    there = counterparts(known, rows)
    made = [(known.choice(there[own], row), row) for own, row in rows.items()]
    seen = [(choice, row) for choice, row in made if known.times_s.get(choice)]
    total_s = sum(row.time_s for row in rows.values())
    matched_s, known_s = sum(row.time_s for _, row in seen), sum(known.times_s[choice] for choice, _ in seen)
    share = matched_s / total_s if total_s else 0.0
    steady_s = sum(known.steady(choice, row) for choice, row in seen)
    expected_s = sum(known.steady_s[choice] for choice, _ in seen)
    if not steady_s or not expected_s:
        return Matched(total_s, 1.0, 1.0, total_s, share)
    speed = steady_s / expected_s
    new_s = sum(row.time_s for own, row in rows.items() if there[own] not in known.usual)
    gone_s = sum(mean_s for _, mean_s in gone(known, there).values())
    factor = (speed * known_s + new_s) / (known_s + gone_s)
    return Matched(known_s + gone_s, speed, factor, total_s, share, (matched_s - steady_s) / total_s)


def other_choices(known: Known, operators: Operators) -> tuple[OtherChoice, ...]:
    """The operators whose choice no baseline run has made there, and those that are gone, the costliest first."""
    rows, speed = placed(operators), match(known, operators).speed
    there, called = counterparts(known, rows), titles([*rows, *known.usual])
    found = []
    for own, row in rows.items():
        if known.choice(there[own], row) not in known.times_s:
            before, mean_s = known.usual.get(there[own], ((), 0.0))
            found.append(OtherChoice(called[own], before, row.launches, row.time_s / speed - mean_s))
    for place, (before, mean_s) in gone(known, there).items():
        found.append(OtherChoice(called[place], before, (), -mean_s))
    return tuple(sorted(found, key=lambda choice: -choice.cost_s))


@dataclasses.dataclass(frozen=True)
class Compared:
    """One benchmark: logarithms of both parts of its kernel time; their centres are what the baseline takes in seconds.

    Attributes:
        baselines: part to (K,), NaN for a run without operators or of a disturbed GPU.
        now: part to the logarithm.
        again: part to (n,), of every confirmation.
        share: how much of this run's time is in operators whose kernels and grids the baseline has seen.
        apart: how much of it is restless although the kernels are the same, and judged with the selection.
        others: the operators of this run whose kernels or grids it has not.
    """

    baselines: Mapping[ByOperator, Floats]
    now: Mapping[ByOperator, float]
    again: Mapping[ByOperator, Floats]
    share: float
    apart: float
    others: tuple[OtherChoice, ...]


def compare(
    id_: str,
    now: Benchmark,
    baselines: Sequence[Benchmark | None],
    confirmations: Sequence[Confirmation],
    places: Sequence[Hashable] = (),
) -> Compared:
    """Compare a benchmark's operators with the baseline's.

    Args:
        baselines: the benchmark in every baseline run, None where it has none.
        confirmations: those that count.
        places: where each baseline run was measured; one place by default.
    """
    operators, (first_of, *again_of) = alike_in_grids(
        [item.operators if item and not item.disturbances else () for item in baselines],
        [now.operators, *(confirmation.operators.get(id_, ()) for confirmation in confirmations)],
    )
    if not all(_knows_kernels(process) for process in (first_of, *again_of) if process):
        operators = [
            [dataclasses.replace(row, times_s={}) if row.times_s else row for row in of_run] for of_run in operators
        ]
    known = learn(operators, places)
    first = match(known, first_of)
    again = [match(known, one) for one in again_of]
    # Relative to what the baseline takes for this run's choices, so that what is shown is in seconds.
    same = np.log(first.known_s)
    return Compared(
        baselines={
            ByOperator.SAME_KERNELS: same + np.log(known.factors),
            ByOperator.SELECTION: np.log(known.totals_s / known.factors),
        },
        now={
            ByOperator.SAME_KERNELS: same + np.log(first.factor),
            ByOperator.SELECTION: np.log(first.total_s / first.factor),
        },
        again={
            ByOperator.SAME_KERNELS: same
            + np.log([one.factor if one.share >= LEAST_MATCHED else np.nan for one in again]),
            ByOperator.SELECTION: np.log([one.total_s / one.factor if one.total_s else np.nan for one in again]),
        },
        share=first.share,
        apart=first.apart,
        others=other_choices(typical(known, operators), first_of),
    )
