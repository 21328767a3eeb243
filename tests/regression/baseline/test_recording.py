"""Recording and refreshing baselines, from real pytest processes once and from runs that were made up."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from common.schema import CANDIDATE
from regression.baseline import measuring
from regression.runs.find import collect
from regression.runs.read import read
from regression.store.delivery import deliver
from regression.store.opening import open_store
from regression.store.store import Store
from tests.inner_session import ROOT, quickly
from tests.regression.recorder import IDS, Recorder

Call = Callable[..., tuple[int, str, str]]
BENCHMARKS = """
import os, pytest

@pytest.mark.parametrize("number", [1], ids=["quick-b1"])
def test_quick(benchmark, number):
    benchmark(lambda: None)

@pytest.mark.parametrize("number", [8], ids=["quick-b8"])
def test_other(benchmark, number):
    benchmark(lambda: None)
    # the second process
    runs = len(list(__import__("pathlib").Path(os.environ["STORE"]).rglob("*_baseline-candidate.json")))
    assert runs != 1, "out of memory"
"""
CONFTEST = """
from common.saving import keep_runs

failed = {}

def pytest_sessionstart(session):
    keep_runs(session.config)

def pytest_runtest_logreport(report):
    if report.failed:
        failed[report.nodeid.partition("[")[2].rstrip("]")] = "out of memory"

def pytest_benchmark_update_machine_info(machine_info):
    machine_info["slug"] = "cpu-test"

def pytest_benchmark_update_json(output_json):
    import uuid
    output_json["suite"] = {"schema": 2, "run_id": uuid.uuid4().hex, "failed": failed,
                            "selected": ["quick-b1", "quick-b8"]}
"""


def test_fresh_processes_make_a_baseline_that_replaces_the_old_one_whole(tmp_path: Path, project: Recorder) -> None:
    other = project.baselines(2)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = -p common.saving\npythonpath = {ROOT}\n")
    (tmp_path / "test_quick.py").write_text(BENCHMARKS)
    store = tmp_path / "runs"
    command = [
        *(sys.executable, "-m", "regression", "baseline", "record", "--runs", "2", "--tests", "test_quick.py"),
        *("--store", str(store), "--", "-p", "no:cacheprovider", "--benchmark-max-time=0.001"),
    ]
    environment = {**quickly(), "STORE": str(store), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr  # a benchmark failed
    assert "quick-b8 failed in 1 of 2 runs and has no value of 1 run: out of memory" in done.stderr
    runs = collect([store]).baselines
    assert [sorted(run.benchmarks) for run in runs] == [["quick-b1", "quick-b8"], ["quick-b1"]]
    assert len({run.identity for run in runs}) == 2
    assert all(path.name.endswith("_baseline-candidate.json") for path in store.glob("cpu-test/Linux*/*.json"))
    (mark,) = store.glob("cpu-test/marks/*.json")
    assert json.loads(mark.read_text())["kind"] == "baseline"
    assert "2 runs are now the baseline, whole" in done.stdout and "cpu-test: 2 runs of 2 benchmarks" in done.stdout
    assert len(other) == len(collect([tmp_path / "baselines"]).baselines)  # another store's


def test_a_signal_is_passed_on_and_the_old_baseline_stays(tmp_path: Path, project: Recorder) -> None:
    project.baselines(2)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(
        "import os, signal, time\ndef test_it():\n    os.kill(os.getppid(), signal.SIGTERM)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-m", "regression", "baseline", "record", "--tests", "test_it.py"]
    environment = {**quickly(), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "interrupted in run 1 of 5. The old baseline is as it was." in done.stderr
    assert len(collect([project.folder]).baselines) == 2


def test_ctrl_c_keeps_what_was_measured_and_says_how_to_go_on(tmp_path: Path, project: Recorder) -> None:
    """In the second run, and as a terminal sends it: to both processes."""
    project.baselines(2)
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = -p common.saving\npythonpath = {ROOT}\n")
    fails = 'assert runs != 1, "out of memory"'
    asked = "if runs == 1: [os.kill(process, 2) for process in (os.getppid(), os.getpid())]"
    (tmp_path / "test_quick.py").write_text(BENCHMARKS.replace(fails, asked))
    command = [
        *(sys.executable, "-m", "regression", "baseline", "record", "--runs", "3", "--tests", "test_quick.py"),
        *("--store", "baselines", "--", "-p", "no:cacheprovider", "--benchmark-max-time=0.001"),
    ]
    environment = {**quickly(), "STORE": "baselines", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        # a background job of a shell inherits that Ctrl-C is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    assert done.returncode == 2, done.stdout + done.stderr
    first, second = sorted(Path("baselines").glob("cpu-test/*/*_baseline-candidate.json"))
    assert f"run 2 of 3: it was interrupted (Ctrl-C), and is kept as {second}. " in done.stderr
    assert f"`python -m regression baseline record --store=baselines --from {first} ...`" in done.stderr
    assert "Traceback" not in done.stderr.partition("regression: ")[2]
    assert not list(Path("baselines").rglob("marks")) and len(collect([project.folder]).baselines) == 2


def test_a_disk_that_is_full_once_a_run_is_measured_leaves_that_run_where_it_is(
    tmp_path: Path, project: Recorder
) -> None:
    """The process that measured fills it for the one that keeps: neither the store nor the outbox has room."""
    project.baselines(2)
    full = (
        "\n\ndef pytest_unconfigure():\n    import os, resource\n"
        "    resource.prlimit(os.getppid(), resource.RLIMIT_FSIZE, (100, 100))\n"
    )
    (tmp_path / "conftest.py").write_text(CONFTEST + full)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = -p common.saving\npythonpath = {ROOT}\n")
    (tmp_path / "test_quick.py").write_text(BENCHMARKS)
    (tmp_path / "tmp").mkdir()
    command = [
        *(sys.executable, "-m", "regression", "baseline", "record", "--runs", "2", "--tests", "test_quick.py"),
        *("--store", "baselines", "--", "-p", "no:cacheprovider", "--benchmark-max-time=0.001"),
    ]
    places = {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp"), "PATH": "/usr/bin:/bin"}
    environment = {**quickly(), "STORE": "baselines", **places}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    (kept,) = (tmp_path / "tmp").rglob(f"*_{CANDIDATE}.json")
    assert f"cannot be written: File too large; the run stays in {kept}. The old baseline is as it was." in done.stderr
    assert sorted(json.loads(kept.read_text())["suite"]["selected"]) == ["quick-b1", "quick-b8"]
    assert len(collect([project.folder]).baselines) == 2


@pytest.mark.parametrize("sent", [[signal.SIGHUP], [signal.SIGINT, signal.SIGTERM]])
def test_signals_that_are_ignored_stay_so_and_others_are_given_back(sent: list[signal.Signals]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    theirs = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        with measuring._passed_on(theirs) as asked:
            for number in sent:
                os.kill(os.getpid(), number)
        assert asked == (["Ctrl-C", "SIGTERM"] if signal.SIGINT in sent else [])
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        with pytest.raises(KeyboardInterrupt), measuring._passed_on(theirs):
            for _ in range(measuring.IMPATIENT):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGHUP, before)
        theirs.kill()
        theirs.wait()


def test_runs_of_several_runners_become_the_baseline_at_once(
    project: Recorder, new_recorder: Callable[[str], Recorder], call: Call
) -> None:
    project.baselines(3)
    runner = new_recorder("artifacts")
    files = [runner.store(runner.document(day=9), f"run-{number}.json") for number in range(3)]
    status, told, _ = call("record", "--runs", "3", "--from", *map(str, files))
    assert status == 0 and "3 runs are now the baseline, whole" in told
    assert told.count("  history") == 3
    stored = collect([Path("baselines")])
    assert [run.day for run in stored.baselines] == ["2026-03-09"] * 3
    assert len(stored.history) == 3
    # the same again changes nothing but the mark
    assert call("record", "--runs", "3", "--from", *map(str, files))[0] == 0
    assert len(list(Path("baselines").rglob("*_baseline-candidate.json"))) == 3


def test_too_few_or_interrupted_or_mixed_runs_replace_nothing(
    project: Recorder, new_recorder: Callable[[str], Recorder], call: Call
) -> None:
    project.baselines(3)
    runner = new_recorder("artifacts")
    good = runner.store(runner.document(day=9), "a.json")
    cut = runner.store(runner.document(day=9, interrupted="SIGTERM while measuring"), "b.json")
    document = runner.document(day=9)
    document["machine_info"]["settings"]["precision_policy"] = "FP32"
    other = runner.store(document, "c.json")
    for files, said in (
        ([good, good], "1 different run of nvidia-h200, TF32 convolutions given, and a baseline has 2"),
        ([good, cut], "was interrupted (SIGTERM while measuring)"),
        ([good, other], "1 different run of nvidia-h200, TF32 convolutions given"),
    ):
        status, _, error = call("record", "--runs", "2", "--from", *map(str, files))
        assert status == 2 and said in error
    assert [run.day for run in collect([Path("baselines")]).baselines] == ["2026-03-01"] * 3
    assert not list(Path("baselines").rglob("marks"))


def test_runs_of_several_gpu_models_become_a_baseline_of_each(
    new_recorder: Callable[[str], Recorder], call: Call
) -> None:
    runner, files = new_recorder("artifacts"), []
    for number, slug in enumerate(("nvidia-h200", "nvidia-l4") * 2):
        document = runner.document(day=9)
        document["machine_info"]["gpu"]["slug"] = slug
        files.append(runner.store(document, f"run-{number}.json"))
    status, told, _ = call("record", "--runs", "2", "--from", *map(str, files), "--store", "new")
    assert status == 0 and told.count("2 runs are now the baseline, whole") == 2
    for slug in ("nvidia-h200", "nvidia-l4"):
        assert len(collect([Path("new") / slug]).baselines) == 2


def test_a_night_of_the_store_becomes_part_of_a_baseline(project: Recorder, call: Call) -> None:
    project.baselines(2)
    nights = [project.store(project.document(day=4), f"{number:04d}_nightly.json") for number in (11, 12)]
    assert call("record", "--runs", "2", "--from", "0011", "0012")[0] == 0
    assert [run.day for run in collect([Path("baselines")]).baselines] == ["2026-03-04"] * 2
    assert all(night.exists() for night in nights)


def test_some_benchmarks_are_refreshed_and_the_others_stay(project: Recorder, call: Call) -> None:
    project.baselines(5)
    fast = dict.fromkeys(IDS, 0.9)
    for number in range(11, 16):
        project.store(project.document(fast, day=9), f"{number:04d}_nightly.json")
    status, told, _ = call("refresh", "*-tensorrt-fp16-*", "--from", *(f"{number:04d}" for number in range(11, 16)))
    refreshed = [id_ for id_ in IDS if "tensorrt" in id_]
    assert status == 0 and all(id_ in told for id_ in refreshed) and IDS[0] not in told
    stored = collect([Path("baselines")])
    for id_ in IDS:
        days = {run.day for run in stored.baselines if id_ in run.benchmarks}
        assert days == {"2026-03-09" if id_ in refreshed else "2026-03-01"}
    (note,) = stored.notes
    assert note.startswith(f"The baseline's values of {', '.join(sorted(refreshed))} were refreshed on ")
    status, told, _ = call("list")
    assert "3 benchmarks refreshed by newer runs" in " ".join(told.split()) and "for 3 benchmarks" in told
    status, _, error = call("refresh", "*-rtx-*", "--from", *(f"{number:04d}" for number in range(11, 16)))
    assert status == 2 and "*-rtx-* matches no benchmark" in error


def test_the_runs_of_a_baseline_do_not_refresh_it(project: Recorder, call: Call) -> None:
    """They would no longer count for the other benchmarks."""
    project.baselines(2)
    status, _, error = call("refresh", "*-tensorrt-fp16-*", "--runs", "2", "--from", "0001", "0002")
    assert status == 2 and "0001_baseline.json is a run of the baseline already" in error
    assert all(set(run.benchmarks) == set(IDS) for run in collect([Path("baselines")]).baselines)


def test_a_benchmark_that_failed_gives_no_value(project: Recorder) -> None:
    project.store(project.document(failed={IDS[0]: "labels differ"}))
    project.store(project.document())
    values = [IDS[0] in run.benchmarks for run in collect([project.folder]).baselines]
    assert values == [False, True]
    (named,) = collect([project.folder / "0001_baseline.json"]).baselines
    assert IDS[0] not in named.benchmarks and named.place == collect([project.folder]).baselines[1].place


def test_a_process_that_stores_nothing_makes_no_baseline(project: Recorder, call: Call) -> None:
    project.baselines(2)
    status, _, error = call("record", "--tests", "no_such_tests.py", "--", "-p", "no:cacheprovider")
    assert status == 2 and "run 1 of 5: pytest ended with status 4 and stored no run" in error
    assert "The old baseline is as it was." in error
    assert len(collect([Path("baselines")]).baselines) == 2 and not list(Path("baselines").rglob("marks"))


def test_a_store_elsewhere_is_looked_after_as_a_folder_is(new_recorder: Callable[[str], Recorder], call: Call) -> None:
    """fsspec's own memory stands for object storage."""
    runner, store = new_recorder("artifacts"), f"memory://{uuid.uuid4().hex}"
    nights = [runner.store(runner.document(day=2), f"{number:04d}_nightly.json") for number in (1, 2)]
    for night in nights:
        deliver(open_store(store), night)
    old = [runner.store(runner.document(), f"old-{number}.json") for number in range(2)]
    assert call("record", "--runs", "2", "--from", *map(str, old), "--store", store)[0] == 0
    assert call("record", "--runs", "2", "--from", *map(str, nights), "--store", store)[0] == 0
    assert call("exclude", read(nights[0]).identity, "--why", "the fan failed", "--store", store)[0] == 0
    status, told, _ = call("list", "--store", store)
    assert status == 0 and "nvidia-h200): 1 run of 9 benchmarks, 2026-03-02" in told and "the fan failed" in told
    assert call("migrate", "--store", store)[0] == 1
    assert call("prune", "--keep", "1d", "--store", store)[0] == 0
    status, told, _ = call("list", "--store", store)
    assert "1 run of 9 benchmarks, 2026-03-02" in told and "the fan failed" in told and "history" not in told


def test_a_night_that_is_older_than_the_mirror_reaches_is_excluded_and_restored(
    new_recorder: Callable[[str], Recorder], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Store, "fetch", functools.partialmethod(Store.fetch, latest=1))
    runner, store = new_recorder("artifacts"), f"memory://{uuid.uuid4().hex}"
    for number in (1, 2, 3):
        path = runner.store(runner.document(day=number), f"{number:04d}_nightly.json")
        delivered = deliver(open_store(store), path)
    status, told, error = call("exclude", "0001", "--why", "disturbed", "--store", store)
    assert status == 0 and "0001_nightly.json: disturbed" in told, error
    place = told.split()[1].rstrip(":")
    assert place.startswith(store) and delivered.key not in place
    assert call("exclude", place, "--why", "again", "--store", store)[0] == 2, "it is excluded already"
    assert call("restore", place, "--store", store)[0] == 0


@pytest.mark.parametrize("words", [["record", "--runs", "0"], ["refresh"], ["record", "--from"]])
def test_wrong_options_are_refused(project: Recorder, call: Call, words: list[str]) -> None:
    assert call(*words)[0] == 2
