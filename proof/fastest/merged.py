"""Several stored runs as one: of every benchmark the medians over the runs that measured it."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TypeVar

from regression.metrics import METRICS
from regression.report.measured import LATENCY, Served, Yardstick, served, yardsticks
from regression.runs.run import Benchmark, Run
from regression.values import lookup

Kept = TypeVar("Kept")

ENERGY, LOADED = "load_1_energy", "-load"
# What stands for a variant in a picture, by a part of its name: the first that fits; others are PyTorch itself.
FAMILIES = {
    "onnxruntime": ("ONNX Runtime", "#CC79A7"),
    "onnx-tensorrt": ("TensorRT by ONNX", "#009E73"),
    "tensorrt": ("Torch-TensorRT", "#0072B2"),
    "torchscript": ("TorchScript", "#E69F00"),
    "compile": ("torch.compile", "#D55E00"),
    "": ("eager PyTorch", "#8c959f"),
}
COLOURS = dict(FAMILIES.values())


@dataclasses.dataclass(frozen=True)
class Merged:
    """The runs, and one run that has the medians of them all.

    Attributes:
        run: its benchmarks have a latency; in seconds, that of visits where any run has those. `values` also have the
            energy of an image with one request in flight (ENERGY), in joules. `skipped` are those that no run measured.
        kept: id to the photographs that keep the reference's label and all of them, in the run that keeps the fewest;
            of models with pretrained weights, as others have no labels to keep.
        times: id to the number of runs that measured it.
    """

    runs: tuple[Run, ...]
    run: Run
    kept: Mapping[str, tuple[int, int]]
    times: Mapping[str, int]

    @functools.cached_property
    def models(self) -> list[str]:
        """Of all benchmarks, in the runs' order."""
        return list(dict.fromkeys(one.params.get("model", "") for one in self.run.benchmarks.values()))

    @functools.cached_property
    def yardsticks(self) -> list[tuple[Yardstick, bool]]:
        """How far variants are from their yardsticks, and whether some runs measured both: then their median, else by
        the medians of different runs."""
        together: dict[tuple[str, str], list[Yardstick]] = {}
        for one in (one for run in self.runs for one in yardsticks(run)):
            together.setdefault((one.benchmark, one.other), []).append(one)
        pairs = [(one, together.get((one.benchmark, one.other), [])) for one in yardsticks(self.run)]
        return [(_middle(several or [one]), bool(several)) for one, several in pairs]

    def served(self, model: str) -> list[Served]:
        """Of one model, in groups by what compiled it."""
        return [
            dataclasses.replace(
                one, group=next(family for part, (family, _) in FAMILIES.items() if part in one.variant)
            )
            for one in served(self.run)
            if one.model == model
        ]


def without(run: Run, patterns: Sequence[str]) -> Run:
    """The run as if it had not been asked for what these patterns of ids name, such as `*-eager-bf16-*`."""

    def kept(found: Mapping[str, Kept]) -> dict[str, Kept]:
        return {
            id_: one for id_, one in found.items() if not any(fnmatch.fnmatchcase(id_, pattern) for pattern in patterns)
        }

    return dataclasses.replace(
        run,
        benchmarks=kept(run.benchmarks),
        labels=kept(run.labels),
        skipped=kept(run.skipped),
        failed=kept(run.failed),
    )


def merge(runs: Sequence[Run]) -> Merged:
    """The runs as one; each benchmark may be in some of them alone."""
    found: dict[str, list[Benchmark]] = {}
    energies: dict[str, list[Benchmark]] = {}
    kept: dict[str, tuple[int, int]] = {}
    for run in runs:
        for id_, benchmark in run.benchmarks.items():
            if benchmark.values.get(LATENCY):
                found.setdefault(id_, []).append(benchmark)
            elif id_.endswith(LOADED):
                energies.setdefault(id_.removesuffix(LOADED), []).append(benchmark)
        for id_, label in run.labels.items():
            model = run.benchmarks[id_].params.get("model", "") if id_ in run.benchmarks else ""
            if label.images and lookup(run.suite, ("weights", model, "pretrained")) is True:
                now = sum(image.agrees for image in label.images.values()), len(label.images)
                kept[id_] = min(kept.get(id_, now), now, key=lambda pair: pair[0] / pair[1])
    one = Run(
        path=Path(),
        benchmarks={id_: _of(several, energies.get(id_, [])) for id_, several in found.items()},
        skipped={id_: reason for run in runs for id_, reason in run.skipped.items() if id_ not in found},
        failed={id_: reason for run in runs for id_, reason in run.failed.items()},
    )
    return Merged(tuple(runs), one, kept, Counter(id_ for run in runs for id_ in run.benchmarks))


def _of(several: Sequence[Benchmark], loaded: Sequence[Benchmark]) -> Benchmark:
    values = {
        metric.key: median(numbers)
        for metric in METRICS
        if (numbers := [one.visited[metric.key] for one in several if metric.key in one.visited])
        or (numbers := [one.values[metric.key] for one in (*several, *loaded) if metric.key in one.values])
    }
    return dataclasses.replace(several[0], values=values, visited={})


def _middle(several: Sequence[Yardstick]) -> Yardstick:
    titles = dict.fromkeys(title for one in several for title in one.ratios)
    return dataclasses.replace(
        several[0],
        ratios={title: median(one.ratios[title] for one in several if title in one.ratios) for title in titles},
    )
