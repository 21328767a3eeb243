"""Three nights of the nightly workflow by its own steps, in a scratch repository: each night knows those before it."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.regression.incidents.test_nights import GH
from tests.regression.report.reported import read_aloud
from tests.workflows.steps import run_script, step_script, write_executable
from tests.workflows.suite_stand_in import IDS, NOISY, record

ROOT = Path(__file__).parents[2]
SECRET = "ghs_of-the-job-alone"
SUITE = (
    f'#!/bin/sh\nif [ "$2" = pytest ]; then shift 2; set -- -m tests.workflows.suite_stand_in "$@"; fi\n'
    f'exec "{sys.executable}" "$@"\n'
)
"""The Python of a GPU job."""


class Repository:
    """A repository on GitHub and its checkouts, one of a GPU job and one of the hosted jobs each night."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.remote = folder / "github" / "owner" / "name"
        subprocess.run(["git", "init", "--quiet", "--bare", str(self.remote)], check=True)
        write_executable(folder / "bin" / "gh", GH)
        (folder / "issues.json").write_text("[]")
        # A hosted job's Python has what its step Install names, and nothing else.
        (folder / "site").mkdir()
        for package in ("platformdirs", "jinja2", "markupsafe"):
            (folder / "site" / package).symlink_to(Path(str(importlib.import_module(package).__file__)).parent)
        self.hosted_python = f'#!/bin/sh\nPYTHONPATH="{folder / "site"}" exec "{sys.executable}" -S "$@"\n'
        write_executable(folder / "bin" / "python", self.hosted_python)
        self.summaries: dict[str, str] = {}

    def checkout(self, name: str) -> Path:
        """What every job starts with: the code, and a baseline."""
        place = self.folder / name
        place.mkdir()
        for code in ("common", "regression", "fixtures", "tests", ".github"):
            (place / code).symlink_to(ROOT / code)
        baseline = place / "baselines" / "nvidia-h200" / "Linux-CPython-3.12-64bit"
        for number in range(1, 6):
            document = record(baseline, number)
            (baseline / f"{number:04d}_baseline.json").write_text(json.dumps(document))
        return place

    def env(self, temp: Path, night: int, **more: str) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.folder / "home"),
            "RUNNER_TEMP": str(temp),
            "RUNNER_NAME": "h200-1",
            "GITHUB_SERVER_URL": f"file://{self.folder / 'github'}",
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_RUN_ID": str(night),
            "GITHUB_SHA": "0" * 40,
            "GITHUB_STEP_SUMMARY": str(temp / "summary.md"),
            "GH_TOKEN": SECRET,
            "GH_ISSUES": str(self.folder / "issues.json"),
            "GPU_RUNNERS": '["h200"]',
            "BENCHMARK_STORE": str(temp / "store"),
            "BRANCH": "benchmark-runs",
            "PATIENCE": "3",
            "INDEX": "0",
            "NIGHT": str(night),
            "PAUSE": "0",
            **more,
        }

    def night(self, night: int, **env: str) -> dict[str, subprocess.CompletedProcess[str]]:
        """All jobs of a night; the results of the steps by name."""
        temp = self.folder / f"temp-{night}"
        temp.mkdir()
        checkout = self.checkout(f"gpu-{night}")
        write_executable(checkout / ".venv" / "bin" / "python", SUITE)
        (temp / "nightly").mkdir()
        done = {
            name: self.step("gpu", name, checkout, temp, night, **env)
            for name in ("Restore the stored runs", "Run the suite", "Write the summary")
        }
        self.summaries["gpu"] = (temp / "summary.md").read_text(encoding="utf-8")
        # upload-artifact and download-artifact
        hosted = self.checkout(f"hosted-{night}")
        shutil.copytree(temp / "nightly", hosted / "nightly")
        done["Commit the runs"] = self.step("keep", "Commit the runs", hosted, temp, night)
        name = "Open, update and close issues"
        done[name] = self.step("issues", name, hosted, temp, night, GITHUB_SERVER_URL="https://github.com")
        write_executable(temp / "venv" / "bin" / "python", self.hosted_python)
        done["restore for the fleet"] = self.step("fleet", "Restore the stored runs", hosted, temp, night, **env)
        done["Write the page"] = self.step("fleet", "Write the page", hosted, temp, night, **env)
        return done

    def step(
        self, job: str, name: str, checkout: Path, temp: Path, night: int, **env: str
    ) -> subprocess.CompletedProcess[str]:
        return run_script(step_script("nightly.yml", job, name), checkout, self.env(temp, night, **env))

    def kept(self) -> list[str]:
        """The runs in the branch."""
        done = subprocess.run(
            ["git", "-C", str(self.remote), "ls-tree", "-r", "--name-only", "benchmark-runs"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return [name for name in done.stdout.splitlines() if name.endswith("_nightly.json")]


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path)


def test_the_third_night_knows_the_first_two(repository):
    first = repository.night(11)
    assert {name: done.stderr for name, done in first.items() if done.returncode} == {}
    assert "There is no branch benchmark-runs yet" in first["Restore the stored runs"].stdout
    assert "EARLIER 0" in first["Run the suite"].stdout and "6 stored runs" in repository.summaries["gpu"]

    slow = repository.night(12, SLOWER=IDS[2])
    assert slow["Run the suite"].returncode == slow["Write the summary"].returncode == 1
    assert slow["Commit the runs"].returncode == 0, "a red night is kept as well"

    third = repository.night(13, SLOWER=IDS[2])
    assert "Restored 2 stored runs" in third["Restore the stored runs"].stdout
    assert "EARLIER 2" in third["Run the suite"].stdout
    told = repository.summaries["gpu"]
    assert "8 stored runs from 2026-03-01 to 2026-03-13" in told, "the history"
    assert f"Nobody is watching the latency of {NOISY}".replace("_", "\\_") in told, "patience"
    page = read_aloud((repository.folder / "temp-13" / "nightly" / "report.html").read_text(encoding="utf-8"))
    assert "8 stored runs from 2026-03-01 to 2026-03-13" in page and "Nobody is watching" in page
    assert len(repository.kept()) == 3
    # one issue, opened on the second night, and not repeated on the third
    issues = (repository.folder / "issues.json").read_text()
    assert issues.count('"number"') == 1 and '"comments": []' in issues and "since 2026-03-12" in issues
    fleet = (repository.folder / "temp-13" / "fleet" / "index.html").read_text(encoding="utf-8")
    assert "2 slower, 1 no failure, 27 no run" in fleet

    # The jobs of the night are run again: nothing is kept twice.
    hosted, temp = repository.folder / "hosted-13", repository.folder / "temp-13"
    again = repository.step("keep", "Commit the runs", hosted, temp, 13)
    assert again.returncode == 0 and "Every run is there already." in again.stdout
    assert len(repository.kept()) == 3
    assert not [done for done in (*third.values(), again) if SECRET in done.stdout + done.stderr]


def test_with_a_bucket_the_third_night_knows_the_first_two(repository):
    """A folder stands for the bucket; the session of the second night could not deliver, so its step does."""
    bucket = repository.folder / "bucket"
    shutil.copytree(repository.checkout("baselines") / "baselines", bucket)
    before: set[Path] = set()
    for night in (11, 12, 13):
        checkout, temp = repository.checkout(f"gpu-{night}"), repository.folder / f"temp-{night}"
        write_executable(checkout / ".venv" / "bin" / "python", SUITE)
        (temp / "nightly").mkdir(parents=True)
        env = {"BENCHMARK_STORE": str(bucket), "SLOWER": IDS[2] if night == 12 else ""}
        suite = repository.step("gpu", "Run the suite", checkout, temp, night, **env)
        if night == 12:
            (lost,) = set(bucket.rglob("*_nightly.json")) - before
            lost.unlink()
        done = repository.step("gpu", "Write the summary", checkout, temp, night, **env)
        assert suite.returncode == done.returncode == (night == 12), suite.stderr + done.stderr
        done = repository.step("gpu", "Deliver the run", checkout, temp, night, **env)
        assert done.returncode == 0, done.stderr
        assert (": delivered: " if night == 12 else ": was there already: ") in done.stdout
        before = set(bucket.rglob("*_nightly.json"))
    assert len(before) == 3
    assert "8 stored runs from 2026-03-01 to 2026-03-13" in (temp / "summary.md").read_text(encoding="utf-8")
    write_executable(temp / "venv" / "bin" / "python", repository.hosted_python)
    done = repository.step("fleet", "Write the page", checkout, temp, 13, BENCHMARK_STORE=str(bucket))
    assert done.returncode == 0, done.stderr
    assert "1 slower, 2 no failure, 27 no run" in (temp / "fleet" / "index.html").read_text(encoding="utf-8")


def test_a_bucket_that_is_away_is_red_and_a_night_without_a_run_delivers_nothing(repository):
    checkout, temp = repository.checkout("gpu"), repository.folder / "temp"
    write_executable(checkout / ".venv" / "bin" / "python", SUITE)
    (temp / "nightly").mkdir(parents=True)
    (repository.folder / "file").touch()
    env = {"BENCHMARK_STORE": str(repository.folder / "file" / "runs")}
    assert repository.step("gpu", "Deliver the run", checkout, temp, 11, **env).returncode == 0
    (temp / "nightly" / "run.json").write_text(json.dumps(record(checkout / "scratch", 11)))
    done = repository.step("gpu", "Deliver the run", checkout, temp, 11, **env)
    assert done.returncode == 1 and "is away" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "extra", "package"),
    [
        ("", "tensorrt-rtx", ""),
        ("s3://bucket/runs", "tensorrt-rtx,store-s3", "s3fs"),
        ("gs://bucket/runs", "tensorrt-rtx,store-gs", "gcsfs"),
        ("az://container/runs", "tensorrt-rtx,store-az", "adlfs"),
    ],
)
def test_what_a_bucket_needs_is_installed(repository, url, extra, package):
    """By every job that opens it, and by the names of pyproject.toml."""
    temp, told = repository.folder / "temp", repository.folder / "told"
    installing = f"#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{told}'\n"
    makes = f'#!/bin/sh\nmkdir -p "$3/bin" && cp "{repository.folder / "installing"}" "$3/bin/python"\n'
    write_executable(repository.folder / "installing", installing)
    write_executable(repository.folder / "bin" / "python", makes)
    env = repository.env(temp, 11, BENCHMARK_STORE=url, EXTRA="tensorrt-rtx")
    for workflow, job in (("nightly.yml", "gpu"), ("nightly.yml", "fleet"), ("baseline.yml", "record")):
        done = run_script(step_script(workflow, job, "Install"), repository.checkout(f"{workflow}-{job}"), env)
        assert done.returncode == 0, done.stderr
    gpu, *hosted = told.read_text().splitlines()
    assert gpu.endswith(f"--editable .[{extra}]")
    assert all(line.split()[-1] == package for line in hosted if package)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert set(extra.split(",")) <= extras.keys()
    known = {re.split(r"\W", one)[0] for one in (*project["dependencies"], *extras.get(extra.partition(",")[2], ()))}
    assert {word for line in hosted for word in line.split("constraints.txt ")[1].split()} <= known


@pytest.mark.skipif(shutil.which("jq") is None, reason="needs jq")
@pytest.mark.parametrize(
    ("verdict", "message"),
    [
        ({"headline": "it is $(slower)", "run": {"gpu": "NVIDIA H200"}}, "NVIDIA H200: it is $(slower)"),
        ({"headline": "not judged: --benchmark-disable"}, "no GPU: not judged: --benchmark-disable"),
        (None, "h200-1: no verdict; see the log"),
    ],
)
def test_the_example_step_for_a_chat_sends_the_headline(repository, verdict, message):
    page = (ROOT / "docs" / "nightly.md").read_text(encoding="utf-8")
    (step,) = YAML(typ="safe", pure=True).load(page.partition("```yaml\n")[2].partition("```")[0])
    assert step["if"] == "${{ failure() }}" and "secrets.CHAT_WEBHOOK" in step["env"]["WEBHOOK"]
    temp = repository.folder / "temp"
    (temp / "nightly").mkdir(parents=True)
    if verdict is not None:
        (temp / "nightly" / "verdict.json").write_text(json.dumps(verdict))
    write_executable(repository.folder / "bin" / "curl", '#!/bin/sh\ncat message.json; echo "$@" >&2\n')
    done = run_script(step["run"], repository.folder, repository.env(temp, 11, WEBHOOK="https://chat/x"))
    assert json.loads(done.stdout) == {"text": message}
    assert done.stderr.endswith("--json @message.json https://chat/x\n")


def test_a_push_that_is_refused_is_tried_again(repository):
    hook = repository.remote / "hooks" / "pre-receive"
    write_executable(hook, '#!/bin/sh\n[ -e "$0.tried" ] && exit 0\ntouch "$0.tried"\nexit 1\n')
    (repository.folder / "temp").mkdir()
    hosted = repository.checkout("hosted")
    for number, night in enumerate((11, 12)):
        place = hosted / "nightly" / f"nightly-{number}"
        place.mkdir(parents=True)
        (place / "run.json").write_text(json.dumps(record(place / "scratch", night)))
    done = repository.step("keep", "Commit the runs", hosted, repository.folder / "temp", 11)
    assert done.returncode == 0, done.stderr
    assert (hook.parent / "pre-receive.tried").exists() and len(repository.kept()) == 2


def test_where_no_job_stored_a_run_there_is_nothing_to_keep(repository):
    (repository.folder / "temp").mkdir()
    hosted = repository.checkout("hosted")
    done = repository.step("keep", "Commit the runs", hosted, repository.folder / "temp", 11)
    assert done.returncode == 0 and "nothing to keep" in done.stdout


def test_a_branch_that_cannot_be_read_costs_the_history_and_not_the_night(repository):
    shutil.rmtree(repository.remote)
    temp = repository.folder / "temp"
    temp.mkdir()
    done = repository.step("gpu", "Restore the stored runs", repository.checkout("gpu"), temp, 11)
    assert done.returncode == 0 and "::warning::" in done.stdout
    assert len(list((temp / "store").rglob("*_baseline.json"))) == 5


def test_runs_that_cannot_be_kept_are_red(repository):
    shutil.rmtree(repository.remote)
    (repository.folder / "temp").mkdir()
    hosted = repository.checkout("hosted")
    (hosted / "nightly").mkdir()
    (hosted / "nightly" / "run.json").write_text(json.dumps(record(hosted / "scratch", 11)))
    done = repository.step("keep", "Commit the runs", hosted, repository.folder / "temp", 11)
    assert done.returncode == 1 and "::error::" in done.stdout
