"""What a session on another GPU of the same machine does to kernel times and latencies on this one.

One process measures all the time, while a session on the other GPU begins and ends beside it. First latencies, in
visits as a session takes them, then kernel times: once a profiler was attached, latencies are no longer what they were.
"""

from __future__ import annotations

import argparse
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
BATCH_SIZES = (1, 128)
MODEL = "efficientnet_b0"
ALONE_S = 12.0
WARM_UP_S = 0.1
INFERENCES = 20
ALONE, BESIDE = "alone", "beside"
METRICS = {"latency": "ms", "host calibration": "ms", "kernel time": "us"}
UNITS_S = {"ms": 1e-3, "us": 1e-6}


def collect(device_name: str, command: Sequence[str], besides: Mapping[str, int]) -> dict[str, Any]:
    """Measure alone and beside the command in turns.

    Args:
        device_name: of this process.
        command: the session on the other GPU.
        besides: of each metric, how often the session runs.

    Returns:
        `device`, `command`, and `looks`: `{metric, benchmark, phase, number, value_s}` in the order of time; the
        number counts the phases of a metric.
    """
    import torch

    from fixtures.instruments import kernel_time, profiles, visits
    from fixtures.instruments.latency import synchronised, warm_up
    from fixtures.machine.device import resolve
    from fixtures.models import images
    from fixtures.options import add_options, read
    from fixtures.pool import Key, VariantPool

    parser = argparse.ArgumentParser(add_help=False)
    add_options(parser.add_argument)
    options = read(parser.parse_args([f"--models={MODEL}", f"--device={device_name}"]))
    device = resolve(device_name)
    torch.backends.cudnn.benchmark = options.cudnn_benchmark
    if device.is_cuda:
        torch.cuda.set_device(device.torch_device)
    variants = VARIANTS if device.is_cuda else VARIANTS[:1]
    keys = {str(key): key for key in (Key(MODEL, name, size) for name in variants for size in BATCH_SIZES)}
    looks: list[dict[str, Any]] = []

    def look(metric: str, benchmark: str, phase: str, number: int, value_s: float) -> None:
        looks.append(
            {
                "metric": metric,
                "benchmark": benchmark,
                "phase": phase,
                "number": number,
                "value_s": significant(value_s),
            }
        )

    with torch.inference_mode(), torch.no_grad():
        pool = VariantPool(device, options, images.find(images.SAMPLE_FOLDER), lambda text, ends: None)
        inferences = {name: pool.get(key) for name, key in keys.items()}
        calls = {name: synchronised(inference.run, device) for name, inference in inferences.items()}
        for call in calls.values():
            warm_up(call)
        rounds = visits.plan(device)
        counts = {}
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            counts[name] = rounds.calls(time.perf_counter() - began)

        def visit(phase: str, number: int) -> None:
            found, failed = visits.visit_in_turns(calls, counts, device, 1)
            for error in failed.values():
                raise error
            for name, visited in found.items():
                look("latency", name, phase, number, visited.latency_s[0])
                look("host calibration", name, phase, number, visited.calibration_s[0])

        def profile(phase: str, number: int) -> None:
            for name, inference in inferences.items():
                profiles.keep_busy(inference.run, device, WARM_UP_S)
                try:
                    taken = kernel_time.take_profile(inference.run, device, INFERENCES)
                except profiles.InvalidProfile:
                    continue
                look("kernel time", name, phase, number, kernel_time.summarise(taken).time_s)

        takers: dict[str, Callable[[str, int], None]] = {"latency": visit}
        if device.is_cuda:
            takers["kernel time"] = profile
        for metric, take in takers.items():
            for number in range(2 * besides[metric] + 1):
                _phase(take, number, command)
    return {"device": device.name, "command": list(command), "looks": looks}


def _phase(take: Callable[[str, int], None], number: int, command: Sequence[str]) -> None:
    """Look again and again: at even numbers for ALONE_S seconds, at odd ones until the command has ended."""
    if number % 2 == 0:
        ends = time.monotonic() + ALONE_S
        while time.monotonic() < ends:
            take(ALONE, number)
        return
    session = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while session.poll() is None:
            take(BESIDE, number)
    finally:
        session.kill()
        session.wait()
    print(f"the session beside ended with exit status {session.returncode}", flush=True)


def lines(found: Mapping[str, Any]) -> list[str]:
    """A table: each metric of each benchmark alone and beside, and how far the phases alone lie apart by themselves."""
    printed = [f"{'':<18}{'':<38}{'alone':>10}{'beside':>11}{'change':>9}  alone, its phases"]
    for metric, unit in METRICS.items():
        for benchmark in dict.fromkeys(look["benchmark"] for look in found["looks"] if look["metric"] == metric):
            of_phase: dict[tuple[str, int], list[float]] = {}
            for look in found["looks"]:
                if (look["metric"], look["benchmark"]) == (metric, benchmark):
                    of_phase.setdefault((look["phase"], look["number"]), []).append(look["value_s"])
            alone = [_estimate(metric, values) for (phase, _), values in of_phase.items() if phase == ALONE]
            beside = [_estimate(metric, values) for (phase, _), values in of_phase.items() if phase == BESIDE]
            if not alone or not beside:
                continue
            one, other = float(np.mean(alone)), float(np.mean(beside))
            scale = UNITS_S[unit]
            printed.append(
                f"{metric:<18}{benchmark:<38}{one / scale:>7.4g} {unit}{other / scale:>8.4g} {unit}"
                f"{other / one - 1:>+9.2%}  within {max(alone) / min(alone) - 1:.2%}"
            )
    return printed


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
    parser.add_argument("--latency-sessions", type=int, default=2, metavar="N", help="default: 2")
    parser.add_argument("--kernel-time-sessions", type=int, default=1, metavar="N", help="default: 1")
    given = list(sys.argv[1:] if argv is None else argv)
    cut = given.index("--") if "--" in given else len(given)
    options, session = parser.parse_args(given[:cut]), given[cut + 1 :]
    if session:
        besides = {"latency": options.latency_sessions, "kernel time": options.kernel_time_sessions}
        found = collect(options.device, session, besides)
        partial = options.file.with_name(options.file.name + ".part")
        partial.write_text(json.dumps(found))
        partial.replace(options.file)
    else:
        try:
            found = json.loads(options.file.read_text())
        except (OSError, ValueError) as error:
            print(f"python -m proof.neighbours: {options.file} cannot be read: {error}", file=sys.stderr)
            return 2
    print(*lines(found), sep="\n")
    return 0


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
