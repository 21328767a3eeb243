"""The life of an issue over nights, through `gh`: opened, updated, closed; here a stand-in that keeps its issues."""

import json
import os
import sys
from pathlib import Path

import pytest

from common.schema import LOST_BY
from regression.__main__ import main
from regression.text import plain
from tests.regression.incidents.nights import IDS, TENSORRT, TORCHSCRIPT, Fleet, slower

GH = f"""#!{sys.executable}
import json, os, pathlib, sys
store = pathlib.Path(os.environ["GH_ISSUES"])
issues = json.loads(store.read_text())
kind, verb, *rest = sys.argv[1:]
options = dict(zip(rest, rest[1:]))
if (kind, verb) == ("issue", "list"):
    is_open = dict(open=True, closed=False)[options["--state"]]
    of_state = [dict(i, state="OPEN" if is_open else "CLOSED") for i in issues if i["open"] is is_open]
    fields = options["--json"].split(",")
    print(json.dumps([{{k: i[k] for k in fields}} for i in of_state if i["label"] == options["--label"]]))
elif (kind, verb) == ("issue", "create"):
    assert options["--label"] in json.loads((store.parent / "labels.json").read_text())
    body = sys.stdin.read()
    assert options["--body-file"] == "-" and len(body) <= 65_536 and len(options["--title"]) <= 256
    issues.append(dict(number=len(issues) + 1, title=options["--title"], body=body, label=options["--label"],
                       open=True, comments=[]))
elif kind == "issue":
    (issue,) = [i for i in issues if i["number"] == int(rest[0])]
    body = sys.stdin.read()
    if verb == "comment":
        assert len(body) <= 65_536
        issue["comments"].append(body)
    elif verb == "edit":
        issue["body"] = body
    elif verb == "close":
        issue["open"] = False
    elif verb == "reopen":
        assert not issue["open"]
        issue["open"] = True
    else:
        sys.exit(f"unknown: {{verb}}")
elif (kind, verb) == ("label", "create"):
    (store.parent / "labels.json").write_text(json.dumps([rest[0]]))
else:
    sys.exit(f"unknown: {{kind}} {{verb}}")
store.write_text(json.dumps(issues))
"""


class Repository:
    """A repository's issues behind the stand-in for `gh`."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "issues.json"
        self.store.write_text("[]")
        self.fleet = Fleet(folder / "fleet")

    @property
    def issues(self):
        return json.loads(self.store.read_text())

    def after(self, day, *arguments, runners=(), **jobs):
        """The issues after a night."""
        night = self.fleet.night(day, **jobs)
        labels = json.dumps(list(runners)) if runners else ""
        assert main(["incidents", str(night), "--runners", labels, "--night", f"2026-03-{day:02d}", *arguments]) == 0
        return self.issues


@pytest.fixture
def repository(tmp_path, monkeypatch):
    (tmp_path / "bin").mkdir()
    gh = tmp_path / "bin" / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gh.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("GH_ISSUES", str(tmp_path / "issues.json"))
    return Repository(tmp_path)


def titles(issues):
    return [issue["title"] for issue in issues if issue["open"]]


def test_one_issue_for_each_cause_with_the_rest_of_its_life(repository, capsys):
    url = "https://github.com/owner/name/actions/runs/42"
    issues = repository.after(2, "--url", url, h200=slower(TENSORRT) | slower(TORCHSCRIPT, 1.3))
    assert titles(issues) == [
        "tensorrt kernel time slower on nvidia-h200 since 2026-03-02: 4 benchmarks",
        "torchscript kernel time slower on nvidia-h200 since 2026-03-02: 2 benchmarks",
    ]
    first = issues[0]
    assert "New on 2026-03-02" in first["body"] and url in first["body"] and "SLOWER" in first["body"]
    assert all(id_ in first["body"] for id_ in TENSORRT) and "torchscript" not in first["body"].split("Known")[0]

    capsys.readouterr()
    again = repository.after(3, h200=slower(TENSORRT) | slower(TORCHSCRIPT, 1.3))
    assert [issue["comments"] for issue in again] == [[], []], "nothing changed, so nothing is said"
    said = capsys.readouterr().out
    assert "Known, and as they were" in said and "known since 2026-03-02" in said and "New tonight" not in said

    # TorchScript recovers with another driver, and eager becomes slower: another night, another cause.
    def driver(document):
        document["machine_info"]["software"]["driver"] = "590"

    issues = repository.after(4, h200=(slower(TENSORRT) | slower(["efficientnet_b0-eager-fp32-b128"]), driver))
    assert titles(issues) == [first["title"], "eager kernel time slower on nvidia-h200 since 2026-03-04: 1 benchmark"]
    (why,) = issues[1]["comments"]
    assert "Ended on 2026-03-04" in why and "it last failed on 2026-03-03" in why and "SAME" in why
    assert "software.driver `not recorded` -> `590`" in why
    assert "What differs from the baseline:\n\n- `nvidia-h200`: software.driver" in issues[2]["body"]
    known = issues[2]["body"].partition("Known before tonight")[2]
    assert f"#1 {first['title']} (known since 2026-03-02)" in known and "#2" not in known

    issues = repository.after(5, h200=slower(TENSORRT[:1]))
    (said,) = issues[0]["comments"]
    assert "Still failing" in said and f"`{TENSORRT[1]}`" in said and f"`{TENSORRT[0]}`" not in said
    issues = repository.after(6, h200={})
    assert titles(issues) == [] and len(issues[0]["comments"]) == 2
    assert "Nothing that stored runs record changed since 2026-03-05" in issues[0]["comments"][-1]


def test_a_lost_gpu_is_one_issue_of_the_compiler_that_lost_it(repository):
    lost = TENSORRT[0]

    def lose(document):
        others = [id_ for id_ in IDS if id_ != lost]
        document["benchmarks"] = []
        document["suite"]["failed"] = {lost: f"{lost} lost the GPU when it was called: CUDA error: ..."}
        document["suite"]["failed"] |= dict.fromkeys(others, f"{LOST_BY}{lost} (an illegal memory access)")

    (issue,) = repository.after(2, h200=({}, lose))
    assert issue["title"] == f"tensorrt benchmarks not measured on nvidia-h200 since 2026-03-02: {len(IDS)} benchmarks"
    assert repository.after(3, h200={})[0]["open"] is False


def test_a_night_that_is_run_again_repeats_nothing_and_takes_what_it_adds(repository):
    repository.after(2, h200=slower(TENSORRT[:2]))
    repository.fleet.folder = repository.fleet.folder / "again"
    issues = repository.after(2, h200=slower(TENSORRT))
    assert len(issues) == 1
    (said,) = issues[0]["comments"]
    assert "New on 2026-03-02" in said and f"`{TENSORRT[3]}`" in said and f"`{TENSORRT[0]}`" not in said
    repository.fleet.folder = repository.fleet.folder / "once more"
    assert len(repository.after(2, h200=slower(TENSORRT))[0]["comments"]) == 1


def test_a_cause_on_several_gpus_is_one_issue_until_it_ended_on_all(repository):
    issues = repository.after(2, h200=slower(TENSORRT), a100=slower(TENSORRT), l4={})
    assert titles(issues) == ["tensorrt kernel time slower on nvidia-a100, nvidia-h200 since 2026-03-02: 4 benchmarks"]
    issues = repository.after(3, h200={}, l4={})
    assert titles(issues) and "nvidia-h200" in issues[0]["comments"][0], "the A100 did not run"
    assert titles(repository.after(4, h200={}, a100={}, l4={})) == []


def test_jobs_without_a_verdict_are_incidents_of_their_own(repository):
    runners = ("h200", ["self-hosted", "a100"], "l4")
    issues = repository.after(2, runners=runners, h200=slower(TENSORRT), a100=None)
    assert titles(issues) == [
        "tensorrt kernel time slower on nvidia-h200 since 2026-03-02: 4 benchmarks",
        "Nothing judged by l4, self-hosted, a100 since 2026-03-02",
    ]
    assert "No run was stored" in issues[1]["body"] and "left nothing" in issues[1]["body"]
    assert titles(repository.after(3, runners=runners, h200=None, a100=None)) == [
        issues[0]["title"], issues[1]["title"], "Nothing judged by h200 since 2026-03-03"
    ]  # fmt: skip
    issues = repository.after(4, runners=runners[:2], h200=slower(TENSORRT), a100={})
    assert titles(issues) == [issues[0]["title"]]
    assert "no longer among the runners" in issues[1]["comments"][-1]
    assert issues[0]["comments"] == [], "a night without a verdict neither ends nor repeats what is known"


def test_many_causes_share_an_issue(repository):
    def others(document):
        for number, record in enumerate(document["benchmarks"]):
            record["params"]["variant"] = f"compiler{number}-fp16"

    slow = slower(TENSORRT + TORCHSCRIPT)
    issues = repository.after(2, "--most", "3", h200=(slow, others))
    assert len(issues) == 3 and issues[-1]["title"].startswith("further causes on nvidia-h200 since 2026-03-02: 4 ")
    assert titles(repository.after(3, "--most", "3", h200=({}, others))) == []


def test_what_flaps_has_one_issue_and_a_later_failure_one_of_its_own(repository, capsys):
    repository.after(2, h200=slower(TENSORRT[:2]))
    (closed,) = repository.after(3, h200={})
    assert not closed["open"]
    capsys.readouterr()
    # another benchmark of the cause besides
    (back,) = repository.after(4, h200=slower(TENSORRT[1:3]))
    assert back["open"] and "Back tonight:\n\n- #1 " in capsys.readouterr().out
    said = back["comments"][-1]
    assert "Back on 2026-03-04" in said and f"`{TENSORRT[1]}`" in said and f"`{TENSORRT[2]}`" in said
    assert "Still failing: 2 of 3" in said
    assert titles(repository.after(5, h200={})) == []
    assert titles(repository.after(6, h200=slower(TORCHSCRIPT, 1.3))) == [
        "torchscript kernel time slower on nvidia-h200 since 2026-03-06: 2 benchmarks"
    ], "another cause"
    assert titles(repository.after(20, h200=slower(TENSORRT[:2]))) == [
        "tensorrt kernel time slower on nvidia-h200 since 2026-03-20: 2 benchmarks"
    ]


def test_an_issue_that_a_person_closed_stays_closed_and_a_runner_that_flaps_has_one(repository):
    repository.after(2, h200=slower(TENSORRT))
    by_hand = [dict(issue, open=False) for issue in repository.issues]
    repository.store.write_text(json.dumps(by_hand))
    issues = repository.after(3, h200=slower(TENSORRT))
    assert [issue["open"] for issue in issues] == [False, True] and issues[0]["comments"] == []

    for day, is_open in ((4, True), (5, False), (6, True)):
        issues = repository.after(day, runners=("h200",), h200=None if is_open else {})
        assert [issue["open"] for issue in issues] == [False, day == 4, is_open]
    assert "h200" in issues[2]["comments"][-1]


def test_a_creep_is_told_with_what_the_history_says(repository):
    says = "in the history a drift since 2026-02-20, +0.30 % a night (+20 % in all)"
    night = repository.fleet.night(2, h200=slower(TENSORRT[:1]))
    path = night / "nightly-0" / "verdict.json"
    verdict = json.loads(path.read_text())
    row = {"benchmark": TENSORRT[0], "metric": "kernel_time", "says": says}
    path.write_text(json.dumps(verdict | {"history": {"count": 1, "listed": [row]}}))
    assert main(["incidents", str(night)]) == 0
    assert f"- `{TENSORRT[0]}`, kernel time on `nvidia-h200`: {plain(says)}" in repository.issues[0]["body"]


def test_dry_run_writes_nothing_and_says_all(repository, capsys):
    assert repository.after(2, "--dry-run", h200=slower(TENSORRT)) == []
    told = capsys.readouterr().out
    assert "open: new issue: tensorrt kernel time slower on nvidia-h200" in told and TENSORRT[0] in told
