"""Reads the issues of a repository and carries a plan out, through GitHub's `gh`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from regression.incidents import state as states
from regression.incidents import text
from regression.incidents.plan import Action, Kind, Plan
from regression.incidents.text import Links
from regression.text import flattened

LABEL = "nightly-failure"
COLOUR, DESCRIPTION = "B60205", "The nightly benchmark run found something"
MOST_ISSUES: Mapping[str, int] = {"open": 500, "closed": 100}
LONGEST_S = 120.0


class GitHubError(Exception):
    """GitHub, or `gh`, refused; the message is a sentence that says what was tried and what it said."""


def listed(label: str) -> list[Mapping[str, Any]]:
    """The open issues with this label, and the latest that are closed: number, title, body and state.

    Raises:
        GitHubError: they cannot be read.
    """
    entries: list[Mapping[str, Any]] = []
    for state, most in MOST_ISSUES.items():
        answer = _gh(
            "issue", "list", "--state", state, "--label", label, "--limit", str(most),
            "--json", "number,title,body,state",
        )  # fmt: skip
        try:
            found = json.loads(answer)
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise GitHubError("`gh issue list` did not answer with a list of issues.")
        entries += [entry for entry in found if isinstance(entry, dict)]
    return entries


def apply(plan: Plan, links: Links, label: str) -> list[str]:
    """Carry out a plan. What GitHub refuses is said, one sentence each, and the rest is done.

    An issue is told of tonight before it remembers it: after a failure between the two it is told once more.
    """
    refused: list[str] = []
    if any(action.kind is Kind.OPEN for action in plan.actions):
        try:
            _gh("label", "create", label, "--force", "--color", COLOUR, "--description", DESCRIPTION)
        except GitHubError as error:
            refused.append(str(error))
    for action in plan.actions:
        try:
            _apply(action, plan, links, label)
        except GitHubError as error:
            refused.append(str(error))
    return refused


def _apply(action: Action, plan: Plan, links: Links, label: str) -> None:
    if action.issue is None:
        known = [other.issue for other in plan.actions if other.issue is not None and other.kind is not Kind.CLOSE]
        told = text.body(action, plan.night, links, known)
        _gh("issue", "create", "--title", text.title(action.state), "--label", label, "--body-file", "-", told=told)
        return
    number = str(action.issue.number)
    if action.kind is Kind.REOPEN:
        _gh("issue", "reopen", number)
    if said := text.comment(action, plan.night, links):
        _gh("issue", "comment", number, "--body-file", "-", told=said)
    if action.state != action.issue.state:
        _gh("issue", "edit", number, "--body-file", "-", told=states.replaced(action.issue.body, action.state))
    if action.kind is Kind.CLOSE:
        _gh("issue", "close", number, "--reason", "completed")


def _gh(*arguments: str, told: str | None = None) -> str:
    """What `gh` prints. The arguments are a list, and texts go through standard input: no shell reads either."""
    tried = f"`gh {' '.join(arguments[:3])}`"
    try:
        ended = subprocess.run(
            ["gh", *arguments], check=False, capture_output=True, text=True, encoding="utf-8", errors="replace",
            input="" if told is None else told, timeout=LONGEST_S,
        )  # fmt: skip
    except FileNotFoundError:
        raise GitHubError("`gh` is not installed; install GitHub's command line, or use --dry-run --issues.") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitHubError(f"{tried} did not end: {flattened(str(error))[:300]}") from None
    if ended.returncode:
        raise GitHubError(f"{tried} failed: {flattened(ended.stderr)[:300] or f'exit status {ended.returncode}'}")
    return ended.stdout


def shown(plan: Plan, links: Links) -> Sequence[str]:
    """What `apply` would send, for people: one text for each issue."""
    told = []
    for action in plan.actions:
        known = [other.issue for other in plan.actions if other.issue is not None and other.kind is not Kind.CLOSE]
        what = "new issue" if action.issue is None else f"issue #{action.issue.number}"
        heading = f"{action.kind}: {what}: {text.title(action.state) if action.issue is None else action.issue.title}"
        said = text.body(action, plan.night, links, known) if action.issue is None else text.comment(
            action, plan.night, links
        )  # fmt: skip
        told.append(f"{heading}\n{said}" if said else heading)
    return told
