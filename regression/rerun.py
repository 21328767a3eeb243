"""Repeats a session's benchmarks in a fresh process: what it stores is a run like any other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.schema import OWN_PROCESSES
from regression.metrics import Metric, lookup


class NotMeasured(Exception):
    """The fresh process stored no run; the message says why."""


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
        NotMeasured: the process took more than `timeout_s`, or stored nothing.
    """
    with tempfile.TemporaryDirectory(prefix="measured-again-") as folder:
        stored = Path(folder) / "run.json"
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={root}"),
            *(("-c", str(inifile)) if inifile else ()),
            *arguments,
            *("--judge=off", f"--benchmark-json={stored}", f"--benchmark-storage=file://{folder}/store"),
            *(str(root / node_id) for node_id in node_ids),
        ]
        environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
        environment[OWN_PROCESSES] = str(int(environment.get(OWN_PROCESSES, "1")) + (0 if released else 1))
        try:
            ended = subprocess.run(
                command, cwd=root, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotMeasured(f"the fresh process took more than {timeout_s:.0f} s") from None
        try:
            run: dict[str, Any] = json.loads(stored.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            last = next((line for line in reversed((ended.stdout + ended.stderr).splitlines()) if line.strip()), "")
            raise NotMeasured(f"the fresh process ended with status {ended.returncode}: {last[:200]}") from None
        return run


def confirmation(run: dict[str, Any], controls: Sequence[str], metrics: Sequence[Metric]) -> dict[str, Any]:
    """What a stored run keeps of a fresh process, an entry of `suite.confirmations`.

    Of each benchmark it keeps what is judged, and what excuses a judged metric.
    """
    excusing = {metric.excused_by for metric in metrics}
    kept = [metric for metric in metrics if metric.judged or metric.key in excusing]
    paths = {metric.confirmation_field: metric.path for metric in kept}
    paths |= {metric.visited[-1]: metric.visited for metric in kept if metric.visited}
    return {
        "datetime": run.get("datetime"),
        "controls": list(controls),
        "benchmarks": {
            record["param"]: {field: lookup(record, path) for field, path in paths.items()}
            for record in run["benchmarks"]
        },
    }


def replace_record(document: dict[str, Any], record: dict[str, Any], kernel_names: Sequence[str]) -> None:
    """Put a benchmark that was measured again in the place of its first record, in a stored run.

    Args:
        document: the stored run, changed in place.
        record: the benchmark as a fresh process stored it, without the rounds' data if the document has none.
        kernel_names: that process's `suite.kernels`, into which the record's kernel table points.
    """
    names: list[str] = document["suite"]["kernels"]
    index = {name: number for number, name in enumerate(names)}
    table = record["extra_info"].get("kernels")
    if table:
        for name in (kernel_names[number] for number in table["kernel"]):
            if name not in index:
                index[name] = len(names)
                names.append(name)
        table = table | {"kernel": [index[kernel_names[number]] for number in table["kernel"]]}
        record = record | {"extra_info": record["extra_info"] | {"kernels": table}}
    for number, first in enumerate(document["benchmarks"]):
        if first["param"] == record["param"]:
            if "data" not in first["stats"]:
                stats = {name: value for name, value in record["stats"].items() if name != "data"}
                record = record | {"stats": stats}
            document["benchmarks"][number] = record
