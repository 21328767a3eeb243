"""What every report says, whatever its form: the answer, the order of its rows, and where to look first."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence

from regression.explain.explanation import explanations
from regression.judge.verdict import Judgement, Reason, Report, Verdict
from regression.metrics import METRICS, Metric
from regression.runs.run import Run
from regression.text import change

ALL_METRICS = "all metrics"


EXPLANATION = "visible: the smallest true change that would have been reported, with a probability of 95 %"


# Worst first; among equals the largest change.
ORDER = (Verdict.SLOWER, Verdict.MISSING, Verdict.UNSURE, Verdict.FASTER, Verdict.NEW, Verdict.SAME)


def summary(report: Report) -> str:
    """One line: failed or not, and how many of each verdict."""
    counts = Counter("accepted" if item.reason is Reason.ACCEPTED else str(item.verdict) for item in report.judgements)
    # A benchmark that did not run is missing once, not once per metric.
    counts["MISSING"] = len({item.benchmark for item in report.judgements if item.verdict is Verdict.MISSING})
    parts = [f"{counts[key]} {key}" for key in ("SLOWER", "MISSING", "accepted", *map(str, ORDER[2:])) if counts[key]]
    if report.labels:
        parts.insert(0, f"{len(report.labels)} with wrong labels")
    return f"{'FAILED' if report.failed else 'passed'}: {', '.join(parts) or 'nothing to judge'}"


def rows(judgements: Iterable[Judgement], metrics: Sequence[Metric] = METRICS) -> list[tuple[Judgement, str]]:
    """Judgements with their metric's title; of a benchmark that is MISSING for several metrics one, `all metrics`."""
    judgements = list(judgements)
    titles = {metric.key: metric.title for metric in metrics}
    missing = Counter(item.benchmark for item in judgements if item.verdict is Verdict.MISSING)
    told: dict[object, tuple[Judgement, str]] = {}
    for item in judgements:
        whole = item.verdict is Verdict.MISSING and missing[item.benchmark] > 1
        key = item.benchmark if whole else (item.benchmark, item.metric)
        if whole:
            item = dataclasses.replace(item, baseline=None)
        told.setdefault(key, (item, ALL_METRICS if whole else titles[item.metric]))
    return list(told.values())


METRIC = {metric.key: metric for metric in METRICS}


def answer(report: Report) -> str:
    """Whether the model is still as fast and still right, in one sentence of plain text."""
    failed = [item for item in report.judgements if item.failed]
    slower = _benchmarks(item for item in failed if item.verdict is Verdict.SLOWER)
    missing = _benchmarks(item for item in failed if item.verdict is Verdict.MISSING)
    said = []
    if slower:
        unconfirmed = all(item.reason is Reason.UNCONFIRMED for item in failed if item.verdict is Verdict.SLOWER)
        said.append(_who(slower, "slower") + (" (not confirmed yet)" if unconfirmed else ""))
    if missing:
        said.append(_who(missing, "missing"))
    if report.labels:
        said.append(_who([name for name, _ in report.labels], "wrong about what the photographs show"))
    if said:
        # "3 benchmarks are slower, 2 are missing": the noun once is enough.
        said[1:] = [text.replace(" benchmarks are ", " are ") for text in said[1:]]
        return f"{', '.join(said[:-1])}{' and ' if said[:-1] else ''}{said[-1]}."
    counts = Counter(item.verdict for item in report.judgements if item.reason is not Reason.ACCEPTED)
    accepted = sum(item.reason is Reason.ACCEPTED for item in report.judgements)
    if not report.baselines:
        return "Nothing was judged, because there is no baseline for this device yet."
    if not report.judgements:
        return "Nothing was judged, because this run and its baseline have no benchmark in common."
    told = ", ".join(f"{counts[verdict]} {verdict}" for verdict in reversed(ORDER) if counts[verdict])
    if accepted:
        told += f"{', ' if told else ''}{accepted} accepted"
    if not counts[Verdict.SAME] + counts[Verdict.FASTER]:
        return f"No regression was found, but nothing can be vouched for either: {told}."
    beside = ", beside what was accepted" if accepted else ""
    return f"As fast as the baseline, and as right{beside}: {told}."


def look_first(report: Report, run: Run, baselines: Sequence[Run]) -> str:
    """Where to look when something is slower: the worst benchmark and its first kernel; empty where nothing is."""
    slower = [item for item in worst_first(report.judgements) if item.failed and item.verdict is Verdict.SLOWER]
    if not slower:
        return ""
    worst = slower[0]
    said = f"Look first at {METRIC[worst.metric].title} of {worst.benchmark}, {change(worst.ratio)}"
    (explanation,) = explanations([worst.benchmark], run, baselines)
    if explanation.changes and explanation.change_s > 0:
        first = explanation.changes[0]
        named = first.short if first.lead is first else f"{first.short}, most of all {first.lead.short}"
        said += f"; {first.share * 100:.0f} % of its added kernel time is {named} ({first.kind})"
    return f"{said}."


def worst_first(judgements: Iterable[Judgement]) -> list[Judgement]:
    """What fails, then by verdict, then by the size of the change."""

    def rank(item: Judgement) -> tuple[bool, int, float]:
        return not item.failed, ORDER.index(item.verdict), -abs((item.ratio or 1) - 1)

    return sorted(judgements, key=rank)


def speedup(run: Run, benchmark: str) -> float | None:
    """The stored speed-up over eager FP32, None where there is none or it is no speed-up."""
    value = run.benchmarks[benchmark].extra_info.get("speedup_over_eager_fp32") if benchmark in run.benchmarks else None
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e6
    return float(value or 0) if usable else None


def _benchmarks(items: Iterable[Judgement]) -> list[str]:
    return list(dict.fromkeys(item.benchmark for item in items))


def _who(names: Sequence[str], what: str) -> str:
    return f"{names[0]} is {what}" if len(names) == 1 else f"{len(names)} benchmarks are {what}"
