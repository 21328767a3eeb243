"""The command from end to end: real sides on the CPU, and quick ones that break at every stage."""

from __future__ import annotations

import errno
import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fixtures import options
from regression.judge.verdict import Judgement, Reason, Verdict
from rehearsal import __main__ as main_module
from rehearsal import sequential, session
from rehearsal.__main__ import main
from rehearsal.arguments import parser
from rehearsal.bisection import Answer
from rehearsal.device_lock import locked
from rehearsal.followed import Followed
from rehearsal.plan import plan
from rehearsal.protocol import SIDES
from rehearsal.record import Record
from rehearsal.rows import Row
from rehearsal.side import Side, SideEnded, UnusableSide
from rehearsal.steps import INTERRUPTED
from tests.docs.pages import blocks
from tests.rehearsal.interrupting import interrupted
from tests.rehearsal.records import record, searched
from tests.rehearsal.test_side import gone

ROOT = Path(__file__).resolve().parents[2]
QUICK = Path(__file__).with_name("quick_worker.py")
FIRST, SECOND = "quick-eager-fp32-b1", "quick-torchscript-fp32-b1"


@pytest.fixture
def short(monkeypatch):
    """Turns of this process's rehearsals last no longer than made-up sides need."""
    monkeypatch.setattr(session, "LEAST_TURNS_S", 0.1)
    monkeypatch.setattr(session, "MOST_TURNS_S", 0.25)


@pytest.fixture
def quick(tmp_path, short, capsys, monkeypatch):
    """Runs the command with quick sides; what it printed, and the processes that it started."""
    folder = tmp_path / "checkout" / "rehearsal"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    shutil.copy(QUICK, folder / "worker.py")
    pids = tmp_path / "pids"
    pids.touch()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    checkouts = [f"--{side}-checkout={folder.parent}" for side in ("old", "new")]

    class Quick:
        started: subprocess.Popen[str]
        temporary: Path

        def command(self, *arguments: str, old: str = "", new: str = "") -> list[str]:
            own = [f"--{side}-args=--pids={pids} {words}" for side, words in (("old", old), ("new", new))]
            return [*checkouts, *arguments, *own]

        def start(self, *arguments: str, **sides: str) -> None:
            """As a process of its own, for what a signal does to it."""
            command = [sys.executable, "-m", "rehearsal", *self.command(*arguments, **sides)]
            self.started = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
            )

        def finish(self) -> tuple[int, str, str]:
            out, said = self.started.communicate(timeout=120)
            assert "Traceback" not in out + said
            self.nothing_is_left()
            return self.started.returncode, out, said

        def run(self, *arguments: str, **sides: str) -> tuple[int, str, str]:
            """In this process, with short turns."""
            status = main(self.command(*arguments, **sides))
            self.nothing_is_left()
            return status, *capsys.readouterr()

        def step(self, followed: Followed, **sides: str) -> Record:
            """The record of a step of a search for what no pairs need to be compared for."""
            options = parser("", ["table"]).parse_args(self.command(**sides))
            rehearsal = session.Rehearsal(
                main_module._places(options), 60, least_pairs=1, most_pairs=1, counted=1, build_timeout_s=60,
                turn_timeout_s=60, settled=followed.settled, progress=lambda text, share: None,
            )  # fmt: skip
            record = rehearsal.describe()
            rehearsal.run(record)
            rehearsal.end()
            self.nothing_is_left()
            return record

        def nothing_is_left(self) -> None:
            assert self.sides(), "no side was started"
            assert all(map(gone, self.sides()))
            assert not [path for path in self.temporary.iterdir() if path.suffix != ".lock"]

        def hangs(self) -> bool:
            return pids.with_name(f"{pids.name}-hang").exists()

        def sides(self) -> list[int]:
            return [int(line) for line in pids.read_text().split()]

    made = Quick()
    made.temporary = temporary
    yield made
    if hasattr(made, "started") and made.started.poll() is None:
        made.started.kill()


def unwrapped(out: str) -> str:
    return " ".join(out.split())


def rows(out: str) -> dict[tuple[str, str], str]:
    return {(row["benchmark"], row["metric"]): row["verdict"] for row in json.loads(out)["rows"]}


def test_a_slower_side_is_found_in_as_few_pairs_as_it_takes(quick, tmp_path, capsys):
    file = tmp_path / "out" / "rehearsal.json"
    status, out, _ = quick.run("--budget=25s", "--format=json", f"--json={file}", new="--sleep=0.004")
    assert status == 1
    assert rows(out)[FIRST, "latency"] == rows(out)[SECOND, "latency"] == "SLOWER"
    assert json.loads(out)["pairs"] == 3
    assert main(["--from", str(file), "--format=json"]) == 1
    assert capsys.readouterr().out == out


def test_a_side_killed_while_it_builds_fails_that_benchmark_alone(quick):
    status, out, _ = quick.run("--budget=25s", "--format=json", new="--die=build --sleep=0.0005")
    assert status == 1
    assert rows(out)[FIRST, "latency"] == "MISSING"
    assert rows(out)[SECOND, "latency"] == "FASTER"
    assert "ended by SIGKILL" in out


@pytest.mark.parametrize("request_", ["build", "outputs"])
def test_a_failure_costs_the_other_benchmarks_no_pair(quick, monkeypatch, request_):
    """Whether its pair took turns before or not."""
    monkeypatch.setattr(main_module, "MOST_PAIRS", sequential.LEAST_PAIRS)
    status, out, _ = quick.run("--budget=25s", "--format=json", new=f"--die={request_} --sleep=0.0005")
    assert (status, rows(out)[FIRST, "latency"]) == (1, "MISSING")
    assert rows(out)[SECOND, "latency"] == "FASTER"
    assert rows(out)[SECOND, "outputs"] == "SAME"


def test_what_fails_is_said_where_the_budget_is_too_short_for_the_rest(quick):
    status, out, said = quick.run("--budget=4s", old="--build=2", new="--build=2 --die=build")
    assert (status, said) == (1, "")
    assert f"The new side fails in 1 benchmark (MISSING): {FIRST}; 1 benchmark could not be decided." in unwrapped(out)


def test_a_budget_has_room_for_the_least_rounds_of_slow_calls(quick):
    """A round of both benchmarks takes 2.4 s, and three pairs take five each."""
    status, out, said = quick.run("--budget=30s", old="--sleep=0.2", new="--sleep=0.2")
    assert (status, out) == (2, "")
    needed = re.search(r"3 pairs of processes take about (\d+) s here", said)
    assert needed and int(needed[1]) > 36


def test_what_the_first_pair_compiled_leaves_room_for_more_pairs(quick):
    """Each side builds for 4 s: three pairs that build anew need more than 24 s."""
    status, out, _ = quick.run("--budget=23s", "--format=json", old="--build=2", new="--build=2 --sleep=0.004")
    assert (status, json.loads(out)["pairs"]) == (1, 3)
    assert rows(out)[FIRST, "latency"] == rows(out)[SECOND, "latency"] == "SLOWER"


def test_what_a_side_could_not_load_is_said_once(quick):
    status, out, _ = quick.run("--budget=25s", "--format=json", new="--unloaded=CannotRun --sleep=0.004")
    (said,) = [note for note in json.loads(out)["notes"] if "CannotRun" in note]
    assert (status, json.loads(out)["pairs"]) == (1, 3)
    assert said == (
        f"The new side could not load what it had compiled of {FIRST}, and built it in one piece in one pair or more "
        "(CannotRun)."
    )


def test_what_is_kept_goes_with_the_rehearsal(quick):
    """At its end, and not only once nothing refers to it any more."""
    options = parser("", ["table"]).parse_args(quick.command())
    rehearsal = session.Rehearsal(
        main_module._places(options), 60, least_pairs=3, most_pairs=3, counted=1, build_timeout_s=60,
        turn_timeout_s=60, settled=lambda record: (set(), set()), progress=lambda text, share: None,
    )  # fmt: skip
    rehearsal.describe()
    assert sorted(path.name for path in quick.temporary.glob("rehearsal-parts-*/*")) == ["new", "old"]
    rehearsal.end(at_once=True)
    quick.nothing_is_left()


def test_what_cannot_be_removed_hides_nothing(quick, monkeypatch):
    """Neither the sides' folders nor that of what they keep."""

    def busy(path, **_):
        raise OSError(errno.EBUSY, "Device or resource busy", path)

    monkeypatch.setattr(os, "rmdir", busy)
    assert main(quick.command("--budget=1s")) == 2
    assert all(map(gone, quick.sides()))


@pytest.mark.parametrize("older", ["old", "new"])
def test_where_a_side_is_of_an_older_checkout_both_build_in_every_pair(quick, older):
    sides = {side: "--build=2" + " --older=yes" * (side == older) for side in ("old", "new")}
    status, out, said = quick.run("--budget=23s", **sides)
    assert (status, out) == (2, "")
    needed = re.search(r"3 pairs of processes take about (\d+) s here", said)
    assert needed and int(needed[1]) > 24


@pytest.mark.parametrize("request_", ["turn", "outputs", "count", "profile"])
def test_a_side_killed_later_fails_that_benchmark_alone(quick, request_):
    gpu = "--cuda=GPU-1" if request_ == "profile" else ""
    new = f"--die={request_} --sleep=0.0005 {gpu}"
    status, out, _ = quick.run("--budget=25s", "--format=json", old=gpu, new=new)
    assert status == 1
    assert rows(out)[FIRST, "latency"] == "MISSING"
    assert rows(out)[SECOND, "latency"] == "FASTER"


@pytest.mark.parametrize("request_", ["build", "turn", "outputs", "count", "profile"])
def test_a_step_of_a_search_sees_a_failure_wherever_it_was(quick, request_):
    row = Row(Judgement(benchmark=FIRST, metric="latency", verdict=Verdict.MISSING, reason=Reason.FAILED))
    failure = Followed(row, 1)
    step = quick.step(failure, old="--cuda=GPU-1", new=f"--cuda=GPU-1 --die={request_}")
    assert failure.seen(step).answer is Answer.CARRIES
    assert failure.seen(quick.step(failure)).answer is Answer.LACKS


def test_a_step_of_a_search_sees_a_count_that_is_a_profiles(quick):
    judged = Judgement(
        benchmark=FIRST, metric="launches", verdict=Verdict.CHANGED, reason=Reason.NEW_VALUE, baseline=3.0, now=4.0
    )
    row = Row(judged)
    step = quick.step(Followed(row, 1), old="--cuda=GPU-1", new="--cuda=GPU-1")
    assert [pair.turns for pair in step.pairs] == [{}]
    assert Followed(row, 1).seen(step).answer is Answer.LACKS


@pytest.mark.parametrize("request_", ["turn", "outputs", "count"])
def test_what_a_side_says_it_cannot_do_later_fails_that_benchmark_alone(quick, request_):
    status, out, _ = quick.run("--budget=25s", "--format=json", new=f"--refuse={request_} --after=9 --sleep=0.0005")
    assert (status, rows(out)[FIRST, "latency"]) == (1, "MISSING")
    assert rows(out)[SECOND, "latency"] == "FASTER"
    assert f"it cannot {request_}" in out


def test_an_old_side_that_cannot_run_a_benchmark_does_not_fail(quick):
    status, out, _ = quick.run("--budget=25s", "--format=json", old="--refuse=build", new="--sleep=0.0005")
    assert (status, rows(out)[FIRST, "latency"]) == (0, "NEW")
    assert "it cannot build" in out


def test_an_old_side_killed_at_the_reference_does_not_fail(quick):
    status, out, _ = quick.run("--budget=25s", "--format=json", old="--die=reference", new="--sleep=0.0005")
    assert (status, rows(out)[FIRST, "latency"]) == (0, "NEW")


def test_a_side_that_hangs_in_a_build_is_ended(quick, monkeypatch):
    monkeypatch.setattr(session, "BUILD_GRACE_S", 0.5)
    arguments = ("--budget=25s", "--build-timeout=0.5", "--format=json")
    status, out, _ = quick.run(*arguments, new="--hang=build --sleep=0.0005")
    assert (status, rows(out)[FIRST, "latency"]) == (1, "MISSING")
    assert f"took longer than 1 s for building {FIRST} and was ended" in out


@pytest.mark.parametrize(
    ("old", "new", "core"),
    [("--cuda=GPU-1", "--cuda=GPU-1", 0), ("--cuda=GPU-1 --older=yes", "--cuda=GPU-1", None), ("", "", None)],
    ids=["a GPU", "an older checkout", "a CPU"],
)
def test_both_sides_take_turns_on_one_core_where_both_can(quick, old, new, core):
    said = f"--told={core} --sleep=0.0005"
    status, out, _ = quick.run("--budget=25s", "--format=json", old=f"{old} {said}", new=f"{new} {said}")
    assert (status, rows(out)[FIRST, "outputs"]) == (0, "SAME")


def test_the_sides_of_the_next_pair_start_while_a_pair_ends(quick):
    done: list[str] = []

    class Watched(Side):
        def __init__(self, place):
            done.append("start")
            super().__init__(place)

        def ask(self, request, doing, timeout_s, **arguments):
            done.append(request)
            return super().ask(request, doing, timeout_s, **arguments)

    options = parser("", ["table"]).parse_args(quick.command())
    rehearsal = session.Rehearsal(
        main_module._places(options), 60, least_pairs=2, most_pairs=2, counted=1, build_timeout_s=60,
        turn_timeout_s=60, settled=lambda record: (set(), set()), progress=lambda text, share: None, start=Watched,
    )  # fmt: skip
    rehearsal.run(rehearsal.describe())
    rehearsal.end()
    quick.nothing_is_left()
    assert [what for what, _ in itertools.groupby(done)] == [
        "start", "keep", "build", "turn", "start", "outputs", "reference", "outputs", "count", "keep", "build", "turn",
    ]  # fmt: skip
    assert done.count("start") == 4


@pytest.mark.parametrize("reason", [SideEnded("new", "'s interpreter ended while starting"), UnusableSide("no room")])
def test_sides_that_cannot_start_while_a_pair_ends_cost_that_pair_nothing(quick, reason):
    """They are started again when they are needed."""
    starts = itertools.count()

    class Fails(Side):
        def __init__(self, place):
            if next(starts) == 3:
                raise reason
            super().__init__(place)

    options = parser("", ["table"]).parse_args(quick.command())
    rehearsal = session.Rehearsal(
        main_module._places(options), 60, least_pairs=2, most_pairs=2, counted=2, build_timeout_s=60,
        turn_timeout_s=60, settled=lambda record: (set(), set()), progress=lambda text, share: None, start=Fails,
    )  # fmt: skip
    rehearsal.run(record := rehearsal.describe())
    rehearsal.end()
    quick.nothing_is_left()
    assert next(starts) == 6
    assert not any(record.failed.values()) and len(record.pairs) == 2
    assert all("host_work" in pair.measured[side][FIRST] for pair in record.pairs for side in SIDES)


def test_a_second_rehearsal_on_one_gpu_is_refused(quick):
    with locked("GPU-1"):
        status, out, said = quick.run(old="--cuda=GPU-1", new="--cuda=GPU-1")
    assert (status, out) == (2, "")
    assert said == (
        "rehearsal: another rehearsal is under way on GPU-1, and the two would disturb each other; wait for its end\n"
    )


def test_a_gpu_is_free_again_however_a_rehearsal_ended(tmp_path):
    code = "import os; from rehearsal.device_lock import locked\nwith locked('GPU-2'): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT)
    with locked("GPU-2"), locked("GPU-3"), locked(""), locked(""):
        pass


def test_what_cannot_be_written_is_said_after_the_table(tmp_path, capsys):
    """/dev/full is a disk without room."""
    file = tmp_path / "rehearsal.json"
    file.write_text(record(new_version="2.12.0").to_json())
    assert main(["--from", str(file), "--report", "/dev/full"]) == 2
    out, said = capsys.readouterr()
    assert out.startswith("Nothing is slower.")
    assert said == "rehearsal: /dev/full cannot be written: No space left on device\n"


@pytest.mark.parametrize(("change", "status"), [(-0.3, 2), (0.3, 1)])
def test_a_search_that_was_interrupted_is_not_done(tmp_path, capsys, change, status):
    """What fails is worth more than that."""
    file = tmp_path / "rehearsal.json"
    found = record(change=change)
    found.bisection = replace(searched(), blamed=[], ended=INTERRUPTED)
    file.write_text(found.to_json())
    assert main(["--from", str(file)]) == status
    assert INTERRUPTED in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--bisect", "--plan"])
def test_a_record_is_judged_and_nothing_else(tmp_path, capsys, option):
    file = tmp_path / "rehearsal.json"
    file.write_text(record().to_json())
    assert main(["--from", str(file), option]) == 2
    said = f"{option} asks the sides, and --from has what they said; leave one of them out"
    assert capsys.readouterr().err == f"rehearsal: {said}\n"


def test_options_of_the_search_need_it(capsys):
    assert main(["--keep", "--no-index"]) == 2
    assert capsys.readouterr().err == "rehearsal: --keep and --no-index go with --bisect; add it, or leave them out\n"


def test_a_side_that_hangs_in_a_turn_is_ended(quick):
    status, out, _ = quick.run("--budget=25s", "--turn-timeout=1", "--format=json", new="--hang=turn --sleep=0.0005")
    assert (status, rows(out)[FIRST, "latency"]) == (1, "MISSING")
    assert "took longer than 1 s for taking a turn" in out


def test_a_side_killed_while_it_starts_is_a_sentence(quick):
    status, out, said = quick.run(new="--die=begin")
    assert (status, out) == (2, "")
    assert said.startswith("rehearsal: the new side's process ended by SIGKILL")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ctrl_c_reports_what_is_decided_and_leaves_nothing(quick, tmp_path, how):
    file = tmp_path / "rehearsal.json"
    with interrupted(lambda: len(quick.sides()) > 2, how):
        status, out, _ = quick.run("--budget=60s", f"--json={file}", new="--sleep=0.0021")
    assert status == 2
    assert "Interrupted: what was not decided by then is UNSURE." in out
    assert "\nended early: " in out
    assert json.loads(file.read_text())["interrupted"]
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".")] == []


def test_ctrl_c_before_the_first_turn_decides_nothing(quick):
    with interrupted(quick.hangs, signal.SIGINT):
        status, out, _ = quick.run("--budget=60s", new="--hang=build")
    assert status == 2
    assert out.startswith("Nothing was found to be slower; 2 benchmarks could not be decided.")
    assert out.splitlines()[-1] == "ended early: 2 UNSURE"


def test_a_closed_terminal_ends_a_rehearsal_that_leaves_nothing(quick):
    """What it would say there finds no reader, either."""
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "rehearsal", *quick.command("--budget=1h", new="--hang=build")]
    quick.started = subprocess.Popen(command, cwd=ROOT, stdout=end, stderr=end, start_new_session=True)
    os.close(end)
    while len(list(quick.temporary.glob("rehearsal-parts-*/*"))) < 2:
        time.sleep(0.1)
    os.close(terminal)
    quick.started.send_signal(signal.SIGHUP)
    quick.started.wait(60)
    quick.nothing_is_left()


def test_ctrl_c_before_anything_was_measured(quick):
    quick.start(new="--hang=begin")
    while len(quick.sides()) < 1:
        time.sleep(0.1)
    time.sleep(1.5)
    os.kill(quick.started.pid, signal.SIGINT)
    status, out, said = quick.finish()
    assert (status, out) == (2, "")
    assert "interrupted before there was anything to report" in said


def test_a_rehearsal_that_is_killed_leaves_no_side(quick):
    quick.start("--budget=1h")
    while len(quick.sides()) < 2:
        time.sleep(0.1)
    quick.started.kill()
    quick.started.wait()
    deadline = time.monotonic() + 30
    while not all(map(gone, quick.sides())) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert all(map(gone, quick.sides()))


@pytest.mark.parametrize(
    ("arguments", "old", "new", "sentence"),
    [
        (("--budget=3s",), "", "", "--budget of 3 s is too short to decide anything: 3 pairs"),
        ((), "--cuda=GPU-1", "--cuda=GPU-2", "run on different devices (none GPU-1 and none GPU-2)"),
        ((), f"--only={FIRST}", f"--only={SECOND}", f"no benchmark in common (old: {FIRST}; new: {SECOND})"),
        (
            (),
            f"--only={FIRST}",
            f"--only={SECOND} --skipped=quick-tensorrt-fp16-b1",
            f"no benchmark in common (old: {FIRST}; new: {SECOND})",
        ),
        ((), "--refuse=begin", "", "the old side: it cannot begin"),
        ((), "", "--refuse=keep", "the new side: it cannot keep"),
    ],
    ids=["budget", "devices", "benchmarks", "skipped", "options", "parts"],
)
def test_what_cannot_be_rehearsed_is_one_sentence(quick, arguments, old, new, sentence):
    status, out, said = quick.run(*arguments, old=old, new=new)
    assert (status, out) == (2, "")
    assert said.startswith("rehearsal: ")
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(("side", "said"), [("", "At most 600 s"), ("--cuda=GPU-1", "At most 3600 s")])
def test_a_gpu_gets_more_time_where_none_is_given(quick, side, said):
    status, out, _ = quick.run("--plan", old=side, new=side)
    assert status == 0 and said in unwrapped(out)


def test_the_plan_measures_nothing(quick):
    status, out, _ = quick.run("--plan", new=f"--only={FIRST}")
    assert status == 0
    assert out.startswith("1 benchmark on none:")
    assert f"not compared, new: {SECOND}: not part of this side's matrix" in out
    assert "At most 600 s" in out
    assert out.count("could be seen after") == 2
    assert len(quick.sides()) == 2


@pytest.mark.parametrize(
    ("start_s", "said", "looks"),
    [
        (60.0, "after 8 pairs.", 2),
        (90.0, "time for at most 6 pairs, if each pair needs 90 s", 2),
        (200.0, "after 3 pairs.", 1),
        (201.0, "too short to decide anything, if each pair needs 201 s to start, as now", 0),
    ],
)
def test_the_plan_says_what_the_budget_holds(start_s, said, looks):
    """600 s."""
    text = unwrapped(plan(record(pairs=0), start_s))
    assert said in text
    assert text.count("could be seen after") == looks


@pytest.mark.parametrize(("package", "words"), [("scipy", ["--from", "r.json"]), ("execnet", ["--plan"])])
def test_a_package_that_is_not_installed_fails_no_rehearsal(tmp_path, package, words):
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError('none', name='{package}')")
    (tmp_path / "r.json").write_text(record().to_json())
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal", *words], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"},
    )  # fmt: skip
    assert done.returncode == 2 and f"rehearsal: the package {package} is not installed; " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
@pytest.mark.parametrize(("change", "status"), [(0.0, 0), (0.2, 1)])
def test_a_recorded_rehearsal_is_judged_again(tmp_path, capsys, form, change, status):
    file = tmp_path / "rehearsal.json"
    file.write_text(record(change=change, new_version="2.12.0").to_json())
    assert main(["--from", str(file), "--format", form]) == status
    out = capsys.readouterr().out
    assert ("SLOWER" in out) == bool(status)
    assert "2.12.0" in out
    if form == "table":
        assert max(map(len, out.splitlines())) <= 100
        assert "  torch: 2.11.0 -> 2.12.0" in out.splitlines()


@pytest.mark.parametrize(
    "arguments", [["--budget", "soon"], ["--json", "/proc/x/y.json"], ["--new-args", "'open"], ["--turn-timeout", "0"]]
)
def test_options_that_cannot_be_read(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_every_option_that_decides_what_is_measured_reaches_both_sides(monkeypatch):
    """All of the suite's, but for the label sheet, which no rehearsal writes."""
    values = {"--build-timeout": "7.0", "--num-classes": "10"}
    known = []
    options.add_options(lambda name, **settings: known.append((name, "action" in settings)))
    asked = [
        name if is_flag else f"{name}={values.get(name, 'x')}" for name, is_flag in known if name != "--label-sheet"
    ]
    taken = {}
    monkeypatch.setattr(main_module, "_measured", lambda options, places, *_: taken.update(places) or 0)
    assert main(asked) == 0
    for place in taken.values():
        assert sorted(place.arguments) == sorted(asked)


def test_a_file_that_is_no_rehearsal(tmp_path, capsys):
    assert main(["--from", str(tmp_path / "none.json")]) == 2
    assert "does not exist" in capsys.readouterr().err


def checkout_with(folder: Path, added: str) -> Path:
    """A checkout of this code with something added to the worker."""
    checkout = folder / "checkout"
    shutil.copytree(ROOT / "rehearsal", checkout / "rehearsal", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("common", "fixtures", "data"):
        (checkout / name).symlink_to(ROOT / name)
    with (checkout / "rehearsal" / "worker.py").open("a") as module:
        module.write(added)
    return checkout


@pytest.mark.alone
def test_real_sides_on_the_cpu(tmp_path, monkeypatch, capsys):
    """Both sides are this environment; the new one sleeps in every call, and cannot build a variant any more."""
    monkeypatch.setattr(session, "MOST_TURNS_S", 1.0)
    for module in (sequential, sys.modules[main.__module__]):
        monkeypatch.setattr(module, "LEAST_PAIRS", 2)  # a pair of real processes takes long to start
    checkout = checkout_with(
        tmp_path,
        "\n\n_synchronised, _build = synchronised, Side.answer_build\n\n\n"
        "def synchronised(run, device):\n"
        "    call = _synchronised(run, device)\n"
        "    return lambda: (call(), time.sleep(0.2))\n\n\n"
        "def answer_build(self, benchmark):\n"
        "    if 'torchscript' in benchmark:\n"
        "        raise RuntimeError('no such operator')\n"
        "    return _build(self, benchmark)\n\n\n"
        "Side.answer_build = answer_build\n",
    )
    status = main(
        [f"--new-checkout={checkout}", "--models=test_efficientnet", "--weights=seeded", "--batch-sizes=1",
         "--device=cpu", "--budget=120s", "--format=json"]
    )  # fmt: skip
    out, said_of_errors = capsys.readouterr()
    assert (status, said_of_errors) == (1, "")
    said = json.loads(out)
    found = rows(out)
    assert found["test_efficientnet-eager-fp32-b1", "latency"] == "SLOWER"
    assert found["test_efficientnet-torchscript-fp32-b1", "latency"] == "MISSING"
    assert found["test_efficientnet-eager-fp32-b1", "outputs"] == "SAME"
    assert found["test_efficientnet-eager-fp32-b1", "aten_operators"] == "SAME"
    assert [item["field"] for item in said["differences"]] == ["checkout"]
    assert said["pairs"] >= 2, "a busy machine may need more of them"
    assert "RuntimeError: no such operator" in out


@pytest.mark.alone
def test_real_sides_compile_once_and_load_in_later_pairs(tmp_path, monkeypatch, capsys):
    """TorchScript on the CPU; the checkout writes down in which processes a side compiles."""
    monkeypatch.setattr(session, "MOST_TURNS_S", 1.0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for module in (sequential, sys.modules[main.__module__]):
        monkeypatch.setattr(module, "LEAST_PAIRS", 2)
    monkeypatch.setattr(main_module, "MOST_PAIRS", 2)
    compiled, file = tmp_path / "compiled", tmp_path / "rehearsal.json"
    checkout = checkout_with(
        tmp_path,
        "\n\nimport os\nfrom fixtures.variants import torchscript\n\n_frozen = torchscript._frozen\n\n\n"
        "def frozen(inputs):\n"
        f"    with open({str(compiled)!r}, 'a') as file:\n"
        "        file.write(f'{os.getpid()}\\n')\n"
        "    return _frozen(inputs)\n\n\n"
        "torchscript._frozen = frozen\n",
    )
    status = main(
        [f"--{side}-checkout={checkout}" for side in ("old", "new")]
        + ["--models=test_efficientnet", "--weights=seeded", "--batch-sizes=1", "--variants=torchscript-fp32",
           "--device=cpu", "--budget=120s", f"--json={file}"]
    )  # fmt: skip
    assert status in (0, 1), capsys.readouterr()  # what two pairs on a busy machine say is not the point
    pairs = json.loads(file.read_text())["pairs"]
    assert len(pairs) == 2
    assert len(set(compiled.read_text().split())) == len(compiled.read_text().split()) == 2
    for side in ("old", "new"):
        measured = [pair["measured"][side]["test_efficientnet-torchscript-fp32-b1"] for pair in pairs]
        first_s, second_s = (one["build_s"] for one in measured)
        assert second_s == pytest.approx(first_s, abs=0.3), "it has the seconds of the first process's compiler"
    assert not list(tmp_path.glob("rehearsal-*"))


def test_the_page_shows_what_the_command_prints(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    prompt = "$ python -m rehearsal "
    shown = [block for block in blocks(ROOT / "docs" / "rehearsal.md") if block.startswith(prompt)]
    assert len(shown) == 4
    for block in shown:
        command, *lines = block.splitlines()
        main(shlex.split(command.removeprefix(prompt)))
        assert capsys.readouterr().out.splitlines() == lines
