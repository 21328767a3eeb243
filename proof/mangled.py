"""Mangled stored runs: no traceback and no verdict from a broken number. `python -m proof.mangled --runs 5000`.

Each run begins as a real one of an H100 with its confirmations and five baseline runs. Some of these six files are
then mangled: numbers that are none, other structure, or bytes. They are read, judged, written in every form, and
searched for lasting changes. A run is made of its number alone, so a failure can be repeated (`--first NUMBER`).
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import math
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from common import output
from regression import rerun
from regression.history import series
from regression.history.reader import Reader
from regression.judge.judge import judge
from regression.judge.verdict import Report, Verdict
from regression.metrics import METRICS
from regression.report import history as history_report
from regression.report import json as json_report
from regression.report import markdown, page, terminal, verdict_file
from regression.report.content import content
from regression.runs.find import collect
from regression.runs.read import read
from regression.runs.run import Run, UnusableRun

REAL = Path(__file__).parent / "runs" / "nvidia-h100-two-benchmarks.json"
BASELINES = 5
PROCESS_NOISE = 1e-4
BROKEN: Sequence[Any] = (
    math.nan, math.inf, -math.inf, -1, -0.5, 1e300, -(10**400), 10**400, None, "", "fast", True, False, [], {}, [1.0],
)  # fmt: skip
TEXTS = ("", "\ud800", "\x1b[31m", "a|b\n", "\u202e", "<script>", "@someone #1", "é" * 300, "\x00", "all benchmarks")
JUNK: Sequence[Any] = (*BROKEN, *TEXTS, 0, 1, 10**6, 1e-12, 0.001, [[]], {"": {}}, {"latency": "SAME"}, [None] * 3)
DEEP = 400
# Drawing a page takes ten times as long as all else.
PAGE_EVERY = 10
MOVED = (Verdict.SLOWER, Verdict.FASTER, Verdict.CHANGED)
Place = tuple[str | int, ...]


class Defect(Exception):
    """A mangled run led to something else than a report or a sentence; the message says to what."""


def documents() -> list[str]:
    """The run's text, and after it its baseline's: the real one with a little noise, each on another hour."""
    random_ = random.Random(2026)
    found = [_noisy(json.loads(REAL.read_text(encoding="utf-8")), hour, random_) for hour in range(BASELINES + 3)]
    run, *others = found
    ids = [record["param"] for record in run["benchmarks"]]
    for again in others[:2]:
        rerun.add_confirmation(run, rerun.confirmation(again, ids, METRICS), again["suite"])
    run["suite"]["verdicts"] = {id_: {"latency": "SAME", "kernel_time": "UNSURE"} for id_ in ids}
    return [json.dumps(document) for document in (run, *others[2:])]


def _noisy(document: dict[str, Any], hour: int, random_: random.Random) -> dict[str, Any]:
    document["datetime"] = f"2026-11-25T{23 - hour:02d}:00:00+00:00"
    asked = {"first_call_s": 0.5, "first_answer_s": 3.0, "host_peak_bytes": 2 * 10**9, "calls_until_steady": 3}
    question = {"param": "efficientnet_b0-eager-fp32-cold-start", "params": {}, "extra_info": asked}
    document["suite"]["questions"] = [question]
    for record in document["benchmarks"]:
        factor = math.exp(random_.gauss(0, PROCESS_NOISE))
        fields = record["extra_info"]
        for owner, name in ((record["stats"], "median"), (fields, "kernel_time_s"), (fields, "visited_latency_s")):
            owner[name] *= factor
        fields["operators"]["time_ns"] = [round(time_ns * factor) for time_ns in fields["operators"]["time_ns"]]
    return document


# Ways of mangling; each changes the text of one stored file.


def broken_numbers(document: Any, random_: random.Random) -> str:
    """One to four numbers of benchmarks, labels or confirmations that are none; nothing else moves."""
    places = [place for place, value in _places(document) if type(value) in (int, float) and _is_measured(place)]
    for _ in range(random_.randint(1, 4)):
        _put(document, _choose(places, random_), random_.choice(BROKEN))
    return json.dumps(document)


def other_structure(document: Any, random_: random.Random) -> str:
    """One to four places with other types, missing or doubled keys, swapped lists, wrong indices, or deep nesting."""
    for _ in range(random_.randint(1, 4)):
        places = [place for place, _ in _places(document) if place]
        if not places:
            break
        _restructure(document, _choose(places, random_), random_)
    return json.dumps(document)


def other_bytes(document: Any, random_: random.Random) -> bytes:
    """Bytes that flipped, or are missing, cut off or doubled."""
    raw = bytearray(json.dumps(document).encode())
    for _ in range(random_.choice((1, 1, 3, 30))):
        at = random_.randrange(len(raw))
        how, length = random_.randrange(4), random_.randrange(1, 200)
        if how == 0:
            raw[at] ^= 1 << random_.randrange(8)
        elif how == 1:
            del raw[at : at + length]
        elif how == 2:
            raw[at:at] = raw[at : at + length]
        elif random_.random() < 0.2:
            del raw[at:]
        raw = raw or bytearray(b"{")
    return bytes(raw)


WAYS: Mapping[str, Callable[[Any, random.Random], str | bytes]] = {
    "broken numbers": broken_numbers,
    "other structure": other_structure,
    "other bytes": other_bytes,
}


def _places(value: Any, here: Place = ()) -> Iterator[tuple[Place, Any]]:
    yield here, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from _places(item, (*here, key))


def _choose(places: Sequence[Place], random_: random.Random) -> Place:
    """A field first, then one of its places: a list of thousands is one field, as a kernel time is."""
    fields: dict[Place, list[Place]] = {}
    for place in places:
        fields.setdefault(tuple(key if isinstance(key, str) else 0 for key in place), []).append(place)
    return random_.choice(fields[random_.choice(list(fields))])


def _is_measured(place: Place) -> bool:
    return place[0] == "benchmarks" or place[:2] in (
        ("suite", "labels"), ("suite", "questions"), ("suite", "confirmations")
    )  # fmt: skip


def _put(document: Any, place: Place, value: Any) -> None:
    _owner(document, place)[place[-1]] = copy.deepcopy(value)


def _owner(document: Any, place: Place) -> Any:
    for key in place[:-1]:
        document = document[key]
    return document


def _restructure(document: Any, place: Place, random_: random.Random) -> None:
    owner, key = _owner(document, place), place[-1]
    value = owner[key]
    how = random_.randrange(7)
    if how == 0:
        del owner[key]
    elif how == 1 and isinstance(owner, list):
        owner.append(value)
    elif how == 2 and isinstance(value, list):
        random_.shuffle(value)
    elif how == 3:
        other = random_.choice(list(owner) if isinstance(owner, dict) else range(len(owner)))
        owner[key], owner[other] = owner[other], value
    elif how == 4 and type(value) is int:
        owner[key] = random_.choice((value + 1, -value - 1, value + 10**6, 2**63))
    elif how == 5 and random_.random() < 0.2:
        for _ in range(DEEP):
            value = [value]
        owner[key] = value
    elif how == 6 and isinstance(owner, dict):
        owner[random_.choice(TEXTS)] = owner.pop(key)
    else:
        owner[key] = copy.deepcopy(random_.choice(JUNK))


# What comes of them.


def outcome(number: int, originals: Sequence[str], folder: Path) -> str:
    """What came of the mangled run of this number: the way it was mangled, and whether it was judged or refused.

    Raises:
        Defect: neither.
    """
    random_ = random.Random(number)
    way = list(WAYS)[number % len(WAYS)]
    mangled = {random_.choice((0, random_.randrange(len(originals)))), random_.randrange(len(originals))}
    for at, original in enumerate(originals):
        told = WAYS[way](json.loads(original), random_) if at in mangled else original
        name = f"{at:04d}_{'baseline' if at else 'nightly'}.json"
        # Lone surrogates are written as JSON's escapes.
        (folder / name).write_bytes(told if isinstance(told, bytes) else told.encode())
    try:
        with_page = number % PAGE_EVERY == 0
        return f"{way}: {_judged(folder, moves=way != 'broken numbers', with_page=with_page)}"
    except Defect:
        raise
    except Exception as error:
        raise Defect(f"{way}: {''.join(traceback.format_exception(error))}") from error


def _judged(folder: Path, *, moves: bool, with_page: bool) -> str:
    """Read, judge and report; `moves` says whether a sound value may have become another."""
    reader = Reader()
    stored = collect([folder], reader.run)
    past, _ = series.read(folder, reader=reader)
    for found in series.trace(past):
        history_report.terminal_text(found)
    try:
        run = read(folder / "0000_nightly.json")
    except UnusableRun as error:
        if not str(error).isprintable() or not str(error).endswith("."):
            raise Defect(f"not a sentence: {error!s}") from error
        return "refused"
    report = judge(run, stored.baselines, left_out=stored.left_out)
    _check(report, run, moves=moves)
    history = series.of(run, past)
    said = content(report, run, stored.baselines, history=history)
    for form in (terminal.text, terminal.every_row, markdown.text, *([page.html] if with_page else [])):
        form(said)
    json.loads(json_report.text(said))
    json.loads(verdict_file.text(said, exit_status=int(report.failed)))
    return "judged"


def _check(report: Report, run: Run, *, moves: bool) -> None:
    """Every number of the report is one, and what moved rests on a sound value of this run."""
    for item in report.judgements:
        numbers = [value for value in dataclasses.astuple(item) if isinstance(value, (int, float))]
        if not all(map(math.isfinite, numbers)):
            raise Defect(f"a number that is none: {item}")
        if item.verdict in MOVED and not moves:
            raise Defect(f"a verdict from a broken number: {item}")
        if item.verdict in MOVED and item.benchmark in run.benchmarks and item.now is None:
            raise Defect(f"a verdict without a value: {item}")


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m proof.mangled", description=__doc__)
    parser.add_argument("--runs", type=int, default=5000, help="how many (default: 5000)")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first (default: 0)")
    options = parser.parse_args(argv)
    originals, counts, defects = documents(), Counter[str](), 0
    for number in range(options.first, options.first + options.runs):
        with tempfile.TemporaryDirectory() as folder:
            try:
                counts[outcome(number, originals, Path(folder))] += 1
            except Defect as defect:
                defects += 1
                print(f"run {number}: {defect}", flush=True)
    for what in sorted(counts):
        print(f"{counts[what]:6d}  {what}")
    print(f"{options.runs} mangled runs, {defects} defects")
    return 1 if defects else 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main(sys.argv[1:]))
