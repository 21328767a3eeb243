"""The GitHub workflows are valid, pinned and least privileged, and their shell steps do what they say.

The same checks are tried on workflows that are wrong on purpose, so that a check that no longer checks is noticed.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest

from tests.regression.recorder import Recorder
from tests.workflows.steps import WORKFLOWS, load, run_script, step_script, write_executable
from tests.workflows.suite_stand_in import record

FILES = sorted(WORKFLOWS.glob("*.yml"))
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"

HOSTED = re.compile(r"(ubuntu|windows|macos)-(latest|[\d.]+)(-arm|-intel|-large|-xlarge)?")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
USES = re.compile(r"^\s*(?:-\s+)?uses:\s*(.+?)\s*$", re.MULTILINE)


def triggers(workflow: dict[str, Any]) -> set[str]:
    on = workflow["on"]
    return {on} if isinstance(on, str) else set(on)


def run_tool(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a checker of this environment; a checker that is not installed is an error, not a pass."""
    command = shutil.which(tool, path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", "")]))
    assert command, f"{tool} is not installed: pip install -e '.[test]'"
    tokens = {"GH_TOKEN", "GITHUB_TOKEN", "ZIZMOR_GITHUB_TOKEN"}  # zizmor would go online with one
    env = {name: value for name, value in os.environ.items() if name not in tokens}
    return subprocess.run(
        [command, *map(str, arguments)], check=False, capture_output=True, text=True, timeout=120, env=env
    )


def check_schema(path: Path) -> subprocess.CompletedProcess[str]:
    return run_tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)


def audit(path: Path) -> subprocess.CompletedProcess[str]:
    return run_tool("zizmor", "--offline", "--no-progress", "--color=never", path)


def unpinned_actions(path: Path) -> list[str]:
    """``uses:`` entries that are neither of this repository nor pinned by commit with a version in a comment."""
    entries = USES.findall(path.read_text(encoding="utf-8"))
    return [entry for entry in entries if not entry.startswith("./") and not PINNED.fullmatch(entry)]


def jobs_that_could_leave_hosted_runners(path: Path) -> list[str]:
    """Jobs that a fork's pull request starts and whose runner is not literally one of GitHub's own."""
    workflow = load(path)
    if not triggers(workflow) & {"pull_request", "pull_request_target"}:
        return []
    runners = {name: job.get("runs-on") for name, job in workflow["jobs"].items() if starts_for_a_fork(job)}
    return [name for name, runner in runners.items() if not isinstance(runner, str) or not HOSTED.fullmatch(runner)]


def starts_for_a_fork(job: dict[str, Any]) -> bool:
    """Whether any label on a fork's pull request starts the job."""
    condition = job.get("if", "true")
    labels = ["", *re.findall(r"'([^']*)'", condition)]
    return any(starts(condition, pull_request(label, fork=True)) for label in labels)


def pull_request(label: str, *, fork: bool = False) -> dict[str, str]:
    """The contexts of an event: a label was put on a pull request."""
    return {
        "github.event_name": "pull_request",
        "github.repository": "owner/name",
        "github.event.pull_request.head.repo.full_name": "somebody/name" if fork else "owner/name",
        "github.event.label.name": label,
        "vars.REHEARSAL_RUNNER": '"h200"',
    }


def starts(condition: str, contexts: dict[str, str]) -> bool:
    """What GitHub makes of a job's condition, as far as the workflows here use its language; of the rest, true."""
    expression = condition.strip().removeprefix("${{").removesuffix("}}").strip()
    parts = re.split(r"('[^']*')", expression.replace("\n", " "))
    for place in range(0, len(parts), 2):
        part = re.sub(r"\b(?:github|vars|inputs)(?:\.\w+)+", lambda name: f"get({name[0]!r}, '')", parts[place])
        parts[place] = part.replace("&&", " and ").replace("||", " or ").replace("true", "True")
    known = {"get": contexts.get, "startsWith": str.startswith, "__builtins__": {}}
    try:
        return bool(eval("".join(parts), known))
    except (NameError, SyntaxError, TypeError):
        return True


def test_all_workflows_are_found():
    assert {"ci.yml", "nightly.yml", "rehearsal.yml"} <= {path.name for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
class TestEveryWorkflow:
    def test_follows_the_schema(self, path):
        result = check_schema(path)
        assert result.returncode == 0, result.stdout + result.stderr

    def test_passes_the_security_audit(self, path):
        result = audit(path)
        assert result.returncode == 0, result.stdout + result.stderr

    def test_pins_every_action(self, path):
        assert USES.findall(path.read_text(encoding="utf-8"))
        assert unpinned_actions(path) == []

    def test_keeps_pull_requests_on_hosted_runners(self, path):
        assert jobs_that_could_leave_hosted_runners(path) == []

    def test_ends_by_itself_and_holds_no_credentials(self, path):
        for job in load(path)["jobs"].values():
            assert job["timeout-minutes"] <= 180
            for step in job["steps"]:
                if step.get("uses", "").startswith("actions/checkout@"):
                    assert step["with"]["persist-credentials"] is False

    def test_puts_no_expression_into_a_script(self, path):
        scripts = [step["run"] for job in load(path)["jobs"].values() for step in job["steps"] if "run" in step]
        assert scripts
        assert not [script for script in scripts if "${{" in script]


def workflow_text(
    *, on: str = "pull_request", runs_on: str = "ubuntu-24.04", uses: str = CHECKOUT, run: str = "make test"
) -> str:
    return f"""\
name: Example
on: {on}
permissions: {{}}
jobs:
  test:
    runs-on: {runs_on}
    steps:
      - uses: {uses}
        with:
          persist-credentials: false
      - run: {run}
"""


@pytest.fixture
def example(tmp_path):
    def write(**changes: str) -> Path:
        path = tmp_path / "example.yml"
        path.write_text(workflow_text(**changes), encoding="utf-8")
        return path

    return write


class TestChecksRefuseABadWorkflow:
    def test_but_not_a_good_one(self, example):
        path = example()
        assert check_schema(path).returncode == 0
        assert audit(path).returncode == 0
        assert unpinned_actions(path) == []
        assert jobs_that_could_leave_hosted_runners(path) == []

    def test_unpinned_action(self, example):
        path = example(uses="actions/checkout@v7")
        result = audit(path)
        assert result.returncode != 0
        assert "unpinned-uses" in result.stdout
        assert unpinned_actions(path) == ["actions/checkout@v7"]

    @pytest.mark.parametrize("uses", ["actions/checkout@main", "actions/checkout@3d3c42e # v7.0.1", CHECKOUT[:-9]])
    def test_branch_short_commit_or_commit_without_version(self, example, uses):
        assert unpinned_actions(example(uses=uses)) == [uses]

    def test_expression_in_a_script(self, example):
        result = audit(example(run='echo "${{ github.event.pull_request.title }}"'))
        assert result.returncode != 0
        assert "template-injection" in result.stdout

    def test_key_that_the_schema_does_not_know(self, tmp_path):
        path = tmp_path / "example.yml"
        path.write_text(workflow_text().replace("runs-on:", "runs_on:"), encoding="utf-8")
        result = check_schema(path)
        assert result.returncode != 0
        assert "runs_on" in result.stdout

    @pytest.mark.parametrize("on", ["pull_request", "[push, pull_request]", "{pull_request: {branches: [main]}}"])
    @pytest.mark.parametrize(
        "runs_on",
        ["self-hosted", "[self-hosted, gpu]", "h200", "${{ matrix.runner }}", "{group: gpus}", "ubuntu-gpu"],
    )
    def test_own_runner_for_a_pull_request(self, example, on, runs_on):
        assert jobs_that_could_leave_hosted_runners(example(on=on, runs_on=runs_on)) == ["test"]

    @pytest.mark.parametrize(
        ("condition", "is_safe"),
        [
            ("github.event.pull_request.head.repo.full_name == github.repository", True),
            ("github.event.label.name == 'gpu'", False),
            (
                "github.event.pull_request.head.repo.full_name == github.repository ||"
                " github.event.label.name == 'gpu'",
                False,
            ),
            ("startsWith(github.event.label.name, 'gpu')", False),
            ("success()", False),
        ],
    )
    def test_own_runner_for_a_fork(self, tmp_path, condition, is_safe):
        text = workflow_text(runs_on="h200").replace("    steps:", f"    if: ${{{{ {condition} }}}}\n    steps:")
        (tmp_path / "example.yml").write_text(text, encoding="utf-8")
        assert jobs_that_could_leave_hosted_runners(tmp_path / "example.yml") == ([] if is_safe else ["test"])

    def test_own_runner_is_fine_without_pull_requests(self, example):
        assert jobs_that_could_leave_hosted_runners(example(on="schedule", runs_on="self-hosted")) == []


class TestContinuousIntegration:
    def test_runs_the_project_s_own_entry_point_on_both_pythons(self):
        jobs = load(WORKFLOWS / "ci.yml")["jobs"]
        runs = [step.get("run") for step in jobs["constraints"]["steps"]]
        assert runs.count("bash .ci/run") == 1
        assert jobs["constraints"]["strategy"]["matrix"]["python"] == ["3.11", "3.12"]
        assert "make test CONSTRAINTS=" in [step.get("run") for step in jobs["newest"]["steps"]]

    def test_may_only_read(self):
        workflow = load(WORKFLOWS / "ci.yml")
        assert workflow["permissions"] == {"contents": "read"}
        assert not any("permissions" in job for job in workflow["jobs"].values())
        assert triggers(workflow) == {"push", "pull_request"}


class TestNightly:
    def test_only_the_clock_or_a_person_starts_it(self):
        assert triggers(load(WORKFLOWS / "nightly.yml")) == {"schedule", "workflow_dispatch"}

    def test_every_job_may_do_what_it_is_for_and_no_more(self):
        workflow = load(WORKFLOWS / "nightly.yml")
        jobs = workflow["jobs"]
        assert workflow["permissions"] == {}
        assert {name: job["permissions"] for name, job in jobs.items()} == {
            "gpu": {"contents": "read"},
            "keep": {"contents": "write"},
            "issues": {"contents": "read", "issues": "write"},
            "fleet": {"contents": "read"},
            "pages": {"pages": "write", "id-token": "write"},
        }
        may_write = [name for name, job in jobs.items() if "write" in job["permissions"].values()]
        assert all(HOSTED.fullmatch(jobs[name]["runs-on"]) for name in may_write)
        assert "secrets" not in json.dumps(workflow)

    def test_what_measures_never_sees_the_token(self):
        steps = load(WORKFLOWS / "nightly.yml")["jobs"]["gpu"]["steps"]
        assert [step.get("name") for step in steps if "github.token" in json.dumps(step)] == ["Restore the stored runs"]

    def test_publishing_is_off_unless_a_variable_says_so(self):
        jobs = load(WORKFLOWS / "nightly.yml")["jobs"]
        assert "vars.FLEET_PAGES == 'true'" in jobs["pages"]["if"]
        (upload,) = [step for step in jobs["fleet"]["steps"] if "pages" in step.get("uses", "")]
        assert upload["if"] == "${{ vars.FLEET_PAGES == 'true' }}"

    def test_runs_are_kept_and_issues_followed_also_after_a_red_night(self):
        jobs = load(WORKFLOWS / "nightly.yml")["jobs"]
        for name in ("keep", "issues", "fleet"):
            assert "!cancelled()" in jobs[name]["if"] and "success()" not in jobs[name]["if"]

    def test_without_runners_it_is_skipped(self):
        gpu = load(WORKFLOWS / "nightly.yml")["jobs"]["gpu"]
        assert "vars.GPU_RUNNERS != ''" in gpu["if"]
        assert gpu["strategy"]["matrix"]["runner"].startswith("${{ fromJSON(vars.GPU_RUNNERS || ")

    def test_a_night_that_judges_nothing_is_red(self):
        assert "--judge=require" in step_script("nightly.yml", "gpu", "Run the suite").split()

    def test_a_cancelled_job_still_tells_and_keeps_what_it_measured(self):
        steps = load(WORKFLOWS / "nightly.yml")["jobs"]["gpu"]["steps"]
        after = steps[[step.get("name") for step in steps].index("Run the suite") + 1 :]
        assert len(after) == 3 and all("always()" in step["if"] for step in after)

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_the_signal_of_a_cancelled_job_reaches_the_suite(self, tmp_path, number):
        """GitHub sends it to the shell of the step alone, which runs the script from a file."""
        caught = (
            "import pathlib, signal, sys, time\n"
            "def end(number, frame):\n    pathlib.Path('caught').write_text(str(number))\n    sys.exit(2)\n"
            "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, end)\n"
            "pathlib.Path('began').touch()\ntime.sleep(30)\n"
        )
        write_executable(tmp_path / ".venv" / "bin" / "python", f"#!{sys.executable}\n{caught}")
        (tmp_path / "step.sh").write_text(step_script("nightly.yml", "gpu", "Run the suite"), encoding="utf-8")
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "step.sh"],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "RUNNER_TEMP": str(tmp_path),
                "BENCHMARK_STORE": "store",
                "PATIENCE": "5",
            },
            start_new_session=True,
        )
        deadline = time.monotonic() + 20
        while not (tmp_path / "began").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(timeout=20) == 2
        assert (tmp_path / "caught").read_text() == str(int(number))

    def test_steps_end_before_the_job_does(self):
        gpu = load(WORKFLOWS / "nightly.yml")["jobs"]["gpu"]
        assert sum(step.get("timeout-minutes", 0) for step in gpu["steps"]) < gpu["timeout-minutes"]


class TestNightlySummary:
    """The step that judges the stored run and writes the table."""

    @pytest.fixture
    def runner(self, tmp_path):
        """A runner's folder with a stand-in for ``python -m regression``."""
        write_executable(tmp_path / ".venv" / "bin" / "python", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        (tmp_path / "regression.py").write_text(
            "import os, sys\nprint('TABLE', *sys.argv[1:])\nsys.exit(int(os.environ.get('VERDICT', '0')))\n",
            encoding="utf-8",
        )
        (tmp_path / "temp" / "nightly").mkdir(parents=True)
        return tmp_path

    def write(self, runner: Path, machine: object = None) -> None:
        machine = {"gpu": {"slug": "nvidia-h200"}} if machine is None else machine
        run = runner / "temp" / "nightly" / "run.json"
        run.write_text(json.dumps({"machine_info": machine, "benchmarks": []}), encoding="utf-8")

    def judge(self, runner: Path, **env: str) -> tuple[int, str]:
        """Exit status and summary; the artifact's report says the same."""
        script = step_script("nightly.yml", "gpu", "Write the summary")
        summary = runner / "summary.md"
        env = {
            "RUNNER_TEMP": str(runner / "temp"),
            "RUNNER_NAME": "h200 `$(touch owned)`",
            "GITHUB_STEP_SUMMARY": str(summary),
            "BENCHMARK_STORE": str(runner / "store"),
            "PATIENCE": "5",
            "INDEX": "3",
            **env,
        }
        result = run_script(script, runner, env)
        assert (runner / "temp" / "nightly" / "index").read_text() == "3\n"
        text = summary.read_text(encoding="utf-8")
        assert (runner / "temp" / "nightly" / "report.md").read_text(encoding="utf-8") == text
        assert text.startswith("## h200 `$(touch owned)`\n") and not (runner / "owned").exists()
        return result.returncode, text

    def test_shows_the_table_and_the_history_of_the_store(self, runner):
        self.write(runner)
        status, text = self.judge(runner)
        night, judge = runner / "temp" / "nightly", f"--store {runner / 'store'} --judge-patience 5 --format markdown"
        assert status == 0
        assert f"TABLE {night / 'run.json'} {judge} --report {night / 'report.html'}\n" in text
        (night / "report.html").touch()
        (runner / "summary.md").unlink()
        assert f"TABLE {night / 'run.json'} {judge}\n" in self.judge(runner)[1], "the suite has written the page"

    def test_fails_with_the_verdict_and_still_shows_the_table(self, runner):
        self.write(runner)
        status, text = self.judge(runner, VERDICT="1")
        assert status == 1
        assert "TABLE" in text

    def test_says_that_there_is_no_baseline(self, runner):
        """With the real command, whose sentence it goes by."""
        (runner / "regression.py").unlink()
        for code in ("common", "regression"):
            (runner / code).symlink_to(WORKFLOWS.parents[1] / code)
        run = record(runner / "scratch", 11)
        (runner / "temp" / "nightly" / "run.json").write_text(json.dumps(run), encoding="utf-8")
        status, text = self.judge(runner)
        assert status == 0
        assert "no baseline for `nvidia-h200`" in text and "`python -m regression baseline record`" in text

    def test_fails_where_judging_itself_fails(self, runner):
        self.write(runner)
        assert self.judge(runner, VERDICT="2")[0] == 2

    @pytest.mark.parametrize(("status", "is_told"), [("not judged", True), ("failed", False)])
    def test_says_why_nothing_was_judged(self, runner, status, is_told):
        headline = "not judged: the session did not run to its end (SIGTERM while measuring)"
        verdict = {"status": status, "headline": headline}
        (runner / "temp" / "nightly" / "verdict.json").write_text(json.dumps(verdict), encoding="utf-8")
        self.write(runner)
        _, text = self.judge(runner)
        assert (headline in text) is is_told and "TABLE" in text

    def test_fails_where_no_run_was_stored(self, runner):
        status, text = self.judge(runner)
        assert status == 1
        assert "No run was stored" in text

    def test_makes_its_folder_where_the_install_failed(self, runner):
        (runner / "temp" / "nightly").rmdir()
        status, text = self.judge(runner)
        assert status == 1
        assert "No run was stored" in text

    @pytest.mark.parametrize("machine", [{"gpu": None}, {}])
    def test_fails_where_the_run_was_not_on_a_gpu(self, runner, machine):
        self.write(runner, machine)
        status, text = self.judge(runner)
        assert status == 1
        assert "names no GPU" in text


class TestNightlyIssues:
    """The step that keeps the issues; tests/regression/incidents says what becomes of them."""

    def keep(self, folder: Path, issues: str = "[]", **env: str) -> tuple[int, str]:
        """Exit status and summary, with a stand-in for `gh` that has no issue."""
        for code in ("common", "regression"):
            (folder / code).symlink_to(WORKFLOWS.parents[1] / code)
        write_executable(folder / "bin" / "gh", f"#!/bin/sh\nprintf '%s' '{issues}'\n")
        write_executable(folder / "bin" / "python", f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
        summary = folder / "summary.md"
        env = {
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "GPU_RUNNERS": '["h200"]',
            "GITHUB_SHA": "0123456789abcdef",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_RUN_ID": "42",
            "GITHUB_STEP_SUMMARY": str(summary),
            **env,
        }
        done = run_script(step_script("nightly.yml", "issues", "Open, update and close issues"), folder, env)
        return done.returncode, summary.read_text(encoding="utf-8") + done.stderr

    def test_needs_nothing_but_python_and_says_what_it_did(self, tmp_path):
        """-S: no installed package can be imported, as on the hosted runner."""
        status, text = self.keep(tmp_path)
        assert status == 0
        assert "New tonight:" in text and "Nothing judged by h200" in text and "The job left nothing" in text

    def test_is_red_where_the_issues_cannot_be_read(self, tmp_path):
        status, text = self.keep(tmp_path, issues="not JSON")
        assert status == 2
        assert "did not answer with a list" in text

    def test_runs_after_a_green_night_as_well(self):
        condition = load(WORKFLOWS / "nightly.yml")["jobs"]["issues"]["if"]
        assert "!cancelled()" in condition and "failure" not in condition


class TestBaseline:
    def test_only_a_person_starts_it_and_no_night_runs_beside_it(self):
        workflow = load(WORKFLOWS / "baseline.yml")
        assert triggers(workflow) == {"workflow_dispatch"} and workflow["permissions"] == {}
        assert workflow["concurrency"] == load(WORKFLOWS / "nightly.yml")["concurrency"]
        assert all(job["permissions"] == {"contents": "read"} for job in workflow["jobs"].values())

    def test_every_runner_measures_so_many_runs_and_a_failed_benchmark_does_not_end_it(self, tmp_path):
        python = tmp_path / ".venv" / "bin" / "python"
        write_executable(python, '#!/bin/sh\necho "$@" >> told\nexit "$(cat status)"\n')
        script, env = step_script("baseline.yml", "gpu", "Measure"), {"RUNS": "3", "RUNNER_TEMP": str(tmp_path)}
        for status, calls in (("0", 3), ("1", 3), ("2", 1)):
            (tmp_path / "status").write_text(status)
            (tmp_path / "told").unlink(missing_ok=True)
            done = run_script(script, tmp_path, env)
            told = (tmp_path / "told").read_text().splitlines()
            assert (done.returncode, len(told)) == (2 if status == "2" else 0, calls)
            assert "--benchmark-save=baseline-candidate" in told[0] and f"{tmp_path}/runs/1.json" in told[0]

    def test_the_runs_of_all_runners_replace_the_baselines_whole(self, tmp_path):
        recorder = Recorder(tmp_path / "runs" / "baseline-0")
        for number in range(2):
            recorder.store(recorder.document(), f"{number}.json")
        python = tmp_path / "venv" / "bin" / "python"
        write_executable(python, f'#!/bin/sh\nexport PYTHONPATH={WORKFLOWS.parents[1]}\nexec {sys.executable} "$@"\n')
        env = {"RUNS": "2", "WHY": "an upgrade", "BENCHMARK_STORE": "baselines", "RUNNER_TEMP": str(tmp_path)}
        summary = tmp_path / "summary.md"
        script = step_script("baseline.yml", "record", "Replace the baselines")
        done = run_script(script, tmp_path, env | {"GITHUB_STEP_SUMMARY": str(summary), "HOME": str(tmp_path)})
        assert done.returncode == 0, done.stderr
        assert "2 runs are now the baseline, whole" in summary.read_text()
        assert len(list(tmp_path.glob("baselines/nvidia-h200/marks/*.json"))) == 1
        done = run_script(script, tmp_path, env | {"RUNS": "5", "GITHUB_STEP_SUMMARY": str(summary)})
        assert done.returncode != 0 and "a baseline has 5" in done.stderr
