"""The headline of a report: what failed, or how much could have been seen and was not; a summary; where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

from regression.explain.kernels import Explanation
from regression.explain.operators import SELECTED, OperatorChange
from regression.judge.verdict import Reason, Report, Verdict
from regression.metric import ByOperator
from regression.report.coverage import Coverage, where
from regression.report.groups import Place
from regression.report.rows import ALL_METRICS, ORDER, Row
from regression.shared import is_shared
from regression.text import count


def answer(report: Report, rows: Sequence[Row], covered: Coverage, places: Mapping[str, Place]) -> str:
    """The headline, one sentence of plain text: what failed, else how many measurements show that nothing did."""
    failed = _failed(report, rows)
    if failed:
        blind = _blind(covered, places, "of the other measurements could not have shown a regression")
        return "; ".join([failed, *blind]) + "."
    if not report.baselines:
        return f"Nothing was judged, because {report.not_asked or 'there is no baseline for this device yet'}."
    if not report.judgements:
        return "Nothing was judged, because this run and its baseline have no benchmark in common."
    return "; ".join(_unfailed(rows, covered, places)) + "."


def summary(report: Report, status: str) -> str:
    """One line: passed, incomplete or failed, and how many of each verdict."""
    counts = Counter("accepted" if item.reason is Reason.ACCEPTED else str(item.verdict) for item in report.judgements)
    # A benchmark that did not run is missing, or accepted as that, once and not once per metric.
    for accepted in (False, True):
        gone = [item for item in report.judgements if item.verdict is Verdict.MISSING]
        gone = [item for item in gone if (item.reason is Reason.ACCEPTED) == accepted]
        counts["accepted" if accepted else "MISSING"] -= len(gone) - len({item.benchmark for item in gone})
    parts = [f"{counts[key]} {key}" for key in (*ORDER[:2], "accepted", *ORDER[2:]) if counts[key]]
    if report.labels:
        parts.insert(0, f"{len(report.labels)} with wrong labels")
    return f"{status}: {', '.join(parts) or 'nothing to judge'}"


def look_first(rows: Sequence[Row], explain: Callable[[str], Explanation | None]) -> str:
    """Where to look when something is slower: the worst benchmark, and its first operator or kernel; else empty."""
    worst = next((row for row in rows if row.failed and row.verdict in (Verdict.SLOWER, Verdict.CHANGED)), None)
    if worst is None:
        return ""
    said = f"Look first at {worst.title} of {worst.benchmark}, {worst.moved}"
    explanation = explain(worst.benchmark)
    if explanation is None or explanation.change_s <= 0 or explanation.same:
        return f"{said}."
    costly = [one for one in explanation.operators if one.change_s > 0 and _concerns(one, worst.metric.by_operator)]
    if costly:
        operator = costly[0]
        said += f"; {_part(operator.share)} of its added kernel time is {operator.operator} ({operator.kind})"
    elif explanation.changes:
        first = explanation.changes[0]
        named = first.short if first.lead is first else f"{first.short}, most of all {first.lead.short}"
        said += f"; {_part(first.share)} of its added kernel time is {named} ({first.kind})"
    return f"{said}."


def _part(share: float) -> str:
    """A share of what came on top; more than all of it where something else became faster."""
    return f"{share * 100:.0f} %" if round(share * 100) <= 100 else "all"


def _concerns(operator: OperatorChange, part: ByOperator | None) -> bool:
    """Whether an operator's change is of the part of kernel time that a metric is."""
    return part is None or (part is ByOperator.SELECTION) == (operator.kind in SELECTED)


def _failed(report: Report, rows: Sequence[Row]) -> str:
    """What fails the session, as one clause; empty where nothing does."""
    failed = [row for row in rows if row.failed]
    slower, missing, changed = ([row for row in failed if row.verdict is verdict] for verdict in ORDER[:3])
    said = []
    if slower:
        unconfirmed = all(row.reason is Reason.UNCONFIRMED for row in slower)
        said.append(_slower(slower) + (" (not confirmed yet)" if unconfirmed else ""))
    lost = [row for row in missing if row.lost_by]
    missing = [row for row in missing if not row.lost_by]
    # of a benchmark that ran, one metric
    untimed = [row for row in missing if row.reason is Reason.NOT_TIMED and row.title != ALL_METRICS]
    gone = [row for row in missing if row not in untimed]
    if gone:
        said.append(_who(gone, "is", "missing"))
    for title in dict.fromkeys(row.title for row in untimed):
        said.append(_who([row for row in untimed if row.title == title], "has", f"no {title}"))
    if changed:
        relabelled = [row for row in changed if row.reason is Reason.LABEL_LOST]
        counts = [row for row in changed if row not in relabelled]
        titles = ", ".join(dict.fromkeys(row.title for row in counts))
        said += [_who(counts, "has", f"changed counts ({titles})")] if counts else []
        said += [_who(relabelled, "has", "lost labels")] if relabelled else []
    if report.labels:
        said.append(_named([name for name, _ in report.labels], "is", "wrong about what the photographs show"))
    said += [_who([row for row in lost if row.detail == why], "is", why) for why in {row.detail: None for row in lost}]
    # "3 benchmarks are slower, 2 are missing": the noun once is enough.
    said[1:] = [text.replace(" benchmarks are ", " are ").replace(" benchmarks have ", " have ") for text in said[1:]]
    return f"{', '.join(said[:-1])}{' and ' if said[:-1] else ''}{said[-1]}" if said else ""


def _slower(rows: Sequence[Row]) -> str:
    said = []
    for name in dict.fromkeys(row.benchmark for row in rows if is_shared(row.benchmark)):
        every = [row for row in rows if row.benchmark == name]
        wholes = {row.metric.key for row in every}
        changes = ", ".join(f"{row.title} {row.change_text}" for row in every if row.metric.part_of not in wholes)
        said.append(f"{name} together are slower ({changes})")
    others = [row for row in rows if not is_shared(row.benchmark)]
    return ", ".join([*said, *([_who(others, "is", "slower")] if others else [])])


def _unfailed(rows: Sequence[Row], covered: Coverage, places: Mapping[str, Place]) -> Iterable[str]:
    """What the headline of a run says that does not fail, clause by clause."""
    seen, measured, unseen = covered.could_show, covered.measured, len(covered.blind)
    if not seen and not covered.undecided:
        blind = f" ({where(covered.blind, places)})" if unseen else ""
        yield f"No regression was found, but none of {count(measured, 'measurement')} could have shown one{blind}"
    elif covered.mostly_blind and unseen:
        yield (
            f"Most of what was measured could not have shown a regression: {unseen} of "
            f"{count(measured, 'measurement')} ({where(covered.blind, places)})"
        )
        yield f"there is none in the other {seen}"
    elif covered.mostly_blind_continuous and covered.blind_continuous:
        yield (
            f"Most times could not have shown a regression: {len(covered.blind_continuous)} of "
            f"{covered.continuous} ({where(covered.blind_continuous, places)})"
        )
        yield f"there is none in {seen} of {count(measured, 'measurement')}"
    else:
        yield f"No regression in {'' if seen == measured else f'{seen} of '}{count(measured, 'measurement')}"
        yield from _blind(covered, places, "could not have shown one")
    if covered.undecided:
        yield f"{len(covered.undecided)} undecided ({where(covered.undecided, places)})"
    for verdict, word in ((Verdict.FASTER, "faster"), (Verdict.CHANGED, "with another value")):
        moved = [row for row in rows if row.verdict is verdict and not row.accepted]
        if moved:
            yield f"{len(moved)} {word} ({where(moved, places)})"
    accepted = sum(row.accepted for row in rows)
    if accepted:
        yield f"{count(accepted, 'known regression')} accepted"
    if covered.absent:
        yield f"{len(covered.absent)} of the baseline's {count(covered.known, 'benchmark')} not measured"
    if covered.broken:
        yield f"{count(len(covered.broken), 'benchmark')} failed that the baseline does not have"
    if covered.cut_short:
        yield f"{count(len(covered.cut_short), 'benchmark')} failed after being measured"
    if covered.labels_checked:
        yield f"and right: labels agree in {covered.labels_checked} of {count(covered.benchmarks, 'benchmark')}"
    else:
        yield "no labels were checked"


def _blind(covered: Coverage, places: Mapping[str, Place], what: str) -> list[str]:
    return [f"{len(covered.blind)} {what} ({where(covered.blind, places)})"] if covered.blind else []


def _who(rows: Sequence[Row], verb: str, what: str) -> str:
    return _named(list(dict.fromkeys(row.benchmark for row in rows)), verb, what)


def _named(names: Sequence[str], verb: str, what: str) -> str:
    plural = {"is": "are", "has": "have"}[verb]
    return f"{names[0]} {verb} {what}" if len(names) == 1 else f"{len(names)} benchmarks {plural} {what}"
