"""A delivery that is killed, at every point: nothing is lost or half-written, and the next one finishes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from common import output
from regression.__main__ import main
from regression.store import delivery, index
from regression.store.keys import is_run
from regression.store.opening import open_store
from regression.store.store import Store
from tests.conftest import SMALL
from tests.inner_session import ROOT, environment, suite_arguments
from tests.regression.store import faulty
from tests.regression.store.faulty import Proxy

DELIVER = "import sys; from regression.__main__ import main; sys.exit(main(['store', 'deliver', *sys.argv[1:]]))"
KILLED = """
import os, signal
from pathlib import Path

link, unlink = Path.hardlink_to, Path.unlink

def end(path):
    os.kill(os.getpid(), signal.SIGKILL)

def linked(path, partial):
    link(path, partial)
    end(path)

def removed(path, missing_ok=False):
    if OUTBOX in str(path):
        end(path)
    unlink(path, missing_ok)
"""
POINTS = {
    "a file is written beside its place": "Path.hardlink_to = lambda path, partial: end(path)",
    "it is in its place": "Path.hardlink_to = linked",
    "it is to leave the outbox": "Path.unlink = removed",
}
"""Where in the delivery to a folder the process is killed: when what comes next would be."""


def start(url: str, *runs: Path, before: str = "") -> subprocess.Popen[str]:
    """A real `python -m regression store deliver`; `before` is run first in its process."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{before}\n{DELIVER}", "--store", url, *map(str, runs)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        # a background job of a shell inherits that Ctrl-C is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def stored(store: Store) -> list[str]:
    """The identities of the runs in the store, one for each object, all of which are whole."""
    found = [json.loads(store.objects.read(found.key)) for found in store.objects.list() if is_run(found.key)]
    return sorted(document["suite"]["run_id"] for document in found)


def delivered_again(url: str, *runs: Path) -> Store:
    """What the store is after the same once more."""
    assert main(["store", "deliver", "--store", url, *map(str, runs)]) == 0
    store = open_store(url)
    indexed = index.read_all(store)
    assert not store.waiting() and not indexed.left_out and not indexed.said
    assert sorted(night.run_id for night in indexed.nights) == stored(store)
    return store


def ended(
    between: Proxy, part: str, fate: str, number: signal.Signals, begin: Callable[[], subprocess.Popen[str]]
) -> tuple[int, str]:
    """Status and output of a process that gets a signal once it writes an object; `fate` is that of the request."""
    there = threading.Event()
    processes: list[subprocess.Popen[str]] = []

    def fault(method: str, path: str) -> str | None:
        if method != "PUT" or part not in path or there.is_set():
            return None
        there.set()
        processes[0].send_signal(number)
        processes[0].wait()
        return fate

    between.fault = fault
    processes.append(begin())
    said = processes[0].communicate()[0]
    assert there.is_set(), said
    return processes[0].returncode, said


@pytest.fixture
def waiting(saved: Callable[..., Path]) -> Callable[[str], None]:
    """Puts two runs into the outbox of a store."""

    def wait(url: str) -> None:
        for name in ("one", "two"):
            file = open_store(url).outbox / "runs" / "nvidia-h200" / "64bit" / name / "0001_nightly.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(saved(run_id=name).read_bytes())

    return wait


@pytest.mark.parametrize("fate", [faulty.CUT, faulty.LOST])
@pytest.mark.parametrize(
    "part, from_outbox",
    [("0001_nightly.json", True), ("0002_nightly.json", True), ("0002_nightly.json", False), ("/index/", True)],
)
def test_a_delivery_to_object_storage_that_is_killed(
    between: Proxy,
    bucket: str,
    saved: Callable[..., Path],
    waiting: Callable[[str], None],
    fate: str,
    part: str,
    from_outbox: bool,
) -> None:
    """While an object is on its way there, which it does not reach, or does."""
    runs = [] if from_outbox else [saved(f"{name}/nightly.json", run_id=name) for name in ("one", "two")]
    if from_outbox:
        waiting(bucket)
    if part == "/index/":  # what is in the store already, and not in the index
        open_store(bucket).objects.append("nvidia-h200/64bit/0009_nightly.json", saved(run_id="nine").read_bytes())
    status, said = ended(between, part, fate, signal.SIGKILL, lambda: start(bucket, *runs))
    assert status == -signal.SIGKILL, said
    names = ["nine", "one", "two"] if part == "/index/" else ["one", "two"]
    assert stored(delivered_again(bucket, *runs)) == names


@pytest.mark.parametrize("point, from_outbox", [*((point, True) for point in POINTS), ("it is in its place", False)])
def test_a_delivery_to_a_folder_that_is_killed(
    tmp_path: Path,
    saved: Callable[..., Path],
    waiting: Callable[[str], None],
    point: str,
    from_outbox: bool,
) -> None:
    url = str(tmp_path / "shared")
    runs = [] if from_outbox else [saved(f"{name}/nightly.json", run_id=name) for name in ("one", "two")]
    if from_outbox:
        waiting(url)
    process = start(url, *runs, before=f"OUTBOX = {str(open_store(url).outbox)!r}\n{KILLED}\n{POINTS[point]}")
    said = process.communicate()[0]
    assert process.returncode == -signal.SIGKILL, said
    assert set(stored(open_store(url))) <= {"one", "two"}
    assert stored(delivered_again(url, *runs)) == ["one", "two"]


@pytest.mark.parametrize("point", ["a file is written beside its place", "it is in its place"])
def test_what_a_killed_delivery_left_half_written_goes_once_its_writer_cannot_be_alive(
    tmp_path: Path, saved: Callable[..., Path], point: str
) -> None:
    url, run = str(tmp_path / "shared"), saved(run_id="one")
    process = start(url, run, before=f"OUTBOX = {str(open_store(url).outbox)!r}\n{KILLED}\n{POINTS[point]}")
    said = process.communicate()[0]
    assert process.returncode == -signal.SIGKILL, said
    (left,) = Path(url).rglob(f".*{output.PARTIAL}")
    users_own = left.with_name(".notes.partial")
    users_own.touch()
    os.utime(users_own, (0, 0))
    delivered_again(url, run)
    assert left.exists()  # its writer may be slow, and on another machine
    hours_ago = time.time() - delivery.LEFT_BEHIND_S - 60
    os.utime(left, (hours_ago, hours_ago))
    assert stored(delivered_again(url)) == ["one"]
    assert not left.exists() and users_own.exists()


def test_what_waits_and_is_no_run_is_said_and_stops_nothing(tmp_path: Path, waiting: Callable[[str], None]) -> None:
    url = str(tmp_path / "shared")
    waiting(url)
    broken = open_store(url).outbox / "runs" / "0001_nightly.json"
    broken.write_text("{")
    process = start(url)
    said = process.communicate()[0]
    assert process.returncode == 1 and f"left out: {broken} cannot be delivered: " in said
    assert stored(open_store(url)) == ["one", "two"] and open_store(url).waiting() == [broken]


def test_ctrl_c_says_so_and_leaves_what_is_not_delivered(
    between: Proxy, bucket: str, waiting: Callable[[str], None]
) -> None:
    waiting(bucket)
    status, said = ended(between, "0002_nightly.json", faulty.CUT, signal.SIGINT, lambda: start(bucket))
    assert status == 130 and "regression: interrupted\n" in said and "Traceback" not in said
    assert stored(open_store(bucket)) == ["one"] and len(open_store(bucket).waiting()) == 1
    assert stored(delivered_again(bucket)) == ["one", "two"]


@pytest.mark.parametrize("fate", [faulty.CUT, faulty.LOST])
def test_a_session_that_is_killed_while_it_delivers(
    between: Proxy, bucket: str, saved: Callable[..., Path], fate: str
) -> None:
    """Its run stays in the mirror, also where another machine delivers one of that number before the next session."""
    arguments = suite_arguments(
        *SMALL, "--variants=eager-fp32", "-k", "latency", f"--store={bucket}", "--benchmark-save=nightly"
    )
    command = [sys.executable, "-m", "pytest", *arguments]
    status, said = ended(
        between, "0001_nightly.json", fate, signal.SIGKILL,
        lambda: subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ),
    )  # fmt: skip
    assert status == -signal.SIGKILL, said
    store = open_store(bucket)
    (file,) = store.folder.rglob("0001_nightly.json")
    mine, key = json.loads(file.read_text()), store.key_of(file)
    assert len(mine["benchmarks"]) == 1 and "interrupted" not in mine["suite"]
    if fate == faulty.CUT:
        store.objects.append(key, saved(run_id="other").read_bytes())
    store.fetch()  # as the next session does, which cannot know that the other one is dead
    assert json.loads(file.read_text()) == mine
    os.utime(file, (0, 0))
    names = ["other"] if fate == faulty.CUT else []
    assert stored(delivered_again(bucket)) == sorted([*names, mine["suite"]["run_id"]])
    store.fetch()
    assert len(list(store.folder.rglob("*_nightly.json"))) == len(names) + 1
