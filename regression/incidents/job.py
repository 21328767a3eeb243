"""What one GPU job of a night left: the run that it stored and the verdict, or why there is none."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common import given
from common.stored import UNKNOWN_DEVICE, lost_by
from regression.incidents.cause import LABELS, SESSION, UNMEASURED, Failure, compiler
from regression.metric import Kind
from regression.metrics import METRICS
from regression.report.groups import Place, places
from regression.runs.read import read
from regression.runs.run import Run, UnusableRun
from regression.text import change, escaped, fit, flattened, measure, why
from regression.values import lookup

RUN, VERDICT, INDEX = "run.json", "verdict.json", "index"
LARGEST_VERDICT_BYTES = 2**20
LONGEST = 200
NO_RUN = "No run was stored: the log of the job says why."
NOTHING_LEFT = "The job left nothing: it did not start, or died before it could write."
# What a verdict says that neither fails nor shows that something is well.
OPEN_VERDICTS = ("UNSURE", "NEW")
MISSING, SLOWER, ACCEPTED = "MISSING", "SLOWER", "accepted"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One GPU job of one night."""

    name: str
    """Labels of its runner, else the folder of its artifact."""
    gpu: str = ""
    """Slug of its GPU model; empty where no run was stored."""
    day: str = ""
    """When it measured, such as 2026-11-24; empty where no run was stored."""
    judged: bool = False
    said: str = ""
    """The headline, or why nothing was judged."""
    failures: tuple[Failure, ...] = ()
    settled: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(metric, benchmark) that does not fail, to how that is known: `SAME`, `accepted`."""
    selected: frozenset[str] | None = None
    """Every benchmark of the suite; None where some were deselected or that is not known."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What may have ended an incident: commit, software, baseline."""
    differences: tuple[tuple[str, str, str], ...] = ()
    """What is recorded otherwise than in the baseline: field, before, now."""
    known: frozenset[str] = frozenset()
    """Every benchmark that it knows of."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where they stand in the suite's matrix."""
    options: tuple[str, ...] = ()
    """The suite's, with which it measured."""


def jobs(folder: Path, runners: Sequence[str] = ()) -> list[Job]:
    """The jobs of a night, from the folders of their artifacts; with `runners` also those that left nothing.

    A single artifact may lie in `folder` itself, as actions/download-artifact leaves it.
    """
    places = [folder] if _is_artifact(folder) else sorted((p for p in _folders(folder) if _is_artifact(p)), key=_order)
    found: dict[str, Job] = {}
    for place in places:
        number = _index(place)
        known = number is not None and number < len(runners)
        name = runners[number] if known and number is not None else place.name
        found[name] = _job(place, name)
    missing = [name for name in dict.fromkeys(runners) if name not in found]
    return [*found.values(), *(Job(name=name, said=NOTHING_LEFT) for name in missing)]


def runner_names(text: str) -> list[str]:
    """Names of the runners in a JSON list of labels, `["h200", ["self-hosted", "a100"]]`; each once.

    Raises:
        ValueError: it is no such list.
    """
    try:
        entries = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(entries, list):
        raise ValueError("is not a list of runner labels")
    names: list[str] = []
    for entry in entries:
        labels = entry if isinstance(entry, list) else [entry]
        name = ", ".join(label if isinstance(label, str) else json.dumps(label) for label in labels)
        same = sum(other == name or other.startswith(f"{name} (") for other in names)
        names.append(f"{name} ({same + 1})" if same else name)
    return names


def _is_artifact(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (RUN, VERDICT, INDEX, "report.md"))


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError:
        return []


def _order(path: Path) -> tuple[int, str]:
    number = _index(path)
    return (-1 if number is None else number), path.name


def _index(folder: Path) -> int | None:
    """Which of the workflow's GPU jobs left this: from its file `index`, else from the folder's name."""
    try:
        text = (folder / INDEX).read_text(encoding="utf-8")[:20].strip()
    except (OSError, ValueError):
        text = folder.name.rpartition("-")[2]
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else None


def _job(folder: Path, name: str) -> Job:
    verdict, problem = _verdict(folder / VERDICT)
    headline = _text(verdict.get("headline"))
    try:
        run = read(folder / RUN)
    except UnusableRun as error:
        there = (folder / RUN).exists()
        reason = f"The stored run cannot be used: {escaped(error.reason)}" if there else NO_RUN
        return Job(name=name, said=" ".join(part for part in (headline and f"{headline}.", reason) if part))
    gpu = fit(flattened(run.slug)) or UNKNOWN_DEVICE
    judged = bool(run.verdicts) and any(word != "NEW" for found in run.verdicts.values() for word in found.values())
    if not judged or verdict.get("status") == "not judged":
        stop = f"the session was interrupted ({run.interrupted})" if run.interrupted else ""
        return Job(
            name=name, gpu=gpu, day=run.day, said=headline or stop or problem or "The stored run has no verdict."
        )
    failures = _failures(run, gpu, verdict)
    return Job(
        name=name,
        gpu=gpu,
        day=run.day,
        judged=True,
        said=headline,
        failures=failures,
        settled=_settled(run, failures),
        selected=run.selected if run.suite.get("deselected") == 0 else None,
        environment=_environment(run, verdict),
        differences=_differences(verdict),
        known=frozenset((*run.benchmarks, *run.failed, *(run.selected or ()))),
        places=places(run),
        options=given.checked(run.suite.get(given.OPTIONS)),
    )


def _verdict(path: Path) -> tuple[Mapping[str, Any], str]:
    """The verdict file's object, and a sentence where there is none that can be used."""
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST_VERDICT_BYTES + 1)
        document = json.loads(raw) if len(raw) <= LARGEST_VERDICT_BYTES else None
    except FileNotFoundError:
        return {}, "The session wrote no verdict."
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"The verdict file cannot be read: {why(error)}."
    return (document, "") if isinstance(document, dict) else ({}, "The verdict file is no JSON object.")


def _failures(run: Run, gpu: str, verdict: Mapping[str, Any]) -> tuple[Failure, ...]:
    rows, histories = _rows(verdict), _rows(verdict, "history")
    stored = run.suite.get("failures")
    found = (
        {(escaped(id_), str(metric)): _text(reason) for id_, of in stored.items() if isinstance(of, dict)
         for metric, reason in of.items()}
        if isinstance(stored, dict)
        else {key: _text(row.get("reason")) for key, row in rows.items()}
    )  # fmt: skip
    failures: list[Failure] = []
    missing: set[str] = set()
    for (id_, metric), reason in found.items():
        row = rows.get((id_, metric), {})
        word = run.verdicts.get(id_, {}).get(metric) or _text(row.get("verdict")) or "FAILED"
        if word == MISSING:
            if id_ in missing:
                continue
            missing.add(id_)
            reason = "; ".join(dict.fromkeys(part for part in (reason, _text(run.failed.get(id_))) if part))
        failures.append(
            Failure(
                gpu=gpu,
                benchmark=id_,
                compiler=_compiler(run, id_),
                metric=UNMEASURED if word == MISSING else metric,
                verdict=word,
                reason="; ".join(part for part in (reason, _text(row.get("detail"))) if part),
                change=_change(metric, row),
                operators=_text(row.get("operators"), 2 * LONGEST),
                history=_text(histories.get((id_, metric), {}).get("says"), 2 * LONGEST),
            )
        )
    told = {failure.benchmark for failure in failures}
    for id_, label in run.labels.items():
        if not label.passed and (id_, LABELS) not in found:
            of = _compiler(run, id_)
            failures.append(
                Failure(
                    gpu=gpu, benchmark=id_, compiler=of, metric=LABELS, verdict="wrong labels", reason=label.message
                )
            )
    for id_, message in run.failed.items():
        if id_ not in told:
            of = _compiler(run, id_)
            failures.append(
                Failure(gpu=gpu, benchmark=id_, compiler=of, metric=UNMEASURED, verdict="failed", reason=message)
            )
    status = verdict.get("exit_status")
    if not failures and type(status) is int and status:
        failures.append(
            Failure(
                gpu=gpu, benchmark="the session", compiler="", metric=SESSION, verdict="failed",
                reason=f"exit status {status}, although no verdict fails: the log of the job says why",
            )
        )  # fmt: skip
    return tuple(failures)


def _settled(run: Run, failures: Sequence[Failure]) -> dict[tuple[str, str], str]:
    failing = {(failure.metric, failure.benchmark) for failure in failures}
    found = {(SESSION, "the session"): "exit status 0"}
    for id_, verdicts in run.verdicts.items():
        for metric, word in verdicts.items():
            if word == MISSING:
                found[UNMEASURED, id_] = ACCEPTED
            elif word not in OPEN_VERDICTS:
                found[metric, id_] = ACCEPTED if word == SLOWER else word
    found |= {(LABELS, id_): "right labels" for id_, label in run.labels.items() if label.passed}
    found |= {(UNMEASURED, id_): "measured" for id_ in run.benchmarks}
    return {key: how for key, how in found.items() if key not in failing}


def _environment(run: Run, verdict: Mapping[str, Any]) -> dict[str, str]:
    software = run.machine.get("software")
    fields = {f"software.{name}": value for name, value in (software.items() if isinstance(software, dict) else ())} | {
        "commit": lookup(run.commit, ("id",)),
        "GPU": run.gpu,
    }
    baselines = lookup(verdict, ("baselines", "listed"))
    if isinstance(baselines, list) and baselines:
        # Paths differ from checkout to checkout; names do not.
        names = "\n".join(sorted(str(path).replace("\\", "/").rpartition("/")[2] for path in baselines))
        number = lookup(verdict, ("baselines", "count"))
        fields["baseline"] = f"{number} runs, {hashlib.sha256(names.encode()).hexdigest()[:6]}"
    return {name: fit(flattened(str(value)), 40) for name, value in list(fields.items())[:30] if value}


def _differences(verdict: Mapping[str, Any]) -> tuple[tuple[str, str, str], ...]:
    listed = lookup(verdict, ("differences", "listed"))
    rows = [row for row in (listed if isinstance(listed, list) else []) if isinstance(row, dict)]
    found = [(_text(row.get("field")), _text(row.get("baseline")), _text(row.get("now"))) for row in rows]
    return tuple(row for row in found if row[0])


def _rows(verdict: Mapping[str, Any], of: str = "failures") -> dict[tuple[str, str], Mapping[str, Any]]:
    """Entries of a list of the verdict file, by benchmark and metric: what fails, or what the history says."""
    listed = lookup(verdict, (of, "listed"))
    rows = [row for row in (listed if isinstance(listed, list) else []) if isinstance(row, dict)]
    return {
        (row["benchmark"], row["metric"]): row
        for row in rows
        if isinstance(row.get("benchmark"), str) and isinstance(row.get("metric"), str)
    }


def _change(metric: str, row: Mapping[str, Any]) -> str:
    before, now, by = (_number(row.get(name)) for name in ("baseline", "now", "change"))
    known = next((one for one in METRICS if one.key == metric), None)
    unit = known.unit if known else ""
    percent = change(1 + by) if by is not None else ""
    if before is None or now is None:
        return percent
    moved = f"{measure(before, before, unit)} -> {measure(now, before, unit)}"
    return moved if not percent or (known and known.kind is Kind.COUNT) else f"{moved} ({percent})"


def _compiler(run: Run, id_: str) -> str:
    """What compiles a benchmark, or the one that lost the GPU before it: that is one cause."""
    id_ = lost_by(run.failed.get(id_, "")) or id_
    benchmark = run.benchmarks.get(id_)
    return compiler(id_, benchmark.params.get("variant") if benchmark else None)


def _number(raw: object) -> float | None:
    return float(raw) if isinstance(raw, (int, float)) and not isinstance(raw, bool) and abs(raw) < 1e300 else None


def _text(raw: object, room: int = LONGEST) -> str:
    return fit(flattened(raw), room) if isinstance(raw, str) else ""
