"""Lets newer values take the place of older ones for some benchmarks alone; reports say so."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from fnmatch import fnmatchcase

from common.errors import UsageError
from common.given import RECORD, at_store
from common.marks import REFRESH
from regression.baseline.measuring import Candidates, given, measure, named
from regression.baseline.place import Gpu, at_hand, folder_of, gpus, mark, open_place
from regression.baseline.recording import add_measuring_options, say_what_failed
from regression.project import baselines_folder
from regression.text import count, escaped


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "pattern", nargs="+", metavar="PATTERN", help="ids of benchmarks; * stands for anything, as in '*-tensorrt-*'"
    )
    add_measuring_options(parser)


def run(options: argparse.Namespace) -> int:
    """Exit status as of `record`. Raises UsageError where nothing was refreshed."""
    with open_place(options.store, baselines_folder()) as store:
        names = at_hand(store, options.given or ())
        before, _, _ = gpus(store.folder, every_run=bool(options.given))
        known = {id_ for gpu in before for one in gpu.runs for id_ in one.run.benchmarks}
        if not any(gpu.baselines for gpu in before):
            command = escaped(at_store(RECORD, options.store))
            raise UsageError(f"there is no baseline to refresh; record one: {command}")
        if not options.given and not matching(options.pattern, known):
            raise UsageError(nothing(options.pattern, known))
        if options.given:
            newer = given(store, names, before, options.runs)
        else:
            newer = [measure(store, options.runs, options.tests, options.extra, options.store)]
        chosen = [_chosen(found, options.pattern, before, at_store(RECORD, options.store)) for found in newer]
        for found, ids in zip(newer, chosen, strict=True):
            folder = folder_of(store, found.runs[0])
            mark(store, folder, REFRESH, found.identities, benchmarks=ids, why=options.why.strip())
            runs = count(len(found.runs), "newer run")
            print(f"{named(found.kind)}: the values of {count(len(ids), 'benchmark')} are now those of {runs}:")
            print(*(f"  {escaped(id_)}" for id_ in ids), sep="\n")
        return max(map(say_what_failed, newer))


def _chosen(found: Candidates, patterns: list[str], before: Sequence[Gpu], record: str) -> list[str]:
    """The benchmarks that are refreshed: those that match, and that all of the runs measured whole."""
    if not any(gpu.kind == found.kind and gpu.baselines for gpu in before):
        files = " ".join(escaped(one.path) for one in found.runs)
        raise UsageError(
            f"{named(found.kind)} has no baseline to refresh; make these runs one: {escaped(record)} --from {files}"
        )
    whole = {one.run.identity for gpu in before for one in gpu.runs if one.is_baseline and one.standing.only is None}
    theirs = [escaped(one.path.name) for one in found.runs if one.identity in whole]
    if theirs:
        raise UsageError(f"{theirs[0]} is a run of the baseline already; name newer runs.")
    failed = {id_ for one in found.runs for id_ in one.failed}
    everywhere = set.intersection(*(set(one.benchmarks) for one in found.runs)) - failed
    chosen = matching(patterns, everywhere)
    if not chosen:
        raise UsageError(nothing(patterns, everywhere))
    return chosen


def matching(patterns: list[str], ids: set[str]) -> list[str]:
    """The ids that any of the patterns matches, in order. An id matches itself, whatever it contains."""
    return sorted(id_ for id_ in ids if any(id_ == pattern or fnmatchcase(id_, pattern) for pattern in patterns))


def nothing(patterns: list[str], ids: set[str]) -> str:
    known = ", ".join(sorted(ids)[:4])
    return (
        f"{', '.join(patterns)} matches no benchmark that these runs measured whole; there are {known}"
        f"{' and others' if len(ids) > 4 else ''}."
    )
