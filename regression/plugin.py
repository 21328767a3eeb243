"""The pytest side of judging: `--benchmark-compare` ends with a verdict, confirmed in fresh processes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shlex
import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from common import harness, output
from common.saving import Saving, measured_in, saving_of
from common.stored import interrupted
from regression import hookspec, rerun
from regression.changes import WrongChange, with_min_changes
from regression.history.reader import Reader
from regression.judge import two_speeds
from regression.judge.accepted import ACCEPTED_FILE, WrongAccepted, read_accepted
from regression.metric import Metric
from regression.metrics import METRICS
from regression.options import add_judging_options
from regression.report import terminal, verdict_file
from regression.report.content import Content, content
from regression.report.repeat import COMPARE, TESTS
from regression.runs.find import Stored, collect
from regression.runs.run import Run, UnusableRun
from regression.session import Additions, Outcome, Rules, judge_session
from regression.store.session import past
from regression.text import WIDTH, wrapped

if TYPE_CHECKING:
    from regression.history.event import History

# A repetition that takes longer than so many times the session so far, and so many seconds more, hangs.
LONGEST, LONGEST_S = 3, 600.0


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspec)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("judge", "judging a run against stored baselines (with --benchmark-compare)")
    group.addoption(
        "--judge",
        choices=("fail", "report", "require", "off"),
        default="fail",
        help="fail: exit status 1 on SLOWER, MISSING or wrong labels; report: print only; require: a missing baseline "
        "fails too; off: leave pytest-benchmark alone (default: fail)",
    )
    add_judging_options(group.addoption)


@pytest.hookimpl(tryfirst=True)  # before the suite turns a bare --benchmark-compare into a pattern
def pytest_configure(config: pytest.Config) -> None:
    compare, page, mode = harness.compare(config), config.option.report, config.option.judge
    verdict, is_worker = config.option.verdict_json, hasattr(config, "workerinput")
    for option, value in ((COMPARE, compare), ("--benchmark-histogram", harness.histogram(config))):
        if isinstance(value, str) and (config.invocation_params.dir / value).resolve() == config.rootpath / TESTS:
            raise pytest.UsageError(f"{option} takes {value} for its own value; write pytest {value} {option}")
    asked_for = harness.is_given(config, COMPARE) or compare or page or verdict or mode == "require"
    if config.option.help or mode == "off" or is_worker or not asked_for:
        return
    path = config.rootpath / ACCEPTED_FILE
    try:
        metrics = with_min_changes(config.option.judge_min_change, METRICS)
        accepted, wrong = read_accepted(path) if path.exists() else ((), ())
    except (WrongChange, WrongAccepted) as error:
        raise pytest.UsageError(str(error)) from None
    asked = f"{COMPARE}={shlex.quote(compare)}" if isinstance(compare, str) else COMPARE
    why = f"there is no {COMPARE}"
    if compare:
        why = f"{asked} names no stored run that can be compared with" if isinstance(compare, str) else ""
    patience, store, every_row = config.option.judge_patience, config.option.store or "", config.get_verbosity() > 0
    rules = Rules(mode, metrics, accepted, wrong, patience, asked, why, store, every_row)
    plugin = JudgePlugin(rules, compare, page, verdict)
    config.pluginmanager.register(plugin, "inference-judge")


class JudgePlugin:
    """Judges the session at its end, before pytest-benchmark saves it, so that the verdict is in the stored run."""

    def __init__(self, rules: Rules, asked: bool | str, page: Path | None, verdict: Path | None) -> None:
        self.rules, self.asked, self.page, self.verdict = rules, asked, page, verdict
        self.additions = Additions()
        self.reader = Reader(rules.metrics)
        self.said: Content | None = None
        self.began = time.monotonic()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        config = session.config
        outcome, lines = self._judge(session)
        # The last to be registered writes the last section.
        closing = functools.partial(self._closing, config, outcome, lines)
        config.pluginmanager.register(Closing(closing, saving_of(config) if outcome is None else None))
        try:
            return (yield)
        except OSError:  # the log finds no room; the files may
            harness.fail(config)
            raise
        finally:
            self._write(config, outcome, lines[0], int(session.exitstatus))

    def _closing(self, config: pytest.Config, outcome: Outcome | None, lines: Sequence[str]) -> Sequence[str]:
        """The lines of the terminal; where something fails, with what the history says of it."""
        if outcome is None or not outcome.report.failed:
            return lines
        try:
            said = self._content(config, outcome)
        except output.UnwritableOutput:  # the page says so, if there is one
            return lines
        return [terminal.every_row(said) if self.rules.every_row else terminal.text(said), *lines[1:]]

    def _content(self, config: pytest.Config, outcome: Outcome) -> Content:
        """What is said of the run as it was saved; reading a long history takes a while, and once is enough."""
        if self.said is None:
            saving = saving_of(config)
            self.said = _content(
                config,
                outcome,
                self.rules,
                self.reader,
                saving.file if saving else None,
                with_history=self.page is not None or outcome.report.failed,
                with_sheet=self.page is not None,
            )
        return self.said

    def _write(self, config: pytest.Config, outcome: Outcome | None, unjudged: str, exit_status: int) -> None:
        """The page and the small JSON file, of the run as it was saved. What cannot be written is said."""
        page = None
        try:
            if outcome is not None and self.page is not None:
                page = self.page
                _write_page(page, self._content(config, outcome))
            if self.verdict is not None and outcome is not None:
                said = self._content(config, outcome)
                output.write(self.verdict, verdict_file.text(said, exit_status=exit_status, page=page))
            elif self.verdict is not None:
                output.write(self.verdict, verdict_file.unjudged(unjudged, exit_status=exit_status))
        except output.UnwritableOutput as error:
            config.get_terminal_writer().line(f"no report: {error}")
            harness.fail(config)

    @pytest.hookimpl(trylast=True)
    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        if "suite" in output_json:
            self.additions.add_to(output_json)

    def _judge(self, session: pytest.Session) -> tuple[Outcome | None, Sequence[str]]:
        """What is said of the session, and as which lines. What fails sets the session's exit status."""
        measured = measured_in(session.config)
        why = harness.why_nothing_is_measured(session.config)
        if measured is None or why:
            return None, self._not_judged(session, f"not judged: {why}")
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            return None, self._not_judged(session, "not judged: no test was selected")
        if harness.is_given(session.config, COMPARE) and not self.asked:
            return None, self._not_judged(
                session, f"not judged: {COMPARE}= is empty; name a stored run, or leave out the = for the baseline"
            )
        reason = interrupted(measured.document())
        if reason or session.exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            because = f" ({reason})" if reason else ""
            return None, self._not_judged(session, f"not judged: the session did not run to its end{because}")
        stored = _stored(session.config, measured, self.rules.metrics, self.reader, every_baseline=self.asked is True)
        try:
            judged = JudgedSession(session, measured, self.began)
            outcome = judge_session(judged, self.rules, stored, self.additions, self.reader.run)
        except UnusableRun:
            return None, self._not_judged(session, "nothing to judge: this session selected no benchmark")
        if outcome.failed and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return outcome, [*outcome.lines, *([f"report: {self.page}"] if self.page else [])]

    def _not_judged(self, session: pytest.Session, why: str) -> list[str]:
        """What is said where there is no verdict, which `--judge=require` does not let pass."""
        lines = [why, *([f"report: {self.page} is not written"] if self.page else [])]
        if self.rules.mode == "require":
            lines.append("--judge=require: a session that judged nothing fails")
            harness.fail(session.config)
        return lines


@dataclasses.dataclass(frozen=True)
class Closing:
    """The verdict, as the last section of the terminal; `saving` knows where to a run without one was stored."""

    lines: Callable[[], Sequence[str]]
    saving: Saving | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_sep("-", "verdict")
        for text in self.lines():
            # The report comes in lines that fit; a sentence, such as why there is none, does not.
            for line in [text] if "\n" in text else wrapped(text, WIDTH):
                terminalreporter.write_line(line)
        stored = self.saving.file if self.saving else None
        if stored is not None:
            folder = shlex.quote(str(stored.parent.parent))
            terminalreporter.write_line("To judge what was measured:")
            terminalreporter.write_line(f"  python -m regression {shlex.quote(str(stored))} --baseline {folder}")


class JudgedSession:
    """A pytest session as judging sees it: `regression.session.Session`."""

    def __init__(self, session: pytest.Session, measured: harness.Measured, began: float) -> None:
        self._session, self._measured, self._began = session, measured, began
        # A repetition does what this session did; the second takes as long as the first.
        self._repetition_s = time.monotonic() - began
        self._released: bool | None = None

    def document(self) -> dict[str, Any]:
        return self._measured.document()

    def repeat(self, benchmarks: Collection[str], stage: str) -> dict[str, Any]:
        config = self._session.config
        saving = saving_of(config)
        if saving is not None:
            saving.checkpoint(stage, now=True)
        interruptible = config.hook.pytest_judge_interruptible(config=config, doing=stage)
        try:
            with interruptible or contextlib.nullcontext():
                return self._measure(config, benchmarks)
        except KeyboardInterrupt as error:
            self._session.exitstatus = pytest.ExitCode.INTERRUPTED
            what = str(error) or type(error).__name__
            raise rerun.Interrupted(f"{what} while {stage}") from None

    def _measure(self, config: pytest.Config, benchmarks: Collection[str]) -> dict[str, Any]:
        if self._released is None:
            # With a context of this process on the GPU, engines would lie elsewhere in its memory.
            self._released = bool(config.hook.pytest_judge_release_device(config=config))
        arguments = [f"--override-ini={setting}" for setting in config.option.override_ini or ()]
        for words in config.hook.pytest_judge_fresh_process_arguments(config=config):
            arguments += words or ()
        node_ids = [
            item.nodeid
            for item in self._session.items
            if isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.callspec.id in benchmarks
        ]
        timeout_s = LONGEST * (time.monotonic() - self._began) + LONGEST_S
        return rerun.measure(node_ids, arguments, config.rootpath, config.inipath, timeout_s, self._released)

    @contextlib.contextmanager
    def doing(self, what: str) -> Iterator[None]:
        reporter, began = self._session.config.pluginmanager.get_plugin("terminalreporter"), time.monotonic()
        with contextlib.suppress(OSError):  # a log without room; so below
            if reporter:
                reporter.ensure_newline()
                reporter.write(f"{what}, about {self._repetition_s:.0f} s ...", flush=True)
        try:
            yield
        finally:
            self._repetition_s = time.monotonic() - began
            with contextlib.suppress(OSError):
                if reporter:
                    reporter.write(f" took {self._repetition_s:.0f} s\n", flush=True)


def _stored(
    config: pytest.Config,
    measured: harness.Measured,
    metrics: tuple[Metric, ...],
    reader: Reader,
    *,
    every_baseline: bool,
) -> Stored:
    """The baseline that `--benchmark-compare` names: bare, all runs saved as `baseline`; else what it matches."""
    compare, folder = harness.compare(config), harness.storage_folder(config)
    if not compare or folder is None:  # nothing to compare with, or Elasticsearch
        return Stored((), (), ())
    found = collect([folder.resolve()], reader.run)
    if not every_baseline:
        named = collect(measured.matching(str(compare)), reader.run)
        found = dataclasses.replace(named, history=found.history)
    return dataclasses.replace(found, notes=(*found.notes, *two_speeds.notes(found.baselines, metrics)))


def _content(
    config: pytest.Config,
    outcome: Outcome,
    rules: Rules,
    reader: Reader,
    saved: Path | None,
    *,
    with_history: bool,
    with_sheet: bool,
) -> Content:
    """The content of the report, with the history of the store, or else of the storage folder."""
    run = outcome.run if saved is None else dataclasses.replace(outcome.run, path=saved)
    if saved is not None:
        reader.keep(run)
    found = _history(config, run, reader) if with_history else None
    sheet = config.hook.pytest_judge_label_sheet(config=config) if with_sheet else None
    return content(
        outcome.report,
        run,
        outcome.baselines,
        rules.metrics,
        history=found,
        label_sheet=sheet,
        compare=rules.compare,
        store=rules.store,
    )


def _history(config: pytest.Config, run: Run, reader: Reader) -> History | None:
    """The history that this run is part of, whether or not it was saved."""
    from regression.history import series

    nights, folder = past(config), harness.storage_folder(config)
    if nights is None:
        nights = series.read(folder.resolve(), reader=reader)[0] if folder is not None else []
    return series.of(run, nights)


def _write_page(path: Path, said: Content) -> None:
    # Pictures and templates take a while to import.
    from regression.report import page

    output.write(path, page.html(said))
