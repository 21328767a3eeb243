"""Stored runs as a proof needs them: read, told apart, and judged with other runs as their confirmations."""

from __future__ import annotations

import dataclasses
import itertools
import lzma
import math
import random
import sys
import tarfile
import tempfile
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy import special

from proof.inject.slowdown import is_reference
from proof.simulation import BASELINE_RUNS, stored_runs
from regression.judge.limits import CONFIRMATIONS
from regression.metric import Metric
from regression.metrics import METRICS
from regression.runs.environment import refusal
from regression.runs.run import LeftOut, Run

# pytest-benchmark's own statistics of the rounds, read beside the suite's metrics and never judged.
STATISTICS = ("mean", "median", "min")
READ = (*METRICS, *(Metric(key=name, title=name, unit="s", path=("stats", name)) for name in STATISTICS))
NEEDED = BASELINE_RUNS + 1 + CONFIRMATIONS
SURE = 0.95
# A session's stored runs, packed: they name the same kernels over and over.
ARCHIVE = ".tar.xz"


@dataclasses.dataclass(frozen=True)
class Choice:
    """Indices of the runs of one judging: the baseline's, the run's and its confirmations'."""

    baseline: tuple[int, ...]
    run: int
    again: tuple[int, ...]


def read_and_tell(paths: Sequence[Path]) -> list[Run]:
    """The runs of `read_all`, for a command: what was left out is told on standard error."""
    runs, left_out = read_all(paths)
    for item in left_out:
        print(f"left out: {item}", file=sys.stderr)
    return runs


def read_all(paths: Sequence[Path]) -> tuple[list[Run], list[LeftOut]]:
    """All stored runs under files, folders and archives of a session each (`.tar.xz`, in folders, too).

    Those that ran to their end and may be compared with the first, oldest first, each once; and what was left out.
    """
    archives = [file for path in paths for file in (sorted(path.rglob(f"*{ARCHIVE}")) if path.is_dir() else [path])]
    archives = [file for file in archives if file.name.endswith(ARCHIVE)]
    with tempfile.TemporaryDirectory() as folder:
        broken = [item for file in archives if (item := _unpack(file, Path(folder, file.name)))]
        found, left_out = stored_runs([*(path for path in paths if path not in archives), Path(folder)], READ)
    left_out += broken
    runs: dict[tuple[str, str], Run] = {}
    for run in found:
        first = next(iter(runs.values()), run)
        twin = runs.get((run.datetime, run.gpu))
        if run.interrupted:
            left_out.append(LeftOut(run.path, f"was interrupted ({run.interrupted}), so it is half a run."))
        elif twin is not None:
            left_out.append(LeftOut(run.path, f"holds the same run as {twin.path}, and counts once."))
        elif reason := refusal(first, run):
            left_out.append(LeftOut(run.path, f"beside {first.path}: {reason}"))
        else:
            runs[run.datetime, run.gpu] = run
    return sorted(runs.values(), key=lambda run: run.datetime), left_out


def _unpack(archive: Path, folder: Path) -> LeftOut | None:
    try:
        with tarfile.open(archive, "r:xz") as packed:
            packed.extractall(folder, filter="data")
    except (OSError, tarfile.TarError, lzma.LZMAError, EOFError) as error:
        return LeftOut(archive, f"cannot be unpacked ({error}); restore it.")
    return None


def injected(run: Run) -> Mapping[str, Sequence[Mapping[str, Any]]] | None:
    """What `proof.inject.slowdown` did to the run, by benchmark; None where it was not loaded."""
    found = run.suite.get("injected")
    if not isinstance(found, dict):
        return None
    # a run of its first version has one entry in the place of a list of them
    listed = {id_: entries if isinstance(entries, list) else [entries] for id_, entries in found.items()}
    return {id_: [entry for entry in entries if isinstance(entry, dict)] for id_, entries in listed.items()}


def is_unchanged(run: Run) -> bool:
    """Whether nothing was slowed down: at most an operator has the spin kernel that it has in every such run."""
    entries = [entry for listed in (injected(run) or {}).values() for entry in listed]
    return injected(run) is None or bool(
        entries and all(entry.get("kind") == "operator" and _is_reference(entry) for entry in entries)
    )


def spinning_operators(run: Run) -> frozenset[tuple[str, str]]:
    """Benchmark and module of every operator that has a spin kernel, however long: only runs that have the same are
    the same code."""
    return frozenset(
        (id_, str(entry.get("asked")).partition("+")[0])
        for id_, entries in (injected(run) or {}).items()
        for entry in entries
        if entry.get("kind") == "operator"
    )


def _is_reference(entry: Mapping[str, Any]) -> bool:
    return is_reference(str(entry.get("kind")), str(entry.get("asked")))


def night(run: Run) -> tuple[str, str]:
    """The GPU and the day of a run."""
    return run.gpu, run.day


def count_choices(runs: int) -> int:
    """In how many ways so many runs can be a baseline, one run and its confirmations."""
    if runs < NEEDED:
        return 0
    return math.comb(runs, BASELINE_RUNS) * (runs - BASELINE_RUNS) * math.comb(runs - BASELINE_RUNS - 1, CONFIRMATIONS)


def choices(nights: Sequence[Hashable], most: int, seed: int) -> list[Choice]:
    """Every choice where there are at most `most`, else so many different ones at random.

    Of what is drawn, every other run is confirmed by runs of its own night, as in a session, as far as there are such.

    Args:
        nights: of every run.
    """
    runs = range(len(nights))
    if count_choices(len(runs)) <= most:
        return list(_every(len(runs)))
    alike = [[other for other in runs if nights[other] == nights[run]] for run in runs]
    confirmed = [run for run in runs if len(alike[run]) > CONFIRMATIONS]
    draw = random.Random(seed)
    found: dict[Choice, None] = {}
    for in_one_night in itertools.cycle([True, False] if confirmed else [False]):
        run = draw.choice(confirmed if in_one_night else runs)
        among = alike[run] if in_one_night else runs
        again = draw.sample([other for other in among if other != run], CONFIRMATIONS)
        baseline = draw.sample([other for other in runs if other not in (run, *again)], BASELINE_RUNS)
        found[Choice(tuple(sorted(baseline)), run, tuple(sorted(again)))] = None
        if len(found) == most:
            break
    return list(found)


def _every(runs: int) -> Iterator[Choice]:
    for baseline in itertools.combinations(range(runs), BASELINE_RUNS):
        for run in sorted(set(range(runs)) - set(baseline)):
            for again in itertools.combinations(sorted(set(range(runs)) - {run, *baseline}), CONFIRMATIONS):
                yield Choice(baseline, run, again)


def largest_share(found: int, independent: int) -> float:
    """The largest share that is not ruled out (95 %) by `found` of so many independent trials, after Clopper and
    Pearson (1934); with none found about three over their number, the rule of three."""
    return 1.0 if found >= independent else float(special.betaincinv(found + 1, independent - found, SURE))
