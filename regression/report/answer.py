"""The answer to whether the model is still as fast and still right: in a sentence, in a line, and where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from regression.explain.kernels import Explanation
from regression.judge.verdict import Reason, Report, Verdict
from regression.report.rows import ORDER, Row


def answer(report: Report, rows: Sequence[Row]) -> str:
    """Whether the model is still as fast and still right, in one sentence of plain text."""
    failed = [row for row in rows if row.failed]
    slower, missing, changed = ([row for row in failed if row.verdict is verdict] for verdict in ORDER[:3])
    said = []
    if slower:
        unconfirmed = all(row.reason is Reason.UNCONFIRMED for row in slower)
        said.append(_who(slower, "is", "slower") + (" (not confirmed yet)" if unconfirmed else ""))
    if missing:
        said.append(_who(missing, "is", "missing"))
    if changed:
        titles = ", ".join(dict.fromkeys(row.title for row in changed))
        said.append(_who(changed, "has", f"changed counts ({titles})"))
    if report.labels:
        said.append(_named([name for name, _ in report.labels], "is", "wrong about what the photographs show"))
    if said:
        # "3 benchmarks are slower, 2 are missing": the noun once is enough.
        said[1:] = [
            text.replace(" benchmarks are ", " are ").replace(" benchmarks have ", " have ") for text in said[1:]
        ]
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


def summary(report: Report) -> str:
    """One line: failed or not, and how many of each verdict."""
    counts = Counter("accepted" if item.reason is Reason.ACCEPTED else str(item.verdict) for item in report.judgements)
    # A benchmark that did not run is missing once, not once per metric.
    counts["MISSING"] = len({item.benchmark for item in report.judgements if item.verdict is Verdict.MISSING})
    parts = [f"{counts[key]} {key}" for key in (*ORDER[:2], "accepted", *ORDER[2:]) if counts[key]]
    if report.labels:
        parts.insert(0, f"{len(report.labels)} with wrong labels")
    return f"{'FAILED' if report.failed else 'passed'}: {', '.join(parts) or 'nothing to judge'}"


def look_first(rows: Sequence[Row], explanations: Iterable[Explanation]) -> str:
    """Where to look when something is slower: the worst benchmark and its first kernel; empty where nothing is."""
    worst = next((row for row in rows if row.failed and row.verdict in (Verdict.SLOWER, Verdict.CHANGED)), None)
    if worst is None:
        return ""
    said = f"Look first at {worst.title} of {worst.benchmark}, {worst.moved}"
    explanation = next((one for one in explanations if one.benchmark == worst.benchmark), None)
    if explanation is not None and explanation.changes and explanation.change_s > 0:
        first = explanation.changes[0]
        named = first.short if first.lead is first else f"{first.short}, most of all {first.lead.short}"
        said += f"; {first.share * 100:.0f} % of its added kernel time is {named} ({first.kind})"
    return f"{said}."


def _who(rows: Sequence[Row], verb: str, what: str) -> str:
    return _named(list(dict.fromkeys(row.benchmark for row in rows)), verb, what)


def _named(names: Sequence[str], verb: str, what: str) -> str:
    plural = {"is": "are", "has": "have"}[verb]
    return f"{names[0]} {verb} {what}" if len(names) == 1 else f"{len(names)} benchmarks {plural} {what}"
