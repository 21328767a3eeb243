"""What a session on another GPU of the same machine does to kernel times and latencies on this one.

One process measures all the time: latencies alone and beside a session on the other GPU, in visits as a session takes
them, then kernel times beside the rest of that session and alone. Once a profiler was attached, latencies are no longer
what they were.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import output
from common.numbers import significant

ROOT = Path(__file__).resolve().parents[1]
VARIANTS = ("eager-fp32", "torchscript-fp16", "tensorrt-fp16")
MODEL = "efficientnet_b0"
ALONE_S = 10.0
LATENCY_S = 100.0
WARM_UP_S = 0.1
INFERENCES = 20
ALONE, BESIDE = "alone", "beside"
METRICS = ("latency", "host calibration", "kernel time")
STRETCH, VISITS = 60, (12, 30, 60)


class Looks:
    """What was measured so far, kept in a file after every phase.

    Attributes:
        phases: `{phase, looks: {metric: {benchmark: [seconds, ...]}}}` in the order of time.
    """

    def __init__(self, file: Path, head: Mapping[str, Any]) -> None:
        self.phases: list[dict[str, Any]] = []
        self._file, self._head = file, head

    def begin(self, phase: str) -> None:
        """Store what there is, and begin another phase."""
        self.store()
        self.phases.append({"phase": phase, "looks": {}})

    def add(self, metric: str, benchmark: str, value_s: float) -> None:
        """One look at one benchmark."""
        of_metric = self.phases[-1]["looks"].setdefault(metric, {})
        of_metric.setdefault(benchmark, []).append(significant(value_s, 6))

    def all(self) -> dict[str, Any]:
        return {**self._head, "phases": self.phases}

    def store(self) -> None:
        output.write(self._file, json.dumps(self.all()))


def collect(file: Path, device_name: str, command: Sequence[str]) -> dict[str, Any]:
    """Latencies alone, then beside the command; kernel times beside the rest of it, then alone.

    Args:
        file: for what was measured.
        device_name: of this process.
        command: the session on the other GPU.
    """
    import torch

    from fixtures.instruments import kernel_time, profiles, visits
    from fixtures.instruments.latency import synchronised, warm_up
    from rehearsal.worker import Side

    asked = {"models": MODEL, "device": device_name, "variants": ",".join(VARIANTS), "batch-sizes": "1,128"}
    side = Side([f"--{name}={value}" for name, value in asked.items()])  # what cannot run here, it leaves out
    device = side.device
    looks = Looks(file, {"device": device.name, "command": list(command)})
    with torch.inference_mode(), torch.no_grad():
        inferences = {name: side.pool.get(key) for name, key in side.keys.items()}
        calls = {name: synchronised(inference.run, device) for name, inference in inferences.items()}
        counts = {}
        for name, call in calls.items():
            warm_up(call)
            began = time.perf_counter()
            call()
            counts[name] = visits.plan(device).calls(time.perf_counter() - began)

        def visit() -> None:
            found, failed = visits.visit_in_turns(calls, counts, device, dict.fromkeys(calls, 1))
            for error in failed.values():
                raise error
            for name, visited in found.items():
                looks.add("latency", name, visited.latency_s[0])
                looks.add("host calibration", name, visited.calibration_s[0])

        def profile() -> None:
            for name, inference in inferences.items():
                profiles.keep_busy(inference.run, device, WARM_UP_S)
                with contextlib.suppress(profiles.InvalidProfile):
                    taken = kernel_time.take_profile(inference.run, device, INFERENCES)
                    looks.add("kernel time", name, kernel_time.summarise(taken).time_s)

        def phase(name: str, take: Callable[[], None], goes_on: Callable[[], bool]) -> None:
            looks.begin(name)
            while goes_on():
                take()

        for _ in range(2):
            phase(ALONE, visit, _for(ALONE_S))
        session = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            early = _for(LATENCY_S)
            phase(BESIDE, visit, lambda: early() and session.poll() is None)
            if device.is_cuda:
                phase(BESIDE, profile, lambda: session.poll() is None)
            session.wait()
        finally:
            session.kill()
        for _ in range(2 if device.is_cuda else 0):
            phase(ALONE, profile, _for(ALONE_S))
    looks.store()
    print(f"the session beside ended with exit status {session.returncode}")
    return looks.all()


def _for(seconds: float) -> Callable[[], bool]:
    """Says whether so many seconds have not passed since the first question."""
    began: list[float] = []

    def goes_on() -> bool:
        began.append(time.monotonic())
        return began[-1] - began[0] < seconds

    return goes_on


def lines(found: Mapping[str, Any]) -> list[str]:
    """A table: each metric of each benchmark alone and beside, and how far the phases alone lie apart by themselves."""
    printed = [f"{'':<18}{'':<38}{'alone':>10}{'beside':>11}{'change':>9}  alone, its phases"]
    for metric in METRICS:
        for benchmark, phases in _of(found, metric).items():
            alone = [_estimate(metric, values) for phase, values in phases if phase == ALONE]
            beside = [_estimate(metric, values) for phase, values in phases if phase == BESIDE]
            if not alone or not beside:
                continue
            one, other = float(np.mean(alone)), float(np.mean(beside))
            printed.append(
                f"{metric:<18}{benchmark:<38}{one * 1e3:>7.4g} ms{other * 1e3:>8.4g} ms"
                f"{other / one - 1:>+9.2%}  within {max(alone) / min(alone) - 1:.2%}"
            )
    return printed


def lines_of_visits(found: Mapping[str, Any]) -> list[str]:
    """A table: how far estimates from so many visits, spread over the same time, stray from stretch to stretch."""
    printed = [f"{'latency from':<38}" + "".join(f"{count:>5} visits" for count in VISITS)]
    for benchmark, phases in _of(found, "latency").items():
        values = np.array(next((values for phase, values in phases if phase == BESIDE), ()))
        stretches = [values[begin : begin + STRETCH] for begin in range(0, len(values) - STRETCH + 1, STRETCH)]
        if len(stretches) < 2:
            continue
        strays = []
        for count in VISITS:
            taken = np.arange(count) * STRETCH // count
            estimates_s = [_estimate("latency", stretch[taken].tolist()) for stretch in stretches]
            strays.append(np.std(np.log(estimates_s), ddof=1))
        printed.append(f"{benchmark:<38}" + "".join(f"{stray:>12.2%}" for stray in strays))
    return printed


def _of(found: Mapping[str, Any], metric: str) -> dict[str, list[tuple[str, list[float]]]]:
    """The phases and values of each benchmark."""
    of_benchmark: dict[str, list[tuple[str, list[float]]]] = {}
    for phase in found["phases"]:
        for benchmark, values_s in phase["looks"].get(metric, {}).items():
            of_benchmark.setdefault(benchmark, []).append((phase["phase"], values_s))
    return of_benchmark


def _estimate(metric: str, values_s: Sequence[float]) -> float:
    """As a session does it: the low end of visits, the mean of profiles."""
    from fixtures.instruments import visits

    return float(np.mean(values_s)) if metric == "kernel time" else visits.estimate(values_s)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print, or print what was measured before; exit status 2 where a file cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m proof.neighbours",
        description=__doc__,
        epilog="What follows `--` is the command of the session on the other GPU.",
    )
    parser.add_argument("file", type=Path, help="what was measured: read where no session is named, else written")
    parser.add_argument("--device", default="cuda:0", help="of this process (default: cuda:0)")
    given = list(sys.argv[1:] if argv is None else argv)
    cut = given.index("--") if "--" in given else len(given)
    options, session = parser.parse_args(given[:cut]), given[cut + 1 :]
    if session:
        found = collect(options.file, options.device, session)
    else:
        try:
            found = json.loads(options.file.read_text())
        except (OSError, ValueError) as error:
            print(f"python -m proof.neighbours: {options.file} cannot be read: {error}", file=sys.stderr)
            return 2
    print(*lines(found), "", *lines_of_visits(found), sep="\n")
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
