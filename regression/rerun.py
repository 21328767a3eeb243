"""Repeats a session's benchmarks in a fresh process: what it stores is a run like any other."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import processes
from common.repeated import KERNELS, OPERATORS, Repeated
from common.schema import BY_NAME, OWN_PROCESSES, QUESTIONS, STORE, VISITS
from common.stored import interrupted, mapping
from regression.metric import Metric
from regression.runs.lists import Lists, in_full
from regression.runs.operator_table import MOST_BESIDE_AN_ENGINE
from regression.text import why
from regression.values import lookup


class NotMeasured(Exception):
    """The fresh process stored no run; the message says why."""


class Interrupted(Exception):
    """The session was asked to end while a fresh process measured, which has ended; the message says by what."""


def measure(
    node_ids: Sequence[str],
    arguments: Sequence[str],
    root: Path,
    inifile: Path | None,
    timeout_s: float,
    released: bool = False,
) -> dict[str, Any]:
    """The stored run of a fresh pytest process over these tests; `released` if this process holds nothing on the GPU.

    Raises:
        NotMeasured: the process could not be started, took more than `timeout_s`, or stored no whole run.
    """
    with _folder() as folder:
        stored = folder / "run.json"
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={root}"),
            *(("-c", str(inifile)) if inifile else ()),
            *arguments,
            *("--judge=off", f"--benchmark-json={stored}", f"--benchmark-storage=file://{folder}/store"),
            *(str(root / node_id) for node_id in node_ids),
        ]
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTEST_ADDOPTS", STORE)}
        environment = processes.environment_of_child(kept)
        environment[OWN_PROCESSES] = str(int(environment.get(OWN_PROCESSES, "1")) + (0 if released else 1))
        try:
            ended = subprocess.run(
                command,
                cwd=root,
                env=environment,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
                start_new_session=True,  # Ctrl-C is for the session, which then ends this process
            )
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"the fresh process took more than {timeout_s:.0f} s") from None
        except OSError as error:
            raise _not_started(error) from None
        try:
            run: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            last = next((line for line in reversed((ended.stdout + ended.stderr).splitlines()) if line.strip()), "")
            raise NotMeasured(f"the fresh process ended with status {ended.returncode}: {last[:200]}") from None
        if reason := interrupted(run):
            raise NotMeasured(f"the fresh process ended with status {ended.returncode}: {reason}")
        return run


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """For what the fresh process stores; what a process that was ended leaves in it fails nothing."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="measured-again-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _not_started(error) from None
    with folder:
        yield Path(folder.name)


def _not_started(error: OSError) -> NotMeasured:
    return NotMeasured(f"the fresh process could not be started: {why(error)}")


def confirmation(
    run: dict[str, Any],
    controls: Sequence[str],
    metrics: Sequence[Metric],
    of: Container[str] | None = None,
    visits_of: Container[str] = (),
) -> dict[str, Any]:
    """What a stored run keeps of a fresh process, an entry of `suite.confirmations`.

    Of each benchmark it keeps what is judged and can fail, and what excuses a judged metric, but no host work by name.
    Operators point into the lists of the process's own `suite`, until `add_confirmation` puts the entry into a stored
    run.

    Args:
        of: ids of the benchmarks that it keeps, if not of all.
        visits_of: ids of others of which it keeps what visits measured.
    """
    excusing = {metric.excused_by for metric in metrics}
    kept = [metric for metric in metrics if metric.is_confirmed or metric.key in excusing]
    paths = {metric.confirmation_field: metric.confirmed_path for metric in kept}
    from_visits = {metric.visited[-1]: metric.visited for metric in kept if metric.visited}
    if from_visits:
        from_visits[VISITS] = ("extra_info", VISITS)
    paths |= from_visits
    return {
        "datetime": run.get("datetime"),
        "controls": list(controls),
        "benchmarks": {
            record["param"]: {
                field: _unnamed(value) if field == "host_work" else value
                for field, path in (
                    paths | _of_an_engine(record) if of is None or record["param"] in of else from_visits
                ).items()
                if (value := lookup(record, path)) is not None
            }
            for record in records(run)
            if of is None or record["param"] in of or record["param"] in visits_of
        },
    }


def _of_an_engine(record: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The kernels of a benchmark with an engine, which tell apart what it takes (`StoredOperator.times_s`)."""
    table = lookup(record, ("extra_info", OPERATORS))
    return {KERNELS: ("extra_info", KERNELS)} if table and len(table["time_ns"]) <= MOST_BESIDE_AN_ENGINE else {}


def _unnamed(host_work: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in host_work.items() if name != BY_NAME}


def records(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The records of a stored run's benchmarks, and of its questions."""
    return [*run["benchmarks"], *mapping(run.get("suite")).get(QUESTIONS, ())]


def add_confirmation(document: dict[str, Any], entry: dict[str, Any], suite: Mapping[str, Any]) -> None:
    """Add a confirmation to a stored run, in place; `suite` is that of the process which found it."""
    lists, repeated = Lists.of(suite), Repeated(document["suite"])
    benchmarks = {id_: repeated.put(in_full(fields, lists)) for id_, fields in entry["benchmarks"].items()}
    document["suite"]["confirmations"].append(entry | {"benchmarks": benchmarks})


def replace_record(document: dict[str, Any], record: dict[str, Any], suite: Mapping[str, Any]) -> None:
    """Put a benchmark that was measured again in the place of its first record, in a stored run.

    Args:
        document: the stored run, changed in place.
        record: the benchmark or question as a fresh process stored it, without the rounds' data if the document has
            none.
        suite: that process's `suite`, into whose lists the record's tables point.
    """
    fields = in_full(record["extra_info"], Lists.of(suite))
    record = record | {"extra_info": Repeated(document["suite"]).put(fields)}
    asked = document["suite"].get(QUESTIONS, [])
    for number, first in enumerate(asked):
        if first["param"] == record["param"]:
            asked[number] = record
    for number, first in enumerate(document["benchmarks"]):
        if first["param"] == record["param"]:
            if "data" not in first["stats"]:
                stats = {name: value for name, value in record["stats"].items() if name != "data"}
                record = record | {"stats": stats}
            document["benchmarks"][number] = record
