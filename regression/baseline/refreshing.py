"""Lets newer values take the place of older ones for some benchmarks alone; reports say so."""

from __future__ import annotations

import argparse
from fnmatch import fnmatchcase

from common.errors import UsageError
from common.marks import REFRESH
from regression.baseline.measuring import given, measure
from regression.baseline.place import folder_of, gpus, mark, open_place
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
        before, _, _ = gpus(store.folder, every_run=bool(options.given))
        known = {id_ for gpu in before for one in gpu.runs for id_ in one.run.benchmarks}
        if not any(gpu.baselines for gpu in before):
            raise UsageError("there is no baseline to refresh; record one: python -m regression baseline record")
        if not options.given and not matching(options.pattern, known):
            raise UsageError(nothing(options.pattern, known))
        if options.given:
            found = given(store, options.given, before, options.runs)
        else:
            found = measure(store, options.runs, options.tests, options.extra)
        failed = {id_ for one in found.runs for id_ in one.failed}
        everywhere = set.intersection(*(set(one.benchmarks) for one in found.runs)) - failed
        chosen = matching(options.pattern, everywhere)
        if not chosen:
            raise UsageError(nothing(options.pattern, everywhere))
        if not any(gpu.kind == found.kind and gpu.baselines for gpu in before):
            raise UsageError(
                f"{', '.join(part for part in found.kind if part)} has no baseline to refresh; make one of these runs: "
                f"python -m regression baseline record --from {' '.join(str(one.path) for one in found.runs)}"
            )
        mark(
            store,
            folder_of(store, found.runs[0]),
            REFRESH,
            found.identities,
            benchmarks=chosen,
            why=options.why.strip(),
        )
        print(
            f"the values of {count(len(chosen), 'benchmark')} are now those of {count(len(found.runs), 'newer run')}:"
        )
        print(*(f"  {escaped(id_)}" for id_ in chosen), sep="\n")
        return say_what_failed(found)


def matching(patterns: list[str], ids: set[str]) -> list[str]:
    """The ids that any of the patterns matches, in order. An id matches itself, whatever it contains."""
    return sorted(id_ for id_ in ids if any(id_ == pattern or fnmatchcase(id_, pattern) for pattern in patterns))


def nothing(patterns: list[str], ids: set[str]) -> str:
    known = ", ".join(sorted(ids)[:4])
    return (
        f"{', '.join(patterns)} matches no benchmark that these runs measured whole; there are {known}"
        f"{' and others' if len(ids) > 4 else ''}."
    )
