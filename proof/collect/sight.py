"""Collects the runs that show what is seen: unchanged ones, then such as carry every injection of the plan.

It may be called again and again: runs that a folder already has of the same GPU are not made again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import output, processes
from proof import sight
from proof.inject.slowdown import LARGEST_SHARE
from proof.score.sight import EVERYTHING, injections
from proof.score.stored import is_unchanged, read_all
from proof.simulation import BASELINE_RUNS
from regression.judge.judge import judge
from regression.judge.power import typical
from regression.runs.run import Run
from regression.text import count

ROOT = Path(__file__).resolve().parents[2]
BUDGET_S = 560.0
# What a run of the plan's twelve benchmarks takes, until one was timed.
RUN_S = 80.0
KINDS = ("baseline", "slowed", EVERYTHING)


@dataclass(frozen=True)
class Gpu:
    """A device as `--device` calls it, and its UUID; empty on a CPU."""

    name: str
    uuid: str


@dataclass(frozen=True)
class Asked:
    """What to collect: runs of each kind, of which model, and what else pytest is given."""

    wanted: dict[str, int]
    model: str
    plan: sight.Plan
    arguments: tuple[str, ...] = ()

    def command(self, kind: str, device: str, folder: Path, slow: Sequence[str]) -> list[str]:
        """The process that makes a run."""
        variants, sizes = self.plan.variants, map(str, self.plan.batch_sizes)
        plugin = ["-p", "proof.inject.slowdown", *(f"--slow={one}" for one in slow)] if slow else []
        return [
            *(sys.executable, "-m", "pytest", "benchmarks/", f"--device={device}", f"--models={self.model}"),
            *(f"--variants={','.join(variants)}", f"--batch-sizes={','.join(sizes)}", "-k", "speed", *plugin),
            *(f"--benchmark-save={kind}", f"--benchmark-storage=file://{folder}", *self.arguments),
        ]


class Worker(threading.Thread):
    """Makes the runs of one GPU one after the other; each is stored by its own process as soon as it has ended.

    None is begun that would outlast the budget if it took as long as the longest before it, and one that still runs
    when the budget is used up is aborted, so that its log says where it was.
    """

    def __init__(self, gpu: Gpu, asked: Asked, folder: Path, earlier: Sequence[Path], ends: float) -> None:
        super().__init__(name=gpu.name)
        self.gpu, self.asked, self.ends = gpu, asked, ends
        self.folder = folder / gpu.name.replace(":", "")
        self.paths = [*earlier, self.folder]
        self.longest_s = 0.0

    def run(self) -> None:
        made = failed = 0
        while kind := self.next_kind():
            if self.ends - time.monotonic() <= self.longest_s:
                self.say(f"stopped after {count(made, 'run')}, the budget is used up; call again for the rest")
                return
            began = time.monotonic()
            try:
                status = self._make(kind)
            except CannotSize as problem:
                self.say(str(problem))
                return
            took_s = time.monotonic() - began
            self.longest_s = max(self.longest_s, took_s)
            left = sum(self.missing().values())
            self.say(
                f"{kind} took {took_s:.0f} s, exit status {status}; {count(left, 'run')} left, {left * took_s:.0f} s"
            )
            made, failed = made + 1, failed + bool(status)
            if failed > 1:
                self.say("stopped: two runs failed, their logs say why")
                return
        self.say(f"all runs done, {made} of them now")

    def runs(self) -> list[Run]:
        """The stored runs of this GPU, oldest first."""
        found, _ = read_all([path for path in self.paths if path.exists()])
        return [run for run in found if run.gpu == self.gpu.uuid]

    def missing(self) -> dict[str, int]:
        """How many runs of each kind are still to be made."""
        found = [kind_of(run) for run in self.runs()]
        return {kind: max(0, number - found.count(kind)) for kind, number in self.asked.wanted.items()}

    def next_kind(self) -> str:
        """The kind of the next run: the baseline first, then in turns what is furthest behind."""
        missing = self.missing()
        if missing.get(KINDS[0]):
            return KINDS[0]
        behind = {kind: left / self.asked.wanted[kind] for kind, left in missing.items() if left}
        return max(behind, key=lambda kind: behind[kind], default="")

    def slow(self, kind: str) -> list[str]:
        """The values of `--slow` of a run of this kind.

        Raises:
            CannotSize: the baseline does not say how large an injection is to be.
        """
        asked = self.asked
        if kind == KINDS[0]:
            return sight.references(asked.model, asked.plan.injections)
        if kind == EVERYTHING:
            return sight.everything(asked.model, asked.plan)
        found, left_out = sized(asked, [run for run in self.runs() if is_unchanged(run)][:BASELINE_RUNS])
        for sentence in left_out:
            self.say(sentence)
        return found

    def _make(self, kind: str) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / f"{kind}.log"
        command = self.asked.command(kind, self.gpu.name, self.folder, self.slow(kind))
        with log.open("wb") as written:
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=written, stderr=subprocess.STDOUT
            )
            try:
                status = process.wait(timeout=max(0.0, self.ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                status = processes.abort(process)
        if not status:
            log.unlink()
        return status

    def say(self, text: str) -> None:
        print(f"{self.gpu.name}: {text}", flush=True)


class CannotSize(Exception):
    """The baseline does not say how large an injection is to be; the message says which."""


def kind_of(run: Run) -> str:
    """Which kind of run a stored one is; empty for none of these."""
    if is_unchanged(run):
        return KINDS[0]
    found = injections(run)
    return EVERYTHING if found and found[0].kind == EVERYTHING else "slowed" if found else ""


def sized(asked: Asked, baseline: Sequence[Run]) -> tuple[list[str], list[str]]:
    """The values of `--slow` for every injection of the plan, each MARGIN times what the baseline claims to detect.

    Returns:
        The values, and a sentence on each injection that is left out: of so noisy a benchmark nothing is claimed. An
        operator keeps its spin kernel then, as in the runs to compare with.

    Raises:
        CannotSize: it claims nothing.
    """
    report = judge(typical(baseline), baseline) if baseline else None
    claims = {(item.benchmark, item.metric): item.detectable_ratio for item in (report.judgements if report else ())}
    found, left_out = [], []
    for one in asked.plan.injections:
        claimed = claims.get((f"{asked.model}-{one.benchmark}", one.sized_by))
        if one.sized_by and claimed is None:
            raise CannotSize(
                f"stopped: the baseline says of no change in {one.sized_by} of {asked.model}-{one.benchmark} that it "
                "would be detected; look at its runs with `python -m regression detectable`"
            )
        # so that what is not a number is left out, too
        if claimed is not None and not sight.MARGIN * (claimed - 1) <= LARGEST_SHARE:
            found += sight.references(asked.model, (one,))
            left_out.append(
                f"{one.kind} in {asked.model}-{one.benchmark} is left out: by the baseline's noise no change in "
                f"{one.sized_by} of less than {claimed:,.0f} times would be detected; measure on a quieter machine"
            )
            continue
        found.append(one.asked(asked.model, None if claimed is None else claimed - 1))
    return found, left_out


def announcement(gpus: Sequence[Gpu], missing: Sequence[int], budget_s: float, run_s: float) -> str:
    """How long everything that is missing takes, and how much of it this call makes."""
    longest = max(missing)
    total_s, now = longest * run_s, min(longest, int(budget_s // run_s))
    names = ", ".join(gpu.name for gpu in gpus)
    return (
        f"{count(sum(missing), 'run')} to make on {names}, about {run_s:.0f} s each: {total_s / 60:.0f} minutes; "
        f"this call takes at most {budget_s:g} s, enough for {now} of {longest} a GPU"
    )


def main(argv: Sequence[str] | None = None, gpus: Callable[[Sequence[str]], list[Gpu]] | None = None) -> int:
    """Collect; exit status 2 where there is no GPU. A run that failed leaves its log in the folder."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.collect.sight", description=__doc__, epilog="What follows `--` is given to every run."
    )
    parser.add_argument("folder", type=Path, help="for the stored runs that are made")
    parser.add_argument("--earlier", type=Path, nargs="+", default=[], help="folders of runs of earlier calls")
    parser.add_argument("--baseline", type=int, default=5, metavar="N", help="runs to compare with (default: 5)")
    parser.add_argument("--slowed", type=int, default=5, metavar="N", help="runs with the whole plan (default: 5)")
    parser.add_argument("--everything", type=int, default=3, metavar="N", help="runs 1 %% slower (default: 3)")
    parser.add_argument("--budget", type=float, default=BUDGET_S, metavar="SECONDS", help=f"default: {BUDGET_S:g}")
    parser.add_argument("--run-seconds", type=float, default=RUN_S, metavar="SECONDS", help=f"assumed ({RUN_S:g})")
    parser.add_argument("--devices", metavar="cuda:N,...", help="default: every GPU")
    parser.add_argument("--plan", choices=list(sight.PLANS), default="night", help="what is injected (default: night)")
    parser.add_argument("--model", default="efficientnet_b0", help="default: efficientnet_b0")
    given = list(sys.argv[1:] if argv is None else argv)
    cut = given.index("--") if "--" in given else len(given)
    options = parser.parse_args(given[:cut])
    began = time.monotonic()
    devices = options.devices.split(",") if options.devices else []
    found = (gpus or identified)(devices)
    if not found:
        print("python -m proof.collect.sight: no CUDA GPU here; name a device with --devices", file=sys.stderr)
        return 2
    on_cpu = found[0].name == "cpu"
    numbers = (options.baseline, options.slowed, 0 if on_cpu else options.everything)
    wanted = {kind: number for kind, number in zip(KINDS, numbers, strict=True) if number > 0}
    plan = sight.ON_A_CPU if on_cpu else sight.PLANS[options.plan]
    asked = Asked(wanted, options.model, plan, tuple(given[cut + 1 :]))
    folder = options.folder.resolve()
    workers = [Worker(gpu, asked, folder, options.earlier, began + options.budget) for gpu in found]
    missing = [sum(worker.missing().values()) for worker in workers]
    print(announcement(found, missing, options.budget, options.run_seconds), flush=True)
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(f"{len(list(folder.rglob('*.json')))} runs stored in {options.folder}; {time.monotonic() - began:.0f} s")
    return 0


def identified(devices: Sequence[str]) -> list[Gpu]:
    """The devices with their UUIDs, or all GPUs; asked in a process of its own, so that this one never holds a GPU."""
    if list(devices) == ["cpu"]:
        return [Gpu("cpu", "")]
    program = (
        "import sys, torch\nfrom fixtures.machine.device import resolve\n"
        "names = sys.argv[1:] or [f'cuda:{i}' for i in range(torch.cuda.device_count())]\n"
        "print(*(f'{name} {resolve(name).uuid}' for name in names), sep='\\n')"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, *devices], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [Gpu(*line.split(" ", 1)) for line in said.splitlines() if line.strip()]


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
