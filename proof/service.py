"""Whether what a service feels is judged right: unchanged runs, and runs that leak, start slowly or recompile."""

from __future__ import annotations

import argparse
import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common import output, processes
from proof.score.stored import ARCHIVE, injected, read_and_tell
from proof.simulation import BASELINE_RUNS, judge_twice
from regression.judge.limits import CONFIRMATIONS
from regression.judge.verdict import Judgement, Verdict
from regression.metric import Kind
from regression.metrics import METRICS
from regression.runs.run import Run
from regression.text import count

ROOT = Path(__file__).resolve().parents[1]
UNCHANGED = "unchanged"
TOGETHER = "+"
# What is said of a change. UNSURE of a time says nothing; a count of which it is said has moved.
ACCUSING = (Verdict.SLOWER, Verdict.FASTER, Verdict.CHANGED, Verdict.MISSING)
COUNTS = frozenset(metric.key for metric in METRICS if metric.kind is Kind.COUNT)


@dataclasses.dataclass(frozen=True)
class Session:
    """What measures: arguments of pytest, and the folder of its runs."""

    name: str
    arguments: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Injection:
    """What is injected (`proof.inject.slowdown`), and where it must be seen.

    Attributes:
        metric: must fail, in every benchmark that it was injected into.
        moves: metrics that it moves besides.
        pattern: which variants or benchmarks it is injected into.
    """

    amount: str
    session: Session
    metric: str
    moves: tuple[str, ...] = ()
    pattern: str = "*"


GROWTH = Session("memory-growth", ("benchmarks/test_memory_growth.py",))
STARTS = Session("first-request", ("benchmarks/test_cold_start.py",))
COMPILED = Session("compiled", ("benchmarks/test_inference_speed.py", "-k", "latency", "--variants=compile-fp32"))

INJECTIONS = {
    "leak": Injection("1KB", GROWTH, "host_growth"),
    "gpu-leak": Injection("4KB", GROWTH, "gpu_growth"),
    "first": Injection("1s", STARTS, "first_call", ("first_answer",), "eager-fp32"),
    "context": Injection("1GiB", STARTS, "gpu_memory", (), "torchscript-fp32"),
    "recompilation": Injection("1", COMPILED, "recompilations", ("latency",)),
}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """So many runs of one session, each with all of these kinds of INJECTIONS, or with none."""

    session: Session
    kinds: tuple[str, ...]
    runs: int

    @property
    def name(self) -> str:
        return TOGETHER.join(self.kinds) or UNCHANGED

    def command(self, stored: Path, arguments: Sequence[str]) -> list[str]:
        """Measures one of them."""
        slow = [f"--slow={INJECTIONS[kind].pattern}:{kind}={INJECTIONS[kind].amount}" for kind in self.kinds]
        plugin = ["-p", "proof.inject.slowdown", *slow] if slow else []
        return [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *self.session.arguments),
            *("--judge=off", f"--benchmark-json={stored.resolve()}", *arguments),
        ]


def wanted(kinds: str, unchanged: int, injected: int) -> list[Wanted]:
    """What `--kinds` asks for, such as `first+context,leak`: the unchanged runs of each session first.

    Raises:
        ValueError: there is no such kind, or kinds to be injected together are of several sessions or into one variant.
    """
    groups = [tuple(dict.fromkeys(group.split(TOGETHER))) for group in kinds.split(",") if group]
    for group in groups:
        if unknown := [kind for kind in group if kind not in INJECTIONS]:
            raise ValueError(f"there is no {unknown[0]!r}; kinds are {', '.join(INJECTIONS)}")
        if len({INJECTIONS[kind].session for kind in group}) > 1:
            raise ValueError(f"{TOGETHER.join(group)} are of several sessions; part them by a comma")
        if len({INJECTIONS[kind].pattern for kind in group}) < len(group):
            raise ValueError(f"{TOGETHER.join(group)} are injected into the same variants; part them by a comma")
    sessions = dict.fromkeys(INJECTIONS[group[0]].session for group in groups)
    return [
        *(Wanted(session, (), unchanged) for session in sessions),
        *(Wanted(INJECTIONS[group[0]].session, group, injected) for group in groups),
    ]


def collect(folder: Path, asked: Sequence[Wanted], budget_s: float, arguments: Sequence[str]) -> None:
    """Measure what is wanted in fresh processes, the kinds in turns; runs that are there are kept.

    None starts that would not end within the budget, as long as the longest one took.
    """
    ends, longest_s = time.monotonic() + budget_s, 0.0
    for number in range(max((one.runs for one in asked), default=0)):
        for one in (one for one in asked if number < one.runs):
            file = folder / one.session.name / f"{one.name}-{number:02}.json"
            if file.exists():
                continue
            began = time.monotonic()
            if ends - began <= longest_s:
                print("the budget is used up; call again for the rest", flush=True)
                return
            file.parent.mkdir(parents=True, exist_ok=True)
            failed = _measure(one.command(file.with_suffix(".part"), arguments), file, ends - began)
            took_s = time.monotonic() - began
            longest_s = max(longest_s, took_s)
            print(f"{one.session.name}/{file.name}: {failed or f'measured in {took_s:.0f} s'}", flush=True)


def _measure(command: Sequence[str], file: Path, left_s: float) -> str:
    """Why there is no run, empty where there is one."""
    growing, log = file.with_suffix(".part"), file.with_suffix(".log")
    try:
        status = _status(command, log, left_s)
        if status is None:
            return f"not measured: the budget is used up; {log} says where it was"
        said = log.read_text(encoding="utf-8", errors="replace")
        log.unlink()
        if status == 0 and growing.exists():
            growing.replace(file)
            return ""
        return f"not measured: {said[-500:]}"
    finally:
        growing.unlink(missing_ok=True)


def _status(command: Sequence[str], log: Path, left_s: float) -> int | None:
    """How the command ended, whose output becomes the log; None where it was aborted after so many seconds."""
    with (
        log.open("wb") as written,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            return process.wait(timeout=left_s)
        except subprocess.TimeoutExpired:
            processes.abort(process)
            return None
        finally:
            process.kill()  # does nothing where it has ended


def kinds_of(run: Run) -> tuple[str, ...]:
    """What was injected into a run, each kind once; none into an unchanged one."""
    entries = [entry for listed in (injected(run) or {}).values() for entry in listed]
    return tuple(dict.fromkeys(str(entry.get("kind")) for entry in entries))


def judged(runs: Sequence[Run], unchanged: Sequence[Run]) -> Iterator[tuple[Run, list[Judgement]]]:
    """Each run, judged against five unchanged runs, the next ones of its kind being its confirmations."""
    for at, run in enumerate(runs):
        baseline = [other for other in unchanged if other is not run][:BASELINE_RUNS]
        others = [other for other in [*runs[at + 1 :], *runs[:at]] if other not in baseline]
        report = judge_twice(run, baseline, others[:CONFIRMATIONS])[1]
        yield run, [one for one in report.judgements if _accuses(one)]


def _accuses(one: Judgement) -> bool:
    return one.verdict in ACCUSING or (one.verdict is Verdict.UNSURE and one.metric in COUNTS)


def growth(runs: Sequence[Run]) -> Iterator[str]:
    """A line for every benchmark and source: the growth of all runs in bytes a call, the median and the largest."""
    rows: dict[tuple[str, str], list[float]] = {}
    for run in runs:
        for id_, benchmark in run.benchmarks.items():
            found: dict[str, Any] = benchmark.extra_info.get("memory_growth", {}).get("growth_bytes", {})
            for source, value in found.items():
                rows.setdefault((id_, source), []).append(value / 1000)
    for (id_, source), values in rows.items():
        ordered = sorted(values)
        yield (
            f"{id_:54} {source:9} median {ordered[len(ordered) // 2]:8.2f}, largest {ordered[-1]:8.2f} bytes a call "
            f"in {count(len(values), 'run')}"
        )


def score(runs: Sequence[Run], verbose: bool = False) -> tuple[list[str], bool]:
    """What the judge says of every kind of run of one session, and whether it is right of all of them."""
    groups: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        groups.setdefault(kinds_of(run), []).append(run)
    unchanged = groups.get((), [])
    lines, right = list(growth(unchanged)), bool(unchanged)
    for kinds, found in groups.items():
        as_expected = 0
        for run, accusing in judged(found, unchanged):
            wrong = _wrong(run, accusing)
            as_expected += not wrong
            lines += [f"{run.path.name}: {text}" for text in wrong if verbose]
        known = {kind: INJECTIONS.get(kind) for kind in kinds}
        name = ", ".join(f"{kind}={one.amount}" if one else kind for kind, one in known.items()) or UNCHANGED
        fails = [f"{one.metric} fails, of every benchmark with it" for one in known.values() if one]
        says = ", ".join([*fails, "and nothing else is accused"]) if kinds else "nothing is accused"
        lines.append(f"{name}: {as_expected} of {count(len(found), 'run')} as it should be ({says})")
        right &= as_expected == len(found)
    return lines, right


def _wrong(run: Run, accusing: Sequence[Judgement]) -> list[str]:
    """What is said of a run and should not be, or should be and is not."""
    done = [
        (id_, INJECTIONS[entry["kind"]])
        for id_, entries in (injected(run) or {}).items()
        for entry in entries
        if entry.get("kind") in INJECTIONS
    ]
    must = {(id_, one.metric) for id_, one in done}
    may = {(id_, metric) for id_, one in done for metric in one.moves}
    failing = {(item.benchmark, item.metric) for item in accusing if item.failed}
    return [
        *(f"{metric} of {id_} does not fail" for id_, metric in sorted(must - failing)),
        *(
            f"{item.metric} of {item.benchmark} is {item.verdict} ({item.reason}) {item.detail}".strip()
            for item in accusing
            if (item.benchmark, item.metric) not in must | may
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and lacking, then judge all.

    Returns:
        The exit status: 1 where a judgement is wrong, 2 where there is no run.
    """
    parser = argparse.ArgumentParser(
        prog="python -m proof.service", description=f"{__doc__} Arguments of pytest stand behind --."
    )
    parser.add_argument("folder", type=Path, help=f"where the runs are, or are stored; or a packed one ({ARCHIVE})")
    parser.add_argument(
        "--kinds", default="", metavar="K,...", help=f"of {', '.join(INJECTIONS)}, K+K into one run (default: none)"
    )
    parser.add_argument("--unchanged", type=int, default=5, metavar="N", help="unchanged runs a session (default: 5)")
    parser.add_argument("--injected", type=int, default=5, metavar="N", help="runs of each kind (default: 5)")
    parser.add_argument("--budget", type=float, default=3600, metavar="SECONDS", help="for measuring (default: 3600)")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is wrong of every run")
    words = list(sys.argv[1:] if arguments is None else arguments)
    at = words.index("--") if "--" in words else len(words)
    asked = parser.parse_args(words[:at])
    try:
        asked_for = wanted(asked.kinds, asked.unchanged, asked.injected)
        if asked_for and asked.folder.name.endswith(ARCHIVE):
            raise ValueError(f"{asked.folder} is packed; name a folder to measure into")
    except ValueError as error:
        parser.error(f"--kinds: {error}")
    collect(asked.folder, asked_for, asked.budget, words[at + 1 :])
    sessions: dict[str, list[Run]] = {}
    for run in read_and_tell([asked.folder] if asked.folder.exists() else []):
        sessions.setdefault(run.path.parent.name, []).append(run)
    if not sessions:
        print(f"python -m proof.service: {asked.folder} holds no run; measure some with --kinds", file=sys.stderr)
        return 2
    all_right = True
    for name, runs in sorted(sessions.items()):
        lines, right = score(runs, asked.verbose)
        print("\n".join([f"{name}:", *lines]))
        all_right &= right
    return 0 if all_right else 1


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
