"""The command: exit statuses, formats, and sentences instead of tracebacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common import marks
from regression import __main__ as command
from regression.runs.read import read
from tests.regression.recorder import IDS, Recorder
from tests.regression.report.reported import read_aloud

ONE = IDS[-1]
ROOT = Path(__file__).parents[2]


@pytest.fixture
def baseline(recorder: Recorder) -> Path:
    recorder.baselines()
    return recorder.folder


def judged(recorder: Recorder, baseline: Path, *options: str, factors: dict[str, float] | None = None) -> int:
    return command.main([str(recorder.run(factors).path), "--baseline", str(baseline), *options])


def test_exit_statuses_of_same_and_slower(
    recorder: Recorder, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(recorder, baseline) == 0
    assert capsys.readouterr().out.endswith("incomplete: 38 SAME\n")  # it has no labels
    assert judged(recorder, baseline, factors={ONE: 1.02}) == 1
    assert judged(recorder, baseline, "--judge-min-change", "kernel_time=5%", factors={ONE: 1.02}) == 0


def test_two_gpu_models_are_compared_on_request_with_a_warning(
    recorder: Recorder, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = recorder.document()
    document["machine_info"]["gpu"] |= {"name": "NVIDIA L4", "uuid": "GPU-9", "mig": None}
    other = str(recorder.store(document, "other.json"))
    assert command.main([other, "--baseline", str(baseline)]) == 2
    said = capsys.readouterr().err
    assert "has another GPU model: NVIDIA H200, this run NVIDIA L4" in said and "with --across-gpus." in said
    assert command.main([other, "--baseline", str(baseline), "--across-gpus"]) == 0
    assert "Compared across GPU models, as asked for: NVIDIA H200 in the baseline, NVIDIA L4 now." in " ".join(
        capsys.readouterr().out.split()
    )


def test_commands_of_a_report_name_the_store_that_was_named(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it they would judge against another baseline, and record into another store."""
    recorder.baselines(2)
    run, store = str(recorder.run({ONE: 1.3}).path), str(recorder.folder.parent)
    assert command.main([run, "--store", store]) == 1
    told = capsys.readouterr().out
    assert f"--store={store} --benchmark-compare" in told.replace(" \\\n    ", " ")
    assert f"record five: `python -m regression baseline record --store={store}`" in " ".join(told.split())
    monkeypatch.setenv("BENCHMARK_STORE", store)
    assert command.main([run]) == 1
    assert "--store" not in capsys.readouterr().out


@pytest.mark.parametrize(("package", "words"), [("scipy", []), ("jinja2", ["--report", "page.html"])])
def test_a_package_that_is_not_installed_is_no_regression(
    recorder: Recorder, baseline: Path, tmp_path: Path, package: str, words: list[str]
) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('none', name='{package}')")
    arguments = [str(recorder.run().path), "--baseline", str(baseline), *words]
    done = subprocess.run(
        [sys.executable, "-m", "regression", *arguments], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.startswith(f"regression: the package {package} is not installed; ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("style", ["table", "markdown", "json"])
def test_formats(recorder: Recorder, baseline: Path, style: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert judged(recorder, baseline, "--format", style, factors={ONE: 1.02}) == 1
    out = capsys.readouterr().out
    assert "SLOWER" in out and ONE in out.replace("\\", "")
    assert (style == "json") == out.startswith("{")
    assert style != "json" or json.loads(out)["judgements"][-6]["reason"] == "unconfirmed"


def test_json_names_the_kernels_of_what_changed_and_nothing_else(
    recorder: Recorder, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judged(recorder, baseline, "--format", "json", factors={ONE: 1.02}) == 1
    kernels = json.loads(capsys.readouterr().out)["kernels"]
    assert set(kernels) == {ONE} and "no kernel table" in kernels[ONE]["missing"]


def test_a_page_is_refused_before_anything_is_read(
    recorder: Recorder, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    for bad in (tmp_path, tmp_path / "file" / "report.html"):
        with pytest.raises(SystemExit) as stopped:
            command.main(["gone.json", "--baseline", "gone", "--report", str(bad)])
        assert stopped.value.code == 2
        captured = capsys.readouterr()
        assert str(bad) in captured.err and "gone" not in captured.err and not captured.out


def test_the_verdict_is_a_small_file_as_well(recorder: Recorder, baseline: Path, tmp_path: Path) -> None:
    file = tmp_path / "made" / "verdict.json"
    assert judged(recorder, baseline, "--verdict-json", str(file), factors={ONE: 1.02}) == 1
    told = json.loads(file.read_text())
    assert (told["status"], told["exit_status"]) == ("failed", 1)
    assert {row["benchmark"] for row in told["failures"]["listed"]} == {ONE}
    assert judged(recorder, baseline, "--verdict-json", str(file)) == 0
    assert json.loads(file.read_text())["status"] == "incomplete"
    with pytest.raises(SystemExit) as stopped:
        command.main(["gone.json", "--baseline", "gone", "--verdict-json", str(tmp_path)])
    assert stopped.value.code == 2


def test_the_page_and_the_markdown_carry_the_history_and_the_commit(
    recorder: Recorder, baseline: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = recorder.run({ONE: 1.02}, commit="b" * 40).path
    options = ["--baseline", str(baseline / "0001_baseline.json"), str(baseline)]
    page = tmp_path / "report.html"
    assert command.main([str(run), *options, "--report", str(page), "--format", "markdown"]) == 1
    text, out = read_aloud(page.read_text()), capsys.readouterr().out
    assert "6 stored runs from 2026-03-01 to 2026-03-02" in text
    assert "6 stored runs from 2026-03-01 to 2026-03-02" in out.replace("\\", "")
    assert "b" * 40 in text and text.index("not recorded") < text.index("b" * 40)
    assert "`commit`: `not recorded` -> `bbbbbbbbbbbb`" in out
    assert f"`{ONE}`" in out and out.endswith("report.html\n")


def test_every_stored_run_is_read_once(
    recorder: Recorder, baseline: Path, tmp_path: Path, files_read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the judge and by the history, whatever the run is: of the baseline, judged, unjudged, or none."""
    for day in range(3, 9):
        verdicts = {ONE: {"kernel_time": "UNSURE"}} if day % 2 else {}
        recorder.store(recorder.document(day=day, verdicts=verdicts), f"{day:04d}_nightly.json")
    recorder.store("{", "0009_nightly.json")
    marks.append(baseline, marks.REFRESH, [read(baseline / "0001_baseline.json").identity], benchmarks=[IDS[0]])
    run = recorder.run({ONE: 1.02}, day=10).path
    files_read.clear()
    monkeypatch.chdir(tmp_path)
    options = ["--baseline", str(baseline.relative_to(tmp_path)), "--report", "report.html"]
    assert command.main([str(run), *options]) == 1
    found = sorted(path.resolve() for path in files_read)
    assert found == sorted(path for path in baseline.rglob("*.json") if path.parent.name != "marks")
    assert f"{len(found) - 1} stored runs from" in (tmp_path / "report.html").read_text()


def test_without_a_folder_there_is_no_history(recorder: Recorder, baseline: Path, tmp_path: Path) -> None:
    page, files = tmp_path / "made" / "for it" / "report.html", sorted(map(str, baseline.glob("*.json")))
    assert command.main([str(recorder.run().path), "--baseline", *files, "--report", str(page)]) == 0
    assert "There is no history" in page.read_text()


def test_accepted_changes_are_read(recorder: Recorder, baseline: Path, tmp_path: Path) -> None:
    path = tmp_path / "accepted.toml"
    entry = f'[[accepted]]\nbenchmark = "{ONE}"\nmetric = "kernel_time"\nchange = "+2%"\nreason = "r"\n'
    path.write_text(entry + "expires = 2026-04-01\n")
    assert judged(recorder, baseline, "--accepted", str(path), factors={ONE: 1.02}) == 0
    path.write_text(entry + "expires = 2026-03-01\n")
    assert judged(recorder, baseline, "--accepted", str(path), factors={ONE: 1.02}) == 1


def test_accepted_changes_are_found_where_they_are_kept(
    recorder: Recorder,
    baseline: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "accepted.toml").write_text("[[accepted]]\nbenchmark = 3\n")
    assert judged(recorder, baseline) == 0
    assert "entry 1 is ignored" in capsys.readouterr().out.replace("\n    ", " ")


def test_who_is_not_watched_is_named(recorder: Recorder, baseline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for night in range(4):
        unsure = {ONE: {"kernel_time": "UNSURE"}}
        recorder.store(recorder.document(day=1, hour=4 + night, verdicts=unsure), f"{50 + night:04d}_nightly.json")
    factors = {ONE: 1.0045}
    judged(recorder, baseline, "--judge-patience", "6", factors=factors)
    assert "Nobody is watching" not in capsys.readouterr().out
    judged(recorder, baseline, "--judge-patience", "5", factors=factors)
    assert f"Nobody is watching the kernel time of {ONE}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("run", "base", "options", "said"),
    [
        ("gone.json", ".", [], "gone.json: does not exist"),
        (".", ".", [], "is a folder"),
        ("now/0099_nightly.json", "gone", [], "gone: does not exist"),
        ("now/0099_nightly.json", "now", [], "--benchmark-save=baseline"),
        ("now/0099_nightly.json", "now/0099_nightly.json", [], "itself"),
        ("now/0099_nightly.json", ".", ["--judge-min-change", "kernel_time=1"], "percent sign"),
        ("now/0099_nightly.json", ".", ["--accepted", "gone.toml"], "gone.toml"),
    ],
)
def test_unusable_input_is_said_with_status_2(
    recorder: Recorder,
    baseline: Path,
    run: str,
    base: str,
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorder.run()
    assert command.main([str(baseline / run), "--baseline", str(baseline / base), *options]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and not captured.out


def test_a_bad_baseline_among_good_ones_is_left_out_and_said(
    recorder: Recorder, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.store("{", "0077_baseline.json")
    assert judged(recorder, baseline) == 0
    out = capsys.readouterr().out
    assert "0077_baseline.json: is not JSON" in " ".join(out.split()) and "38 SAME" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--judge-patience", "0"], "'0' is not a whole number from 1"),
        (["--judge-patience", "-3"], "'-3' is not a whole number from 1"),
        (["--judge-patience", "x"], "'x' is not a whole number from 1"),
        (["--format", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_wrong_options_are_status_2(
    recorder: Recorder, baseline: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        judged(recorder, baseline, *options)
    assert stopped.value.code == 2 and said in capsys.readouterr().err


def test_help_names_the_other_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as stopped:
        command.main(["--help"])
    lines = capsys.readouterr().out.splitlines()
    assert stopped.value.code == 0 and max(map(len, lines)) <= 100
    for name in command.COMMANDS:
        assert any(line.startswith(f"  python -m regression {name} ") for line in lines)


def test_the_module_runs_without_torch_pytest_or_a_utf8_terminal(recorder: Recorder, baseline: Path) -> None:
    document = recorder.document(
        day=2, failed={"caf\u00e9 \ud800 \x1b[31m": "x"}, labels={"caf\u00e9": {"passed": False}}
    )
    path = recorder.store(document, "now.json")
    # SciPy, which the history needs, takes a `None` among the loaded modules for PyTorch.
    code = (
        "import sys, types\n"
        "def find(name, *_):\n    if name in ('torch', 'pytest'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, types.SimpleNamespace(find_spec=find))\n"
        "from regression.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path), "--baseline", str(baseline)],
        cwd=ROOT,
        env={"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert not done.stderr and b"wrong labels: caf\\xe9" in done.stdout and b"\x1b" not in done.stdout


def test_an_output_that_is_closed_early_is_no_traceback(recorder: Recorder, baseline: Path) -> None:
    line = f"{sys.executable} -m regression {recorder.run().path} --baseline {baseline} | head -1"
    done = subprocess.run(line, shell=True, cwd=ROOT, capture_output=True, check=False)
    assert not done.stderr


def test_ctrl_c_ends_a_command_with_a_word(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(arguments: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("regression.report.history.main", interrupted)
    assert command.main(["history", "store"]) == 130
    assert capsys.readouterr().err == "regression: interrupted\n"
