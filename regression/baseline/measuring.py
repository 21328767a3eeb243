"""Measures runs that may become a baseline, each in a fresh pytest process, and keeps them in the store."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from common import processes
from common.errors import UsageError
from common.given import RECORD, at_store
from common.identity import identity
from common.output import UnwritableOutput
from common.schema import CANDIDATE, PERHAPS_BASELINE_FILE
from common.signals import heeded
from regression.baseline.place import Gpu, Kind, find
from regression.project import ROOT
from regression.runs.marks import entry_of
from regression.runs.read import read
from regression.runs.run import Run, UnusableRun
from regression.store import keys
from regression.store.delivery import deliver
from regression.store.store import Store
from regression.text import count, escaped, why

USUAL_RUNS = 5
TESTS_FAILED = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
IMPATIENT = 3


@dataclasses.dataclass(frozen=True)
class Candidates:
    """Runs that are in the store and whole, of one kind."""

    runs: tuple[Run, ...]
    kind: Kind

    @property
    def identities(self) -> list[str]:
        return [run.identity for run in self.runs]

    def without_value(self) -> dict[str, int]:
        """Id of a benchmark to in how many runs it failed, of those that did."""
        ids = dict.fromkeys(id_ for run in self.runs for id_ in run.failed)
        return {id_: sum(id_ in run.failed for run in self.runs) for id_ in ids}


def measure(
    store: Store, number: int, tests: str | None, arguments: Sequence[str], asked: str | None = None
) -> Candidates:
    """Measure so many runs, one after the other, and keep each in the store as soon as it is there.

    Args:
        tests: what pytest runs; the suite's own benchmarks where it is None.
        arguments: of pytest, besides.
        asked: the store as `--store` named it, if it did.

    Raises:
        UsageError: a process stored no whole run; the sentence says which runs are kept.
    """
    kept: list[Run] = []
    for at in range(1, number + 1):
        print(f"run {at} of {number}", flush=True)
        try:
            run = _measured(store, tests, arguments)
        except KeyboardInterrupt:
            raise UsageError(f"interrupted in run {at} of {number}. {_kept(kept, asked)}") from None
        except UsageError as problem:
            raise UsageError(f"run {at} of {number}: {problem} {_kept(kept, asked)}") from None
        kept.append(run)
        print(f"run {at} of {number} is kept: {escaped(run.path)}", flush=True)
        _of_one_kind(kept, asked)
    return Candidates(tuple(kept), entry_of(kept[0]).of)


def given(store: Store, names: Sequence[str], known: Sequence[Gpu], number: int) -> list[Candidates]:
    """Runs that were measured before: files, also from elsewhere, or runs of the store; GPU model by GPU model.

    Raises:
        UsageError: of a GPU model there are too few, or one is not whole; then none is kept.
    """
    by_kind: dict[Kind, dict[str, Run]] = {}
    for name in names:
        path = Path(name)
        run = read(path) if path.suffix == ".json" and path.exists() else find(name, known).run
        if run.interrupted:
            why = f"was interrupted ({run.interrupted}), so it is no baseline"
            raise UsageError(f"{escaped(name)} {why}; record another.")
        by_kind.setdefault(entry_of(run).of, {})[run.identity] = run
    for kind, runs in by_kind.items():
        if len(runs) < number:
            raise UsageError(
                f"{count(len(runs), 'different run')} of {named(kind)} given, and a baseline has {number}; give more, "
                f"or say --runs {len(runs)}."
            )
    return [Candidates(tuple(_keep(store, run.path) for run in runs.values()), kind) for kind, runs in by_kind.items()]


def named(kind: Kind) -> str:
    """A GPU model, MIG profile and precision policy in words."""
    return escaped(", ".join(part for part in kind if part)) or "an unknown device"


def _measured(store: Store, tests: str | None, arguments: Sequence[str]) -> Run:
    try:
        folder = tempfile.mkdtemp(prefix="baseline-candidate-")
    except OSError as error:
        raise UsageError(f"no temporary folder can be made: {why(error)}.") from None
    with contextlib.ExitStack() as ending:
        ending.callback(shutil.rmtree, folder, ignore_errors=True)
        what = [tests] if tests else [str(ROOT / "benchmarks"), "-c", str(ROOT / "pytest.ini"), f"--rootdir={ROOT}"]
        command = [sys.executable, "-m", "pytest", *what, f"--benchmark-save={CANDIDATE}"]
        command += [*arguments, f"--benchmark-storage=file://{folder}"]
        process = subprocess.Popen(command, env=processes.environment_of_child(os.environ))
        with _passed_on(process) as interrupted:
            status = process.wait()
            found = sorted(Path(folder).rglob("*.json"))
            # A signal waits for this, or the run would be gone with its folder.
            try:
                run = _keep(store, found[-1]) if found else None
            except UnwritableOutput as problem:
                ending.pop_all()
                raise UsageError(f"{problem}; the run stays in {escaped(found[-1])}.") from None
        if run is None:
            if interrupted:
                raise KeyboardInterrupt
            raise UsageError(f"pytest ended with status {status} and stored no run; see above.")
        if interrupted or run.interrupted:
            by = run.interrupted or interrupted[0]
            raise UsageError(f"it was interrupted ({by}), and is kept as {escaped(run.path)}.")
        if status not in (0, TESTS_FAILED):
            raise UsageError(f"pytest ended with status {status}, and the run is kept as {escaped(run.path)}.")
        return run


@contextlib.contextmanager
def _passed_on(process: subprocess.Popen[bytes]) -> Iterator[list[str]]:
    """A signal that ends this process is for pytest, which stores what it has; by which signals it was asked to end.

    Ctrl-C reaches both processes by itself. Who asks three times does not wait.
    """
    asked: list[str] = []

    def pass_on(number: int, frame: object) -> None:
        asked.append("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)
        if number != signal.SIGINT:
            process.send_signal(number)
        if len(asked) == IMPATIENT:
            raise KeyboardInterrupt

    with heeded(SIGNALS, pass_on):
        yield asked


def _keep(store: Store, file: Path) -> Run:
    """The run in the store, under a name that a mark can make a baseline of."""
    document = json.loads(file.read_bytes())
    run_id = identity(document)
    for known in sorted(store.folder.rglob("*.json")):
        if PERHAPS_BASELINE_FILE.fullmatch(known.name) and _is(known, run_id):
            return read(known)
    delivered = deliver(store, file, name=f"{CANDIDATE}.json")
    if not delivered.key:
        raise UsageError(delivered.said)
    key = delivered.key
    if not PERHAPS_BASELINE_FILE.fullmatch(Path(key).name):
        # The store has the run as a night; a copy by another name is the same run, and counts once.
        taken = [found.key for found in store.objects.list(key.partition("/")[0])]
        key = keys.key_of(str(Path(key).parent), f"{CANDIDATE}.json", taken, run_id, exclusive=store.objects.exclusive)
        store.append(key, file.read_bytes())
    store.fetch()
    return read(store.folder / key)


def _is(file: Path, run_id: str) -> bool:
    try:
        return read(file).identity == run_id
    except UnusableRun:
        return False


def _of_one_kind(runs: Sequence[Run], asked: str | None) -> None:
    kinds = list(dict.fromkeys(entry_of(run).of for run in runs))
    if len(kinds) > 1:
        one, other = map(named, kinds[:2])
        raise UsageError(f"the runs are of {one} and of {other}; a baseline is of one of them. {_kept(runs, asked)}")


def _kept(runs: Sequence[Run], asked: str | None) -> str:
    if not runs:
        return "The old baseline is as it was."
    names = " ".join(escaped(run.path) for run in runs)
    return (
        f"The old baseline is as it was. {count(len(runs), 'run')} before it are kept as candidates; with others they "
        f"become a baseline by `{escaped(at_store(RECORD, asked))} --from {names} ...`"
    )
