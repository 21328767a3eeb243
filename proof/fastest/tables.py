"""Markdown: a table for each model and batch size, how far from native TensorRT variants are, and what is missing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from proof.fastest.merged import ENERGY, Merged
from regression.report.measured import LATENCY, REFERENCE, how_far
from regression.text import count, fit, listed, plain
from regression.values import lookup

LONGEST_REASON = 200
OWN_EXCEPTION, LINE_BREAK, SENTENCE_END = map(re.compile, (r"^fixtures\.[\w.]+: ", r"\n|\\n", r"(?<=[.!?]) "))
SOFTWARE = {"driver": "driver", "torch": "PyTorch", "cuda": "CUDA", "tensorrt": "TensorRT"}


@dataclass(frozen=True)
class Row:
    """A variant at a batch size.

    Attributes:
        id: of its benchmark.
        values: metric to value, in seconds, bytes and joules.
        kept: the photographs that keep their labels, of how many; None where no run says.
    """

    id: str
    model: str
    variant: str
    batch_size: int
    values: Mapping[str, float]
    kept: tuple[int, int] | None

    @property
    def latency_s(self) -> float:
        return self.values[LATENCY]


def rows(merged: Merged) -> list[Row]:
    """By model, batch size and latency, the fastest first; what has no batch size is left out."""
    found = []
    for id_, benchmark in merged.run.benchmarks.items():
        model, variant, size = (benchmark.params.get(name, "") for name in ("model", "variant", "batch_size"))
        if size.isdecimal() and int(size):
            found.append(Row(id_, model, variant, int(size), benchmark.values, merged.kept.get(id_)))
    return sorted(found, key=lambda row: (merged.models.index(row.model), row.batch_size, row.latency_s))


def text(merged: Merged, models: Sequence[str], best: int | None = None) -> list[str]:
    """Lines of Markdown: a table for each model and batch size, with what belongs to it.

    Args:
        best: how many variants of each batch size; they and the reference are in one table for each model, alone.
    """
    printed = [measured_with(merged), ""]
    for model in models:
        found = [row for row in rows(merged) if row.model == model]
        sizes: dict[int, list[Row]] = {}
        for row in found:
            sizes.setdefault(row.batch_size, []).append(row)
        if best is not None:
            shown = [row for group in sizes.values() for row in group if row in group[:best] or _is_reference(row)]
            printed += [f"{model}:", "", *_table(shown, found, with_size=True), ""]
            continue
        for size, group in sizes.items():
            printed += [f"{model}, batch {size}:", "", *_table(group, group), "", *_list(_against(merged, group))]
        printed += _list(_unmeasured(merged, model))
    return printed[:-1]


def measured_with(merged: Merged) -> str:
    """How many runs of which GPUs, with which software, and how many of them have a benchmark."""
    runs, times = merged.runs, [merged.times[id_] for id_ in merged.run.benchmarks]
    gpus, models = len({run.gpu for run in runs}), dict.fromkeys(run.gpu_model or run.slug for run in runs)
    software = [" or ".join(versions) for name in SOFTWARE if (versions := _versions(merged, name))]
    least, most = min(times), max(times)
    joined = "or" if most - least == 1 else "to"
    each = f"{least} {joined} {most}" if least < most else str(most)
    return plain(
        f"{count(len(runs), 'run')} on {count(gpus, listed(list(models)))}"
        + (f", with {listed(software)}." if software else ".")
        + (f" Each benchmark was measured in {each} of them, and the median counts." if len(runs) > 1 else "")
    )


def _versions(merged: Merged, name: str) -> list[str]:
    """One where all runs agree, such as `PyTorch 2.11.0`."""
    recorded = (lookup(run.machine, ("software",)) for run in merged.runs)
    found = [one for one in recorded if isinstance(one, Mapping) and one.get(name)]
    return list(dict.fromkeys(f"{one.get(f'{name}_flavour') or SOFTWARE[name]} {one[name]}" for one in found))


def _table(shown: Sequence[Row], every: Sequence[Row], *, with_size: bool = False) -> list[str]:
    """The table; a column without any value is left out.

    Args:
        every: also those that are not shown; the references are among them.
        with_size: batch sizes share the table. To keep it narrow, a column in which any row lacks a value is left out.
    """
    reference_s = {row.batch_size: row.latency_s for row in every if _is_reference(row)}
    columns: dict[str, Callable[[Row], str | None]] = {
        "batch": lambda row: str(row.batch_size) if with_size else None,
        "variant": lambda row: f"`{row.variant}`",
        "latency ms": lambda row: format(row.latency_s * 1e3, ",.3f"),
        "images per s": lambda row: format(row.batch_size / row.latency_s, ",.0f"),
        "speed-up": lambda row: _written(reference_s.get(row.batch_size), 1 / row.latency_s, ".2f"),
        "kernel time ms": lambda row: _written(row.values.get("kernel_time"), 1e3, ",.3f"),
        "peak memory MiB": lambda row: _written(row.values.get("peak_memory"), 2**-20, ",.1f"),
        "energy per image J": lambda row: _written(row.values.get(ENERGY), 1, ".3g"),
        "relative error": lambda row: _written(row.values.get("relative_error"), 1, ".1e"),
        "labels kept": lambda row: f"{row.kept[0]:,} of {row.kept[1]:,}" if row.kept else None,
    }
    enough = all if with_size else any
    filled = {heading: cells for heading, cell in columns.items() if enough(cells := [cell(row) for row in shown])}
    return [
        _line(filled),
        _line("---" if heading == "variant" else "---:" for heading in filled),
        *(_line(cell or "-" for cell in cells) for cells in zip(*filled.values(), strict=True)),
    ]


def _written(value: float | None, factor: float, form: str) -> str | None:
    return None if value is None else format(value * factor, form)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _against(merged: Merged, group: Sequence[Row]) -> Iterable[str]:
    """How far each variant of a model and batch size is from its yardstick."""
    variants = {row.id: row.variant for row in group}
    for one, together in merged.yardsticks:
        if one.benchmark in variants:
            said = ", ".join(f"{how_far(ratio)} {title}" for title, ratio in one.ratios.items())
            where = "" if together else ", in different runs"
            yield f"yardstick: `{variants[one.benchmark]}` {said} over `{variants[one.other]}`{where}"


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


def _list(items: Iterable[str]) -> list[str]:
    """A list with a line after it; nothing where it is empty."""
    found = [f"- {item}" for item in items]
    return [*found, ""] if found else []


def _is_reference(row: Row) -> bool:
    return row.variant == REFERENCE
