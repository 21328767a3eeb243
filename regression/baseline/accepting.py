"""Writes what a judged run fails for into the project's accepted changes, with a reason and an end."""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from common import output
from common.errors import UsageError
from common.stored import mapping
from regression.baseline.place import open_place
from regression.judge.accepted import LABELS, Accepted, WrongAccepted, parse_accepted
from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metrics import METRICS
from regression.project import ACCEPTED, accepted_file, baselines_folder
from regression.runs.find import collect
from regression.runs.read import parse
from regression.text import count, escaped

EVERY_GPU = "*"
TEXTS = ("benchmark", "metric", "verdict", "reason")
# Largest growth that an entry may have: ten times as much on top.
MOST = 10.0


@dataclasses.dataclass(frozen=True)
class Failure:
    """One row that a run fails for; `change` is a fraction, `now` in the metric's unit."""

    benchmark: str
    metric: str
    verdict: str
    reason: str
    change: float | None
    now: float | None

    @property
    def refusal(self) -> str:
        """Why it cannot be accepted; empty where it can."""
        if self.reason == Reason.LABEL_LOST or self.metric == LABELS:
            return "a lost label cannot be accepted: find out what the outputs changed by, or record a new baseline"
        if self.verdict == Verdict.MISSING:
            return ""
        if self.verdict == Verdict.CHANGED and not self.grew:
            return "" if self.now is not None else "its value is not known"
        if not self.grew:
            return "its growth is not known"
        return "" if self.change is not None and self.change <= MOST else "it grew by more than ten times"

    @property
    def grew(self) -> bool:
        return self.change is not None and self.change > 0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source", type=Path, metavar="VERDICT.json|RUN.json", help="what --verdict-json wrote, or a run"
    )
    parser.add_argument(
        "pattern",
        nargs="?",
        metavar="PATTERN",
        help="benchmarks, as '*-tensorrt-*', in one entry (default: each by id)",
    )
    parser.add_argument("--metric", choices=[metric.key for metric in METRICS if metric.judged], metavar="METRIC")
    parser.add_argument(
        "--gpu", metavar="SLUG", help="the GPU model that it holds for (default: the run's; '*' for every one)"
    )
    parser.add_argument("--why", required=True, metavar="TEXT")
    parser.add_argument("--until", required=True, type=_date, metavar="DATE", help="the last day, such as 2026-12-31")
    parser.add_argument(
        "--accepted", type=Path, metavar="FILE.toml", help=f"where to (default: the project's {ACCEPTED})"
    )


def run(options: argparse.Namespace) -> int:
    """Exit status: 0; 1 where some of what fails cannot be accepted. Raises UsageError where nothing was written."""
    if not options.why.strip():
        raise UsageError("--why says nothing; say why the change is accepted.")
    failures, gpu = _read(options)
    wanted = [
        one
        for one in failures
        if (options.pattern is None or one.benchmark == options.pattern or fnmatchcase(one.benchmark, options.pattern))
        and (options.metric is None or one.metric == options.metric)
    ]
    if not wanted:
        named = ", ".join(f"{escaped(one.benchmark)} ({one.metric})" for one in failures[:4]) or "nothing"
        raise UsageError(f"nothing that fails matches; {escaped(options.source)} fails for {named}.")
    for one in wanted:
        if one.refusal:
            print(f"not accepted: {escaped(one.benchmark)}, {one.metric} {one.verdict}: {one.refusal}")
    able = [one for one in wanted if not one.refusal]
    if not able:
        raise UsageError("nothing of it can be accepted.")
    slug = "" if options.gpu == EVERY_GPU else options.gpu or gpu
    made = entries(able, options.pattern, options.metric, slug, options.why.strip(), options.until)
    path = options.accepted or accepted_file([options.source]) or baselines_folder() / ACCEPTED
    _append(path, made)
    print(f"{count(len(made), 'entry' if len(made) == 1 else 'entrie')} added to {escaped(path)}; commit it")
    return 1 if len(able) < len(wanted) else 0


def entries(
    failures: Sequence[Failure], pattern: str | None, metric: str | None, gpu: str, why: str, until: datetime.date
) -> list[Accepted]:
    """The entries that cover these failures: one for each, or with a pattern one for each metric and verdict."""
    found: dict[tuple[object, ...], Accepted] = {}
    for one in failures:
        benchmark = pattern or one.benchmark
        by_name = one.verdict == Verdict.MISSING or not one.grew
        verdict = one.verdict if by_name else ""
        # A benchmark that is missing is so in every metric.
        its_metric = (metric or "") if verdict == Verdict.MISSING else one.metric
        value = one.now if verdict == Verdict.CHANGED else None
        change = None if by_name or one.change is None else _rounded_up(one.change)
        entry = Accepted(benchmark, its_metric, change, why, until, gpu, verdict, value)
        key = (benchmark, its_metric, verdict, value)
        if key not in found or (change or 0) > (found[key].change or 0):
            found[key] = entry
    return list(found.values())


def as_toml(entry: Accepted) -> str:
    """The entry as a table of accepted.toml."""
    fields: dict[str, str] = {"benchmark": _quoted(entry.benchmark)}
    fields |= {"metric": _quoted(entry.metric)} if entry.metric else {}
    fields |= {"gpu": _quoted(entry.gpu)} if entry.gpu else {}
    fields |= {"verdict": _quoted(entry.verdict)} if entry.verdict else {}
    fields |= {"value": f"{entry.value:g}"} if entry.value is not None else {}
    fields |= {"change": _quoted(f"+{entry.change * 100:g}%")} if entry.change is not None else {}
    fields |= {"reason": _quoted(entry.reason), "expires": entry.expires.isoformat()}
    return "\n".join(["[[accepted]]", *(f"{name} = {value}" for name, value in fields.items())]) + "\n"


def _append(path: Path, made: Sequence[Accepted]) -> None:
    before = ""
    if path.exists():
        try:
            before = path.read_text(encoding="utf-8")
            known, _ = parse_accepted(before, path)
        except (OSError, ValueError, WrongAccepted) as problem:
            raise UsageError(f"{escaped(path)} cannot be added to: {escaped(str(problem))}") from None
        for entry in made:
            if any((one.benchmark, one.metric, one.gpu) == (entry.benchmark, entry.metric, entry.gpu) for one in known):
                print(
                    f"{escaped(path)} has an entry for {escaped(entry.benchmark)} already; the more generous one holds"
                )
    text = "\n".join([*([f"{before.rstrip()}\n"] if before.strip() else []), *map(as_toml, made)])
    parse_accepted(text, path)
    output.write(path, text)


def _read(options: argparse.Namespace) -> tuple[list[Failure], str]:
    """What fails, and the slug of the run's device."""
    source: Path = options.source
    try:
        document = json.loads(source.read_bytes())
    except (OSError, ValueError, RecursionError) as problem:
        raise UsageError(f"{escaped(source)} cannot be read: {escaped(str(problem))[:200]}.") from None
    if isinstance(document, dict) and isinstance(document.get("benchmarks"), list):
        judged = parse(document, source)
        with open_place(options.store, baselines_folder()) as store:
            stored = collect([store.folder])
        report = judge(judged, stored.baselines, left_out=stored.left_out)
        if not report.baselines:
            raise UsageError("no baseline is left to judge the run against; name the store that has one: --store.")
        return list(_failures(report.judgements)), judged.slug
    if not isinstance(document, dict) or not isinstance(document.get("failures"), dict):
        what = document.get("headline") if isinstance(document, dict) else None
        raise UsageError(
            f"{escaped(source)} is neither a stored run nor the verdict of one that was judged"
            f"{f': {escaped(str(what))}' if what else ''}."
        )
    return _of_verdict(document, source), str(mapping(document.get("run")).get("gpu_slug") or "")


def _failures(judgements: Iterable[Judgement]) -> Iterable[Failure]:
    for item in judgements:
        if item.failed:
            change = None if item.ratio is None else item.ratio - 1
            yield Failure(item.benchmark, item.metric, str(item.verdict), str(item.reason), change, item.now)


def _of_verdict(document: Mapping[str, Any], source: Path) -> list[Failure]:
    failures = document["failures"]
    listed = [row for row in failures.get("listed", []) if isinstance(row, dict)]
    if isinstance(failures.get("count"), int) and failures["count"] > len(listed):
        print(f"{escaped(source)} lists {len(listed)} of {failures['count']} failures; the run's own file has them all")
    found = []
    for row in listed:
        benchmark, metric, verdict, reason = (str(row.get(name)) for name in TEXTS)
        found.append(Failure(benchmark, metric, verdict, reason, _number(row.get("change")), _number(row.get("now"))))
    return found


def _rounded_up(change: float) -> float:
    """A growth with two digits, no smaller than it is."""
    unit = 10.0 ** (math.floor(math.log10(change * 100)) - 1)
    return round(math.ceil(round(change * 100 / unit, 6)) * unit / 100, 12)


def _quoted(text: str) -> str:
    """A basic string of TOML; its escapes are those of JSON, but for surrogates."""
    return json.dumps(escaped(text), ensure_ascii=False)


def _date(text: str) -> datetime.date:
    try:
        day = datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date such as 2026-12-31") from None
    if day < datetime.datetime.now(tz=datetime.UTC).date():
        raise argparse.ArgumentTypeError(f"{day} is over; name the last day on which the change is accepted")
    return day


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
