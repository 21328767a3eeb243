"""Judges a stored run against stored baselines: `python -m regression RUN.json --baseline FILE_OR_FOLDER ...`."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regression.explain import explanation
from regression.judge.accepted import Accepted, WrongAccepted, read_accepted
from regression.judge.judge import judge
from regression.judge.patience import DEFAULT_PATIENCE, recent, sentences, unwatched
from regression.metrics import METRICS, WrongChange, with_min_changes
from regression.report import json as json_report
from regression.report import terminal
from regression.runs.find import collect, is_folder
from regression.runs.read import read
from regression.runs.run import Run, UnusableRun

if TYPE_CHECKING:
    from regression.history.series import History
    from regression.judge.verdict import Report

PASSED, REGRESSION, UNUSABLE = 0, 1, 2
ACCEPTED_FILE = Path("baselines/accepted.toml")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 no regression, 1 a regression, 2 unusable input (with a sentence on stderr that says which)."""
    for stream in (sys.stdout, sys.stderr):
        # Names come from files, and a terminal may lack their characters.
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["history"]:
        from regression.report import history

        return history.main(arguments[1:])
    if arguments[:1] == ["visible"]:
        from regression.judge import power as visible

        return visible.main(arguments[1:])
    try:
        return _judge(_parser().parse_args(arguments))
    except (UnusableRun, WrongChange, WrongAccepted) as error:
        print(f"regression: {error}", file=sys.stderr)
        return UNUSABLE


def _judge(options: argparse.Namespace) -> int:
    if options.report is not None and not _writable(options.report):
        return UNUSABLE
    metrics = with_min_changes(options.judge_min_change, METRICS)
    accepted, wrong = _accepted(options.accepted)
    run = read(options.run, metrics)
    stored = collect(options.baseline, metrics)
    report = judge(run, stored.baselines, metrics=metrics, accepted=accepted, left_out=stored.left_out, notes=wrong)
    if not report.baselines:
        for item in report.left_out:
            print(f"regression: {item}", file=sys.stderr)
        print("regression: no baseline is left to judge against; give other files with --baseline.", file=sys.stderr)
        return UNUSABLE
    found = unwatched(report, recent(stored.history, run, options.judge_patience), options.judge_patience)
    report = dataclasses.replace(report, notes=(*report.notes, *sentences(found, options.judge_patience)))
    past = _history(options) if options.report is not None or options.format == "markdown" else None
    if options.report is not None and not _write_page(report, run, stored.baselines, options.report, past):
        return UNUSABLE
    if options.format == "json":
        judged = [baseline for baseline in stored.baselines if baseline.path in report.baselines]
        told = explanation.explanations(explanation.changed(report), run, judged)
        _print(json_report.as_json(report, {one.benchmark: json_report.as_dict(one) for one in told}))
    elif options.format == "markdown":
        from regression.report.markdown import markdown

        link = options.report.name if options.report is not None else ""
        _print(markdown(report, run, stored.baselines, past, page=link).rstrip("\n"))
    else:
        _print("\n".join(terminal.lines(report, run, stored.baselines, metrics)))
    return REGRESSION if report.failed else PASSED


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python would complain once more when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _history(options: argparse.Namespace) -> History | None:
    """The history that the run is part of, in the first folder given as a baseline that holds it."""
    from regression.history import series as history

    found = (history.of(options.run, folder) for folder in options.baseline if is_folder(folder))
    return next((past for past in found if past is not None), None)


def _writable(path: Path) -> bool:
    # Pictures and templates take a while to import, and most judging needs neither.
    from regression.report import page

    try:
        page.check(path)
    except page.UnwritablePage as error:
        print(f"regression: {error}", file=sys.stderr)
        return False
    return True


def _write_page(report: Report, run: Run, baselines: Sequence[Run], path: Path, past: History | None) -> bool:
    from regression.report import page

    try:
        page.write(report, path, run, baselines, history=past, commit=run.commit)
    except page.UnwritablePage as error:
        print(f"regression: {error}", file=sys.stderr)
        return False
    return True


def _accepted(path: Path | None) -> tuple[tuple[Accepted, ...], tuple[str, ...]]:
    if path is None and not ACCEPTED_FILE.exists():
        return (), ()
    return read_accepted(path or ACCEPTED_FILE)


def _parser() -> argparse.ArgumentParser:
    more = "Also: `history FOLDER` finds when something changed, `visible FOLDER` what a baseline can show."
    parser = argparse.ArgumentParser(prog="python -m regression", description=__doc__, epilog=more)
    parser.add_argument("run", type=Path, metavar="RUN.json", help="the stored run to judge")
    parser.add_argument(
        "--baseline",
        type=Path,
        nargs="+",
        required=True,
        metavar="FILE_OR_FOLDER",
        help="stored runs; of a folder and its sub-folders those saved as `baseline`",
    )
    parser.add_argument("--format", choices=("table", "json", "markdown"), default="table")
    parser.add_argument(
        "--judge-min-change",
        action="append",
        default=[],
        metavar="METRIC=CHANGE",
        help="smallest change that matters, such as kernel_time=1%%; may be repeated",
    )
    parser.add_argument(
        "--judge-patience",
        type=_positive,
        default=DEFAULT_PATIENCE,
        metavar="RUNS",
        help="name what was UNSURE for so many stored runs",
    )
    parser.add_argument(
        "--accepted", type=Path, metavar="FILE.toml", help=f"known changes (default: {ACCEPTED_FILE}, if it exists)"
    )
    parser.add_argument("--report", type=Path, metavar="FILE.html", help="write the report as one page, too")
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < len(text) < 6 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of runs, at least 1")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
