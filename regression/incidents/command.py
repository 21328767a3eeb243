"""Keeps the issues of a nightly run: `python -m regression incidents FOLDER`."""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regression.incidents import github, job, text
from regression.incidents.plan import MOST_OPENED, Night, open_issues, plan
from regression.text import escaped, why

DONE, REFUSED, UNUSABLE = 0, 1, 2
LINK = re.compile(r"https?://[\w.:-]+(/[\w.~%/-]*)?", re.ASCII)


class _Unusable(Exception):
    """An input that cannot be used; the message is a sentence for the user."""


def main(argv: Sequence[str]) -> int:
    """Exit status: 0 done, whatever the night was; 1 GitHub refused something; 2 unusable input."""
    options = _parser().parse_args(argv)
    try:
        night = _night(options)
        listed = _issues(options)
    except (_Unusable, github.GitHubError) as error:
        print(f"regression incidents: {error}", file=sys.stderr)
        return UNUSABLE
    issues, notes = open_issues(listed)
    decided = plan(night, issues, options.most)
    links = text.Links(run=options.url, commit=options.commit)
    refused: list[str] = []
    if options.dry_run:
        for told in github.shown(decided, links):
            print(f"--- {told}")
        print()
    else:
        refused = github.apply(decided, links, options.label)
    print(text.summary(decided, [*notes, *refused]), end="")
    for sentence in refused:
        print(f"regression incidents: {sentence}", file=sys.stderr)
    return REFUSED if refused else DONE


def _night(options: argparse.Namespace) -> Night:
    # With the runners known, a night of which no artifact is left is a night that judged nothing.
    if not options.folder.is_dir() and not options.runners:
        raise _Unusable(f"{escaped(options.folder)} is no folder; give the folder of the night's artifacts.")
    try:
        runners = job.runner_names(options.runners)
    except ValueError as error:
        raise _Unusable(f"--runners {error}; give a JSON list such as '[\"h200\"]'.") from None
    found = job.jobs(options.folder, runners)
    if not found:
        raise _Unusable(f"{escaped(options.folder)} holds no artifact of a GPU job; give the folder of the artifacts.")
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return Night(day=options.night or max((one.day for one in found), default="") or today, jobs=tuple(found))


def _issues(options: argparse.Namespace) -> list[Mapping[str, Any]]:
    if options.issues is None:
        return github.listed(options.label)
    try:
        document = json.loads(options.issues.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _Unusable(f"{escaped(options.issues)} cannot be read as JSON: {why(error)}.") from None
    if not isinstance(document, list):
        raise _Unusable(
            f"{escaped(options.issues)} is no list; write it with `gh issue list --json number,title,body,state`."
        )
    return [entry for entry in document if isinstance(entry, dict)]


def _date(told: str) -> str:
    try:
        return datetime.date.fromisoformat(told).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{told!r} is no date such as 2026-11-24") from None


def _link(told: str) -> str:
    if told and not LINK.fullmatch(told):
        raise argparse.ArgumentTypeError(f"{told!r} is no address such as https://github.com/owner/name/actions/runs/1")
    return told


def _commit(told: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{0,64}", told):
        raise argparse.ArgumentTypeError(f"{told!r} is no commit")
    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m regression incidents",
        description="Open, update and close one GitHub issue for each cause of failure, from the artifacts of a night.",
    )
    parser.add_argument(
        "folder", type=Path, help="the night's artifacts: a folder for each GPU job, with run.json and verdict.json"
    )
    parser.add_argument(
        "--runners", default="", metavar="JSON", help="the labels of all runners that should have left an artifact"
    )
    parser.add_argument("--url", type=_link, default="", metavar="URL", help="where the night can be seen")
    parser.add_argument("--commit", type=_commit, default="", metavar="SHA", help="the commit that was measured")
    parser.add_argument("--night", type=_date, metavar="DATE", help="default: when the runs were measured")
    parser.add_argument("--label", default=github.LABEL, help=f"of the issues (default: {github.LABEL})")
    parser.add_argument(
        "--most", type=int, default=MOST_OPENED, metavar="ISSUES",
        help=f"new issues of one night; further causes share the last (default: {MOST_OPENED})",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="print what would be done, and do nothing")
    parser.add_argument(
        "--issues", type=Path, metavar="FILE.json",
        help="the issues, as `gh issue list --json number,title,body,state` prints them (default: ask GitHub)",
    )  # fmt: skip
    return parser
