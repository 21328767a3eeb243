"""Lists the baselines of a store: for each GPU its runs, what they can show, and which run is the odd one."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence

from common import marks
from common.given import RECORD, at_store
from regression.baseline.place import Gpu, Stored, gpus, open_place
from regression.judge import two_speeds
from regression.judge.judge import judge
from regression.judge.power import typical
from regression.judge.verdict import Report
from regression.metric import Kind
from regression.metrics import METRICS
from regression.project import baselines_folder
from regression.report.detectable import table
from regression.runs import environment
from regression.runs.marks import entry_of
from regression.runs.run import COMMIT, Run
from regression.shared import is_shared
from regression.text import WIDTH, change, count, escaped, wrapped
from regression.values import lookup

# What says most about why two baselines differ.
SOFTWARE = ("driver", "cuda", "cudnn", "torch", "tensorrt", "torch_tensorrt")
SHOWN = ("kernel_time", "latency")


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-v", "--verbose", action="store_true", help="also how much each benchmark can show")


def run(options: argparse.Namespace) -> int:
    """Exit status: 0, or 1 where the store has no baseline."""
    with open_place(options.store, baselines_folder()) as store:
        known, left_out, wrong = gpus(store.folder)
        for sentence in [*map(str, left_out), *wrong]:
            print(f"left out: {sentence}", file=sys.stderr)
        record = at_store(RECORD, options.store)
        told = [text for gpu in known if (text := told_of(gpu, record, verbose=options.verbose))]
        if not any(gpu.baselines for gpu in known):
            told.append(f"{escaped(store.url)} holds no baseline; record one: {escaped(record)}")
        print("\n\n".join(told))
        return 0 if any(gpu.baselines for gpu in known) else 1


def told_of(gpu: Gpu, record: str = RECORD, *, verbose: bool = False) -> str:
    """A GPU's baseline, in lines of at most 100 columns, longer paths aside; `record` is the command for a new one."""
    baselines, odd = gpu.baselines, {}
    out = [f"{gpu.title}: {_span(baselines)}" if baselines else f"{gpu.title}: no run of a baseline"]
    if baselines:
        out += [line for text in _environment(baselines) for line in wrapped(text, WIDTH, "  ")]
        report = judge(typical(baselines), baselines, record=record)
        odd = odd_runs(report, baselines)
        entries = [entry_of(one.run) for one in gpu.runs]
        notes = [*marks.notes(entries, gpu.marks), *two_speeds.notes(baselines), *report.notes]
        out += [line for text in [*_detects(report), *map(escaped, notes)] for line in wrapped(text, WIDTH, "  ")]
        if verbose:
            out += ["", *table(report).splitlines()]
    return "\n".join([*out, "", *_runs(gpu, odd)])


def _span(baselines: Sequence[Run]) -> str:
    days = sorted({run.day for run in baselines if run.day})
    gpus_ = {run.gpu for run in baselines if run.gpu}
    when = f"{days[0]} to {days[-1]}" if len(days) > 1 else days[0] if days else "of an unknown day"
    on = f" on {count(len(gpus_), 'GPU')}" if gpus_ else ""
    benchmarks = {id_ for run in baselines for id_ in run.measured}
    asked = {id_ for run in baselines for id_ in run.benchmarks} - benchmarks
    answers = f" and {count(len(asked), 'answer')}" if asked else ""
    return f"{count(len(baselines), 'run')} of {count(len(benchmarks), 'benchmark')}{answers}, {when}{on}"


def _environment(baselines: Sequence[Run]) -> Iterator[str]:
    newest = max(baselines, key=lambda run: run.datetime)
    told = [f"{name} {value}" for name in SOFTWARE if (value := lookup(newest.machine, ("software", name)))]
    if told:
        yield escaped(", ".join(told))
    # Several GPUs make a baseline better; several of anything else may make it two.
    differing = [
        item
        for item in environment.differences(baselines, newest)
        if item.field not in ("gpu.uuid", COMMIT) and not item.field.startswith("cpu.")
    ]
    if differing:
        fields = "; ".join(f"{item.field}: {item.baseline}" for item in differing[:4])
        yield f"its runs differ in {fields}{' and more' if len(differing) > 4 else ''}"


def _detects(report: Report) -> Iterator[str]:
    """How much the benchmarks can show of each time, in a line."""
    found: dict[str, list[float]] = {}
    for item in report.judgements:
        if item.detectable_ratio is not None and not is_shared(item.benchmark):
            found.setdefault(item.metric, []).append(item.detectable_ratio)
    said = []
    for metric in METRICS:
        ratios = sorted(found.get(metric.key, ()))
        if metric.key in SHOWN and metric.kind is Kind.CONTINUOUS and ratios:
            middle = ratios[(len(ratios) - 1) // 2]
            said.append(
                f"{metric.title} from {change(middle, '')} on"
                if len(ratios) == 1
                else f"{metric.title} from {change(ratios[0], '')} to {change(ratios[-1], '')} (half of "
                f"{count(len(ratios), 'benchmark')} at most {change(middle, '')})"
            )
    if said:
        yield f"detects {'; '.join(said)}"


def _runs(gpu: Gpu, odd: Mapping[str, str]) -> Iterator[str]:
    width = max(len("run"), *(len(one.file.name) for one in gpu.runs))
    yield f"  {'run':<{width}}  {'measured':<16}  {'GPU':<8}  {'identity':<12}  standing"
    seen: set[tuple[str, str]] = set()
    for one in gpu.runs:
        state = _state(one, odd)
        told = f"{state}; a copy, which counts once" if (one.run.identity, state) in seen else state
        seen.add((one.run.identity, state))
        uuid = one.run.gpu.removeprefix("GPU-")[:8]
        when = one.run.datetime[:16].replace("T", " ") or "unknown"
        row = f"{escaped(one.file.name):<{width}}  {when:<16}  {uuid:<8}  {one.run.identity[:12]:<12}  {told}"
        yield from wrapped(row, WIDTH, "  ")


def _state(one: Stored, odd: Mapping[str, str]) -> str:
    if one.standing.excluded is not None:
        why = one.standing.excluded.why
        return escaped(f"excluded on {one.standing.excluded.day}{f': {why}' if why else ''}")
    if one.run.interrupted:
        return f"interrupted ({one.run.interrupted}), so no baseline"
    if not one.standing.is_baseline:
        return "history" if marks.named(one.file) else "candidate"
    failed = [id_ for id_ in one.run.failed if one.standing.counts_for(id_)]
    said = [odd[one.run.identity]] if one.run.identity in odd else []
    said += [f"without {count(len(failed), 'failed benchmark')}"] if failed else []
    if one.standing.only is not None:
        said.append(f"for {count(len(one.standing.only), 'benchmark')}")
    elif one.standing.without:
        said.append(f"{count(len(one.standing.without), 'benchmark')} refreshed by newer runs")
    return ", ".join(["baseline", *said])


def odd_runs(report: Report, baselines: Sequence[Run]) -> dict[str, str]:
    """Identity to what is odd about the run, of those that the judge trusts less than the others."""
    return {
        run.identity: f"the odd one: {escaped(note.partition(' lies ')[2].partition(',')[0])}"
        for run in baselines
        for note in report.notes
        if note.startswith(f"The baseline run {escaped(run.path.name)} lies ")
    }
