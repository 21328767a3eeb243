"""The worker of a checkout made for tests: speaks the protocol, sleeps instead of inferring, and breaks where told to.

Its options, one each: `--sleep=SECONDS` a call, `--die=REQUEST`, `--hang=REQUEST`, `--refuse=REQUEST`, `--cuda=UUID`,
`--only=BENCHMARK`, `--skipped=BENCHMARK` for want of a GPU, `--pids=FILE` (beside which it makes `FILE-hang` where it
hangs), `--build=SECONDS` where nothing was kept, `--older=yes` that cannot keep, `--unloaded=REASON` of its first
benchmark, `--told=CORE` on which it has to take its turns, or None. `--after=N` lets it break only after so many
requests to that benchmark.
"""

import os
import signal
import struct
import time
from pathlib import Path

VERSION = 1
KEPT = "kept"
NAMES = ("quick-eager-fp32-b1", "quick-torchscript-fp32-b1")


def serve(channel):
    options, asked = {}, 0
    for request in channel:
        do = request["do"]
        if do == "begin":
            options = dict(word.removeprefix("--").split("=", 1) for word in request["arguments"])
            if "pids" in options:
                with Path(options["pids"]).open("a") as file:
                    file.write(f"{os.getpid()}\n")
        if do == "keep":
            options[KEPT] = request["folder"]
        ours = request.get("benchmark", NAMES[0]) == NAMES[0] and asked >= int(options.get("after", 0))
        asked += request.get("benchmark") == NAMES[0]
        if options.get("die") == do and ours:
            os.kill(os.getpid(), signal.SIGKILL)
        if options.get("hang") == do and ours:
            if "pids" in options:
                Path(f"{options['pids']}-hang").touch()
            time.sleep(600)
        if options.get("refuse") == do and ours:
            channel.send({"error": f"it cannot {do}"})
        else:
            channel.send({"answer": answer(do, request, options)})


def answer(do, request, options):
    if do == "begin":
        names = [options["only"]] if "only" in options else NAMES
        return {
            "python": "3.11.0",
            "packages": {"torch": "2.11.0"},
            "settings": {},
            "device": {"name": "none", "uuid": options.get("cuda", ""), "is_cuda": "cuda" in options},
            "benchmarks": {name: {"model": "quick", "variant": name, "batch_size": 1} for name in names},
            "missing": {options["skipped"]: "needs a CUDA GPU"} if "skipped" in options else {},
            **({} if "older" in options else {"keeps_parts": True, "cores": [0] if "cuda" in options else []}),
        }
    if do == "turn":
        assert options.get("told", "") in ("", str(request.get("core")))
        times_s = []
        for _ in range(request["calls"]):
            began = time.perf_counter()
            time.sleep(float(options.get("sleep", 0.002)))
            times_s.append(time.perf_counter() - began)
        return times_s
    if do in ("outputs", "reference"):
        logits = struct.pack("4f", 4.0, 3.0, 2.0, 1.0)
        return {"files": ["a.jpg"], "logits": logits, "bound": 1e-3, "pretrained": False, "weights": "none"}
    host_work = {"python_calls": 3, "aten_operators": 9, "inferences": 3, "counted_with": "by hand"}
    extra_info = {"build_s": 0.1, **({"host_work": host_work} if do == "count" else {})}
    if do == "profile":
        extra_info |= {"kernel_time_s": 0.001, "launches": 3}
    spared_s = build(request["benchmark"], options) if do == "build" else 0.0
    not_loaded = options.get("unloaded", "") if request.get("benchmark") == NAMES[0] else ""
    latency_s = float(options.get("sleep", 0.002))
    return {
        "latency_s": latency_s, "extra_info": extra_info, "suite": {}, "spared_s": spared_s, "not_loaded": not_loaded
    }  # fmt: skip


def build(benchmark, options):
    """What the next process is spared."""
    file = Path(options[KEPT], benchmark) if KEPT in options else None
    if file is not None and file.exists():
        return 0.0
    time.sleep(float(options.get("build", 0)))
    if file is None:
        return 0.0
    file.touch()
    return float(options.get("build", 0))
