"""Runs are written whole or not at all: at the end, as they grow, and where something is in the way."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common import output
from tests.inner_session import ROOT, environment

TWO = """
import time

def test_first(benchmark):
    benchmark(lambda: None)

def test_second(benchmark):
    {second}

def test_other():
    pass
"""
CONFTEST = """
from common.saving import keep_runs, saving_of

def pytest_sessionstart(session):
    keep_runs(session.config)

def pytest_runtest_logfinish():
    saving.checkpoint("measuring", now=True)

def pytest_collection_finish(session):
    global saving
    saving = saving_of(session.config)
"""
OPTIONS = ("--benchmark-storage=file://store", "--benchmark-max-time=0.001", "--benchmark-json=run.json")


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a real session of two benchmarks whose runs are kept; `second` is what the second does."""

    def run(
        *arguments: str, second: str = "benchmark(lambda: None)", conftest: str = CONFTEST, **options: Any
    ) -> subprocess.Popen[str]:
        (tmp_path / "conftest.py").write_text(conftest)
        (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = -p common.saving\npythonpath = {ROOT}\n")
        (tmp_path / "test_two.py").write_text(TWO.format(second=second))
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *OPTIONS, *arguments],
            cwd=tmp_path,
            env=environment(TMPDIR=str(tmp_path / "tmp")),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    (tmp_path / "tmp").mkdir()
    return run


def names(path: Path) -> list[str]:
    return [benchmark["name"] for benchmark in json.loads(path.read_text())["benchmarks"]]


def test_a_run_is_stored_without_indentation_and_its_json_with_every_round(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start("--benchmark-save=night")
    said = process.communicate()[0]
    assert process.returncode == 0, said
    (stored,) = tmp_path.glob("store/*/0001_night.json")
    assert f"Saved benchmark data in: {stored}" in said and "Wrote benchmark data in: run.json" in said
    assert names(stored) == names(tmp_path / "run.json") == ["test_first", "test_second"]
    assert len(stored.read_text().splitlines()) == 1
    run = json.loads((tmp_path / "run.json").read_text())
    assert all(one["stats"]["data"] for one in run["benchmarks"])
    assert not any("data" in one["stats"] for one in json.loads(stored.read_text())["benchmarks"])
    assert "interrupted" not in run.get("suite", {})


def test_another_process_that_writes_beside_it_loses_nothing_and_harms_nothing(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """Half-written files of others appear meanwhile, and one takes the number that would have been next."""
    second = (
        "import pathlib; folder = next(pathlib.Path('store').iterdir())\n"
        "    (folder / '0002_other.json').write_text('{ half')\n"
        "    (folder / '0003_other.json').write_text('')\n"
        "    benchmark(lambda: None)"
    )
    process = start("--benchmark-save=night", second=second)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    (stored,) = tmp_path.glob("store/*/*_night.json")
    assert names(stored) == ["test_first", "test_second"]
    assert [path.read_text() for path in sorted(tmp_path.glob("store/*/*_other.json"))] == ["{ half", ""]


def test_two_sessions_at_once_get_a_number_each(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> None:
    both = [start("--benchmark-save=night", second="import time; time.sleep(1)\n    benchmark(int)") for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert [path.name for path in sorted(tmp_path.glob("store/*/*.json"))] == ["0001_night.json", "0002_night.json"]


@pytest.mark.parametrize(
    "arguments",
    [("--collect-only",), ("-k", "nothing"), ("--benchmark-skip",), ("--benchmark-disable",), ("no_such.py",)],
)
def test_where_nothing_runs_an_older_file_stays(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "run.json").write_text("older")
    start(*arguments).communicate()
    assert (tmp_path / "run.json").read_text() == "older"


@pytest.mark.parametrize("what", ["os.kill(os.getpid(), signal.SIGKILL)", "os._exit(0)", "os.abort()"])
def test_a_process_that_dies_leaves_what_it_had_measured(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path, what: str
) -> None:
    process = start("--benchmark-save=night", second=f"import os, signal; {what}")
    process.communicate()
    (stored,) = tmp_path.glob("store/*/0001_night.json")
    for path in (stored, tmp_path / "run.json"):
        assert names(path) == ["test_first"]
        assert json.loads(path.read_text())["suite"]["interrupted"] == "its process ended while measuring"


BESIDE = """
import os, threading, time
import pytest
from common import output

def beside(what):
    thread = threading.Thread(target=saving.name, args=[f"measuring in {what}"])
    thread.start()
    return thread
"""


def test_a_thread_beside_a_test_that_hangs_names_it_and_stores_no_half_of_it(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """The benchmark hangs in its second round, and the process is then killed."""
    second = (
        "import os, sys; calls = []\n"
        "    beside = sys.modules['conftest'].beside\n"
        "    def hang():\n"
        "        calls.append(0)\n"
        "        if len(calls) == 2:\n"
        "            beside('test_second').join()\n"
        "            os._exit(0)\n"
        "    benchmark.pedantic(hang, rounds=3)"
    )
    process = start("--benchmark-save=night", second=second, conftest=CONFTEST + BESIDE)
    said = process.communicate()[0]
    (stored,) = tmp_path.glob("store/*/0001_night.json")
    for path, lines in ((stored, False), (tmp_path / "run.json", True)):
        assert names(path) == ["test_first"], said
        assert (
            json.loads(path.read_text())["suite"]["interrupted"] == "its process ended while measuring in test_second"
        )
        assert (len(path.read_text().splitlines()) > 1) is lines


def test_a_thread_that_is_late_leaves_the_run_as_it_ended(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """It is slow to write the run that grows, which the session finishes meanwhile; another comes afterwards."""
    late = """
write = output.write

def slow(path, content):
    if threading.current_thread() is not threading.main_thread():
        finished.wait(2)
    write(path, content)

output.write = slow
finished = threading.Event()

@pytest.hookimpl(wrapper=True)
def pytest_runtestloop():
    global thread
    ended = yield
    thread = beside("test_other")
    time.sleep(0.1)
    return ended

def pytest_unconfigure():
    finished.set()
    thread.join()
    beside("nothing").join()
"""
    process = start("--benchmark-save=night", conftest=CONFTEST + BESIDE + late)
    said = process.communicate()[0]
    assert process.returncode == 0, said
    (stored,) = tmp_path.glob("store/*/*_night.json")
    for path in (stored, tmp_path / "run.json"):
        assert names(path) == ["test_first", "test_second"]
        assert "interrupted" not in json.loads(path.read_text()).get("suite", {})


def test_looking_at_the_machine_makes_no_checkpoint_late(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    """It takes seconds once, of which twenty times as many were to pass before the run was written again."""
    slow = "\ndef pytest_benchmark_update_machine_info():\n    import time\n    time.sleep(2)\n"
    second = "time.sleep(1.5)\n    benchmark(lambda: None)\n\ndef test_third():\n    import os\n    os._exit(0)"
    process = start("--benchmark-save=night", second=second, conftest=CONFTEST.replace(", now=True", "") + slow)
    process.communicate()
    (stored,) = tmp_path.glob("store/*/0001_night.json")
    assert names(stored) == ["test_first", "test_second"]


def test_a_process_that_dies_leaves_its_run_although_its_json_finds_no_room(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    second = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    start("--benchmark-json=/dev/full", "--benchmark-save=night", second=second).communicate()
    (stored,) = tmp_path.glob("store/*/0001_night.json")
    assert names(stored) == ["test_first"]


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


def test_a_full_disk_fails_the_session_and_leaves_no_half_of_a_file(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "run.json").write_text("older")
    process = start("--benchmark-save=night", preexec_fn=limited, second="benchmark(lambda: None)")
    said = process.communicate()[0]
    assert process.returncode == 1, said
    assert "--benchmark-json: run.json cannot be written: File too large; nor could it be kept elsewhere" in said
    assert "--benchmark-save: " in said and "test_second" in said and "Traceback" not in said
    assert (tmp_path / "run.json").read_text() == "older"
    assert not list(tmp_path.glob("store/*/*")) and not list(tmp_path.glob("tmp/unsaved-run-*"))


def test_what_finds_no_room_where_it_belongs_is_kept_elsewhere(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start("--benchmark-json=/dev/full", "--benchmark-save=night")
    said = process.communicate()[0]
    assert process.returncode == 1, said
    (kept,) = tmp_path.glob("tmp/unsaved-run-*/full")
    assert f"/dev/full cannot be written: No space left on device; the run is kept in {kept}" in said
    (stored,) = tmp_path.glob("store/*/0001_night.json")
    assert names(kept) == names(stored) == ["test_first", "test_second"]


def test_a_picture_that_finds_no_room_fails_the_session_after_the_run_is_stored(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "way").write_text("in the")
    process = start("--benchmark-save=night", "--benchmark-histogram=way/histogram")
    said = process.communicate()[0]
    assert process.returncode == 1, said
    assert "not everything could be written: " in said
    assert list(tmp_path.glob("store/*/0001_night.json"))


def test_json_to_standard_output_is_still_possible(start: Callable[..., subprocess.Popen[str]]) -> None:
    process = start("--benchmark-json=-", "-q", "-s")
    said = process.communicate()[0]
    assert process.returncode == 0 and '"benchmarks": [' in said, said


def test_a_run_that_grows_is_written_at_most_once_a_second(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TWO.format(second="benchmark(lambda: None)"))
    pytester.makeconftest(
        """
        import pytest
        from common.saving import keep_runs, saving_of

        written = []

        def pytest_sessionstart(session):
            keep_runs(session.config)

        @pytest.hookimpl(trylast=True)
        def pytest_collection_finish(session):
            saving = saving_of(session.config)
            saving._write_stored = lambda interrupted="": written.append(interrupted)

        def pytest_runtest_logfinish():
            for _ in range(3):
                saving_of(config).checkpoint("measuring")

        def pytest_configure(config):
            globals()["config"] = config

        def pytest_unconfigure():
            assert written == ["its process ended while measuring", ""], written
        """
    )
    result = pytester.runpytest_inprocess("--benchmark-save=night", "--benchmark-max-time=0.001")
    assert result.ret == 0


def test_a_new_file_is_never_written_over_another(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "0001_a.json"
    output.create(path, "first")
    with pytest.raises(FileExistsError):
        output.create(path, "second")
    assert path.read_text() == "first" and list(path.parent.iterdir()) == [path]


def test_a_file_system_without_links_gets_new_files_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    path = tmp_path / "0001_a.json"
    output.create(path, "first")
    with pytest.raises(FileExistsError):
        output.create(path, "second")
    assert path.read_text() == "first" and list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one_and_a_device_a_device(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    (tmp_path / "real.json").write_text("older")
    output.write(tmp_path / "link.json", "newer")
    assert (tmp_path / "link.json").is_symlink() and (tmp_path / "real.json").read_text() == "newer"
    output.write(Path("/dev/null"), "gone")
    assert not Path("/dev/null").is_file()


def test_results_that_are_no_latencies_are_a_run_as_well(tmp_path: Path, start: Callable[..., Any]) -> None:
    """A session without any benchmark stores what else it has, and nothing where it has nothing."""
    more = CONFTEST.replace("keep_runs(session.config)", "keep_runs(session.config, lambda: MORE)")
    for has_more in (False, True):
        process = start("--benchmark-save=night", "-k", "other", conftest=f"MORE = {has_more}\n{more}")
        said = process.communicate()[0]
        assert ("no benchmarks have been run" in said) is not has_more
        assert len(list(tmp_path.glob("store/*/*_night.json"))) == has_more
    assert names(tmp_path / "run.json") == []
