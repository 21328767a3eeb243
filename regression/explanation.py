"""Says which kernels account for a change of kernel time: in a terminal, in Markdown, in JSON, and of a whole run."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from regression import layers
from regression.kernelnames import fit, printable
from regression.kernels import Change, Explanation, explain
from regression.kerneltable import Kernel, kernel_table
from regression.layers import Layers
from regression.markdown import code
from regression.runs import Run
from regression.verdict import Report, Verdict

MICROSECOND = 1e-6


def changed(report: Report) -> list[str]:
    """Ids of the benchmarks that came out SLOWER or FASTER or whose launches changed, the largest change first."""
    sizes: dict[str, float] = {}
    for item in report.judgements:
        if item.verdict in (Verdict.SLOWER, Verdict.FASTER) and item.ratio:
            # What fails the session comes before what does not.
            size = abs(item.ratio - 1) + (1e6 if item.failed else 1e3 if item.verdict is Verdict.SLOWER else 1)
            sizes[item.benchmark] = max(size, sizes.get(item.benchmark, 0.0))
    for shown in report.shown:
        if shown.metric == "launches" and shown.baseline and shown.now and shown.baseline != shown.now:
            sizes.setdefault(shown.benchmark, abs(shown.now / shown.baseline - 1))
    return sorted(sizes, key=lambda benchmark: -sizes[benchmark])


def explanations(benchmarks: Iterable[str], run: Run, baselines: Sequence[Run]) -> list[Explanation]:
    """The kernels behind the change of each of these benchmarks (see `changed`), in their order.

    `baselines` are those that the run was judged against. A malformed table is an explanation that says so.
    """
    return [_explanation(benchmark, run, baselines) for benchmark in benchmarks]


def _explanation(benchmark: str, run: Run, baselines: Sequence[Run]) -> Explanation:
    measured = [baseline for baseline in baselines if benchmark in baseline.benchmarks]
    told = _of_kernels(benchmark, run, measured)
    if benchmark not in run.benchmarks:
        return told
    before = measured[told.compared].benchmarks[benchmark].extra_info if measured else {}
    return dataclasses.replace(told, layers=layers.compare(before, run.benchmarks[benchmark].extra_info))


def _of_kernels(benchmark: str, run: Run, measured: Sequence[Run]) -> Explanation:
    try:
        now = _table(benchmark, run)
        return explain(
            benchmark,
            [_table(benchmark, baseline) for baseline in measured],
            now,
            [baseline.benchmarks[benchmark].values.get("kernel_time") for baseline in measured],
            run.benchmarks[benchmark].values.get("kernel_time") if now else None,
        )
    except ValueError as problem:
        return Explanation(benchmark, missing=f"Its kernels cannot be compared: {problem}.")


def _table(benchmark: str, run: Run) -> tuple[Kernel, ...]:
    if benchmark not in run.benchmarks:
        return ()
    names = run.suite.get("kernels")
    return kernel_table(run.benchmarks[benchmark].extra_info, names if isinstance(names, list) else [])


def lines(explanation: Explanation, limit: int = 5) -> list[str]:
    """The explanation for a terminal: at most `limit` lines of at most 100 columns, the largest change first."""
    engine = [_layers(explanation.layers)] if explanation.layers else []
    if explanation.missing:
        return [_columns(f"{explanation.benchmark}: {explanation.missing}"), *engine]
    out = [_columns(f"{explanation.benchmark}: {sentence(explanation)}")]
    limit -= len(engine)
    shown, others = worth_showing(explanation, limit - 1)
    for change in shown:
        amounts = f"  {_us(change.change_s):>12} {change.share:>6.0%}  "
        told = detail(change)
        if change.members:
            lead, against = _extremes(change)
            lead = fit(lead, 44)
            told = f"{lead}; {fit(against, 63 - len(lead))}"
        out.append(_columns(f"{amounts}{change.kind:<11} {told}"))
    if others and limit > 1:
        rest_s, share = sum(other.change_s for other in others), sum(other.share for other in others)
        out.append(f"  {_us(rest_s):>12} {share:>6.0%}  the other {len(others)}")
    return out + engine


def markdown(explanation: Explanation, limit: int = 5) -> str:
    """The explanation as a Markdown paragraph and a table of at most `limit` rows; names are code, so nothing acts."""
    engine = _layers_markdown(explanation.layers, limit) if explanation.layers else ""
    if explanation.missing:
        return f"{code(explanation.benchmark)}: {explanation.missing}\n{engine}"
    out = [f"{code(explanation.benchmark)}: {sentence(explanation)}", ""]
    out += ["| change | share | | kernel |", "| ---: | ---: | --- | --- |"]
    shown, others = worth_showing(explanation, limit)
    for change in shown:
        named = f"{code(change.short)} {counts(change)}".rstrip()
        if change.members:
            named += ": " + ", ".join(code(extreme) for extreme in _extremes(change))
        out.append(f"| {_us(change.change_s)} | {change.share:.0%} | {change.kind} | {named} |")
    if others:
        rest_s, share = sum(other.change_s for other in others), sum(other.share for other in others)
        out.append(f"| {_us(rest_s)} | {share:.0%} | | the other {len(others)} |")
    return "\n".join(out) + "\n" + engine


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """The explanation for JSON, with full names; times in seconds per inference."""
    told = dataclasses.asdict(explanation)
    del told["benchmark"], told["compared"]
    return told | {"change_s": explanation.change_s, "changes": [_change_as_dict(one) for one in explanation.changes]}


def _change_as_dict(change: Change) -> dict[str, Any]:
    members = [_change_as_dict(member) for member in change.members]
    return dataclasses.asdict(change) | {"change_s": change.change_s, "members": members}


def sentence(explanation: Explanation) -> str:
    """How much the kernel time of an inference changed, and whether its layout changed or kernels were chosen anew."""
    said = f"{_us(explanation.change_s)} of kernel time"
    said += f" ({explanation.before_s / MICROSECOND:.1f} -> {explanation.now_s / MICROSECOND:.1f} us)"
    if explanation.new_layout:
        said = f"new layout{' and kernels' if explanation.chosen_anew else ''}, {said}"
    elif explanation.chosen_anew:
        said = f"kernels chosen anew, {said}"
    if explanation.chosen_anew and explanation.seen_before:
        said += f", as in {explanation.seen_before} of {explanation.baseline_runs} baseline runs"
    return said


def worth_showing(explanation: Explanation, limit: int) -> tuple[list[Change], list[Change]]:
    """The changes that deserve one of `limit` rows, and those (under 0.5 %, or too many) that share the last row."""
    large = [change for change in explanation.changes if abs(change.share) >= 0.005 and change.change_s]
    room = limit if len(large) == len(explanation.changes) <= limit else limit - 1
    shown = large[: max(room, 0)]
    return shown, [change for change in explanation.changes if change not in shown]


def counts(change: Change) -> str:
    """Launches per inference, before and now."""
    if change.kind == "rest":
        return ""
    if change.launches_before == change.launches_now:
        return f"({_count(change.launches_now)} launch{'es' if change.launches_now != 1 else ''})"
    return f"({_count(change.launches_before)} -> {_count(change.launches_now)} launches)"


def detail(change: Change) -> str:
    """The short name and the launches; of a group its net launches and the members that gained and lost most."""
    if not change.members:
        return f"{change.short} {counts(change)}".rstrip()
    return f"{change.short} {counts(change)}: {'; '.join(_extremes(change))}"


def _layers(found: Layers, width: int = 100) -> str:
    """One line with a new and a gone layer's name, as much of them as there is room for."""
    said = found.sentence()
    named = [f"{sign}{printable(names[0])}" for sign, names in (("+", found.new), ("-", found.gone)) if names]
    room = (width - len(said) - 4) // max(len(named), 1) - 2
    return f"  {said}: {', '.join(fit(name, room) for name in named)}" if named else f"  {said}"


def _layers_markdown(found: Layers, limit: int) -> str:
    out = [f"\n{found.sentence()}\n"]
    for what, names in (("new", found.new), ("gone", found.gone)):
        more = f" and {len(names) - limit} more" if len(names) > limit else ""
        out += [f"- {what}: {', '.join(code(fit(printable(name))) for name in names[:limit])}{more}"] if names else []
    return "\n".join(out).rstrip("\n") + "\n"


def _extremes(change: Change) -> list[str]:
    """The kernel that did most towards a group's change, and the one that did most against it."""
    lead = change.lead
    against = (min if lead.change_s >= 0 else max)(change.members, key=lambda member: member.change_s)
    return [f"{_us(member.change_s)} {member.short}" for member in (lead, against)]


def _us(seconds: float) -> str:
    return (
        f"{seconds / MICROSECOND:+.2f} us" if abs(seconds) < 99.95 * MICROSECOND else f"{seconds / MICROSECOND:+.0f} us"
    )


def _count(value: float) -> str:
    return f"{value:g}"


def _columns(text: str, width: int = 100) -> str:
    indent = text[: len(text) - len(text.lstrip(" "))]
    text = indent + "".join(character if character.isprintable() else " " for character in text[len(indent) :])
    return text if len(text) <= width else f"{text[: width - 1]}…"
