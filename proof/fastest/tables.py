"""Markdown: a table for each model and batch size, how far from native TensorRT variants are, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from proof.fastest.merged import ENERGY, Merged
from regression.metrics import lookup
from regression.report.measured import LATENCY, REFERENCE, Yardstick, how_far
from regression.runs.run import Benchmark
from regression.text import count, fit, listed, plain

LONGEST_REASON = 200
OWN_EXCEPTION, LINE_BREAK, SENTENCE_END = map(re.compile, (r"^fixtures\.[\w.]+: ", r"\n|\\n", r"(?<=[.!?]) "))
SOFTWARE = {"driver": "driver", "torch": "PyTorch", "cuda": "CUDA", "tensorrt": "TensorRT"}


@dataclass(frozen=True)
class Row:
    """A variant at a batch size.

    Attributes:
        values: metric to value, in seconds, bytes and joules.
        kept: the photographs that keep their labels, of how many; None where no run says.
    """

    model: str
    variant: str
    batch_size: int
    values: Mapping[str, float]
    kept: tuple[int, int] | None

    @property
    def latency_s(self) -> float:
        return self.values[LATENCY]


def rows(merged: Merged) -> list[Row]:
    """By model, batch size and latency, the fastest first."""
    found = [
        Row(*place, benchmark.values, merged.kept.get(id_))
        for id_, benchmark in merged.run.benchmarks.items()
        if (place := _place(benchmark))
    ]
    return sorted(found, key=lambda row: (merged.models.index(row.model), row.batch_size, row.latency_s))


def text(merged: Merged, models: Sequence[str], best: int | None = None) -> list[str]:
    """Lines of Markdown.

    Args:
        best: how many variants of each batch size; the reference stands beside them, and what was not measured is left
            out.
    """
    every, yardsticks = rows(merged), merged.yardsticks()
    printed = [measured_with(merged), ""]
    for model in models:
        for size in dict.fromkeys(row.batch_size for row in every if row.model == model):
            group = [row for row in every if (row.model, row.batch_size) == (model, size)]
            shown = [row for number, row in enumerate(group) if best is None or number < best or _is_reference(row)]
            printed += [f"{model}, batch {size}:", "", *_table(shown, next(filter(_is_reference, group), None)), ""]
            printed += _paragraph(_against(shown, one, merged, together) for one, together in yardsticks)
        if best is None:
            printed += _paragraph(_unmeasured(merged, model))
    return printed[:-1]


def measured_with(merged: Merged) -> str:
    """A sentence: how many runs of which GPUs, with which software."""
    runs, times = merged.runs, [merged.times[id_] for id_ in merged.run.benchmarks]
    gpus, models = len({run.gpu for run in runs}), dict.fromkeys(run.gpu_model or run.slug for run in runs)
    software = [" or ".join(versions) for name in SOFTWARE if (versions := _versions(merged, name))]
    each = f"{min(times)} to {max(times)}" if min(times) < max(times) else str(max(times))
    return plain(
        f"Medians of {count(len(runs), 'run')} on {count(gpus, listed(list(models)))}, {each} of each benchmark"
        + (f", with {listed(software)}." if software else ".")
    )


def _versions(merged: Merged, name: str) -> list[str]:
    """One where all runs agree, such as `PyTorch 2.11.0`."""
    recorded = (lookup(run.machine, ("software",)) for run in merged.runs)
    found = [one for one in recorded if isinstance(one, Mapping) and one.get(name)]
    return list(dict.fromkeys(f"{one.get(f'{name}_flavour') or SOFTWARE[name]} {one[name]}" for one in found))


def _table(shown: Sequence[Row], reference: Row | None) -> list[str]:
    """The table; a column without any value is left out."""
    columns: dict[str, Callable[[Row], str | None]] = {
        "latency ms": lambda row: format(row.latency_s * 1e3, ",.3f"),
        "images per s": lambda row: format(row.batch_size / row.latency_s, ",.0f"),
        "speed-up": lambda row: format(reference.latency_s / row.latency_s, ".2f") if reference else None,
        "kernel time ms": lambda row: _written(row, "kernel_time", 1e3, ",.3f"),
        "peak memory MiB": lambda row: _written(row, "peak_memory", 2**-20, ",.1f"),
        "energy per image J": lambda row: _written(row, ENERGY, 1, ".3g"),
        "relative error": lambda row: _written(row, "relative_error", 1, ".1e"),
        "labels kept": lambda row: f"{row.kept[0]:,} of {row.kept[1]:,}" if row.kept else None,
    }
    filled = {heading: cells for heading, cell in columns.items() if any(cells := [cell(row) for row in shown])}
    return [
        _line(["variant", *filled]),
        _line(["---"] + ["---:"] * len(filled)),
        *(
            _line([f"`{row.variant}`", *(cells[number] or "-" for cells in filled.values())])
            for number, row in enumerate(shown)
        ),
    ]


def _written(row: Row, metric: str, factor: float, form: str) -> str | None:
    return format(row.values[metric] * factor, form) if metric in row.values else None


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _against(shown: Sequence[Row], one: Yardstick, merged: Merged, together: bool) -> str:
    """How far a variant that is shown is from its yardstick; empty for another."""
    variant, other = (_place(merged.run.benchmarks[id_]) for id_ in (one.benchmark, one.other))
    if variant not in [(row.model, row.variant, row.batch_size) for row in shown] or not variant or not other:
        return ""
    said = ", ".join(f"{how_far(ratio)} {title}" for title, ratio in one.ratios.items())
    return f"yardstick: `{variant[1]}` {said} over `{other[1]}`{'' if together else ', in different runs'}"


def _unmeasured(merged: Merged, model: str) -> Iterable[str]:
    """Each variant that failed or was skipped, with its batch sizes and the reason."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for how, reasons in (("failed", merged.run.failed), ("skipped", merged.run.skipped)):
        for id_, reason in reasons.items():
            variant, dash, size = id_.removeprefix(f"{model}-").rpartition("-b")
            if id_.startswith(f"{model}-") and dash and size.isdecimal():
                found.setdefault((variant, how, shortened(reason.replace(id_, variant))), []).append(size)
    for (variant, how, reason), sizes in found.items():
        yield f"`{variant}` {how} at batch {listed(sorted(sizes, key=int))}: {plain(reason)}"


def shortened(reason: str) -> str:
    """The first sentence of why a benchmark failed, without the name of the suite's own exception."""
    first = LINE_BREAK.split(reason.strip(), maxsplit=1)[0]
    first = SENTENCE_END.split(OWN_EXCEPTION.sub("", first), maxsplit=1)[0].rstrip(".")
    return fit(first or "no reason is stored", LONGEST_REASON) + "."


def _paragraph(items: Iterable[str]) -> list[str]:
    """A list with a line after it; nothing where it is empty."""
    listed_ = [f"- {item}" for item in items if item]
    return [*listed_, ""] if listed_ else []


def _is_reference(row: Row) -> bool:
    return row.variant == REFERENCE


def _place(benchmark: Benchmark) -> tuple[str, str, int] | None:
    """Model, variant and batch size; None where it has none."""
    model, variant, size = (benchmark.params.get(name, "") for name in ("model", "variant", "batch_size"))
    return (model, variant, int(size)) if size.isdecimal() and int(size) else None
