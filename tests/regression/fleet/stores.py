"""Stores of many GPU models and nights, made up for the tests."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from regression.fleet import night as nights
from regression.fleet.fleet import Fleet, fleet

END = datetime.datetime(2026, 11, 24, 2, 30, tzinfo=datetime.UTC)
GPUS = (
    ("NVIDIA H200", "9.0"), ("NVIDIA H100 80GB HBM3", "9.0"), ("NVIDIA H100 PCIe", "9.0"),
    ("NVIDIA GH200 480GB", "9.0"), ("NVIDIA A100-SXM4-40GB", "8.0"), ("NVIDIA A100-SXM4-80GB", "8.0"),
    ("NVIDIA A10G", "8.6"), ("NVIDIA A30", "8.0"), ("NVIDIA A40", "8.6"), ("NVIDIA RTX A6000", "8.6"),
    ("NVIDIA GeForce RTX 3090", "8.6"), ("NVIDIA L4", "8.9"), ("NVIDIA L40S", "8.9"),
    ("NVIDIA GeForce RTX 4090", "8.9"), ("NVIDIA RTX 6000 Ada Generation", "8.9"), ("Tesla T4", "7.5"),
    ("Tesla V100-SXM2-32GB", "7.0"), ("NVIDIA B200", "10.0"), ("NVIDIA GeForce RTX 5090", "12.0"),
    ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "12.0"),
)  # fmt: skip
IDS = tuple(
    f"{model}-{variant}-b{batch}"
    for model in ("efficientnet_b0", "tf_efficientnet_lite0")
    for batch in (1, 128)
    for variant in (
        "eager-fp32", "eager-fp16", "torchscript-fp32", "torchscript-fp16", "tensorrt-fp32", "tensorrt-fp16"
    )
)  # fmt: skip
METRICS = ("kernel_time", "latency", "peak_memory")

Verdicts = dict[str, dict[str, str]]


def slug(gpu: str) -> str:
    return gpu.lower().replace(" ", "-")


def same() -> Verdicts:
    return {id_: dict.fromkeys(METRICS, "SAME") for id_ in IDS}


def run(
    gpu: str,
    capability: str,
    days_ago: float = 0,
    verdicts: Verdicts | None = None,
    *,
    failures: Mapping[str, Mapping[str, str]] | None = None,
    models: Mapping[str, str] | None = None,
    padding: str = "",
    **suite: Any,
) -> dict[str, Any]:
    """A stored run with these verdicts; what is SLOWER or MISSING fails."""
    verdicts = same() if verdicts is None else verdicts
    failing = {
        id_: {metric: "confirmed" for metric, word in found.items() if word in ("SLOWER", "MISSING")}
        for id_, found in verdicts.items()
    }
    return {
        "datetime": (END - datetime.timedelta(days=days_ago)).isoformat(),
        "machine_info": {
            "node": "secret-host",
            "gpu": {"name": gpu, "slug": slug(gpu), "uuid": f"GPU-{slug(gpu)}", "compute_capability": capability},
        },
        "commit_info": {},
        "benchmarks": [
            {"param": id_, "params": {"model": (models or {}).get(id_, id_.partition("-")[0])}, "padding": padding}
            for id_ in verdicts
        ],
        "suite": {
            "schema": 2,
            "verdicts": verdicts,
            "failures": {id_: found for id_, found in failing.items() if found} if failures is None else failures,
        }
        | suite,
    }


def save(store: Path, document: Mapping[str, Any], number: int, name: str = "nightly") -> Path:
    gpu = document["machine_info"]["gpu"]
    path = store / gpu["slug"] / "Linux-CPython-3.12-64bit" / f"{number:04d}_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def shown(store: Path) -> Fleet:
    """The fleet of a store that has one."""
    found = fleet(nights.read(store)[0])
    assert found is not None
    return found


def edited(*changes: tuple[Callable[[str], bool], str, str]) -> Verdicts:
    """Verdicts that are SAME, but for (which ids, metric, verdict)."""
    found = same()
    for chosen, metric, word in changes:
        for id_ in IDS:
            if chosen(id_):
                found[id_][metric] = word
    return found


def large(store: Path, models: int = 20, days: int = 90, padding: int = 0) -> Path:
    """A fleet with something of everything: `padding` characters come on top of each benchmark."""
    for at, (gpu, capability) in enumerate(GPUS[:models]):
        for night in range(days):
            ago = days - 1 - night
            verdicts = edited((lambda id_: id_.endswith("-b1"), "latency", "UNSURE"))
            if at % 5 == 3 and night % 11 == at % 11:
                verdicts = edited((lambda _: True, "kernel_time", "UNSURE"), (lambda _: True, "latency", "UNSURE"))
            if capability == "8.9" and ago < 6:
                verdicts |= edited((lambda id_: "tensorrt-fp16" in id_, "kernel_time", "SLOWER"))
            if gpu == "Tesla T4" and ago < 17:
                verdicts |= edited((lambda id_: id_ == IDS[3], "latency", "SLOWER"))
            if gpu == "NVIDIA A30" and ago < 2:
                verdicts |= edited((lambda id_: "torchscript" in id_ and "lite0" in id_, "kernel_time", "MISSING"))
            if gpu == "NVIDIA B200":
                verdicts |= edited((lambda id_: "eager-fp16" in id_, "kernel_time", "FASTER"))
            if gpu == "NVIDIA A40":
                verdicts |= edited((lambda id_: id_ == IDS[0], "peak_memory", "CHANGED"))
            accepted: Mapping[str, Mapping[str, str]] | None = None
            if gpu == "NVIDIA A10G":
                verdicts |= edited((lambda id_: id_ == IDS[5], "kernel_time", "SLOWER"))
                accepted = {}
            if (at * 7 + night) % 23 == 0 and ago:
                continue
            if gpu == "Tesla V100-SXM2-32GB" and ago < 3:
                continue
            if gpu == "NVIDIA GH200 480GB" and ago in (0, 9):
                verdicts = {}
            url = f"https://github.com/owner/name/actions/runs/{1000 + night}"
            document = run(gpu, capability, ago, verdicts, failures=accepted, padding="x" * padding, ci_url=url)
            save(store, document, night + 1)
    return store
