"""What the marks beside stored runs make of them: the runs that count, each with the benchmarks that it counts for."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from common import marks
from common.marks import Entry, Mark, Standing
from regression.runs.run import LeftOut, Run
from regression.text import escaped

# Of a run that a user named.
WHOLE = Standing(is_baseline=True)


@dataclasses.dataclass(frozen=True)
class Settled:
    """The runs of a baseline, as the marks leave them."""

    baselines: tuple[Run, ...]
    history: tuple[Path, ...]
    """Runs that are no longer, or not yet, of the baseline."""
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def settle(runs: Sequence[Run], said: Sequence[Mark]) -> Settled:
    """Sort what may be of the baseline by what the marks say."""
    entries = [entry_of(run) for run in runs]
    baselines, history, left_out = [], [], []
    for run, standing in zip(runs, marks.standings(entries, said), strict=True):
        if standing.excluded is not None:
            left_out.append(left_out_by(standing.excluded, run.path))
        elif standing.is_baseline:
            limited = limit(run, standing)
            baselines += [limited] if limited.benchmarks or not run.benchmarks else []
        else:
            history.append(run.path)
    return Settled(tuple(baselines), tuple(history), tuple(left_out), tuple(map(escaped, marks.notes(entries, said))))


def entry_of(run: Run) -> Entry:
    """What marks need to know of a run."""
    return Entry(run.identity, marks.moment(run.datetime), marks.kind_of(run.machine), marks.named(run.path))


def limit(run: Run, standing: Standing = WHOLE) -> Run:
    """The run with the benchmarks that it is a baseline of; it still knows what else it timed.

    A benchmark that failed is none of them, whatever was measured of it.
    """
    counting = {id_ for id_ in run.benchmarks.keys() | run.labels if standing.counts_for(id_)} - run.failed.keys()
    if counting >= run.benchmarks.keys() | run.labels.keys():
        return run
    return dataclasses.replace(
        run,
        benchmarks={id_: one for id_, one in run.benchmarks.items() if id_ in counting},
        labels={id_: one for id_, one in run.labels.items() if id_ in counting},
        timed=run.measured,
    )


def left_out_by(mark: Mark, path: Path) -> LeftOut:
    """An excluded run, as a report names it."""
    return LeftOut(path, escaped(marks.sentence(mark)))


def read_marks(paths: Sequence[Path]) -> tuple[tuple[Mark, ...], list[str]]:
    """The marks that hold for folders and files, and a sentence for every file among them that is none."""
    found, wrong = marks.read(paths)
    return found, [escaped(sentence) for sentence in wrong]
