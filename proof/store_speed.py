"""How long a store takes: `python -m proof.store_speed [RUNS]` (5,000 runs of 72 judgements, 1 GB, some 10 minutes).

An S3 server on the loopback (moto's, in a process of its own) gets so many nights made from a stored baseline run of
24 benchmarks, whose times vary. Every command below is a process of its own. Memory is that process's largest; its CPU
time tells how much of the time a busy machine is to blame for.
"""

import argparse
import copy
import datetime
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import numpy as np

from common import output

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "baselines/nvidia-h200/Linux-CPython-3.12-64bit/0001_baseline.json"
BUCKET, FOLDER = "runs", "nvidia-h200/Linux-CPython-3.12-64bit"
FIRST = datetime.datetime(2012, 3, 1, 2, 30, tzinfo=datetime.UTC)
NOISE = 0.002


@contextmanager
def server() -> Iterator[str]:
    """The URL of an S3 server in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def night(base: Mapping[str, Any], number: int, random: np.random.Generator) -> bytes:
    """A stored run so many nights after the first."""
    run = copy.deepcopy(dict(base))
    run["datetime"] = (FIRST + datetime.timedelta(days=number)).isoformat()
    run["suite"]["run_id"] = uuid.UUID(bytes=random.bytes(16)).hex
    for record in run["benchmarks"]:
        for place in (record["stats"], record["extra_info"]):
            for name in ("median", "kernel_time_s", "build_s", "peak_memory_bytes"):
                if isinstance(place.get(name), float):
                    place[name] *= float(np.exp(NOISE * random.normal()))
    return json.dumps(run, separators=(",", ":")).encode()


def show(what: str, *words: str) -> None:
    """Run a command in a process of its own, and print what it took and its first line."""
    script = (
        "import resource, sys; from regression.__main__ import main; status = main(sys.argv[1:]); "
        "used = resource.getrusage(resource.RUSAGE_SELF); "
        "print(used.ru_maxrss / 2**10, used.ru_utime + used.ru_stime); sys.exit(status)"
    )
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", script, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    took = time.monotonic() - began
    if ended.returncode:
        raise SystemExit(ended.stdout + ended.stderr)
    first, *_, used = ended.stdout.splitlines()
    memory, cpu_s = map(float, used.split())
    print(f"{what}: {took:.1f} s, {cpu_s:.1f} s of CPU time, {memory:.0f} MB ({first[:80]})", flush=True)


def main(runs: int) -> None:
    base = json.loads(BASELINE.read_text(encoding="utf-8"))
    random = np.random.default_rng(2026)
    with tempfile.TemporaryDirectory() as place, server() as endpoint:
        os.environ |= {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "XDG_CACHE_HOME": f"{place}/cache",
            "XDG_STATE_HOME": f"{place}/state",
            "BENCHMARK_STORE": f"s3://{BUCKET}",
        }
        system = fsspec.filesystem("s3")
        system.mkdir(BUCKET)
        size = 0
        with ThreadPoolExecutor(8) as pool:
            for first in range(0, runs, 64):
                numbers = range(first, min(first + 64, runs))
                data = {
                    f"{BUCKET}/{FOLDER}/{number:04d}_nightly.json": night(base, number, random) for number in numbers
                }
                list(pool.map(system.pipe_file, data, data.values()))
                size += sum(map(len, data.values()))
        print(f"{runs} runs of {size / runs / 1e3:.0f} KB", flush=True)
        show("building the index", "store", "rebuild")
        show("the history, index on this machine", "history")
        os.environ["XDG_CACHE_HOME"] = f"{place}/another-cache"
        show("the history on another machine", "history")
        new = Path(place) / "9998_nightly.json"
        new.write_bytes(night(base, runs, random))
        show("delivering one more night", "store", "deliver", str(new))
        show("the history with it", "history")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m proof.store_speed", description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=5000, help="stored runs (default: 5000)")
    given = parser.parse_args()
    with output.reader_may_leave():
        main(given.runs)
