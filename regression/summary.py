"""The answer in one sentence, and the whole report as Markdown short enough for a job's summary or an issue."""

from collections import Counter
from collections.abc import Iterable, Sequence

from regression.explanation import changed, explanations
from regression.explanation import markdown as explained
from regression.history import History
from regression.markdown import code, plain
from regression.metrics import METRICS
from regression.runs import Run, count
from regression.table import ORDER, measure, rows
from regression.table import change as percent
from regression.verdict import Judgement, Reason, Report, Verdict

METRIC = {metric.key: metric for metric in METRICS}
MOST_ROWS = 20
MOST_EXPLAINED = 5
MOST_LINES = 10


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
    said = f"Look first at {METRIC[worst.metric].title} of {worst.benchmark}, {percent(worst.ratio)}"
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


def markdown(
    report: Report,
    run: Run,
    baselines: Sequence[Run] = (),
    history: History | None = None,
    *,
    page: str = "",
) -> str:
    """The report as Markdown; `page` is a link to the whole page, or its file name, where there is one.

    At most about 20 rows, 5 explained benchmarks and 10 lines of every list: what is left out is counted.
    """
    judged = [baseline for baseline in baselines if baseline.path in report.baselines]
    parts = [
        f"## {plain(answer(report))}",
        plain(look_first(report, run, judged)),
        (
            f"{plain(run.path.name)}, against {count(len(report.baselines), 'baseline run')};"
            f" chance of a false alarm in the whole run: {report.family_wise_error * 100:g} %."
        ),
        _list(
            "Changed in the environment",
            [f"{code(change.field)}: {code(change.baseline)} -> {code(change.now)}" for change in report.differences],
        ),
        _verdicts(report),
        _speedups(run),
        _kernels(report, run, judged),
        _list("Wrong labels", [f"{code(name)}: {plain(label.message)}" for name, label in report.labels]),
        _history(history),
        _list("Notes", [plain(note) for note in report.notes]),
        _list("Left out", [f"{code(left.path.name)}: {plain(left.reason)}" for left in report.left_out]),
        f"The whole page: {plain(page)}" if page else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def speedup(run: Run, benchmark: str) -> float | None:
    """The stored speed-up over eager FP32, None where there is none or it is no speed-up."""
    value = run.benchmarks[benchmark].extra_info.get("speedup_over_eager_fp32") if benchmark in run.benchmarks else None
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e6
    return float(value or 0) if usable else None


def _benchmarks(items: Iterable[Judgement]) -> list[str]:
    return list(dict.fromkeys(item.benchmark for item in items))


def _who(names: Sequence[str], what: str) -> str:
    return f"{names[0]} is {what}" if len(names) == 1 else f"{len(names)} benchmarks are {what}"


def _verdicts(report: Report) -> str:
    notable = rows(item for item in worst_first(report.judgements) if item.verdict is not Verdict.SAME)
    same = sum(item.verdict is Verdict.SAME for item in report.judgements)
    if not report.judgements:
        return ""
    out = []
    if notable:
        out += ["| verdict | benchmark | metric | baseline | now | change | smallest seen |"]
        out += ["| --- | --- | --- | ---: | ---: | ---: | ---: |"]
    for item, metric in notable[:MOST_ROWS]:
        unit = METRIC[item.metric].unit
        cells = [
            f"**{item.verdict}** ({item.reason})",
            code(item.benchmark),
            metric,
            measure(item.baseline, item.baseline, unit),
            measure(item.now, item.baseline, unit),
            percent(item.ratio),
            percent(item.detectable_ratio, ""),
        ]
        out.append(f"| {' | '.join(cells)} |")
    out.append("")
    rest = [f"{len(notable) - MOST_ROWS} more not shown"] if len(notable) > MOST_ROWS else []
    out.append("; ".join([*rest, f"{same} SAME"]) + ".")
    return "\n".join(out).strip()


def _speedups(run: Run) -> str:
    """One row for each model and variant, one column for each batch size."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for name, item in run.benchmarks.items():
        faster, batch = speedup(run, name), item.params.get("batch_size", "")
        if faster is not None and batch.isdecimal():
            key = item.params.get("model", ""), item.params.get("variant", "")
            found.setdefault(key, {})[int(batch)] = faster
    if not found:
        return ""
    batches = sorted({batch for speedups in found.values() for batch in speedups})
    out = ["Speed-up over eager FP32:", ""]
    out += ["| model | variant | " + " | ".join(f"batch {batch}" for batch in batches) + " |"]
    out += ["| --- | --- |" + " ---: |" * len(batches)]
    for (model, variant), speedups in list(found.items())[:MOST_ROWS]:
        cells = [f"{speedups[batch]:.2f}" if batch in speedups else "-" for batch in batches]
        out.append(f"| {code(model)} | {code(variant)} | {' | '.join(cells)} |")
    return "\n".join(out)


def _kernels(report: Report, run: Run, baselines: Sequence[Run]) -> str:
    names = changed(report)
    if not names:
        return ""
    out = ["Kernels behind the changes:"]
    out += [explained(explanation).rstrip() for explanation in explanations(names[:MOST_EXPLAINED], run, baselines)]
    if len(names) > MOST_EXPLAINED:
        out.append(f"{len(names) - MOST_EXPLAINED} more benchmarks changed.")
    return "\n\n".join(out)


def _history(history: History | None) -> str:
    if history is None:
        return ""
    latest = sorted(history.events, key=lambda event: event.last.when, reverse=True)
    lines = []
    for event in latest:
        when = event.first.day if event.kind == "step" else f"{event.first.day} to {event.last.day} (drift)"
        cause = f"; {plain(', '.join(event.environment))}" if event.environment else ""
        lines.append(f"{when}: {event.metric.title} of {code(event.benchmark)} {percent(event.ratio)}{cause}")
    return "\n\n".join(part for part in (plain(history.sentence()), _list("", lines)) if part)


def _list(title: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = [f"- and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*([f"{title}:", ""] if title else []), *(f"- {line}" for line in lines[:MOST_LINES]), *more])
