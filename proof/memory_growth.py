"""How steady memory is over thousands of calls of unchanged code, and whether a leak of 1 or 4 KB a call is seen."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from common import output
from proof.inject.slowdown import SCORED
from proof.score.stored import injected
from proof.simulation import BASELINE_RUNS, judge_twice
from regression.judge.limits import CONFIRMATIONS
from regression.judge.verdict import Judgement, Verdict
from regression.runs.read import read
from regression.runs.run import Run
from regression.text import count

ROOT = Path(__file__).resolve().parents[1]
LEAKS = {"leak": "1KB", "gpu-leak": "4KB"}
UNCHANGED = "unchanged"
METRICS = frozenset(SCORED[kind] for kind in LEAKS)


def collect(folder: Path, wanted: dict[str, int], arguments: Sequence[str]) -> None:
    """Measure so many runs of each kind in fresh processes, the kinds in turns; those that are there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(max(wanted.values())):
        for kind in (kind for kind, runs in wanted.items() if number < runs):
            file = folder / f"{kind}-{number:02}.json"
            if file.exists():
                continue
            slow = [] if kind == UNCHANGED else ["-p", "proof.inject.slowdown", f"--slow=*:{kind}={LEAKS[kind]}"]
            growing = file.with_suffix(".part")
            command = [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *slow),
                *("benchmarks/test_memory_growth.py", "--judge=off", f"--benchmark-json={growing.resolve()}"),
                *arguments,
            ]
            ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
            if ended.returncode == 0 and growing.exists():
                growing.replace(file)
                print(f"{file.name}: measured", flush=True)
            else:
                print(f"{file.name}: not measured: {(ended.stdout + ended.stderr)[-500:]}", flush=True)


def kind_of(run: Run) -> str:
    """What was injected into every benchmark of a run."""
    entries = [entry for listed in (injected(run) or {}).values() for entry in listed]
    return str(entries[0].get("kind")) if entries else UNCHANGED


def judged(runs: Sequence[Run], unchanged: Sequence[Run]) -> Iterator[tuple[Run, list[Judgement]]]:
    """Each run, judged against five unchanged runs, the next ones of its kind being its confirmations."""
    for at, run in enumerate(runs):
        baseline = [other for other in unchanged if other is not run][:BASELINE_RUNS]
        others = [other for other in [*runs[at + 1 :], *runs[:at]] if other not in baseline]
        report = judge_twice(run, baseline, others[:CONFIRMATIONS])[1]
        yield run, [one for one in report.judgements if one.verdict not in (Verdict.SAME, Verdict.NEW)]


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


def score(runs: Sequence[Run]) -> tuple[list[str], bool]:
    """What the judge says of every kind of run, and whether it is right of all: of unchanged runs nothing, of a leak
    that its side grew, in every benchmark, confirmed, and nothing else."""
    kinds: dict[str, list[Run]] = {}
    for run in runs:
        kinds.setdefault(kind_of(run), []).append(run)
    unchanged = kinds.get(UNCHANGED, [])
    lines, right = list(growth(unchanged)), bool(unchanged)
    for kind, found in kinds.items():
        expected = {SCORED[kind]} if kind in LEAKS else set()
        as_expected = 0
        for run, judgements in judged(found, unchanged):
            said = {(one.benchmark, one.metric) for one in judgements if one.failed}
            others = [one for one in judgements if not one.failed]
            as_expected += not others and said == {(id_, metric) for id_ in run.benchmarks for metric in expected}
        what = f"{kind} of {LEAKS[kind]} a call" if kind in LEAKS else kind
        says = f"{', '.join(sorted(expected))} CHANGED and fails, of every benchmark" if expected else "nothing changed"
        lines.append(f"{what}: {as_expected} of {count(len(found), 'run')} as it should be ({says})")
        right &= as_expected == len(found)
    return lines, right


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for and lacking, then judge all; exit status 1 where a judgement is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.memory_growth", description=f"{__doc__} Arguments of pytest stand behind --."
    )
    parser.add_argument("folder", type=Path, help="where the runs are, or are stored")
    parser.add_argument("--unchanged", type=int, default=20, metavar="N", help="unchanged runs (default: 20)")
    parser.add_argument("--leak", type=int, default=5, metavar="N", help="runs that leak 1 KB of the host's a call")
    parser.add_argument("--gpu-leak", type=int, default=0, metavar="N", help="runs that leak 4 KB of the GPU's a call")
    words = list(sys.argv[1:] if arguments is None else arguments)
    at = words.index("--") if "--" in words else len(words)
    asked = parser.parse_args(words[:at])
    wanted = {UNCHANGED: asked.unchanged, "leak": asked.leak, "gpu-leak": asked.gpu_leak}
    collect(asked.folder, wanted, words[at + 1 :])
    lines, right = score([read(file) for file in sorted(asked.folder.glob("*.json"))])
    print("\n".join(lines))
    return 0 if right else 1


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
