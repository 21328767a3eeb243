"""What a fleet needs of a stored run: its day, its GPU, its verdicts; and reading the latest runs of a store."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import ci
from common.identity import identity
from common.marks import excluded
from common.schema import INTERRUPTED, PERHAPS_BASELINE_FILE, QUESTIONS, RUN_FILE
from common.stored import UNKNOWN_DEVICE, mapping, moment, slug_of
from regression.runs.find import walk
from regression.runs.marks import read_marks
from regression.runs.read import load
from regression.runs.run import LeftOut, UnusableRun
from regression.text import count, escaped, fit, flattened
from regression.values import lookup

NIGHTS = 30
"""So many days are shown, the last one included."""
LATE = 5
"""So many runs in a row may have been delivered late, before the rest of a folder is taken to be older."""
OF_ONE_RUN = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Night:
    """One stored run that is no baseline."""

    when: datetime.datetime
    slug: str
    gpu_name: str
    uuid: str
    capability: str
    """Compute capability, such as `9.0`; empty where it is not known."""
    verdicts: Mapping[str, Mapping[str, str]]
    """Benchmark to metric to verdict; empty where nothing was judged."""
    failures: Mapping[str, Mapping[str, str]] | None
    """Of them, those that fail; None in runs of versions that did not say it."""
    models: Mapping[str, str | None] = field(default_factory=dict)
    """Benchmark to its model, as the run names it."""
    run_id: str = ""
    """The run's identity, which its copies share."""
    url: str = ""
    """Where its page is: the run of GitHub Actions that measured it."""

    @property
    def day(self) -> datetime.date:
        return self.when.date()


def of(document: Mapping[str, Any], path: Path) -> Night:
    """The night of a stored run. Raises UnusableRun where it has no place in a fleet."""
    machine, suite = mapping(document.get("machine_info")), mapping(document.get("suite"))
    when = moment(str(document.get("datetime")))
    if when is None:
        raise UnusableRun(path, "`datetime` is not a date and time, so it is no night of a fleet.")
    slug = slug_of(machine) or UNKNOWN_DEVICE
    lists = (found for found in (document.get("benchmarks"), suite.get(QUESTIONS)) if isinstance(found, list))
    models: dict[str, str | None] = {}
    for record in itertools.chain.from_iterable(lists):
        id_, model = lookup(record, ("param",)), lookup(record, ("params", "model"))
        if isinstance(id_, str):
            models[escaped(id_)] = model if isinstance(model, str) else None
    interrupted = bool(suite.get(INTERRUPTED))
    verdicts = {} if interrupted else _words(suite.get("verdicts"))
    if all(word == "NEW" for of_one in verdicts.values() for word in of_one.values()):
        verdicts = {}
    for id_ in verdicts:
        models.setdefault(id_, None)
    return Night(
        when=when,
        slug=fit(flattened(slug)),
        gpu_name=fit(flattened(str(lookup(machine, ("gpu", "name")) or slug))),
        uuid=str(lookup(machine, ("gpu", "uuid")) or ""),
        capability=fit(flattened(str(lookup(machine, ("gpu", "compute_capability")) or "")), 12),
        verdicts=verdicts,
        failures=_words(suite["failures"]) if "failures" in suite else None,
        models=models,
        run_id=identity(document),
        url=ci.checked(suite.get(ci.CI_URL)),
    )


def read(store: Path, days: int = NIGHTS) -> tuple[list[Night], list[str]]:
    """The nights of every GPU model's last `days` days, and a sentence for each file that is left out.

    Copies of a run count once; what a mark excludes does not count.

    A GPU model's days are counted from its own latest night. Files are read from the highest number down, and each
    folder only as far as its days reach: a year of nights takes as long as a month.
    """
    left_out: list[LeftOut] = []
    folders: dict[Path, list[Path]] = {}
    for path in walk(store, left_out):
        if RUN_FILE.fullmatch(path.name) and not PERHAPS_BASELINE_FILE.fullmatch(path.name):
            # Where writers may overwrite each other, each run of a folder lies in a folder of its own.
            folder = path.parent.parent if OF_ONE_RUN.fullmatch(path.parent.name) else path.parent
            folders.setdefault(folder, []).append(path)
    nights: list[Night] = []
    for files in folders.values():
        nights += _latest(files, days, left_out)
    said, wrong = read_marks([store, *(path for path in store.iterdir() if path.is_dir())])
    out = excluded(said)
    nights = list({night.run_id: night for night in nights if night.run_id not in out}.values())
    newest: dict[str, datetime.date] = {}
    for night in nights:
        newest[night.slug] = max(night.day, newest.get(night.slug, night.day))
    shown = [night for night in nights if _is_within(night, newest[night.slug], days)]
    marked = [f"{count(len(out), 'run')} that a mark excludes"] if out else []
    return shown, [*map(str, left_out), *wrong, *marked]


def _latest(files: Iterable[Path], days: int, left_out: list[LeftOut]) -> list[Night]:
    """The last days of one folder. A run that was delivered late has a higher number than newer ones."""
    nights: list[Night] = []
    newest, too_old = datetime.date.min, 0
    for path in sorted(files, key=lambda path: (int(path.name.partition("_")[0]), path.name), reverse=True):
        try:
            night = of(load(path), path)
        except UnusableRun as error:
            left_out.append(LeftOut(error.path, error.reason))
            continue
        newest = max(newest, night.day)
        nights.append(night)
        too_old = 0 if _is_within(night, newest, days) else too_old + 1
        if too_old > LATE:
            break
    return nights


def _is_within(night: Night, newest: datetime.date, days: int) -> bool:
    return (newest - night.day).days < days


def _words(raw: object) -> dict[str, dict[str, str]]:
    """Benchmark to metric to a word, of what a stored file says."""
    return {
        escaped(id_): {str(metric): word for metric, word in of_one.items() if isinstance(word, str)}
        for id_, of_one in mapping(raw).items()
        if isinstance(of_one, dict)
    }
