"""Reads each stored run once, for the judge and for the history after it."""

from __future__ import annotations

import dataclasses
import os
import weakref
from collections.abc import Sequence
from pathlib import Path

from regression.history import night as nights
from regression.history.night import Night
from regression.metric import Metric
from regression.metrics import METRICS
from regression.runs import read
from regression.runs.run import Run, UnusableRun


class Reader:
    """The stored runs that one command or one session reads, for as long as it goes on.

    A night is kept, of which thousands fit into memory; a run only as long as something else holds it.
    """

    def __init__(self, metrics: Sequence[Metric] = METRICS) -> None:
        self._metrics = metrics
        self._runs: weakref.WeakValueDictionary[str, Run] = weakref.WeakValueDictionary()
        self._nights: dict[str, Night] = {}
        # Why a file holds no run, and why a run is no night.
        self._no_run: dict[str, str] = {}
        self._no_night: dict[str, str] = {}

    def run(self, path: Path) -> Run:
        """One stored run. Raises UnusableRun where nothing in it can be judged."""
        key = _key(path)
        if key in self._no_run:
            raise UnusableRun(path, self._no_run[key])
        run = self._runs.get(key)
        if run is None:
            try:
                run = read.read(path, self._metrics)
            except UnusableRun as problem:
                self._no_run[key] = problem.reason
                raise
            self.keep(run)
        return run if run.path == path else dataclasses.replace(run, path=path)

    def night(self, path: Path) -> Night:
        """One stored run as a history needs it. Raises UnusableRun where it has no place in one."""
        key = _key(path)
        if key not in self._nights and key not in self._no_night:
            self.run(path)
        if key in self._no_night:
            raise UnusableRun(path, self._no_night[key])
        night = self._nights[key]
        return night if night.file == path else dataclasses.replace(night, file=path)

    def keep(self, run: Run) -> None:
        """Take a run for what lies in its file, which then is not read."""
        key = _key(run.path)
        self._no_run.pop(key, None)
        self._no_night.pop(key, None)
        self._runs[key] = run
        try:
            self._nights[key] = nights.of(run, self._metrics)
        except UnusableRun as problem:
            self._no_night[key] = problem.reason


def _key(path: Path) -> str:
    return os.path.realpath(path)  # Path.resolve raises where links go round in a circle
