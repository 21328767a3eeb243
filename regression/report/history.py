"""The history as a table, as Markdown and as JSON: `python -m regression history FOLDER`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regression.history import series
from regression.history.changepoints import DRIFT
from regression.history.event import Event, History
from regression.report.rows import change_text
from regression.runs.find import is_folder
from regression.store import opening, reading
from regression.store.objects import WrongStore
from regression.text import WIDTH, code, escaped, measure, plain, wrapped

MOST_NAMED = 3


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Exit status 0, also with changes; 2 where the folder has no stored run that can be used."""
    parser = argparse.ArgumentParser(
        prog="python -m regression history",
        description="Find lasting changes and slow drifts in all stored runs of a GPU, with what changed that night.",
    )
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="a GPU's folder of stored runs, such as baselines/nvidia-h200 (default: all GPUs of the store)",
    )
    opening.add_option(parser.add_argument)
    parser.add_argument("--format", choices=("table", "json", "markdown"), default="table")
    options = parser.parse_args(argv)
    place = options.folder or opening.named_or_default(options.store)
    if options.folder is not None:
        if not is_folder(options.folder):
            print(f"{options.folder} is no folder; give a folder of stored runs, such as baselines.", file=sys.stderr)
            return 2
        found, left_out = series.read(options.folder)
    else:
        try:
            found, left_out = reading.nights(opening.open_store(place))
        except WrongStore as error:
            print(f"regression: {error}", file=sys.stderr)
            return 2
    for sentence in left_out:
        print(f"Left out {sentence}", file=sys.stderr)
    if not found:
        print(f"No stored run in {place}; --benchmark-save or --benchmark-autosave stores one.", file=sys.stderr)
        return 2
    histories = series.trace(found)
    if options.format == "json":
        print(json.dumps({"histories": [as_dict(history) for history in histories], "left_out": left_out}, indent=2))
    else:
        show = terminal_text if options.format == "table" else markdown_text
        print("\n\n".join(show(history) for history in histories))
    return 0


def terminal_text(history: History) -> str:
    """The history for a terminal: night by night, what changed in the environment, and by how much which metric."""
    out = wrapped(history.sentence(), WIDTH)
    for heading, environment, events in _by_night(history):
        nothing = ("nothing recorded changed in the environment",)
        out += ["", *wrapped(heading, WIDTH)]
        out += [line for text in environment or nothing for line in wrapped(text, WIDTH, "  ")]
        width = max((len(event.benchmark) for event in events), default=0)
        titles = max([12, *(len(event.metric.title) for event in events)])
        for event in events:
            change = f"{_amount(event, event.before)} -> {_amount(event, event.after)}"
            out.append(f"  {event.metric.title:<{titles}} {event.benchmark:<{width}} {_change(event):>9}  {change}")
            out += [f"  {'':<{titles}} {event.detail}"] if event.detail else []
    return "\n".join([*out, *_lines(_short(history))])


def markdown_text(history: History) -> str:
    """The same as Markdown; what stored files say is code, so that nothing in it acts."""
    out = [history.sentence()]
    for heading, environment, events in _by_night(history):
        out += ["", f"**{heading}**", ""]
        out += [f"- {code(text)}" for text in environment] or ["- nothing recorded changed in the environment"]
        if events:
            out += ["", "| metric | benchmark | change | before | after |", "| --- | --- | --- | ---: | ---: |"]
        for event in events:
            change = ", ".join(part for part in (_change(event), event.detail) if part)
            amounts = f"{_amount(event, event.before)} | {_amount(event, event.after)}"
            out.append(f"| {plain(event.metric.title)} | {code(event.benchmark)} | {change} | {amounts} |")
    return "\n".join([*out, *(plain(line) for line in _lines(_short(history)))])


def as_dict(history: History) -> dict[str, Any]:
    """The history for JSON; times in seconds, sizes in bytes, dates in ISO 8601."""
    slug, mig, policy = history.identity
    return {
        "gpu": slug,
        "mig": mig or None,
        "precision_policy": policy or None,
        "runs": len(history.nights),
        "first": history.nights[0].when.isoformat(),
        "last": history.nights[-1].when.isoformat(),
        "series": history.series,
        "summary": history.sentence(),
        "changes": [_event(event) for event in history.events],
        "swaps": [
            {
                "first": swap.night.when.isoformat(),
                "run": escaped(swap.night.file),
                "before": swap.before,
                "after": swap.after,
                "environment": list(swap.environment),
                "changes": [_event(event) for event in swap.events],
            }
            for swap in history.swaps
        ],
        "too_few_nights": [
            {"benchmark": one.benchmark, "metric": one.metric.key, "nights": one.nights, "needed": one.needed}
            for one in history.short
        ],
        "disturbed_nights": history.disturbed,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "benchmark": event.benchmark,
        "metric": event.metric.key,
        "kind": event.kind,
        "first": event.first.when.isoformat(),
        "last": event.last.when.isoformat(),
        "earliest": event.earliest.when.isoformat(),
        "latest": event.latest.when.isoformat(),
        "run": escaped(event.first.file),
        "nights": event.nights,
        "ongoing": event.ongoing,
        "before": float(f"{event.before:.7g}"),
        "after": float(f"{event.after:.7g}"),
        "ratio": None if event.ratio is None else round(event.ratio, 7),
        "a_night": None if event.a_night is None else round(event.a_night, 7),
        "environment": list(event.environment),
    }


def _by_night(history: History) -> list[tuple[str, tuple[str, ...], list[Event]]]:
    """Heading, environment and events of every night, of every drift, and of every swap of the GPU, in time order."""
    swaps = [(swap.night.when, swap.sentence(), swap.environment, list(swap.events)) for swap in history.swaps]
    groups: dict[tuple[str, tuple[str, ...]], list[Event]] = {}
    for event in history.events:
        heading = f"{event.first.day} ({escaped(event.first.file.name)})"
        if event.kind == DRIFT:
            heading = f"{event.when}: a drift over {event.nights} nights"
        groups.setdefault((heading, event.environment), []).append(event)
    changes = [
        (events[0].first.when, heading, environment, events) for (heading, environment), events in groups.items()
    ]
    ordered = sorted([*swaps, *changes], key=lambda group: group[0])
    return [(heading, environment, events) for _, heading, environment, events in ordered]


def _short(history: History) -> str:
    """Which series have too few nights to tell, the neediest first."""
    neediest = sorted(history.short, key=lambda one: -one.needed)
    named = [
        f"{one.metric.title} of {one.benchmark} ({one.nights} of the {one.needed} needed)"
        for one in neediest[:MOST_NAMED]
    ]
    more = [f"{len(neediest) - MOST_NAMED} more"] if len(neediest) > MOST_NAMED else []
    return f"Too few nights to tell: {', '.join([*named, *more])}." if named else ""


def _lines(text: str) -> list[str]:
    return ["", *wrapped(text, WIDTH)] if text else []


def _change(event: Event) -> str:
    return change_text(event.metric, event.before, event.after)


def _amount(event: Event, value: float) -> str:
    return measure(value, event.before, event.metric.unit)
