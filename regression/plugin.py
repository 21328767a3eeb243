"""The pytest side of judging: `--benchmark-compare` ends with a verdict, confirmed in fresh processes."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from regression import hookspec
from regression import rerun as fresh
from regression.judge.accepted import Accepted, WrongAccepted, read_accepted
from regression.judge.judge import judge
from regression.judge.limits import CONFIRMATIONS
from regression.judge.patience import DEFAULT_PATIENCE, recent, sentences, unwatched
from regression.judge.verdict import Report, suspects, verdicts
from regression.metrics import METRICS, Metric, WrongChange, with_min_changes
from regression.report import terminal
from regression.runs.find import Stored, collect
from regression.runs.read import parse
from regression.runs.run import Run, UnusableRun

ACCEPTED_FILE = "baselines/accepted.toml"
REMEASURED = 2
# A repetition that takes longer than so many times the session so far, and so many seconds more, hangs.
LONGEST, LONGEST_S = 3, 600.0
# What a run is called before it is stored.
THIS_RUN = Path("this run")


@dataclass
class Gate:
    """What one session judges by, and what came of it."""

    mode: str
    metrics: tuple[Metric, ...]
    accepted: tuple[Accepted, ...]
    wrong_accepted: tuple[str, ...]
    all_baselines: bool
    page: Path | None
    began: float = field(default_factory=time.monotonic)
    released: bool | None = None
    confirmations: list[dict[str, Any]] = field(default_factory=list)
    remeasured: list[tuple[dict[str, Any], list[str]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    verdicts: dict[str, dict[str, str]] = field(default_factory=dict)
    machine_info: dict[str, Any] = field(default_factory=dict)
    commit_info: dict[str, Any] = field(default_factory=dict)
    text: str = ""
    told: tuple[Report, Run, Sequence[Run]] | None = None


GATE: pytest.StashKey[Gate] = pytest.StashKey()


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(hookspec)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("judge", "judging a run against stored baselines (with --benchmark-compare)")
    group.addoption(
        "--judge",
        choices=("fail", "report", "require", "off"),
        default="fail",
        help="fail: exit status 1 on SLOWER, MISSING or wrong labels; report: print alone; require: a missing baseline "
        "fails too; off: leave pytest-benchmark alone (default: fail)",
    )
    group.addoption(
        "--judge-min-change",
        action="append",
        default=[],
        metavar="METRIC=CHANGE",
        help="smallest change that matters, such as kernel_time=1%%; may be repeated",
    )
    group.addoption(
        "--judge-patience",
        type=int,
        default=DEFAULT_PATIENCE,
        metavar="RUNS",
        help=f"name what was UNSURE for so many stored runs (default: {DEFAULT_PATIENCE})",
    )
    group.addoption("--report", type=Path, metavar="FILE.html", help="write the report as one page")


@pytest.hookimpl(tryfirst=True)  # before the suite turns a bare --benchmark-compare into a pattern
def pytest_configure(config: pytest.Config) -> None:
    compare, page = config.option.benchmark_compare, config.option.report
    mode = config.option.judge
    if config.option.help or mode == "off" or not (compare or page):
        return
    try:
        metrics = with_min_changes(config.option.judge_min_change, METRICS)
        path = config.rootpath / ACCEPTED_FILE
        accepted, wrong = read_accepted(path) if path.exists() else ((), ())
        if page:
            from regression.report.page import UnwritablePage, check

            try:
                check(page)
            except UnwritablePage as error:
                raise pytest.UsageError(f"--report: {error}") from None
    except (WrongChange, WrongAccepted) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[GATE] = Gate(mode, metrics, accepted, wrong, compare is True, page)


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before pytest-benchmark saves, so that the verdict is in the run
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    gate = session.config.stash.get(GATE, None)
    benchmarks = session.config.pluginmanager.get_plugin("pytest-benchmark")
    if gate is not None and benchmarks is not None and not benchmarks.disabled:
        if session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            try:
                _judge_session(session, gate, benchmarks)
            except UnusableRun:
                gate.text = "nothing to judge: this session selected no benchmark"
        else:
            gate.text = "not judged: the session did not run to its end"
    before = _stored_files(benchmarks)
    result = yield
    if gate is not None and gate.told:
        _write_page(session.config, gate, gate.told, sorted(_stored_files(benchmarks) - before))
    return result


@pytest.hookimpl(trylast=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    gate = config.stash.get(GATE, None)
    if gate is None or "suite" not in output_json:
        return
    for record, kernel_names in gate.remeasured:
        fresh.replace_record(output_json, record, kernel_names)
    output_json["suite"]["confirmations"] = gate.confirmations
    if gate.verdicts:
        output_json["suite"]["verdicts"] = gate.verdicts


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    gate = terminalreporter.config.stash.get(GATE, None)
    if gate is not None and gate.text:
        terminalreporter.section("verdict", sep="-")
        terminalreporter.write_line(gate.text)


def _judge_session(session: pytest.Session, gate: Gate, benchmarks: Any) -> None:
    config = session.config
    stored = _stored(config, gate, benchmarks)
    run = _run_so_far(config, gate, benchmarks)
    _measure_disturbed_again(session, gate, run)
    if gate.remeasured:
        run = _run_so_far(config, gate, benchmarks)
    report = _judge(run, gate, stored)
    again = suspects(report)
    if again:
        _confirm(session, gate, run, list(dict.fromkeys(benchmark for benchmark, _ in again)), report.controls)
        run = _run_so_far(config, gate, benchmarks)
        report = _judge(run, gate, stored)
    gate.verdicts = verdicts(report)
    found = unwatched(report, recent(stored.history, run, config.option.judge_patience), config.option.judge_patience)
    notes = (*report.notes, *gate.notes, *sentences(found, config.option.judge_patience))
    report = dataclasses.replace(report, notes=notes)
    gate.text = _text(report, run, stored.baselines, gate)
    if gate.page:
        gate.text += f"\nreport: {gate.page}"
        gate.told = (report, run, stored.baselines)
    fails = gate.mode in ("fail", "require") and report.failed
    if gate.mode == "require" and not report.baselines:
        gate.text += "\n--judge=require: there is no baseline to judge against"
        fails = True
    if fails and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _text(report: Report, run: Run, baselines: Sequence[Run], gate: Gate) -> str:
    if not report.baselines:
        return "\n".join(["nothing to judge against", *report.notes])
    return "\n".join(terminal.lines(report, run, baselines, gate.metrics))


def _judge(run: Run, gate: Gate, stored: Stored) -> Report:
    return judge(
        run,
        stored.baselines,
        metrics=gate.metrics,
        accepted=gate.accepted,
        left_out=stored.left_out,
        notes=gate.wrong_accepted,
    )


def _stored(config: pytest.Config, gate: Gate, benchmarks: Any) -> Stored:
    """The baseline that `--benchmark-compare` names: bare, all runs saved as `baseline`; else what it matches."""
    storage = benchmarks.storage
    compare = config.option.benchmark_compare
    if not compare or not hasattr(storage, "path"):  # nothing to compare with, or Elasticsearch
        return Stored((), (), ())
    folder = Path(str(storage.path))
    if gate.all_baselines:
        return collect([folder], gate.metrics)
    history = collect([folder], gate.metrics).history
    return dataclasses.replace(collect(storage.query(compare), gate.metrics), history=history)


def _run_so_far(config: pytest.Config, gate: Gate, benchmarks: Any) -> Run:
    """The session as the run that will be stored, with what the gate adds to it."""
    if not gate.machine_info:
        gate.machine_info = benchmarks.get_machine_info()
        gate.commit_info = config.hook.pytest_benchmark_generate_commit_info(config=config)
        config.hook.pytest_benchmark_update_commit_info(config=config, commit_info=gate.commit_info)
    document = config.hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=benchmarks.benchmarks,
        include_data=False,
        machine_info=gate.machine_info,
        commit_info=gate.commit_info,
    )
    config.hook.pytest_benchmark_update_json(config=config, benchmarks=benchmarks.benchmarks, output_json=document)
    return parse(json.loads(json.dumps(document, default=str)), THIS_RUN, gate.metrics)


def _measure_disturbed_again(session: pytest.Session, gate: Gate, run: Run) -> None:
    disturbed = [name for name, benchmark in run.benchmarks.items() if benchmark.disturbances]
    for attempt in range(1, REMEASURED + 1):
        if not disturbed:
            return
        with _progress(session, f"repeating the session for {len(disturbed)} disturbed, {attempt} of {REMEASURED}"):
            measured = _repeat(session, gate, run)
        if measured is None:
            return
        again = parse(measured, THIS_RUN, gate.metrics)
        calm = [name for name in disturbed if name in again.benchmarks and not again.benchmarks[name].disturbances]
        names = measured["suite"]["kernels"]
        gate.remeasured += [(record, names) for record in measured["benchmarks"] if record["param"] in calm]
        disturbed = [name for name in disturbed if name not in calm]


def _confirm(session: pytest.Session, gate: Gate, run: Run, suspected: Sequence[str], beside: Sequence[str]) -> None:
    kept = {*suspected, *beside}
    what = f"repeating the session for {len(suspected)} suspected and {len(beside)} controls"
    for number in range(1, CONFIRMATIONS + 1):
        with _progress(session, f"{what}, {number} of {CONFIRMATIONS}"):
            measured = _repeat(session, gate, run)
        if measured is not None:
            measured["benchmarks"] = [record for record in measured["benchmarks"] if record["param"] in kept]
            entry = fresh.confirmation(measured, beside)
            disturbed = list(parse(measured, THIS_RUN, gate.metrics).disturbances)
            gate.confirmations.append(entry | {"disturbed": disturbed} if disturbed else entry)


def _repeat(session: pytest.Session, gate: Gate, run: Run) -> dict[str, Any] | None:
    """The stored run of a fresh process with this session's tests of every benchmark that did not fail.

    All of them, whatever is suspected, and with no context of this process on the GPU: where an engine lies in its
    memory moves its kernel time, and it lies where it did only after the same builds and calls (docs/measuring.md).
    """
    config = session.config
    if gate.released is None:
        gate.released = bool(config.hook.pytest_judge_release_device(config=config))
    arguments = [
        word
        for words in config.hook.pytest_judge_fresh_process_arguments(config=config)
        if words is not None
        for word in words
    ]
    wanted = (run.selected or frozenset()) - run.failed.keys() - run.skipped.keys()
    node_ids = [
        item.nodeid
        for item in session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and item.callspec.id in wanted
    ]
    timeout_s = LONGEST * (time.monotonic() - gate.began) + LONGEST_S
    try:
        return fresh.measure(node_ids, arguments, config.rootpath, config.inipath, timeout_s, gate.released)
    except fresh.NotMeasured as error:
        gate.notes.append(f"not measured again: {error}")
        return None


def _stored_files(benchmarks: Any) -> set[Path]:
    folder = getattr(getattr(benchmarks, "storage", None), "path", None)
    return set(Path(folder).glob("*/*.json")) if folder else set()


def _write_page(
    config: pytest.Config, gate: Gate, told: tuple[Report, Run, Sequence[Run]], saved: Sequence[Path]
) -> None:
    """The page, with the history of the storage folder where this run was saved into it."""
    from regression.history import series as history
    from regression.report import page

    assert gate.page is not None
    sheet = config.hook.pytest_judge_label_sheet(config=config)
    report, run, baselines = told
    past = None
    if saved:
        # By its file the history finds the run among the others, and rings it.
        run = dataclasses.replace(run, path=saved[-1])
        past = history.of(saved[-1], saved[-1].parent.parent)
    try:
        page.write(report, gate.page, run, baselines, label_sheet=sheet, history=past)
    except page.UnwritablePage as error:
        config.get_terminal_writer().line(f"no report: {error}")


class _progress:
    """Says on the terminal what is going on, and how long it took."""

    def __init__(self, session: pytest.Session, text: str) -> None:
        self.reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        self.text = text

    def __enter__(self) -> None:
        self.began = time.monotonic()
        if self.reporter:
            self.reporter.ensure_newline()
            self.reporter.write(f"{self.text} ...", flush=True)

    def __exit__(self, *exception: object) -> None:
        if self.reporter:
            self.reporter.write(f" took {time.monotonic() - self.began:.0f} s\n", flush=True)
