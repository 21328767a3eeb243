"""Decides what becomes of the issues after a night: which are opened, updated and closed, and why."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from regression.incidents import cause as causes
from regression.incidents import state as states
from regression.incidents.cause import Cause, Failure
from regression.incidents.job import Job
from regression.incidents.state import FAILURES, UNJUDGED, Keys, State

MOST_OPENED = 5
"""Causes of one night with an issue of their own; of more, the smaller ones share one."""
REOPENED_DAYS = 7
"""An incident that fails again within so many days after it last failed goes on in its own issue."""


class Kind(StrEnum):
    """What becomes of an incident."""

    OPEN = "open"
    REOPEN = "reopen"
    """Its issue was closed by a night, and what it is about fails again."""
    UPDATE = "update"
    CLOSE = "close"
    KEEP = "keep"
    """Its issue stays as it is, except for what it remembers."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Issue:
    """An issue that is about an incident, open or closed."""

    number: int
    title: str
    body: str
    state: State
    closed: bool = False

    def may_be_back(self, day: str) -> bool:
        """Whether a night closed it, and not a person, so shortly before `day` that it may be the same again."""
        try:
            since = datetime.date.fromisoformat(day) - datetime.date.fromisoformat(self.state.last)
        except ValueError:  # somebody edited it
            return False
        return self.closed and self.state.failing <= self.state.well and since.days <= REOPENED_DAYS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Night:
    """What is known of a night once all of its jobs have ended; several jobs may be of one GPU model."""

    day: str
    jobs: tuple[Job, ...]

    @functools.cached_property
    def failures(self) -> dict[tuple[str, str, str], Failure]:
        return {failure.key: failure for job in self.jobs for failure in job.failures}

    @functools.cached_property
    def environment(self) -> dict[str, Mapping[str, str]]:
        """GPU to what was recorded; of several jobs on one GPU model only what they agree on."""
        found: dict[str, Mapping[str, str]] = {}
        for job in self.judged:
            before = found.get(job.gpu, job.environment)
            found[job.gpu] = {key: value for key, value in job.environment.items() if before.get(key) == value}
        return found

    @functools.cached_property
    def judged(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if job.judged)

    @property
    def unjudged(self) -> tuple[Job, ...]:
        return tuple(job for job in self.jobs if not job.judged)

    def ended(self, key: tuple[str, str, str]) -> str:
        """How it is known that a failure is no more, such as `SAME`; empty where tonight does not say."""
        gpu, metric, benchmark = key
        of_gpu = [job for job in self.judged if job.gpu == gpu]
        if key in self.failures:
            return ""
        found = [job.settled.get((metric, benchmark), "") for job in of_gpu]
        known = [how for how in found if how]
        if known:
            return ", ".join(dict.fromkeys(known))
        complete = [job.selected for job in of_gpu if job.selected is not None]
        return "no longer in the suite" if complete and not any(benchmark in one for one in complete) else ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Action:
    """What becomes of one incident tonight. `cause` is that of a new one, `issue` that of an older one."""

    kind: Kind
    state: State
    """As its issue remembers it from now on."""
    issue: Issue | None = None
    cause: Cause | None = None
    jobs: tuple[Job, ...] = ()
    """Those without a verdict, where it is about such."""
    joined: tuple[Failure, ...] = ()
    """What fails since tonight besides."""
    back: tuple[Failure, ...] = ()
    """What had ended and fails again."""
    ended: Mapping[tuple[str, str, str], str] = dataclasses.field(default_factory=dict)
    """What ended tonight, and how that is known."""
    changed: Mapping[str, tuple[tuple[str, str, str], ...]] = dataclasses.field(default_factory=dict)
    """Of a closed one: GPU to what is recorded otherwise since it last failed, (field, before, now)."""
    failing: int = 0
    """How much of it still fails."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """What becomes of every incident."""

    night: Night
    actions: tuple[Action, ...]


def plan(night: Night, issues: Iterable[Issue], most_opened: int = MOST_OPENED) -> Plan:
    """What to do after a night, given the issues before it; of closed ones those that may be back are enough."""
    usable = [issue for issue in issues if not issue.closed or issue.may_be_back(night.day)]
    # What fails belongs to the oldest that is open, else to the newest that was closed.
    known = sorted((issue for issue in usable if not issue.closed), key=_age)
    known += sorted((issue for issue in usable if issue.closed), key=_age, reverse=True)
    of_failures = [issue for issue in known if issue.state.kind == FAILURES]
    owners = {key: issue.number for issue in reversed(of_failures) for key in issue.state.covered}
    explained = _explained(of_failures)
    joined: dict[int, list[Failure]] = {}
    new: list[Failure] = []
    for key, failure in night.failures.items():
        if key in owners:
            continue
        number = explained.get((failure.gpu, failure.benchmark, failure.family))
        if number is None:
            new.append(failure)
        else:
            joined.setdefault(number, []).append(failure)
    opened: list[Cause] = []
    for found in causes.causes(new):
        # The jobs of a night may be run again: the incident that began with it takes what they add. One that is back
        # takes its like on the same GPUs, since not every benchmark flaps on every night.
        back = [one for one in of_failures if one.closed and one.state.covered & night.failures.keys()]
        same = next((one for one in of_failures if _is(one.state, found, night.day)), None)
        same = same or next((one for one in back if _is_like(one.state, found)), None)
        if same is None:
            opened.append(found)
        else:
            joined.setdefault(same.number, []).extend((*found.failures, *found.also))
    if len(opened) > most_opened:
        opened[most_opened - 1 :] = [causes.merged(opened[most_opened - 1 :])]
    actions = [_opened(night, found) for found in opened]
    followed = [_followed(night, issue, joined.get(issue.number, ()), owners) for issue in of_failures]
    actions += [one for one in followed if one.kind is Kind.REOPEN or not (one.issue and one.issue.closed)]
    actions += _unjudged(night, [issue for issue in known if issue.state.kind == UNJUDGED])
    order = list(Kind)
    return Plan(night=night, actions=tuple(sorted(actions, key=lambda action: order.index(action.kind))))


def _explained(issues: Sequence[Issue]) -> dict[tuple[str, str, str], int]:
    """(GPU, benchmark, family of a metric) to the first issue whose incident explains such a failure."""
    found: dict[tuple[str, str, str], int] = {}
    for issue in issues:
        lead = issue.state.family
        for gpu, _, benchmark in issue.state.failing - issue.state.well:
            for family in (lead, *causes.EXPLAINS.get(lead, ())):
                found.setdefault((gpu, benchmark, family), issue.number)
    return found


def _age(issue: Issue) -> tuple[str, int]:
    return issue.state.first, issue.number


def _is_like(state: State, found: Cause) -> bool:
    gpus = {gpu for gpu, _, _ in state.failing}
    return (state.family, state.compiler) == (found.family, found.compiler) and gpus >= set(found.gpus)


def _is(state: State, found: Cause, day: str) -> bool:
    return (state.family, state.compiler, state.first) == (found.family, found.compiler, day)


def _opened(night: Night, found: Cause) -> Action:
    state = State(
        kind=FAILURES,
        first=night.day,
        last=night.day,
        family=found.family,
        compiler=found.compiler,
        failing=_keys(found.failures),
        also=_keys(found.also),
        environment={gpu: night.environment.get(gpu, {}) for gpu in found.gpus},
    )
    return Action(kind=Kind.OPEN, state=state, cause=found, failing=len(state.failing))


def _followed(
    night: Night, issue: Issue, joined: Sequence[Failure], owners: Mapping[tuple[str, str, str], int]
) -> Action:
    """An older incident after tonight. Where two cover the same failure, the older one's issue speaks of it."""
    before, failures = issue.state, night.failures
    own = frozenset(key for key in before.covered if owners.get(key) == issue.number)
    failing_now = own & failures.keys()
    more = _keys([one for one in joined if one.family == before.family])
    back = before.well & failing_now
    ended = {key: how for key in sorted(before.covered - before.well) if (how := night.ended(key))}
    seen = failing_now | _keys(joined)
    state = dataclasses.replace(
        before,
        failing=before.failing | more,
        also=before.also | (_keys(joined) - more),
        well=(before.well - failing_now) | frozenset(ended),
        last=max(before.last, night.day) if seen else before.last,
        environment=dict(before.environment)
        | {gpu: night.environment.get(gpu, {}) for gpu in {key[0] for key in seen}},
    )
    # What it is about decides whether it is over: what it explained, such as a latency, may be too noisy to be judged.
    over = not seen and state.failing <= state.well
    back &= before.failing
    told = back or joined or ended.keys() & before.failing
    kind = Kind.CLOSE if over else Kind.UPDATE if told else Kind.KEEP
    if issue.closed and seen:
        kind = Kind.REOPEN
    return Action(
        kind=kind,
        state=state,
        issue=issue,
        joined=tuple(joined),
        back=tuple(failures[key] for key in sorted(back)),
        ended={key: how for key, how in ended.items() if key in before.failing},
        changed=_changed(before, night) if over else {},
        failing=len(state.failing - state.well),
    )


def _unjudged(night: Night, issues: Sequence[Issue]) -> list[Action]:
    """Jobs that judged nothing: those that no open issue covers have an issue together."""
    actions = []
    covered: set[str] = set()
    silent = {job.name for job in night.unjudged}
    expected = {job.name for job in night.jobs}
    for issue in issues:
        before = issue.state
        names = {name for name, _, _ in before.failing}
        silent_ones = {name for name in names if name in silent and name not in covered}
        if issue.closed and not silent_ones:
            continue
        covered |= names
        was_well = {name for name, _, _ in before.well}
        ended = {(name, "", ""): "no longer among the runners" for name in names - was_well - expected}
        ended |= {(name, "", ""): "judged again" for name in (names & expected) - was_well - silent}
        state = dataclasses.replace(
            before,
            well=(before.well - _names(silent_ones)) | frozenset(ended),
            last=max(before.last, night.day) if silent_ones else before.last,
        )
        over, back = state.failing <= state.well, silent_ones & was_well
        kind = Kind.CLOSE if over else Kind.UPDATE if ended or back else Kind.KEEP
        kind = Kind.REOPEN if issue.closed else kind
        jobs = tuple(job for job in night.unjudged if job.name in back)
        action = Action(
            kind=kind, state=state, issue=issue, jobs=jobs, ended=ended, failing=len(state.failing - state.well)
        )
        actions.append(action)
    new = tuple(job for job in night.unjudged if job.name not in covered)
    same = next((at for at, one in enumerate(actions) if one.state.first == night.day), None)
    if new and same is not None:
        action = actions[same]
        state = dataclasses.replace(
            action.state, failing=action.state.failing | _names(job.name for job in new), last=night.day
        )
        failing = len(state.failing - state.well)
        actions[same] = dataclasses.replace(
            action,
            kind=Kind.REOPEN if action.kind is Kind.REOPEN else Kind.UPDATE,
            state=state,
            jobs=(*action.jobs, *new),
            failing=failing,
        )
    elif new:
        failing_names = _names(job.name for job in new)
        state = State(kind=UNJUDGED, first=night.day, last=night.day, failing=failing_names)
        actions.append(Action(kind=Kind.OPEN, state=state, jobs=new, failing=len(new)))
    return actions


def _changed(before: State, night: Night) -> dict[str, tuple[tuple[str, str, str], ...]]:
    found = {}
    for gpu, fields in before.environment.items():
        now = night.environment.get(gpu, {})
        found[gpu] = tuple(
            (name, fields.get(name, "not recorded"), now.get(name, "not recorded"))
            for name in dict.fromkeys((*now, *fields))
            if gpu in night.environment and fields and fields.get(name) != now.get(name)
        )
    return found


def _keys(failures: Iterable[Failure]) -> Keys:
    return frozenset(failure.key for failure in failures)


def _names(names: Iterable[str]) -> Keys:
    return frozenset((name, "", "") for name in names)


def open_issues(listed: Iterable[Mapping[str, object]]) -> tuple[list[Issue], list[str]]:
    """The incidents among issues as `gh issue list --json number,title,body,state` says them.

    Returns also a sentence for each open issue that is none.
    """
    found, ignored = [], []
    for entry in listed:
        number, title, body = entry.get("number"), entry.get("title"), entry.get("body")
        closed = entry.get("state") == "CLOSED"
        if type(number) is not int:
            continue
        state = states.read(body) if isinstance(body, str) else None
        if state is None and closed:
            continue
        if state is None:
            ignored.append(f"Issue #{number} has the label, but says of no incident; it is left alone.")
        else:
            found.append(Issue(number=number, title=str(title), body=str(body), state=state, closed=closed))
    return found, ignored
