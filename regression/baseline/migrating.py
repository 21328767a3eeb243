"""Rewrites a baseline's runs in the newest, most compact schema; what nobody measured is named."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from common import output
from common.columns import columns
from common.errors import UsageError
from common.given import RECORD, at_store
from common.identity import identity
from common.repeated import LISTS, Repeated
from common.schema import QUESTIONS, RENAMED, RUN_ID, SCHEMA
from common.stored import mapping
from regression.baseline.place import Stored, gpus, open_place
from regression.metrics import METRICS
from regression.project import baselines_folder
from regression.runs.lists import Lists, in_full
from regression.runs.read import parse
from regression.runs.run import Run
from regression.store import keys
from regression.store.objects import StoreAway
from regression.store.store import Store
from regression.text import count, escaped


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="only say what would be rewritten")


def run(options: argparse.Namespace) -> int:
    """Exit status: 0; 1 where a baseline lacks what is measured today, and should be recorded anew."""
    lacks = 0
    with open_place(options.store, baselines_folder()) as store:
        known, _, _ = gpus(store.folder)
        if not any(gpu.runs for gpu in known):
            raise UsageError(f"{escaped(store.url)} holds no baseline to migrate.")
        for gpu in known:
            old = [one for one in gpu.runs if _schema(one.run.suite) < SCHEMA]
            for one in old:
                _rewrite(store, one, dry_run=options.dry_run)
            what = "would be rewritten" if options.dry_run else "rewritten"
            print(f"{gpu.title}: {len(old)} of {count(len(gpu.runs), 'run')} {what} in schema {SCHEMA}")
            # Runs of today's schema lack only what their device, or their variants, do not have.
            missing = lacking(gpu.baselines) if old else []
            lacks += len(missing)
            for said in missing:
                print(f"  cannot be carried over: {escaped(said)}")
            if missing:
                print(f"  to have it, record the baseline anew: {escaped(at_store(RECORD, options.store))}")
    return 1 if lacks else 0


def migrated(document: Mapping[str, Any]) -> dict[str, Any]:
    """The stored run in the newest schema, with the identity that it has; the rest is as it was.

    Tables that are malformed stay as they are.
    """
    suite = dict(document.get("suite") or {})
    schema = _schema(suite)
    names = {old: new for older in range(schema, SCHEMA) for old, new in RENAMED.get(older, {}).items()}

    def renamed(fields: Any) -> Any:
        return {names.get(name, name): value for name, value in fields.items()} if isinstance(fields, dict) else fields

    suite["confirmations"] = [
        {**one, "benchmarks": {id_: renamed(fields) for id_, fields in (one.get("benchmarks") or {}).items()}}
        for one in suite.get("confirmations") or []
        if isinstance(one, dict)
    ]
    suite |= {"schema": SCHEMA, RUN_ID: identity(document)}
    benchmarks = [
        {**record, "extra_info": renamed(record.get("extra_info"))} if isinstance(record, dict) else record
        for record in document.get("benchmarks") or []
    ]
    return _compact({**document, "suite": suite, "benchmarks": benchmarks})


def _compact(document: dict[str, Any]) -> dict[str, Any]:
    """The run with what repeats in its lists, and with columns in the place of rows."""
    suite = document["suite"]
    lists, repeated = Lists.of(suite), Repeated()

    def put(fields: Any) -> Any:
        return repeated.put(in_full(_with_columns(fields), lists)) if isinstance(fields, dict) else fields

    def record(one: Any) -> Any:
        return {**one, "extra_info": put(one.get("extra_info"))} if isinstance(one, dict) else one

    try:
        benchmarks = [record(one) for one in document["benchmarks"]]
        changed = {
            "confirmations": [
                {**one, "benchmarks": {id_: put(fields) for id_, fields in one["benchmarks"].items()}}
                for one in suite["confirmations"]
            ]
        }
        if isinstance(suite.get(QUESTIONS), list):
            changed[QUESTIONS] = [record(one) for one in suite[QUESTIONS]]
    except ValueError:
        return document
    labels = {id_: _with_columns(label) for id_, label in mapping(suite.get("labels")).items()}
    rest = {name: value for name, value in suite.items() if name not in LISTS}
    suite = {**rest, **changed, **({"labels": labels} if labels else {}), **repeated.lists()}
    return {**document, "suite": suite, "benchmarks": benchmarks}


def _with_columns(fields: Any) -> Any:
    """The fields of a benchmark or of its labels, with columns for the GPU's samples and for the pictures."""
    if not isinstance(fields, dict):
        return fields
    tables: dict[str, list[Any]] = {}
    if isinstance(samples := fields.get("gpu_state"), list):
        tables["gpu_state"] = samples
    if (images := mapping(fields.get("images"))) and not isinstance(images.get("image"), list):
        tables["images"] = [{"image": file, **mapping(image)} for file, image in images.items()]
    found = dict(fields)
    for name, table in tables.items():
        if all(isinstance(row, dict) for row in table):
            with contextlib.suppress(ValueError):
                found[name] = columns(table)
    return found


def lacking(baselines: Sequence[Run]) -> list[str]:
    """What the baseline's runs do not have and the suite stores and judges today, one clause each."""
    if not baselines:
        return []
    records = [one for run in baselines for one in run.benchmarks.values()]
    said = []
    for metric in METRICS:
        if metric.of_questions:
            continue
        if metric.judged and metric.path and not any(metric.key in one.values for one in records):
            said.append(f"{metric.title}, which none of its runs measured")
        if metric.judged and metric.visited and not any(metric.key in one.visited for one in records):
            said.append(f"{metric.title} from visits, which is compared in the place of the median")
    if not any("precisions" in run.suite for run in baselines):
        said.append("the colours of precisions in figures (`suite.precisions`)")
    return said


def _rewrite(store: Store, one: Stored, *, dry_run: bool) -> None:
    document = json.loads(one.file.read_bytes())
    text = json.dumps(migrated(document), separators=(",", ":"))
    again = parse(json.loads(text), one.file)
    same = again.identity == one.run.identity and again.benchmarks.keys() == one.run.benchmarks.keys()
    if not same or any(again.benchmarks[id_].values != item.values for id_, item in one.run.benchmarks.items()):
        raise UsageError(f"{escaped(one.file)} would lose something, so it was left as it is; report this as a defect.")
    if dry_run:
        return
    if store.is_local:
        output.write(one.file, text)
        return
    key = store.key_of(one.file)
    try:
        # Objects are appended and never changed: the new one first, and while there are two they are one run.
        taken = [found.key for found in store.objects.list(key.partition("/")[0])]
        exclusive = store.objects.exclusive
        folder, _, name = key.rpartition("/")
        store.objects.append(keys.key_of(folder, name, taken, one.run.identity, exclusive=exclusive), text.encode())
        store.objects.remove(key)
    except StoreAway as problem:
        raise UsageError(f"the store does not answer ({problem}); migrate again when it does.") from None


def _schema(suite: Mapping[str, Any]) -> int:
    schema = suite.get("schema")
    return schema if type(schema) is int else SCHEMA
