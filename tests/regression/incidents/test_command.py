"""The command line of incidents: what it refuses, and what becomes of what GitHub refuses."""

import json
import os

import pytest

from regression.__main__ import main


@pytest.fixture
def gh(tmp_path, monkeypatch):
    """Installs a stand-in for `gh` from the text of a shell script."""

    def install(script):
        path = tmp_path / "bin" / "gh"
        path.parent.mkdir()
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")

    return install


@pytest.fixture
def night(tmp_path):
    folder = tmp_path / "nightly" / "nightly-0"
    folder.mkdir(parents=True)
    (folder / "report.md").write_text("## h200\n")
    return folder.parent


def test_what_github_refuses_is_said_and_exits_with_1(gh, night, capsys):
    gh('case "$1 $2" in "issue list") echo "[]" ;; "issue create") echo "HTTP 403: no" >&2; exit 1 ;; esac')
    assert main(["incidents", str(night)]) == 1
    said = capsys.readouterr()
    assert "`gh issue create --title` failed: HTTP 403: no" in said.err and "New tonight" in said.out


@pytest.mark.parametrize("script", ["echo oops >&2; exit 1", "echo '{}'"])
def test_issues_that_cannot_be_read_are_not_opened_anew(gh, night, capsys, script):
    gh(script)
    assert main(["incidents", str(night)]) == 2
    assert "gh issue list" in capsys.readouterr().err


def test_without_gh_it_says_what_to_install(night, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(night))
    assert main(["incidents", str(night)]) == 2
    assert "install GitHub's command line" in capsys.readouterr().err


def test_a_dry_run_with_the_issues_from_a_file_needs_no_gh(night, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(night))
    (tmp_path / "issues.json").write_text("[]")
    assert main(["incidents", str(night), "--dry-run", "--issues", str(tmp_path / "issues.json")]) == 0
    assert "open: new issue: Nothing judged by nightly-0 since" in capsys.readouterr().out


def test_hostile_names_reach_gh_as_arguments_and_no_shell(gh, night, tmp_path):
    gh(f'case "$1 $2" in "issue list") echo "[]" ;; esac; printf "%s\\n" "$@" >> {tmp_path}/calls; cat > /dev/null')
    runners = json.dumps([f"$(touch {tmp_path}/owned)`touch {tmp_path}/owned`; touch {tmp_path}/owned"])
    assert main(["incidents", str(night), "--runners", runners]) == 0
    assert not (tmp_path / "owned").exists() and "$(touch" in (tmp_path / "calls").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing"], "is no folder"),
        (["."], "holds no artifact"),
        ([".", "--runners", "h200"], "--runners is not JSON"),
        ([".", "--issues", "missing.json"], "holds no artifact"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["incidents", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--url=javascript:x", "--url=https://x/`y`", "--commit=main", "--night=today"])
def test_what_would_be_no_link_commit_or_date_is_refused(night, option):
    with pytest.raises(SystemExit) as ended:
        main(["incidents", str(night), option])
    assert ended.value.code == 2
