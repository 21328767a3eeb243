"""Judges a stored run against stored baselines: `python -m regression RUN.json --baseline FILE_OR_FOLDER ...`."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common import output
from common.errors import UsageError
from common.given import RECORD, at_store
from regression.changes import WrongChange, with_min_changes
from regression.history.night import once
from regression.history.reader import Reader
from regression.judge import two_speeds
from regression.judge.accepted import ACCEPTED_FILE, Accepted, WrongAccepted, read_accepted
from regression.judge.judge import comparable, judge
from regression.judge.patience import recent, sentences, unwatched
from regression.metrics import METRICS
from regression.options import add_judging_options
from regression.project import accepted_file
from regression.report import json, markdown, terminal, verdict_file
from regression.report.content import Content, content
from regression.runs.dates import from_the_future
from regression.runs.find import collect, is_folder
from regression.runs.run import Run, UnusableRun
from regression.store import opening, reading
from regression.store.keys import folder_of
from regression.store.store import LATEST, Store

if TYPE_CHECKING:
    from regression.history.event import History

FORMS: Mapping[str, Callable[[Content], str]] = {"table": terminal.text, "json": json.text, "markdown": markdown.text}
PASSED, REGRESSION, UNUSABLE = 0, 1, 2
ALSO = """\
other commands, each with its own --help:
  python -m regression history [FOLDER]      when something changed for good
  python -m regression detectable [FOLDER]   which changes a baseline can show
  python -m regression baseline COMMAND      list, record, refresh, exclude, accept, prune baselines
  python -m regression store COMMAND         list, deliver, rebuild, prune a store of runs
  python -m regression fleet [STORE]         all GPU models of a store side by side
  python -m regression incidents FOLDER      the GitHub issues of a nightly
"""


def main(argv: Sequence[str]) -> int:
    """Exit status: 0 no regression, 1 a regression, 2 unusable input (with a sentence on stderr that says which)."""
    options = _parser().parse_args(argv)
    try:
        return _judge(options)
    except (UnusableRun, UsageError, WrongChange, WrongAccepted, output.UnwritableOutput) as error:
        print(f"regression: {error}", file=sys.stderr)
        return UNUSABLE


def _judge(options: argparse.Namespace) -> int:
    metrics = with_min_changes(options.judge_min_change, METRICS)
    reader = Reader(metrics)
    run = reader.run(options.run)
    store, baseline = None, options.baseline
    if not baseline:
        store = _store(opening.named_or_default(options.store), run, options)
        baseline = [store.folder / _slug(run)]
    accepted, wrong = _accepted(options.accepted, [*baseline, options.run])
    stored = collect(baseline, reader.run)
    report = judge(
        run,
        stored.baselines,
        metrics=metrics,
        accepted=accepted,
        left_out=stored.left_out,
        notes=(
            *wrong,
            *stored.notes,
            *two_speeds.notes(stored.baselines, metrics),
            *from_the_future((run, *stored.baselines)),
        ),
        across_gpus=options.across_gpus,
        record=at_store(RECORD, options.store),
    )
    if not report.baselines:
        for item in report.left_out:
            print(f"regression: {item}", file=sys.stderr)
        across = not options.across_gpus and comparable(run, stored.baselines, across_gpus=True)[0]
        instead = ", or compare the GPU models with --across-gpus" if across else ""
        print(
            f"regression: no baseline is left to judge against; give other files with --baseline{instead}.",
            file=sys.stderr,
        )
        return UNUSABLE
    past = recent(stored.history, run, options.judge_patience, stored.excluded, reader.run)
    found = unwatched(report, past, options.judge_patience)
    report = dataclasses.replace(report, notes=(*report.notes, *sentences(found, options.judge_patience)))
    wants_history = report.failed or options.report is not None or options.format in ("markdown", "json")
    if wants_history and store is None and (url := opening.named(options.store)) is not None:
        store = _store(url, run, options)
    found_in = _history(run, store, baseline, reader) if wants_history else None
    link = options.report.name if options.report is not None else ""
    said = content(report, run, stored.baselines, metrics, history=found_in, page=link, store=options.store or "")
    if options.report is not None:
        # Pictures and templates take a while to import, and most judging needs neither.
        from regression.report import page

        output.write(options.report, page.html(said))
    status = REGRESSION if report.failed else PASSED
    if options.verdict_json is not None:
        output.write(options.verdict_json, verdict_file.text(said, exit_status=status, page=options.report))
    form = terminal.every_row if options.verbose and options.format == "table" else FORMS[options.format]
    output.say(form(said).rstrip("\n"))
    return status


def _store(url: str, run: Run, options: argparse.Namespace) -> Store:
    """A store with what this run is judged by."""
    return reading.opened(url, _slug(run), latest=max(LATEST, 2 * options.judge_patience))


def _slug(run: Run) -> str:
    return folder_of({"machine_info": run.machine}).partition("/")[0]


def _history(run: Run, store: Store | None, baseline: Sequence[Path], reader: Reader) -> History | None:
    """The history that the run is part of: in the store, else in the folders given as baseline."""
    from regression.history import series

    if store is not None:
        return series.of(run, reading.nights(store, _slug(run))[0])
    folders = [folder for folder in baseline if is_folder(folder)]
    if not folders:
        return None
    nights = [night for folder in folders for night in series.read(folder, reader=reader)[0]]
    return series.of(run, once(nights))


def _accepted(path: Path | None, places: Iterable[Path]) -> tuple[tuple[Accepted, ...], tuple[str, ...]]:
    """The known changes in the file given, else in that of the project which the stored runs are part of."""
    found = path or accepted_file(places)
    return read_accepted(found) if found is not None else ((), ())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m regression",
        description="Judges a stored run against stored baselines.",
        epilog=ALSO,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN.json", help="the stored run to judge")
    parser.add_argument(
        "--baseline",
        type=Path,
        nargs="+",
        metavar="FILE_OR_FOLDER",
        help="stored runs, or folders of runs saved as `baseline` (default: those of the store)",
    )
    opening.add_option(parser.add_argument)
    parser.add_argument(
        "--across-gpus",
        action="store_true",
        help="compare with another GPU model, too, to see how the two differ; a warning says so",
    )
    parser.add_argument("--format", choices=FORMS, default="table")
    parser.add_argument("-v", "--verbose", action="store_true", help="print every row of the table")
    parser.add_argument(
        "--accepted",
        type=Path,
        metavar="FILE.toml",
        help=f"known changes (default: {ACCEPTED_FILE} of the project, if it exists)",
    )
    add_judging_options(parser.add_argument)
    return parser
