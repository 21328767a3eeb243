"""The command line: `python -m rehearsal --old PYTHON --new PYTHON` says what changes if the new side is installed."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common import output
from common.errors import UsageError, not_installed
from common.signals import interrupting
from regression.text import WIDTH, wrapped

try:
    from rehearsal import judge, page, record, report
    from rehearsal.arguments import PASSED_ON, parser
    from rehearsal.device_lock import locked
    from rehearsal.plan import plan
    from rehearsal.progress import Progress
    from rehearsal.protocol import NEW, OLD, SIDES
    from rehearsal.sequential import LEAST_PAIRS, MOST_PAIRS
    from rehearsal.steps import announced
except ModuleNotFoundError as error:
    print(f"rehearsal: {not_installed(error)}", file=sys.stderr)
    sys.exit(2)  # 1 would be a failure of the new side

if TYPE_CHECKING:
    from rehearsal.bisect import Bisect
    from rehearsal.environments import Environments
    from rehearsal.side import Place

PASSED, FAILED, UNUSABLE = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 nothing to fail for, 1 slower, wrong or no longer running, 2 not done (a sentence says why)."""
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    options = parser(__doc__, report.FORMS).parse_args(argv)
    try:
        _check(options)
        if options.from_file is not None:
            return _say(options, record.read(options.from_file))
        return _rehearse(options)
    except (UsageError, output.UnwritableOutput) as error:
        print(f"rehearsal: {error}", file=sys.stderr)
        return UNUSABLE
    except ModuleNotFoundError as error:
        print(f"rehearsal: {not_installed(error)}", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("rehearsal: interrupted before there was anything to report", file=sys.stderr)
        return UNUSABLE


def _rehearse(options: argparse.Namespace) -> int:
    from rehearsal.environments import Environments

    progress = Progress(sys.stderr)
    places = _places(options)
    # A rehearsal that is ended ends its sides, and removes what it made.
    with interrupting():
        try:
            if not options.bisect:
                return _measured(options, places, progress, None)
            found = ["--no-index"] * options.no_index
            found += [f"--find-links={where}" for where in options.find_links]
            with Environments(places[OLD].python, found, keep=options.keep) as environments:
                return _measured(options, places, progress, environments)
        finally:
            progress.clear()


def _check(options: argparse.Namespace) -> None:
    """Refuse options of the search without it, and those that measure for what was recorded."""
    measuring = [name for name, value in (("--bisect", options.bisect), ("--plan", options.plan)) if value]
    if measuring and options.from_file is not None:
        raise UsageError(f"{measuring[0]} asks the sides, and --from has what they said; leave one of them out")
    given = {"--find-links": options.find_links, "--keep": options.keep, "--no-index": options.no_index}
    alone = [name for name, value in given.items() if value and not options.bisect]
    if alone:
        verb, them = ("goes", "it") if len(alone) == 1 else ("go", "them")
        raise UsageError(f"{' and '.join(alone)} {verb} with --bisect; add it, or leave {them} out")


def _measured(
    options: argparse.Namespace, places: dict[str, Place], progress: Progress, environments: Environments | None
) -> int:
    from rehearsal.session import Rehearsal
    from rehearsal.side import SideEnded, UnusableSide

    began = time.monotonic()
    timeouts = {"build_timeout_s": options.build_timeout or 600.0, "turn_timeout_s": options.turn_timeout}
    bisect = _bisect(options, places, progress, environments, timeouts) if environments else None
    rehearsal = Rehearsal(
        places,
        options.budget,
        least_pairs=LEAST_PAIRS,
        most_pairs=MOST_PAIRS,
        counted=judge.COUNTED,
        settled=judge.settled,
        progress=progress.show,
        **timeouts,
    )
    ended = False
    try:
        try:
            found = rehearsal.describe()
        except SideEnded as error:
            raise UsageError(str(error)) from None
        if options.plan:
            progress.clear()
            output.say("\n".join([plan(found, rehearsal.start_s), *(_announced(bisect) if bisect else ())]))
            return PASSED
        with locked(found.sides[OLD]["device"]["uuid"]):
            try:
                rehearsal.run(found)
                ended = True
            except KeyboardInterrupt:
                found.interrupted = "Interrupted: what was not decided by then is UNSURE."
            except (SideEnded, UnusableSide) as error:
                if not any(pair.turns for pair in found.pairs) and not any(found.failed.values()):
                    raise UsageError(str(error)) from None
                found.interrupted = f"Ended early: {error}."
            finally:
                rehearsal.end(at_once=not ended)
            found.took_s = round(time.monotonic() - began, 1)
            if bisect and not found.interrupted:
                bisect.run(found, judge.judge(found))
                found.bisection = bisect.said
    finally:
        progress.clear()
        rehearsal.end(at_once=not ended)
    return _say(options, found)


def _bisect(
    options: argparse.Namespace,
    places: dict[str, Place],
    progress: Progress,
    environments: Environments,
    timeouts: dict[str, float],
) -> Bisect:
    """A search that has announced what it costs."""
    from rehearsal.bisect import Bisect
    from rehearsal.session import BUDGET_S

    for place in places.values():
        place.check()
    made = Bisect(places, environments, step_s=options.budget or BUDGET_S, progress=progress.show, **timeouts)
    if options.keep:
        made.said.kept = str(environments.folder)
    if not options.plan:
        print("\n".join(_announced(made)), file=sys.stderr, flush=True)
    return made


def _announced(bisect: Bisect) -> list[str]:
    return [line for text in announced(bisect.said) for line in wrapped(text, WIDTH)]


def _say(options: argparse.Namespace, found: record.Record) -> int:
    """Print and write what is to be said; what cannot be written costs nothing of what is printed."""
    judged = judge.judge(found)
    unwritten = []
    for path, content in (
        (None if options.from_file else options.json, found.to_json),
        (options.report, lambda: page.html(found, judged)),
    ):
        try:
            if path is not None:
                output.write(path, content())
        except output.UnwritableOutput as error:
            unwritten.append(error)
    output.say(report.FORMS[options.format](found, judged))
    for why in unwritten:
        print(f"rehearsal: {why}", file=sys.stderr)
    if judged.failed:
        return FAILED
    interrupted = found.interrupted or (found.bisection and found.bisection.is_interrupted)
    return UNUSABLE if interrupted or unwritten else PASSED


def _places(options: argparse.Namespace) -> dict[str, Place]:
    from rehearsal.side import Place

    given = {name: getattr(options, name.replace("-", "_")) for name in (*dict(PASSED_ON), "build-timeout")}
    shared = [f"--{name}={value}" for name, value in given.items() if value is not None]
    old = options.old or Path(sys.executable)
    pythons = {OLD: old, NEW: options.new or old}
    checkouts = {OLD: options.old_checkout, NEW: options.new_checkout}
    own = {OLD: options.old_args, NEW: options.new_args}
    if options.no_cudnn_benchmark:
        shared.append("--no-cudnn-benchmark")
    return {side: Place(side, pythons[side], checkouts[side], (*shared, *own[side])) for side in SIDES}


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
