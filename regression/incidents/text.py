"""What issues and the summary of a night say. What stored files say is code or escaped, so that nothing in it acts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from regression.incidents import state as states
from regression.incidents.cause import COUNTS, KERNEL_TIME, LABELS, LATENCY, SESSION, UNMEASURED, Cause, Failure
from regression.incidents.job import Job
from regression.incidents.plan import Action, Issue, Kind, Night, Plan
from regression.incidents.state import UNJUDGED, State
from regression.metric import Kind as Kinds
from regression.metrics import METRICS
from regression.report.repeat import command
from regression.shared import is_shared
from regression.text import code, count, fit, flattened, plain

LARGEST = 65_000
"""Characters of an issue's text or a comment; GitHub takes 65,536."""
LONGEST_TITLE = 200
LONGEST_CELL = 160
MOST_ROWS, MOST_LINES, MOST_NAMED = 40, 20, 3
PHRASES: Mapping[str, str] = {
    SESSION: "session fails",
    UNMEASURED: "benchmarks not measured",
    LABELS: "labels wrong",
    KERNEL_TIME: "kernel time slower",
    LATENCY: "latency slower",
    COUNTS: "counts changed",
    "peak memory": "peak memory larger",
    "several causes": "further causes",
}
WORSE = {"s": "slower", "B": "larger"}


@dataclass(frozen=True, kw_only=True)
class Links:
    """Where the night itself can be seen; empty where that is not known."""

    run: str = ""
    """Address of the workflow run, whose artifacts hold the pages and the stored runs."""
    commit: str = ""


def title(state: State) -> str:
    """The title of an incident's issue, as plain text."""
    if state.kind == UNJUDGED:
        names = _some(sorted(name for name, _, _ in state.failing))
        return fit(f"Nothing judged by {names} since {state.first}", LONGEST_TITLE)
    gpus = sorted({gpu for gpu, _, _ in state.failing})
    benchmarks = {name for _, _, name in state.failing if not is_shared(name)}
    phrase = PHRASES.get(state.family) or f"{flattened(state.family)} {_fails(state.family)}"
    many = f": {count(len(benchmarks), 'benchmark')}" if benchmarks and state.family != SESSION else ""
    said = f"{flattened(state.compiler)} {phrase}".strip()
    return fit(f"{said} on {_some(gpus)} since {state.first}{many}", LONGEST_TITLE)


def _fails(family: str) -> str:
    unit = next((one.unit for one in METRICS if one.title == family and one.kind is Kinds.CONTINUOUS), "")
    return WORSE.get(unit, "changed")


def body(action: Action, night: Night, links: Links, known: Sequence[Issue] = ()) -> str:
    """The text of a new issue, with what it remembers in a comment at its end.

    Args:
        known: incidents that were open before tonight.
    """
    if action.state.kind == UNJUDGED:
        parts = [f"**New on {night.day}**: no verdict, so a regression would have gone unseen.", _jobs(action.jobs)]
    else:
        cause = action.cause
        assert cause is not None, "an issue is opened for a cause"
        parts = [
            f"**New on {night.day}**: {count(len(cause.benchmarks), 'benchmark')} on {plain(_some(cause.gpus))}.",
            _rows(cause.failures),
            _rows(cause.also, "The same benchmarks also fail in:"),
            _operators((*cause.failures, *cause.also)),
            _history((*cause.failures, *cause.also)),
            _differences(cause, night),
            _repeat(cause, night),
        ]
    parts.append(_links(links))
    if known:
        lines = [f"#{issue.number} {plain(issue.title)} (known since {issue.state.first})" for issue in known]
        parts.append(_list("Known before tonight, and not part of this issue:", lines))
    parts.append("This issue is kept up to date by the nightly run, and closed by the night that no longer shows it.")
    memory = states.written(action.state)
    return f"{limited(_joined(parts), LARGEST - len(memory))}\n\n{memory}\n"


def comment(action: Action, night: Night, links: Links) -> str:
    """What an older issue is told of tonight; empty where nothing changed."""
    if action.kind not in (Kind.UPDATE, Kind.REOPEN, Kind.CLOSE):
        return ""
    parts = []
    ended = _ended(action.ended)
    if action.kind is Kind.CLOSE:
        parts.append(f"**Ended on {night.day}**; it last failed on {action.state.last}.")
        parts += [ended, *_why(action)]
    else:
        parts += [
            _rows(action.joined, f"**New on {night.day}**, of the same cause:"),
            _rows(action.back, f"**Back on {night.day}**, after it had ended:"),
            _jobs(action.jobs),
            ended and f"**Ended on {night.day}**:\n\n{ended}",
            _operators((*action.joined, *action.back)),
            _history((*action.joined, *action.back)),
            f"Still failing: {action.failing} of {len(action.state.failing)} "
            f"(known since {action.state.first})." if action.state.kind != UNJUDGED else "",
        ]  # fmt: skip
    parts.append(_links(links))
    return limited(_joined(parts), LARGEST)


def summary(plan: Plan, notes: Iterable[str] = ()) -> str:
    """The night for a job's summary, as Markdown: what is new, what is known, what ended."""
    parts = [f"## Incidents on {plan.night.day}"]
    for kind, heading in (
        (Kind.OPEN, "New tonight:"),
        (Kind.REOPEN, "Back tonight:"),
        (Kind.UPDATE, "Known, and changed tonight:"),
        (Kind.KEEP, "Known, and as they were:"),
        (Kind.CLOSE, "Ended tonight:"),
    ):
        parts.append(_list(heading, [_line(action) for action in plan.actions if action.kind is kind]))
    if not plan.actions:
        parts.append("No incident is open, and none began.")
    jobs = [
        f"{code(job.name)}: {plain(job.said)}" if job.said else code(job.name) for job in plan.night.jobs
    ]  # fmt: skip
    parts += [_list("GPU jobs:", jobs), _list("Notes:", [plain(note) for note in notes])]
    return limited(_joined(parts), LARGEST) + "\n"


def limited(text: str, room: int) -> str:
    """The text, cut at the end of a line where it is longer than GitHub takes."""
    if len(text) <= room:
        return text
    left_out = "\n\n(The rest is too long for GitHub; the workflow run has all of it.)"
    return text[: room - len(left_out)].rpartition("\n")[0] + left_out


def _line(action: Action) -> str:
    if action.issue is None:
        return plain(title(action.state))
    since = f"known since {action.state.first}"
    failing = "" if action.kind is Kind.CLOSE else f", {action.failing} of {len(action.state.failing)} failing"
    return f"#{action.issue.number} {plain(action.issue.title)} ({since}{failing})"


def _rows(failures: Sequence[Failure], heading: str = "") -> str:
    if not failures:
        return ""
    out = [heading, ""] if heading else []
    out += ["| verdict | benchmark | metric | GPU | change |", "| --- | --- | --- | --- | ---: |"]
    for one in failures[:MOST_ROWS]:
        verdict = f"{plain(one.verdict)} ({plain(fit(one.reason, LONGEST_CELL))})" if one.reason else plain(one.verdict)
        cells = [verdict, code(one.benchmark), plain(_metric(one.metric)), code(one.gpu), plain(one.change) or "-"]
        out.append(f"| {' | '.join(cells)} |")
    more = len(failures) - MOST_ROWS
    return "\n".join([*out, *(["", f"and {more} more"] if more > 0 else [])])


def _metric(key: str) -> str:
    return key.replace("_", " ")


def _operators(failures: Sequence[Failure]) -> str:
    told = dict.fromkeys((one.benchmark, one.operators) for one in failures if one.operators)
    return _list("Operators behind it:", [f"{code(benchmark)}: {code(said)}" for benchmark, said in told])


def _history(failures: Sequence[Failure]) -> str:
    told = dict.fromkeys((one.gpu, one.benchmark, one.metric, one.history) for one in failures if one.history)
    lines = [
        f"{code(name)}, {plain(_metric(metric))} on {code(gpu)}: {plain(said)}" for gpu, name, metric, said in told
    ]
    return _list("What the history says:", lines)


def _differences(cause: Cause, night: Night) -> str:
    """What is recorded otherwise than in the baseline, which may be the reason."""
    told = dict.fromkeys(
        f"{code(job.gpu)}: {plain(name)} {code(before)} -> {code(now)}"
        for job in night.judged
        if job.gpu in cause.gpus
        for name, before, now in job.differences
    )
    return _list("What differs from the baseline:", list(told))


def _repeat(cause: Cause, night: Night) -> str:
    """The command that measures and judges again just this."""
    of_cause = [job for job in night.judged if job.gpu in cause.gpus]
    known = {name for job in of_cause for name in job.known}
    at = {name: place for job in of_cause for name, place in job.places.items()}
    options = {job.options for job in of_cause}
    given = options.pop() if len(options) == 1 else ()
    return f"To repeat just that: {code(command(cause.benchmarks, known, at, given=given))}"


def _jobs(jobs: Sequence[Job]) -> str:
    return _list("", [f"{code(job.name)}: {plain(job.said) or 'no verdict'}" for job in jobs])


def _ended(ended: Mapping[tuple[str, str, str], str]) -> str:
    groups: dict[tuple[str, str, str], list[str]] = {}
    for (gpu, metric, benchmark), how in ended.items():
        groups.setdefault((gpu, metric, how), []).append(benchmark)
    lines = [
        f"{plain(_metric(metric))} on {code(gpu)} is {plain(how)}: "
        f"{', '.join(code(name) for name in names[:MOST_NAMED])}"
        f"{f' and {len(names) - MOST_NAMED} more' if len(names) > MOST_NAMED else ''}"
        if metric
        else f"{code(gpu)}: {plain(how)}"
        for (gpu, metric, how), names in groups.items()
    ]
    return _list("", lines)


def _why(action: Action) -> list[str]:
    """What ended an incident: what stored runs record otherwise since it last failed."""
    if action.state.kind == UNJUDGED:
        return []
    accepted = any(how == "accepted" for how in action.ended.values())
    lines = [
        f"{code(gpu)}: {plain(name)} {code(before)} -> {code(now)}"
        for gpu, fields in action.changed.items()
        for name, before, now in fields
    ]
    lines += ["an entry in the list of accepted changes"] if accepted else []
    told = f"What changed since {action.state.last}, and may have ended it:"
    return [_list(told, lines) or f"Nothing that stored runs record changed since {action.state.last}."]


def _links(links: Links) -> str:
    lines = [f"the page, the verdict and the stored run of every GPU: {links.run}"] if links.run else []
    lines += [f"commit {links.commit}"] if links.commit else []
    return _list("", lines)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(flattened(name) for name in names[:MOST_NAMED])
    return f"{shown} and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else shown


def _list(heading: str, lines: Sequence[str]) -> str:
    if not lines:
        return ""
    more = [f"- and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*([heading, ""] if heading else []), *(f"- {line}" for line in lines[:MOST_LINES]), *more])


def _joined(parts: Iterable[str]) -> str:
    return "\n\n".join(part for part in parts if part)
