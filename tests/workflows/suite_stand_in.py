"""Stands in for `python -m pytest benchmarks/` on a machine without a GPU: stores and judges one made-up run.

The environment says which night it is (NIGHT) and what is slower (SLOWER, ids with spaces between).
"""

import json
import os
import sys
from pathlib import Path

from regression.judge.judge import judge
from regression.judge.patience import recent
from regression.judge.verdict import failures, verdicts
from regression.report import verdict_file
from regression.report.content import content
from regression.runs.find import collect
from regression.runs.read import parse
from tests.regression.recorder import Recorder

IDS = tuple(f"efficientnet_b0-{variant}-b1" for variant in ("eager-fp32", "torchscript-fp16", "tensorrt-fp16"))
NOISY = IDS[0]


def record(folder: Path, night: int, slower: tuple[str, ...] = ()) -> dict:
    """A run; latencies of NOISY are 40 % apart from night to night."""
    recorder = Recorder(folder, seed=night)
    document = recorder.document(dict.fromkeys(slower, 1.2), ids=IDS, day=night)
    document["datetime"] = f"2026-03-{night:02d}T02:30:00+00:00"
    document["suite"]["run_id"] = f"night-{night}"
    (noisy,) = [benchmark for benchmark in document["benchmarks"] if benchmark["param"] == NOISY]
    noisy["stats"]["median"] *= 1 + 0.4 * (night % 3)
    return document


def option(name: str) -> str:
    words = sys.argv[1:]
    at = next(number for number, word in enumerate(words) if word == name or word.startswith(f"{name}="))
    return words[at].partition("=")[2] or words[at + 1]


def main() -> int:
    night = int(os.environ["NIGHT"])
    store, patience = Path(option("--store")), int(option("--judge-patience"))
    folder = store / "nvidia-h200" / "Linux-CPython-3.12-64bit"
    document = record(folder, night, tuple(os.environ.get("SLOWER", "").split()))
    number = max((int(path.name[:4]) for path in folder.glob("*.json")), default=0) + 1
    file = folder / f"{number:04d}_{option('--benchmark-save')}.json"
    run = parse(document, file)
    stored = collect([store / "nvidia-h200"])
    report = judge(run, stored.baselines)
    print("EARLIER", len(recent(stored.history, run, patience)))
    document["suite"] |= {"verdicts": verdicts(report), "failures": failures(report)}
    for path in (file, Path(option("--benchmark-json"))):
        path.write_text(json.dumps(document), encoding="utf-8")
    said = content(report, run, stored.baselines)
    Path(option("--verdict-json")).write_text(verdict_file.text(said, exit_status=int(report.failed)))
    return int(report.failed)


if __name__ == "__main__":
    sys.exit(main())
