"""The workflow that rehearses: who may start it, what it tries, and the one comment that it keeps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflows.steps import WORKFLOWS, load, run_script, step_script, write_executable
from tests.workflows.test_workflows import HOSTED, pull_request, starts, triggers

FILE = "rehearsal.yml"
BY_HAND = {"github.event_name": "workflow_dispatch", "vars.REHEARSAL_RUNNER": '"h200"'}


def gpu() -> dict:
    return load(WORKFLOWS / FILE)["jobs"]["gpu"]


@pytest.mark.parametrize(
    ("contexts", "is_started"),
    [
        (BY_HAND, True),
        (BY_HAND | {"vars.REHEARSAL_RUNNER": ""}, False),
        (pull_request("rehearse"), True),
        (pull_request("rehearse: timm==1.0.31"), True),
        (pull_request("bug"), False),
        (pull_request("rehearsed"), False),
        (pull_request("rehearse", fork=True), False),
        (pull_request("rehearse: timm==1.0.31", fork=True), False),
    ],
)
def test_a_person_or_a_label_on_a_branch_of_this_repository_starts_it(contexts, is_started):
    assert starts(gpu()["if"], contexts) == is_started


def test_it_is_started_by_hand_or_by_a_label_alone():
    workflow = load(WORKFLOWS / FILE)
    assert triggers(workflow) == {"workflow_dispatch", "pull_request"}
    assert workflow["on"]["pull_request"] == {"types": ["labeled"]}
    assert workflow["on"]["workflow_dispatch"]["inputs"]["requirement"]["required"] is True


def test_the_gpu_job_may_only_read_and_the_hosted_job_only_comment():
    workflow = load(WORKFLOWS / FILE)
    comment = workflow["jobs"]["comment"]
    assert workflow["permissions"] == {}
    assert gpu()["permissions"] == {"contents": "read"}
    assert comment["permissions"] == {"pull-requests": "write"}
    assert HOSTED.fullmatch(comment["runs-on"])
    assert "github.event_name == 'pull_request'" in comment["if"] and "skipped" in comment["if"]
    assert "github.token" not in json.dumps(gpu()) and "secrets" not in json.dumps(workflow)
    assert not any(step.get("uses", "").startswith("actions/checkout") for step in comment["steps"])


def test_another_label_ends_no_rehearsal_that_is_under_way():
    assert "${{ github.event.label.name }}" in load(WORKFLOWS / FILE)["concurrency"]["group"]


def test_steps_end_before_the_job_does_and_what_was_measured_is_kept():
    job = gpu()
    assert sum(step.get("timeout-minutes", 0) for step in job["steps"]) < job["timeout-minutes"]
    after = job["steps"][[step.get("name") for step in job["steps"]].index("Rehearse") + 1 :]
    assert len(after) == 2 and all(step["if"] == "${{ always() }}" for step in after)


def test_a_pull_request_is_compared_with_the_base_that_it_is_merged_with(tmp_path):
    """As GitHub checks one out: a merge of the base branch, as it is now, and the pull request."""

    def git(*arguments):
        author = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *author, *arguments], cwd=tmp_path / "repository", check=True, capture_output=True)

    (tmp_path / "repository").mkdir()
    git("init", "--initial-branch=main")
    for branch, file in (("main", "first"), ("theirs", "theirs"), ("main", "newer")):
        git("checkout", "-B" if file != "newer" else "-q", branch)
        (tmp_path / "repository" / file).touch()
        git("add", file)
        git("commit", "-m", file)
    git("merge", "--no-ff", "theirs", "-m", "merge")
    assert gpu()["steps"][0]["with"]["fetch-depth"] == 2
    clone = ["git", "clone", "--quiet", "--depth=2", f"file://{tmp_path / 'repository'}", str(tmp_path / "runner")]
    for _ in range(2):  # a runner's folder is cleaned, and not new
        subprocess.run(clone, check=True)
        clone = ["git", "-C", str(tmp_path / "runner"), "clean", "-ffdx"]
        result = run_script(step_script(FILE, "gpu", "Check out the base"), tmp_path / "runner", {})
        assert result.returncode == 0, result.stderr
        assert {path.name for path in (tmp_path / "runner" / "base").iterdir()} == {".git", "first", "newer"}
    step = next(step for step in gpu()["steps"] if step.get("name") == "Check out the base")
    assert step["if"] == "${{ github.event.label.name == 'rehearse' }}"


class TestSteps:
    @pytest.fixture
    def runner(self, tmp_path):
        """A runner's folder whose interpreters say what they were asked for."""
        said = f"#!{sys.executable}\nimport sys\nprint('PYTHON', sys.argv[0], *map(repr, sys.argv[1:]))\n"
        for name in (".venv", "base/.venv"):
            write_executable(tmp_path / name / "bin" / "python", said)
        write_executable(tmp_path / "bin" / "python", said)
        return tmp_path

    def step(self, runner: Path, name: str, **env: str) -> list[str]:
        env = {
            "PATH": f"{runner / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "RUNNER_TEMP": str(runner / "temp"),
            "EXTRA": "tensorrt",
            "LABEL": "",
            "REQUIREMENT": "",
            **env,
        }
        result = run_script(step_script(FILE, "gpu", name), runner, env)
        assert result.returncode == 0, result.stderr
        return result.stdout.splitlines()

    @pytest.mark.parametrize(
        ("env", "words"),
        [
            ({"REQUIREMENT": "timm==1.0.31 'a>=2'"}, ["timm==1.0.31", "'a>=2'"]),
            ({"LABEL": "rehearse: torch-tensorrt==2.12.*"}, ["torch-tensorrt==2.12.*"]),
            ({"LABEL": "rehearse: $(touch owned) `touch owned`"}, ["$(touch", "owned)", "`touch", "owned`"]),
        ],
    )
    def test_the_requirement_becomes_words_and_no_commands(self, runner, env, words):
        *_, last = self.step(runner, "Install", **env)
        shown = " ".join(map(repr, ["-m", "rehearsal.second", ".venv-new", "--old", ".venv/bin/python", "--", *words]))
        assert last == f"PYTHON .venv/bin/python {shown}"
        assert not (runner / "owned").exists()

    def test_a_pull_request_is_compared_with_its_base(self, runner):
        lines = self.step(runner, "Install", LABEL="rehearse")
        assert "'base/constraints.txt' '--editable' 'base[tensorrt]'" in lines[-1]
        (line,) = self.step(runner, "Rehearse", LABEL="rehearse", BUDGET="", BISECT="")
        assert "'--old' 'base/.venv/bin/python' '--old-checkout' 'base' '--new' '.venv/bin/python' '--device'" in line
        assert "bisect" not in line and "budget" not in line

    def test_a_requirement_is_rehearsed_with_the_budget_and_the_search_that_were_asked_for(self, runner):
        (line,) = self.step(runner, "Rehearse", REQUIREMENT="a", BUDGET="90s", BISECT="--bisect")
        assert "'--old' '.venv/bin/python' '--new' '.venv-new/bin/python'" in line
        assert "'--budget=90s' '--bisect' '--json'" in line

    @pytest.mark.parametrize("is_recorded", [True, False])
    def test_the_summary_is_the_verdict_or_says_that_there_is_none(self, runner, is_recorded):
        (runner / "temp" / "rehearsal").mkdir(parents=True)
        if is_recorded:
            (runner / "temp" / "rehearsal" / "rehearsal.json").write_text("{}")
        self.step(runner, "Write the summary", GITHUB_STEP_SUMMARY=str(runner / "summary.md"))
        said = (runner / "summary.md").read_text()
        assert said == (runner / "temp" / "rehearsal" / "report.md").read_text()
        assert ("'--format' 'markdown'" in said) == is_recorded
        assert ("Nothing was rehearsed" in said) != is_recorded


class TestComment:
    GH = """#!/bin/sh
printf '%s\\n' "$*" >> calls
case "$*" in *--paginate*) cat comment ;; *) cp body.md sent.md ;; esac
"""

    def comment(self, folder: Path, *, there: str = "", report: str | None = "## SLOWER") -> tuple[str, str]:
        """The last call, and the text that was sent."""
        write_executable(folder / "bin" / "gh", self.GH)
        (folder / "comment").write_text(there)
        if report is not None:
            (folder / "rehearsal").mkdir()
            (folder / "rehearsal" / "report.md").write_text(report)
        env = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "GH_REPO": "owner/name",
            "NUMBER": "7",
            "LABEL": "rehearse: $(touch owned)",
            "RESULT": "failure",
            "GITHUB_SHA": "0123",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_RUN_ID": "42",
        }
        result = run_script(
            step_script(FILE, "comment", "Write the comment, or update the one that is there"), folder, env
        )
        assert result.returncode == 0, result.stderr
        assert not (folder / "owned").exists()
        return (folder / "calls").read_text().splitlines()[-1], (folder / "sent.md").read_text()

    def test_is_written_once(self, tmp_path):
        call, text = self.comment(tmp_path)
        assert "--method POST repos/owner/name/issues/7/comments" in call
        assert text.startswith("<!-- rehearsal -->\n") and "**failure**" in text and "## SLOWER" in text
        assert "https://github.com/owner/name/actions/runs/42" in text

    def test_is_updated_afterwards(self, tmp_path):
        call, _ = self.comment(tmp_path, there="99\n100\n")
        assert "--method PATCH repos/owner/name/issues/comments/99 " in call

    def test_is_no_longer_than_github_takes(self, tmp_path):
        assert len(self.comment(tmp_path, report="x" * 70_000)[1]) <= 60_001

    def test_says_that_nothing_was_rehearsed(self, tmp_path):
        assert "Nothing was rehearsed" in self.comment(tmp_path, report=None)[1]
