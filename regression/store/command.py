"""Looks after a store of runs: `python -m regression store list|deliver|rebuild|prune --store URL`."""

from __future__ import annotations

import argparse
import datetime
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from common import output
from common.errors import UsageError
from common.given import at_store
from regression.runs.find import is_folder, walk
from regression.runs.run import LeftOut
from regression.store import index, keys, opening, pruning, reading
from regression.store.delivery import Known, deliver, deliver_waiting
from regression.store.objects import StoreAway, WrongStore
from regression.store.segments import Entry
from regression.store.store import Store
from regression.text import count, escaped

DONE, AWAY, UNUSABLE = 0, 1, 2


def main(argv: Sequence[str]) -> int:
    """Exit status: 0 done, 1 the store is away, 2 unusable input; a sentence says which."""
    options = _parser().parse_args(argv)
    try:
        store = opening.open_store(opening.named_or_default(options.store))
        return COMMANDS[options.command](store, options)
    except StoreAway as problem:
        print(f"regression: {escaped(opening.named_or_default(options.store))} is away ({problem}).", file=sys.stderr)
        return AWAY
    except (UsageError, output.UnwritableOutput) as error:
        print(f"regression: {error}", file=sys.stderr)
        return UNUSABLE


def _list(store: Store, options: argparse.Namespace) -> int:
    indexed = index.read_all(store, progress=reading.progress)
    of_gpu: dict[str, list[Entry]] = {}
    for entry in indexed.entries:
        of_gpu.setdefault(entry.of.key.partition("/")[0], []).append(entry)
    for slug, entries in sorted(of_gpu.items()):
        days = sorted(entry.night.day for entry in entries if entry.night is not None)
        baselines = sum(keys.is_baseline(entry.of.key) for entry in entries)
        copies = len(entries) - len({entry.run or entry.of.key for entry in entries})
        parts = [
            f"{escaped(slug)}: {count(baselines, 'run')} saved as baseline",
            count(len(entries) - baselines, "other"),
            *([f"from {days[0]} to {days[-1]}"] if days else []),
            *([f"{count(copies, 'copy').replace('copys', 'copies')} that count once"] if copies else []),
        ]
        output.say(", ".join(parts))
    if not of_gpu:
        output.say(f"no stored run in {escaped(store.url)}")
    for sentence in indexed.left_out:
        output.say(f"left out {sentence}")
    for clause in indexed.said:
        output.say(f"{clause}; what it lacked was read again")
    waiting = store.waiting()
    if waiting:
        again = at_store("python -m regression store deliver", options.store)
        output.say(f"{count(len(waiting), 'file')} waiting in {store.outbox}; `{escaped(again)}` tries again")
    return DONE


def _deliver(store: Store, options: argparse.Namespace) -> int:
    known = Known(store)
    for sentence in deliver_waiting(store):
        output.say(sentence)
    for path in options.runs:
        closed: list[LeftOut] = []
        for file in walk(path, closed) if is_folder(path) else [path]:
            try:
                delivered = deliver(store, file, known)
            except WrongStore as error:
                # In a folder, such as an artifact, not every file is a run.
                if not is_folder(path):
                    raise
                output.say(f"left out: {error}")
                continue
            output.say(f"{escaped(file)}: {delivered.said}")
        for item in closed:
            output.say(f"left out: {item}")
    return AWAY if store.waiting() else DONE


def _rebuild(store: Store, options: argparse.Namespace) -> int:
    indexed = index.read_all(store, afresh=True, progress=reading.progress)
    output.say(f"the index knows {count(len(indexed.entries), 'run')}, {len(indexed.left_out)} of them unusable")
    for sentence in (*indexed.left_out, *indexed.said):
        output.say(sentence)
    return DONE


def _prune(store: Store, options: argparse.Namespace) -> int:
    indexed = index.read_all(store, progress=reading.progress)
    before = datetime.datetime.now(tz=datetime.UTC) - options.keep
    old = pruning.older(indexed.entries, pruning.named_in_marks(store), before)
    for entry in old:
        if not options.dry_run:
            store.objects.remove(entry.of.key)
        output.say(f"{'would remove' if options.dry_run else 'removed'} {escaped(entry.of.key)}")
    kept = len(indexed.entries) - len(old)
    output.say(f"{count(len(old), 'run')} older than {count(options.keep.days, 'day')}; {kept} stay")
    return DONE


def days(text: str) -> datetime.timedelta:
    """A number of days such as `90d`."""
    if not re.fullmatch(r"[1-9]\d{0,4}d", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days such as 90d")
    return datetime.timedelta(days=int(text[:-1]))


COMMANDS: Mapping[str, Callable[[Store, argparse.Namespace], int]] = {
    "list": _list,
    "deliver": _deliver,
    "rebuild": _rebuild,
    "prune": _prune,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m regression store", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    said = {
        "list": "what the store holds of each GPU, and what waits to be delivered",
        "deliver": "append stored runs, each once, and what waits to be delivered",
        "rebuild": "read every run again and replace the index",
        "prune": "remove old runs; baselines, marks and the runs that marks name stay",
    }
    each = {name: commands.add_parser(name, help=text, description=text) for name, text in said.items()}
    for one in each.values():
        opening.add_option(one.add_argument)
    each["deliver"].add_argument(
        "runs", type=Path, nargs="*", metavar="FILE_OR_FOLDER", help="stored runs, such as an artifact"
    )
    each["prune"].add_argument(
        "--keep", type=days, required=True, metavar="DAYS", help="how many days of runs stay, such as 90d"
    )
    each["prune"].add_argument("--dry-run", action="store_true", help="only say what would be removed")
    return parser
