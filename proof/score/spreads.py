"""How far stored runs of unchanged code stray between processes: what the priors of `regression.priors` rest on."""

from __future__ import annotations

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import output
from proof.score.stored import injected, night, read_and_tell
from regression.judge.choices import learn, vary
from regression.judge.gpu_offset import alike
from regression.judge.host_shift import host_bound, waiting
from regression.judge.shared_shift import SharedShift
from regression.judge.visited import from_visits
from regression.metrics import METRICS
from regression.runs.run import Benchmark, Run
from regression.shared import HOST_BOUND
from regression.spread import Spread
from regression.text import count

# One benchmark in the processes of one GPU and day.
Group = Sequence[Benchmark]


@dataclass(frozen=True)
class Strayed:
    """How far benchmarks stray between processes.

    Attributes:
        what: the metric, and of which benchmarks.
        unit: of the spreads.
        spreads: a standard deviation for every benchmark, GPU and day.
        degrees: the degrees of freedom of each, its processes less one.
    """

    what: str
    unit: str
    spreads: tuple[float, ...]
    degrees: tuple[int, ...]


def strayed(runs: Sequence[Run]) -> list[Strayed]:
    """What each judged metric strays, and host calibration, in percent and where a prior says so in its terms."""
    groups: dict[tuple[Hashable, str, str], list[Benchmark]] = {}
    for run in runs:
        for id_, benchmark in run.benchmarks.items():
            if not benchmark.disturbances:
                groups.setdefault((run.place, run.day, id_), []).append(benchmark)
    several = [group for group in groups.values() if len(group) > 1]
    known = [group for group in several if all(item.kernels is not None for item in group)]
    chosen = [group for group in known if vary(group)]
    same = [group for group in known if not vary(group)]
    visited = [[from_visits(item) for item in group if "latency" in item.visited] for group in several]
    rows = [
        _strayed("kernel time, the same kernels", "%", same, "kernel_time", _percent),
        _strayed("kernel time, different kernels", "%", chosen, "kernel_time", _percent),
        _strayed("kernel time, different kernels", "ns a launch", chosen, "kernel_time", _per_launch),
        _nights(runs),
        *_same_of_chosen(chosen),
        _strayed("latency", "%", several, "latency", _percent),
        _strayed("latency", "of its prior", several, "latency", _of_prior),
        _strayed("latency, from visits", "%", visited, "latency", _percent),
        _strayed("latency, from visits", "of its prior", visited, "latency", _of_prior),
        *_host_bound(runs),
        _strayed("peak memory", "%", several, "peak_memory", _percent),
        _strayed("host calibration", "%", several, "host_calibration", _percent),
        _units(runs),
        *_offsets(runs),
    ]
    return [row for row in rows if row.spreads]


def main(argv: Sequence[str] | None = None) -> int:
    """Print a line for every metric; exit status 2 where no two runs are of one GPU, day and set of benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m proof.score.spreads", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="stored runs, files or folders; slowed ones do not count")
    options = parser.parse_args(argv)
    found = read_and_tell(options.runs)
    runs = [run for run in found if injected(run) is None]
    rows = strayed(runs)
    if not rows:
        print("No two unchanged runs of one GPU, day and set of benchmarks; give more.", file=sys.stderr)
        return 2
    print(f"{count(len(runs), 'unchanged run')} of {count(len({run.gpu for run in runs}), 'GPU')}")
    print(f"\n{'':40}{'unit':14}{'spreads':>8}{'degrees':>9}{'pooled':>9}{'median':>9}{'90 %':>9}{'largest':>9}")
    for row in rows:
        pooled = math.sqrt(np.average(np.square(row.spreads), weights=row.degrees))
        numbers = (pooled, *np.quantile(row.spreads, [0.5, 0.9]), max(row.spreads))
        counts = f"{len(row.spreads):8}{sum(row.degrees):9}"
        print(f"{row.what:40}{row.unit:14}{counts}{''.join(f'{number:9.3g}' for number in numbers)}")
    return 0


def _strayed(what: str, unit: str, groups: Sequence[Group], metric: str, scale: Callable[[Group], float]) -> Strayed:
    measured = [[item for item in group if metric in item.values] for group in groups]
    measured = [group for group in measured if len(group) > 1]
    spreads = [scale(group) * statistics.stdev(math.log(item.values[metric]) for item in group) for group in measured]
    return Strayed(what, unit, tuple(spreads), tuple(len(group) - 1 for group in measured))


def _same_of_chosen(groups: Sequence[Group]) -> Iterator[Strayed]:
    """What the same kernels stray in benchmarks whose others differ, where the GPU waits for the host more than half of
    the time, and elsewhere."""
    found: dict[bool, list[tuple[float, float, int]]] = {True: [], False: []}
    for group in groups:
        told = [item for item in group if item.operators]
        if len(told) > 1:
            logs = np.log(learn([item.operators for item in told]).factors)
            spread = float(np.std(logs, ddof=1))
            found[waiting(told) > 0.5].append((100 * spread, _per_launch(told) * spread, len(told) - 1))
    for waits, (what, unit) in {False: ("", "%"), True: (", host-bound", "ns a launch")}.items():
        spreads = tuple(of_each[waits] for of_each in found[waits])
        degrees = tuple(of_each[2] for of_each in found[waits])
        yield Strayed(f"the same kernels of these{what}", unit, spreads, degrees)


def _host_bound(runs: Sequence[Run]) -> list[Strayed]:
    """Of host-bound benchmarks, by visits, what the processes of a night share, and what each strays besides."""
    nights: dict[tuple[Hashable, str], list[Run]] = {}
    for run in runs:
        nights.setdefault((run.place, run.day), []).append(run)
    shared: list[float] = []
    besides: list[float] = []
    degrees: list[list[int]] = [[], []]
    for group in nights.values():
        ids = [id_ for id_ in group[0].benchmarks if all(_visited(run, id_) for run in group)]
        if len(group) < 2 or not ids:
            continue
        items = [[from_visits(run.benchmarks[id_]) for run in group] for id_ in ids]
        logs = np.log([[item.values["latency"] for item in row] for row in items])
        variants = [row[0].params.get("variant", row[0].id) for row in items]
        (prior,) = [metric.host_bound for metric in METRICS if metric.host_bound]
        host = SharedShift.of(HOST_BOUND, prior, logs, host_bound(np.array(list(map(waiting, items)))), variants)
        if host:
            shared.append(100 * float(np.std(host.baselines, ddof=1)))
            besides += (100 * np.std(host.less(logs)[host.member], axis=1, ddof=1)).tolist()
            degrees[0].append(len(group) - 1)
            degrees[1] += [len(group) - 1] * int(host.member.sum())
    return [
        Strayed("latency, host-bound, less a shift", "%", tuple(besides), tuple(degrees[1])),
        Strayed("the shift that these share", "%", tuple(shared), tuple(degrees[0])),
    ]


def _offsets(runs: Sequence[Run]) -> Iterator[Strayed]:
    """What GPUs move alike in kernel time, and what each benchmark strays between them besides."""
    (prior,) = [metric.gpu_offset for metric in METRICS if metric.key == "kernel_time"]
    assert prior is not None
    items = {id_: item for _, id_, item in _profiled(runs)}
    gpus = list(dict.fromkeys(run.gpu for run in runs))
    values: dict[str, list[list[float]]] = {id_: [[] for _ in gpus] for id_ in items}
    for run, id_, item in _profiled(runs):
        values[id_][gpus.index(run.gpu)].append(math.log(item.values["kernel_time"]))
    logs = np.array([[statistics.fmean(of_gpu) if of_gpu else math.nan for of_gpu in row] for row in values.values()])
    variants = [item.params.get("variant", item.id) for item in items.values()]
    for name, member in alike(list(items.values())).items():
        if found := SharedShift.of(name, prior, logs, member, variants):
            shifts = found.baselines[np.isfinite(found.baselines)]
            besides = [row[np.isfinite(row)] for row in found.less(logs)[found.member]]
            yield Strayed(f"{name}, GPUs", "%", (100 * float(np.std(shifts, ddof=1)),), (len(shifts) - 1,))
            spreads = tuple(100 * float(np.std(row, ddof=1)) for row in besides)
            yield Strayed(f"{name}, besides", "%", spreads, tuple(len(row) - 1 for row in besides))


def _visited(run: Run, id_: str) -> bool:
    item = run.benchmarks.get(id_)
    return item is not None and "latency" in item.visited and "kernel_time" in item.values and not item.disturbances


def _units(runs: Sequence[Run]) -> Strayed:
    """Of the means of three GPUs and more with the same benchmarks and kernels; their processes stray in them, too."""
    gpus: dict[Hashable, dict[str, list[float]]] = {}
    for run, id_, item in _profiled(runs):
        chosen = item.kernels, item.launches_with_grids
        logs = gpus.setdefault((frozenset(run.benchmarks), id_, chosen), {}).setdefault(run.gpu, [])
        logs.append(math.log(item.values["kernel_time"]))
    means = [[statistics.mean(logs) for logs in found.values()] for found in gpus.values() if len(found) > 2]
    spreads = tuple(100 * statistics.stdev(group) for group in means)
    return Strayed("kernel time, between GPUs", "%", spreads, tuple(len(group) - 1 for group in means))


def _nights(runs: Sequence[Run]) -> Strayed:
    """Of different kernel selection, where the GPU waits for the host more than half of the time, what the processes
    of a night share: between GPUs and days, less their own spread."""
    found: dict[tuple[Hashable, str], dict[tuple[str, str], list[Benchmark]]] = {}
    for run, id_, item in _profiled(runs):
        found.setdefault((frozenset(run.benchmarks), id_), {}).setdefault(night(run), []).append(item)
    spreads, degrees = [], []
    for nights in found.values():
        items = [item for group in nights.values() for item in group]
        if len(nights) < 3 or len(items) == len(nights) or not vary(items) or waiting(items) <= 0.5:
            continue
        logs = [np.log([item.values["kernel_time"] for item in group]) for group in nights.values()]
        sizes = np.array([len(group) for group in logs])
        # one-way analysis of variance, groups of unequal size
        within = sum(len(group) * np.var(group) for group in logs) / (len(items) - len(nights))
        centre = np.concatenate(logs).mean()
        between = sum(len(group) * (group.mean() - centre) ** 2 for group in logs) / (len(nights) - 1)
        size = (len(items) - (sizes**2).sum() / len(items)) / (len(nights) - 1)
        spreads.append(_per_launch(items) * math.sqrt(max(0.0, (between - within) / size)))
        degrees.append(len(nights) - 1)
    return Strayed("the same, host-bound, of nights", "ns a launch", tuple(spreads), tuple(degrees))


def _profiled(runs: Sequence[Run]) -> Iterator[tuple[Run, str, Benchmark]]:
    """The undisturbed benchmarks with both times and a kernel table."""
    for run in runs:
        for id_, item in run.benchmarks.items():
            timed = item.values.keys() >= {"kernel_time", "latency"}
            if timed and item.kernels is not None and not item.disturbances:
                yield run, id_, item


def _percent(group: Group) -> float:
    return 100.0


def _per_launch(group: Group) -> float:
    values = [item.values for item in group if item.values.keys() >= {"launches", "kernel_time"}]
    return 1e9 * statistics.median_high(item["kernel_time"] / item["launches"] for item in values)


def _of_prior(group: Group) -> float:
    spread = next(metric.spread for metric in METRICS if metric.key == "latency")
    assert isinstance(spread, Spread)
    if group[0].by_visits:
        return 1 / math.hypot(spread.process, spread.visits * waiting(group))
    rounds = statistics.median_high(item.round_spread or 0.0 for item in group)
    return 1 / math.hypot(spread.process, spread.rounds * rounds)


if __name__ == "__main__":
    with output.reader_may_leave():
        sys.exit(main())
