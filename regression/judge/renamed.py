"""Names the benchmarks that a baseline has and a run neither measured nor left out, with their likely new names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence

from regression.runs.run import Benchmark, Run

# Ids that are less alike than this are two benchmarks.
ALIKE = 0.6
MOST_NAMED = 3


def notes(run: Run, baselines: Sequence[Run]) -> Iterable[str]:
    """Sentences on what is gone: renamed, as it seems, or not there any more."""
    before = {id_: one for baseline in baselines for id_, one in baseline.benchmarks.items() if not one.is_question}
    known = {*run.benchmarks, *(run.selected or ()), *run.skipped, *run.failed}
    gone = {id_: one for id_, one in before.items() if id_ not in known}
    if not gone:
        return
    renamed = likely(gone, {id_: one for id_, one in run.benchmarks.items() if id_ not in before})
    if renamed:
        pairs = [f"{old} -> {new}" for old, new in renamed.items()]
        those = "benchmark of the baseline is" if len(pairs) == 1 else "benchmarks of the baseline are"
        yield (
            f"{len(pairs)} {those} gone, with a likely new name: {_some(pairs)}. If so, record the baseline anew, or "
            "these alone with `python -m regression baseline refresh`."
        )
    vanished = [id_ for id_ in gone if id_ not in renamed]
    # A run that deselected some, or measured a few of many, leaves others out by intention.
    if vanished and run.selected is not None and not run.deselected and 2 * len(gone) <= len(before):
        these = "1 benchmark of the baseline was" if len(vanished) == 1 else f"{len(vanished)} of the baseline were"
        yield f"{these} not selected, and no new benchmark has a similar name: {_some(vanished)}."


def likely(gone: Mapping[str, Benchmark], new: Mapping[str, Benchmark]) -> dict[str, str]:
    """Old id to its likely new one, each at most once; the most alike first.

    They share the model and the batch size, or all but the model; where parameters are not known, the id alone counts.
    """
    found: list[tuple[float, str, str]] = []
    for old, before in gone.items():
        for id_, now in new.items():
            if _may_be(before.params, now.params):
                found.append((difflib.SequenceMatcher(None, old, id_, autojunk=False).ratio(), old, id_))
    paired: dict[str, str] = {}
    for ratio, old, id_ in sorted(found, key=lambda one: (-one[0], one[1], one[2])):
        if ratio >= ALIKE and old not in paired and id_ not in paired.values():
            paired[old] = id_
    return {old: paired[old] for old in gone if old in paired}


def _may_be(before: Mapping[str, str], now: Mapping[str, str]) -> bool:
    if not before or before.keys() != now.keys():
        return not before or not now
    differing = {name for name, value in before.items() if now[name] != value}
    return differing <= {"variant"} or differing <= {"model"}


def _some(names: Collection[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(list(names)[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
