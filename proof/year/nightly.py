"""What a nightly does with a night of one GPU, and what its owner does now and then, by the project's own commands."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from common import output
from proof.year.calendar import GPUS, RENAMED
from proof.year.world import World
from regression.__main__ import main
from regression.incidents import job, text
from regression.incidents.plan import Issue, Kind, Night, Plan, plan
from regression.incidents.text import Links
from regression.metrics import METRICS
from regression.report import verdict_file
from regression.report.content import content
from regression.runs.find import collect
from regression.session import Additions, Outcome, Rules, judge_session
from regression.store.delivery import deliver, deliver_waiting
from regression.store.objects import Object, StoreAway
from regression.store.opening import open_store
from regression.store.store import Store

RULES = Rules("require", METRICS, (), (), patience=5)
BASELINE_RUNS = 5
LINKS = Links(run="https://ci.example/1")


class Away:
    """A store that does not answer."""

    exclusive = True

    def list(self, prefix: str = "") -> list[Object]:
        raise StoreAway("connection refused")

    def read(self, key: str) -> bytes:
        raise StoreAway("connection refused")

    def append(self, key: str, data: bytes) -> None:
        raise StoreAway("connection refused")

    def remove(self, key: str) -> None:
        raise StoreAway("connection refused")


class Session:
    """A night's processes as judging asks for them: `regression.session.Session`."""

    def __init__(self, world: World, gpu: str, night: int, additions: Additions) -> None:
        self._world, self._gpu, self._night, self._additions = world, gpu, night, additions
        self._processes = 1

    def document(self) -> dict[str, Any]:
        document = self._world.document(self._gpu, self._night, process=0)
        self._additions.add_to(document)
        return document

    def repeat(self, benchmarks: Collection[str], stage: str) -> dict[str, Any]:
        self._processes += 1
        return self._world.document(self._gpu, self._night, self._processes)

    def doing(self, what: str) -> AbstractContextManager[None]:
        return contextlib.nullcontext()


@dataclasses.dataclass(frozen=True)
class Told:
    """What was said of one GPU on one night: `outcome` of judging, and whether the store was reached."""

    gpu: str
    night: int
    outcome: Outcome
    delivered: bool


class Nightly:
    """The store, the open issues, and everything that was told.

    Args:
        store: URL or absolute path.
        scratch: a folder for artifacts.
    """

    def __init__(self, world: World, store: str, scratch: Path) -> None:
        self.world, self.calendar, self.scratch = world, world.calendar, scratch
        self.url = store
        self.store = open_store(store)
        self.told: list[Told] = []
        self.issues: dict[int, Issue] = {}
        self.plans: list[tuple[int, Plan]] = []
        self._next = 1

    def begin(self) -> None:
        """The first baseline of every GPU, saved as `baseline` on the nights before."""
        for gpu in GPUS:
            for run in range(BASELINE_RUNS):
                file = self._file(self.world.document(gpu, -2 - run, 0), "0001_baseline.json")
                deliver(self.store, file)

    def night(self, night: int) -> None:
        """Every GPU's job, then the job that looks after the issues."""
        folder = self.scratch / "artifacts"
        for number, gpu in enumerate(GPUS):
            self._job(gpu, night, folder / f"nightly-{number}")
        jobs = tuple(job.jobs(folder, list(GPUS)))
        found = plan(Night(day=jobs[0].day, jobs=jobs), self.issues.values())
        self.plans.append((night, found))
        self._apply(found)
        self._owner(night)

    def _job(self, gpu: str, night: int, artifact: Path) -> None:
        with contextlib.suppress(StoreAway):
            deliver_waiting(self.store)
            self.store.fetch(gpu)
        additions = Additions()
        session = Session(self.world, gpu, night, additions)
        stored = collect([self.store.folder / gpu])
        outcome = judge_session(session, RULES, stored, additions)
        file = artifact / "run.json"
        output.write(file, json.dumps(session.document()))
        said = content(outcome.report, outcome.run, outcome.baselines, METRICS)
        output.write(artifact / "verdict.json", verdict_file.text(said, exit_status=int(outcome.failed)))
        away = (gpu, night) in self.calendar.lost
        store = Store(self.url, Away()) if away else self.store
        saved = artifact / f"{night + 1:04d}_nightly.json"
        output.write(saved, file.read_text())
        delivered = deliver(store, saved)
        if not away and night % 7 == 0:
            deliver(store, file)  # once more, by another way
        saved.unlink()
        self.told.append(Told(gpu, night, outcome, bool(delivered.key)))

    def _apply(self, found: Plan) -> None:
        """What `regression.incidents.github` does, with issues that are kept here."""
        for action in found.actions:
            if action.issue is None:
                body = text.body(action, found.night, LINKS)
                self.issues[self._next] = Issue(
                    number=self._next, title=text.title(action.state), body=body, state=action.state
                )
                self._next += 1
            else:
                self.issues[action.issue.number] = dataclasses.replace(
                    action.issue, state=action.state, closed=action.kind is Kind.CLOSE
                )

    def _owner(self, night: int) -> None:
        """New baselines, recorded in the morning after."""
        for gpu in GPUS:
            recorded = (gpu, night + 1) in self.calendar.recorded
            refreshed = night + 1 == self.calendar.refreshed
            if recorded or refreshed:
                files = [
                    str(self._file(self.world.document(gpu, night, process), f"new-{process}.json"))
                    for process in range(10, 10 + BASELINE_RUNS)
                ]
                command = ["baseline", "refresh", *RENAMED] if refreshed else ["baseline", "record"]
                self._run([*command, "--from", *files, "--why", "as it is now"])

    def _run(self, command: list[str]) -> None:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            status = main([*command[:2], "--store", self.url, *command[2:]])
        if status:
            raise RuntimeError(f"{command[:2]}: exit status {status}: {said.getvalue()}")

    def _file(self, document: dict[str, Any], name: str) -> Path:
        file = self.scratch / "files" / name
        output.write(file, json.dumps(document))
        return file
