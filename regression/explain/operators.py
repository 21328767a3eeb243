"""Which operators of the model account for a change of kernel time, and whether they launch other kernels."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from regression.explain.names import shorten
from regression.judge.choices import (
    Choice,
    Known,
    Launches,
    Place,
    alike_in_grids,
    counterparts,
    gone,
    learn,
    placed,
    titles,
    typical,
)
from regression.judge.exchanged import exchanged
from regression.runs.operator_table import StoredOperator

RESTLESS = "restless"
# Kinds of a change that is of the selection of kernels, or counts as one.
SELECTED = ("other kernels", "seen before", RESTLESS)


@dataclass(frozen=True)
class OperatorChange:
    """What one operator adds to the change of an inference.

    `operator` is what `titles` calls it. `kind` is `slower` or `faster` (the same kernels), `other kernels` (no
    baseline run launched them there, or none with these grids), `seen before` (another choice than that of most runs,
    and that of one of them), `new`, `gone`, or `restless`: what some of an operator's kernels add that differ from run
    to run in the baseline; the operator itself is told without them. `kernels_before` and `kernels_now` are full names,
    `said` tells them in short, or their grids, where they differ. Times are seconds per inference.
    """

    operator: str
    kind: str
    before_s: float
    now_s: float
    kernels_before: tuple[str, ...]
    kernels_now: tuple[str, ...]
    share: float = 0.0
    said: str = "same kernels"

    @property
    def change_s(self) -> float:
        """Seconds per inference that this adds; negative where it takes time away."""
        return self.now_s - self.before_s


def operator_changes(
    baselines: Sequence[Sequence[StoredOperator]],
    now: Sequence[StoredOperator],
    whole_s: float,
    trusted: Sequence[float] | None = None,
) -> tuple[OperatorChange, ...]:
    """The operators of a run against those of the baseline's runs, the largest change first and what is restless last;
    none where not known.

    An operator is compared with the baseline's median time for the kernels that it launches; where most runs launched
    others, with the mean of all choices' medians. `whole_s` is the change that the shares are of, `trusted` how much
    the judge lets each baseline run count (all fully by default).
    """
    if not now or not any(baselines):
        return ()
    baselines, (now,) = alike_in_grids(baselines, [now])
    known, rows = typical(learn(baselines), baselines, trusted), placed(now)
    before = [placed(operators) for operators in baselines]
    there, called = counterparts(known, rows), titles([*rows, *known.usual])
    found: list[tuple[OperatorChange, Launches, Launches]] = []
    for own, row in rows.items():
        usual, mean_s = known.usual.get(there[own], ((), 0.0))
        choice = known.choice(there[own], row)
        before_s = known.times_s.get(choice)
        if there[own] not in known.usual:
            kind, before_s = "new", 0.0
        elif before_s is None:
            kind, before_s = "other kernels", mean_s
        elif choice[1] != usual:
            kind, before_s = "seen before", mean_s
        else:
            restless = known.restless.get(choice, frozenset())
            if restless and not restless.issuperset(row.kernels):
                steady_s, now_s = _steady_s(known, choice, before), known.steady(choice, row)
                names = tuple(dict.fromkeys(name for name in row.kernels if name in restless))
                moved = OperatorChange(called[own], RESTLESS, before_s - steady_s, row.time_s - now_s, names, names)
                found.append((moved, usual, choice[1]))
                row, before_s = replace(row, time_s=now_s), steady_s
            kind = "slower" if row.time_s >= before_s else "faster"
        change = OperatorChange(called[own], kind, before_s, row.time_s, _names(usual), _names(choice[1]))
        found.append((change, usual, choice[1]))
    for place, (usual, mean_s) in gone(known, there).items():
        found.append((OperatorChange(called[place], "gone", mean_s, 0.0, _names(usual), ()), usual, ()))
    short = shorten(name for one, *_ in found for name in (*one.kernels_before, *one.kernels_now))
    return tuple(
        replace(
            one,
            share=one.change_s / whole_s if whole_s else 0.0,
            said=_said(one, short) if launched == launches else exchanged(launched, launches, short.__getitem__),
        )
        for one, launched, launches in sorted(
            found, key=lambda item: (item[0].kind == RESTLESS, -abs(item[0].change_s))
        )
    )


def _steady_s(known: Known, choice: Choice, baselines: Sequence[Mapping[Place, StoredOperator]]) -> float:
    """What the baseline's runs take for a choice without its restless kernels: the median of those that tell."""
    rows = (rows[choice[0]] for rows in baselines if choice[0] in rows)
    steady_s = [known.steady(choice, row) for row in rows if known.choice(choice[0], row) == choice]
    return statistics.median(steady_s) if steady_s else known.steady_s[choice]


def _said(change: OperatorChange, short: Mapping[str, str]) -> str:
    if change.kind != RESTLESS:
        return "same kernels"
    return f"from run to run other times of {', '.join(short[name] for name in change.kernels_now)}"


def _names(launches: Launches) -> tuple[str, ...]:
    return tuple(launch.kernel for launch in launches)
