"""Reads stored runs: everything that judging needs, checked, and a sentence for everything that cannot be used."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from common.columns import rows
from common.identity import identity
from common.schema import BY_NAME, QUESTIONS, RENAMED, SCHEMA, VISITS, version
from common.stored import mapping
from regression.metric import CALIBRATION, LATENCY, Kind, Metric
from regression.metrics import METRICS
from regression.runs.image_table import image_table
from regression.runs.kernel_table import kernel_table
from regression.runs.lists import Lists, counts_by_name, layer_names
from regression.runs.operator_table import StoredOperator, operator_table, with_grids, with_times
from regression.runs.pace import at_pace
from regression.runs.run import Benchmark, Confirmation, Label, LeftOut, Run, UnusableRun
from regression.text import escaped, why
from regression.values import lookup, positive_number

# A stored run takes 0.3 MB; one of 100 MB was saved with every round of every benchmark, which judging never reads.
LARGEST_FILE_BYTES = 32 * 2**20


DISTURBING = frozenset(
    {"hw_slowdown", "hw_thermal_slowdown", "sw_thermal_slowdown", "hw_power_brake_slowdown"},
)


# Of a benchmark and of a confirmation: the field of its table of operators.
OPERATORS = "operators"
# Of a benchmark: the field of the names of its engines' layers.
LAYERS = "engine_layers"
NUMBERS = {Kind.CONTINUOUS: "positive number", Kind.COUNT: "whole number", Kind.ERROR: "number from 0 on"}


def read(path: Path, metrics: Sequence[Metric] = METRICS) -> Run:
    """One stored run. Raises UnusableRun where nothing in it can be judged."""
    return parse(load(path), path, metrics)


def parse(document: Mapping[str, Any], path: Path, metrics: Sequence[Metric] = METRICS) -> Run:
    """The run of a stored run's JSON; `path` is what it is called. Raises UnusableRun as `read` does."""
    records = document.get("benchmarks")
    if not isinstance(records, list):
        raise UnusableRun(path, "has no list `benchmarks`, so pytest-benchmark did not store it; give a stored run.")
    suite = mapping(document.get("suite"))
    renamed = RENAMED.get(_schema(suite, path), {})
    problems: list[str] = []
    lists = Lists.of(suite)
    benchmarks = _benchmarks(records, _questions(suite, problems), problems, metrics, lists, renamed)
    selected = _texts(suite.get("selected"))
    if not benchmarks and not selected:
        more = f" ({problems[0]})" if problems else ""
        raise UnusableRun(path, f"`benchmarks` has no usable entry{more}; measure again.")
    datetime = document.get("datetime")
    if not isinstance(datetime, str) or not re.match(r"\d{4}-\d\d-\d\d", datetime):
        problems.append("`datetime` is not a date, so its day is not known.")
        datetime = ""
    return Run(
        path=path,
        identity=escaped(identity(document)),
        datetime=datetime,
        machine=mapping(document.get("machine_info")),
        commit=mapping(document.get("commit_info")),
        benchmarks=benchmarks,
        selected=None if selected is None else frozenset(selected),
        deselected=suite["deselected"] if type(suite.get("deselected")) is int else 0,
        skipped=_sentences(suite.get("skipped")),
        failed=_sentences(suite.get("failed")),
        labels=_labels(suite.get("labels"), problems),
        confirmations=_confirmations(suite.get("confirmations"), problems, metrics, lists, renamed),
        verdicts={key: _sentences(value) for key, value in mapping(suite.get("verdicts")).items()},
        suite=suite,
        problems=tuple(LeftOut(path, problem) for problem in problems),
    )


def load(path: Path) -> Mapping[str, Any]:
    """The JSON object of a file; nothing in it is checked. Raises UnusableRun where it is none."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnusableRun(path, "is a folder; name one stored run in it.")
        if not stat.S_ISREG(status.st_mode):
            raise UnusableRun(path, "is not a regular file; give a stored run.")
        check_size(status.st_size, path)
        raw = path.read_bytes()
    except FileNotFoundError:
        what = "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        raise UnusableRun(path, f"{what}; give a stored run.") from None
    except (OSError, ValueError) as error:
        raise UnusableRun(path, f"cannot be read: {why(error)}.") from None
    return decode(raw, path)


def check_size(size: int, path: Path) -> None:
    """Raises UnusableRun for a file of so many bytes that it is not read."""
    if size > LARGEST_FILE_BYTES:
        raise UnusableRun(
            path,
            f"has {size / 2**20:.0f} MB, more than the {LARGEST_FILE_BYTES >> 20} MB that are read; "
            "a stored run takes 0.3 MB: save it without --benchmark-save-data.",
        )


def decode(raw: bytes, path: Path) -> Mapping[str, Any]:
    """The JSON of a stored run; raises UnusableRun where it is none."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UnusableRun(
            path,
            f"is not JSON ({why(error)}); it may have been cut off while it was written: restore it or measure again.",
        ) from None
    if not isinstance(document, dict):
        raise UnusableRun(path, "is JSON, but not an object with `benchmarks`; give a run stored by pytest-benchmark.")
    return document


def _questions(suite: Mapping[str, Any], problems: list[str]) -> list[Any]:
    """The entries of `suite.questions` as benchmarks that have no statistics; none in older runs."""
    stored = suite.get(QUESTIONS)
    if stored is not None and not isinstance(stored, list):
        problems.append(f"`suite.{QUESTIONS}` is {escaped(str(stored)[:40])}, not a list; left out.")
    found = []
    for number, record in enumerate(stored if isinstance(stored, list) else []):
        if isinstance(record, dict) and isinstance(record.get("param"), str) and record["param"]:
            found.append({name: record.get(name) for name in ("param", "params", "extra_info")})
        else:
            problems.append(f"`suite.{QUESTIONS}[{number}]` has no `param` and is left out.")
    return found


def _benchmarks(
    records: list[Any],
    questions: list[Any],
    problems: list[str],
    metrics: Sequence[Metric],
    lists: Lists,
    renamed: Mapping[str, str],
) -> dict[str, Benchmark]:
    params = Counter(
        record["param"] for record in records if isinstance(record, dict) and isinstance(record.get("param"), str)
    )
    read_ones: list[Benchmark] = []
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            problems.append(f"`benchmarks[{number}]` is not an object and is left out.")
            continue
        param, name = record.get("param"), record.get("name")
        # In another suite two tests may share their parameters; then the names tell them apart.
        id_ = param if isinstance(param, str) and param and params[param] == 1 else name
        if not isinstance(id_, str) or not id_:
            problems.append(f"`benchmarks[{number}]` has neither `param` nor `name` and is left out.")
            continue
        record = {**record, "extra_info": _renamed(record.get("extra_info"), renamed)}
        read_ones.append(_benchmark(escaped(id_), record, problems, metrics, lists))
    for record in questions:
        record = {**record, "extra_info": _renamed(record["extra_info"], renamed)}
        found = _benchmark(escaped(record["param"]), record, problems, metrics, lists)
        read_ones.append(dataclasses.replace(found, is_question=True))
    counts = Counter(benchmark.id for benchmark in read_ones)
    asked = {escaped(record["param"]) for record in questions}

    def where(id_: str) -> str:
        return f"`benchmarks` and `suite.{QUESTIONS}` hold" if id_ in asked else "`benchmarks` holds"

    problems += [
        f"{where(id_)} {id_} {count} times; which one counts is not known, so all are left out."
        for id_, count in counts.items()
        if count > 1
    ]
    return {benchmark.id: benchmark for benchmark in read_ones if counts[benchmark.id] == 1}


def _benchmark(
    id_: str, record: Mapping[str, Any], problems: list[str], metrics: Sequence[Metric], lists: Lists
) -> Benchmark:
    values: dict[str, float] = {}
    absent: dict[str, str] = {}
    parts: dict[str, Mapping[str, int]] = {}
    alike: dict[str, tuple[str, ...]] = {}
    extra_info = _in_full(id_, mapping(record.get("extra_info")), problems, lists)
    record = {**record, "extra_info": extra_info}
    operators = _operators(id_, extra_info, problems, lists)
    for metric in metrics:
        if not metric.path:
            continue  # the labels of the run say it
        raw = _sum_s(operators) if metric.by_operator else lookup(record, metric.path)
        number = metric.number(raw) if metric.by_operator else metric.value(record)
        if number is not None:
            values[metric.key] = number
            if metric.alike:
                alike[metric.key] = tuple(escaped(str(lookup(record, path))) for path in metric.alike)
            if (named := metric.parts(record)) is not None:
                parts[metric.key] = named
        elif raw is not None and metric.judged and not (metric.empty_is_none and raw == []):
            path, what = metric.path, raw
            if metric.number(raw) is not None:
                path, what = metric.per, lookup(record, metric.per)
            a_number = NUMBERS[metric.kind]
            absent[metric.key] = f"`{'.'.join(path)}` is {escaped(str(what)[:40])}, not a {a_number}"
            problems.append(f"{id_}: {absent[metric.key]}; left out.")
        elif isinstance(reason := lookup(record, metric.missing) if metric.missing else None, str):
            absent[metric.key] = escaped(reason)
    visited = {metric.key: lookup(record, metric.visited) for metric in metrics if metric.visited}
    from_visits = _numbers(visited, metrics)
    for metric in metrics:
        raw = visited.get(metric.key)
        if raw is not None and metric.key not in from_visits:
            where = ".".join(metric.visited)
            problems.append(f"{id_}: `{where}` is {escaped(str(raw)[:40])}, not a positive number; left out.")
    return Benchmark(
        id=id_,
        params={key: escaped(str(value)[:100]) for key, value in mapping(record.get("params")).items()},
        values=values,
        visited=from_visits,
        at_pace=_at_pace(id_, extra_info.get(VISITS), problems) if LATENCY in from_visits else {},
        absent=absent,
        parts=parts,
        alike=alike,
        round_spread=_round_spread(mapping(record.get("stats"))),
        kernels=_kernels(extra_info, lists.kernels),
        operators=operators,
        disturbances=_disturbances(id_, extra_info.get("gpu_state"), problems),
        extra_info=extra_info,
    )


def _at_pace(id_: str, visits: Any, problems: list[str]) -> dict[str, float]:
    """The latency of visits carried to the reference pace, and the host calibration beside them; empty without both."""
    if visits is None:
        return {}
    stored = [mapping(visits).get(name) for name in ("latency_s", "calibration_s")]
    lists = [items if isinstance(items, list) else [] for items in stored]
    latencies, calibrations = ([found for item in items if (found := positive_number(item))] for items in lists)
    if not latencies or len({*map(len, lists), len(latencies), len(calibrations)}) > 1:
        problems.append(f"{id_}: its visits are not as many latencies as calibrations; left out.")
        return {}
    latency_s, calibration_s = at_pace(latencies, calibrations)
    return {LATENCY: latency_s, CALIBRATION: calibration_s}


def _round_spread(stats: Mapping[str, Any]) -> float | None:
    low, high = positive_number(stats.get("q1")), positive_number(stats.get("q3"))
    if low is None or high is None or high < low:
        return None
    # The quartiles of a normal distribution lie 1.349 standard deviations apart.
    return math.log(high / low) / 1.349


def _operators(id_: str, fields: Mapping[str, Any], problems: list[str], lists: Lists) -> tuple[StoredOperator, ...]:
    stored = fields.get(OPERATORS)
    try:
        operators = operator_table(stored, lists)
    except ValueError as error:
        problems.append(f"{id_}: its operators are left out: {escaped(str(error))}.")
        return ()
    with suppress(ValueError):  # the explanation says what is wrong with the table of kernels
        operators = with_times(operators, kernel_table(fields, lists.kernels))
    try:
        return with_grids(operators, stored, lists)
    except ValueError as error:
        problems.append(f"{id_}: the launch grids of its operators are left out: {escaped(str(error))}.")
        return operators


def _in_full(id_: str, fields: Mapping[str, Any], problems: list[str], lists: Lists) -> dict[str, Any]:
    """A benchmark's fields with names instead of places in the run's lists, but for its kernels and operators."""
    found = dict(fields)
    host_work = mapping(fields.get("host_work"))
    if BY_NAME in host_work:
        try:
            by_name = counts_by_name(host_work[BY_NAME], lists)
        except ValueError as error:
            problems.append(f"{id_}: the names of its host work are left out: {escaped(str(error))}.")
            by_name = {}
        found["host_work"] = {**host_work, BY_NAME: by_name}
    try:
        if LAYERS in fields:
            found[LAYERS] = layer_names(fields[LAYERS], lists)
    except ValueError as error:
        problems.append(f"{id_}: its engine layers are left out: {escaped(str(error))}.")
        found[LAYERS] = None
    return found


def _sum_s(operators: Sequence[StoredOperator]) -> float | None:
    return sum(operator.time_s for operator in operators) or None


def _kernels(extra_info: Mapping[str, Any], names: Sequence[str]) -> int | None:
    try:
        table = kernel_table(extra_info, names)
    except ValueError:  # the explanation says what is wrong with it
        return None
    return hash(frozenset((kernel.name, kernel.launches) for kernel in table)) if table else None


def _disturbances(id_: str, samples: Any, problems: list[str]) -> tuple[str, ...]:
    found: set[str] = set()
    try:
        # older runs list the samples
        stored = samples if isinstance(samples, list) else rows(samples or {})
    except ValueError as error:
        problems.append(f"{id_}: its `gpu_state` is left out: {error}.")
        stored = []
    for sample in map(mapping, stored):
        found |= DISTURBING & set(_texts(sample.get("throttle_reasons")) or ())
        others = sample.get("other_processes")
        if positive_number(others) is not None or (isinstance(others, list) and others):
            found.add("another process on the GPU")
    return tuple(sorted(found))


def _labels(raw: Any, problems: list[str]) -> dict[str, Label]:
    labels = {}
    for id_, value in mapping(raw).items():
        fields = mapping(value)
        passed, message, error = fields.get("passed"), fields.get("message"), fields.get("relative_error")
        if not isinstance(passed, bool):
            continue
        try:
            stored = image_table(fields.get("images"))
        except ValueError as problem:
            problems.append(f"{escaped(id_)}: the labels of its pictures are left out: {problem}.")
            stored = {}
        images = {file: image for file, image in stored.items() if image is not None}
        if len(images) < len(stored):
            wrong = next(file for file, image in stored.items() if image is None)
            problems.append(f"{escaped(id_)}: the label of {wrong} is malformed; left out.")
        sound = positive_number(error) if error != 0 else 0.0
        if error is not None and sound is None:
            what = escaped(str(error)[:40])
            problems.append(f"{escaped(id_)}: the `relative_error` of its labels is {what}, not a number; left out.")
        labels[escaped(id_)] = Label(passed, escaped(message) if isinstance(message, str) else "", sound, images)
    return labels


def _confirmations(
    raw: Any, problems: list[str], metrics: Sequence[Metric], lists: Lists, renamed: Mapping[str, str]
) -> tuple[Confirmation, ...]:
    by_operator = [metric for metric in metrics if metric.by_operator]
    from_visits = {metric.visited[-1]: metric.key for metric in metrics if metric.visited}
    confirmations = []
    for number, item in enumerate(raw if isinstance(raw, list) else []):
        measured = mapping(mapping(item).get("benchmarks"))
        if not measured:
            problems.append(f"`suite.confirmations[{number}]` has no `benchmarks` and is left out.")
            continue
        values: dict[str, dict[str, float]] = {}
        operators: dict[str, tuple[StoredOperator, ...]] = {}
        visited: dict[str, dict[str, float]] = {}
        paced: dict[str, dict[str, float]] = {}
        for id_, record in measured.items():
            fields = _renamed(record, renamed)
            id_ = escaped(id_)
            numbers = {metric.key: metric.confirmed(fields) for metric in metrics if not metric.by_operator}
            operators[id_] = _operators(f"a confirmation of {id_}", fields, problems, lists)
            numbers |= {metric.key: metric.number(_sum_s(operators[id_])) for metric in by_operator}
            values[id_] = {key: value for key, value in numbers.items() if value is not None}
            found = {key: fields[name] for name, key in from_visits.items() if name in fields}
            visited[id_] = _numbers(found, metrics)
            if LATENCY in visited[id_] and VISITS in fields:
                paced[id_] = _at_pace(f"a confirmation of {id_}", fields[VISITS], problems)
        controls, disturbed = (tuple(_texts(item.get(field)) or ()) for field in ("controls", "disturbed"))
        confirmations.append(Confirmation(controls, values, disturbed, operators, visited, paced))
    return tuple(confirmations)


def _numbers(raw: Mapping[str, Any], metrics: Sequence[Metric]) -> dict[str, float]:
    """Metric to number, of those that the metric may have."""
    numbers = {metric.key: metric.number(raw[metric.key]) for metric in metrics if metric.key in raw}
    return {key: number for key, number in numbers.items() if number is not None}


def _renamed(raw: Any, names: Mapping[str, str]) -> Mapping[str, Any]:
    """The fields under the names that this schema gives them."""
    fields = mapping(raw)
    return {names.get(name, name): value for name, value in fields.items()} if names else fields


def _schema(suite: Mapping[str, Any], path: Path) -> int:
    """The schema of a run's fields."""
    found = version(suite)
    if found is None:
        stored = escaped(repr(suite["schema"])[:20])
        raise UnusableRun(
            path,
            f"`suite.schema` is {stored} and no whole number from 1 on, so that nobody knows what its fields "
            "are called; measure again.",
        )
    if found > SCHEMA:
        raise UnusableRun(
            path,
            f"`suite.schema` is {str(found)[:20]}, written by a newer version than this one, "
            f"which reads {SCHEMA}; judge it with that version.",
        )
    return found


def _texts(raw: Any) -> list[str] | None:
    return [escaped(item) for item in raw if isinstance(item, str)] if isinstance(raw, list) else None


def _sentences(raw: Any) -> dict[str, str]:
    return {escaped(key): escaped(value) if isinstance(value, str) else "" for key, value in mapping(raw).items()}
