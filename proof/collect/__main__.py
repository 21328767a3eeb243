"""Collects stored runs for the proofs, each in a fresh process, on every GPU at once."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common import output, processes

ROOT = Path(__file__).resolve().parents[2]
MATRIX = (
    *("--models=efficientnet_b0", "--variants=eager-fp32,torchscript-fp32,tensorrt-fp16", "--batch-sizes=1,128"),
    *("-k", "speed"),
)
EAGER = ("--models=efficientnet_b0", "--variants=eager-fp32", "--batch-sizes=128", "-k", "speed")
# What slowed runs add, in turn: TensorRT's kernel is always the smallest that is claimed to be seen.
SLOWED = tuple(
    (
        "--slow=tensorrt-fp16:kernel=0.5%",
        f"--slow=tensorrt-fp16:host={waits[0]}%",
        f"--slow=torchscript-fp32:kernel={kernel}%",
        f"--slow=torchscript-fp32:host={waits[1]}%",
    )
    for waits, kernel in (((20, 5), 5), ((5, 10), 1), ((10, 20), 2))
)
KINDS: Mapping[str, Sequence[Sequence[str]]] = {
    "unchanged": (MATRIX,),
    "slowed": tuple((*MATRIX, "-p", "proof.inject.slowdown", *slowed) for slowed in SLOWED),
    "channels-last": ((*EAGER, "-p", "proof.inject.slowdown", "--slow=eager-fp32:layout=none"),),
    "nchw-block": ((*EAGER, "-p", "proof.inject.slowdown", "--slow=eager-fp32:layout=blocks.1.0"),),
}
# Compared with each other alone, so all of them run on one GPU.
ON_ONE_GPU = ("channels-last", "nchw-block")
# Read ends of the host's and the GPU's pipe from the process before (proof/collect/relay.py).
Pipes = tuple[int, int]


@dataclass(frozen=True)
class Job:
    """One run: what it is saved as, and pytest's arguments."""

    kind: str
    arguments: tuple[str, ...]


def shares(wanted: Mapping[str, int], devices: int) -> list[list[Job]]:
    """The jobs of each of so many GPUs. The kinds take turns, so that a collection that ends early has some of each."""
    found: list[list[Job]] = [[] for _ in range(devices)]
    for turn in range(max(wanted.values(), default=0)):
        for kind, number in wanted.items():
            if turn < number:
                share = 0 if kind in ON_ONE_GPU else turn % devices
                of_share = turn if kind in ON_ONE_GPU else turn // devices
                forms = KINDS[kind]
                found[share].append(Job(kind, tuple(forms[of_share % len(forms)])))
    return found


class Worker(threading.Thread):
    """Runs the jobs of one GPU one after the other, the next already waiting for its turn.

    No run gets its turn that would outlast the budget if it took as long as the longest before it, and one that still
    runs when the budget is used up is aborted: an interrupted session would save half a run.
    """

    def __init__(self, device: str, jobs: Sequence[Job], folder: Path, began: float, budget_s: float) -> None:
        super().__init__(name=device)
        self.device, self.jobs, self.folder = device, jobs, folder
        self.ends = began + budget_s
        self.began = began

    def run(self) -> None:
        longest_s, turn_began, runs = 0.0, self.began, 0
        pipes = _closed_pipes()
        current = None
        for number in range(len(self.jobs) + 1):
            waiting = None
            if number < len(self.jobs):
                waiting, pipes = self._start(number, pipes)
            if current is not None:
                self._end(number - 1, current, turn_began)
                runs += 1
                now = time.monotonic()
                longest_s, turn_began = max(longest_s, now - turn_began), now
            if waiting is not None and self.ends - time.monotonic() <= longest_s:
                waiting.kill()
                waiting.wait()
                self._log(number).unlink()
                self._say(f"stopped after {runs} of {len(self.jobs)} runs, the budget is used up")
                return
            current = waiting
        self._say(f"all {runs} runs done")

    def _start(self, number: int, before: Pipes) -> tuple[subprocess.Popen[bytes], Pipes]:
        """The process of a job, which waits for the one before it, and the pipes that the next one waits for."""
        job, slug = self.jobs[number], self.device.replace(":", "")
        (next_host, host), (next_gpu, gpu) = os.pipe(), os.pipe()
        passed = (*before, host, gpu)
        command = [
            *(sys.executable, "-m", "pytest", "benchmarks/", f"--device={self.device}", *job.arguments),
            *("-p", "proof.collect.relay", f"--relay={','.join(map(str, passed))}"),
            *(f"--benchmark-save={job.kind}", f"--benchmark-storage=file://{self.folder / slug}"),
        ]
        with self._log(number).open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, pass_fds=passed
            )
        for pipe in passed:
            os.close(pipe)
        return process, (next_host, next_gpu)

    def _end(self, number: int, process: subprocess.Popen[bytes], turn_began: float) -> None:
        try:
            status = process.wait(timeout=max(0.0, self.ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            status = processes.abort(process)
        self._say(f"{self.jobs[number].kind} took {time.monotonic() - turn_began:.0f} s, exit status {status}")
        if not status:
            self._log(number).unlink()

    def _log(self, number: int) -> Path:
        return self.folder / f"{self.device.replace(':', '')}-{number + 1}.log"

    def _say(self, text: str) -> None:
        print(f"{self.device}: {text}", flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Collect; exit status 2 where there is no GPU. A run that failed leaves its log in the folder."""
    parser = argparse.ArgumentParser(prog="python -m proof.collect", description=__doc__)
    parser.add_argument("folder", type=Path, help="for the stored runs that are collected")
    parser.add_argument(
        "wanted", type=_wanted, nargs="+", metavar="KIND=N", help=f"how many runs of each kind: {', '.join(KINDS)}"
    )
    parser.add_argument("--budget", type=float, default=1500, metavar="SECONDS", help="default: 1500")
    parser.add_argument("--devices", metavar="cuda:N,...", help="default: every GPU")
    options = parser.parse_args(argv)
    began = time.monotonic()
    devices = options.devices.split(",") if options.devices else _gpus()
    if not devices:
        print("python -m proof.collect: no CUDA GPU here; name a device with --devices", file=sys.stderr)
        return 2
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    jobs = shares(dict(options.wanted), len(devices))
    count = sum(map(len, jobs))
    print(f"{count} runs on {', '.join(devices)} into {folder}, in at most {options.budget:g} s", flush=True)
    workers = [
        Worker(device, own, folder, began, options.budget) for device, own in zip(devices, jobs, strict=True) if own
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(f"{len(list(folder.rglob('*.json')))} runs stored")
    return 0


def _closed_pipes() -> Pipes:
    """What the first process waits for: nothing."""
    (host, host_end), (gpu, gpu_end) = os.pipe(), os.pipe()
    os.close(host_end)
    os.close(gpu_end)
    return host, gpu


def _wanted(text: str) -> tuple[str, int]:
    kind, _, number = text.partition("=")
    if kind not in KINDS or not number.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not KIND=N with one of {', '.join(KINDS)}")
    return kind, int(number)


def _gpus() -> list[str]:
    """Asked in a process of its own, so that this one never holds a GPU."""
    program = "import torch; print(*(f'cuda:{i}' for i in range(torch.cuda.device_count())))"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
