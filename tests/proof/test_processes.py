"""Recording processes that take turns: real ones on the CPU, quick ones that break, and the file that comes of it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from proof.inject.slowdown import parse
from proof.rehearsals import processes, slowed_worker
from proof.rehearsals.batches import LEFT_OUT, Batch, Process, read
from proof.rehearsals.processes import SLOWED_WORKER, Batches, NoProcess, main
from rehearsal.record import UnusableRecord
from rehearsal.side import Place
from rehearsal.turns import LEAST_ROUNDS
from tests.proof.made_up_processes import recording
from tests.rehearsal import quick_worker
from tests.rehearsal.test_side import gone

PYTHON = Path(sys.executable)
EAGER = "test_efficientnet-eager-fp32-b1"


@pytest.fixture
def quick(tmp_path):
    """Makes places of quick processes, each with what it does besides; and the processes that were started."""
    folder = tmp_path / "checkout" / "rehearsal"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    shutil.copy(quick_worker.__file__, folder / "worker.py")
    pids = tmp_path / "pids"

    def places(*does: str) -> list[Place]:
        return [
            Place(f"process-{number + 1}", PYTHON, folder.parent, (f"--pids={pids}", *words.split()))
            for number, words in enumerate(does)
        ]

    yield places
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_real_processes_take_turns_and_one_is_really_slowed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    file = tmp_path / "found.json.xz"
    assert main(
        [str(file), "--processes=3", "--slowed-processes=1", "--slow=eager-fp32:host=50%", "--seconds=1.5",
         "--batches=1", "--", "--models", "test_efficientnet", "--variants=eager-fp32", "--batch-sizes=1",
         "--device=cpu", "--weights=seeded"]
    ) == 0  # fmt: skip
    found = read([file])
    (batch,) = found.batches
    assert (batch.unchanged, batch.slowed) == (["process-1", "process-2"], ["slowed-1"])
    assert found.side["arguments"][:2] == ["--models", "test_efficientnet"]
    assert not any(word.startswith("--slow") for word in found.side["arguments"])
    assert "torch" in found.side["packages"]
    turns = batch.turns[EAGER]
    assert turns.rounds >= LEAST_ROUNDS
    # The shortest of all calls, which a busy machine lengthens least.
    plain_s, slowed_s = (
        min(time_s for name in names for time_s in turns.min_s[name]) for names in (batch.unchanged, batch.slowed)
    )
    assert slowed_s > 1.1 * plain_s
    (entry,) = batch.processes["slowed-1"].slowed[EAGER]
    assert (entry["kind"], entry["asked"]) == ("host", "50%")
    assert entry["size_s"] > 0
    counted = {batch.processes[name].measured[EAGER]["host_work"]["aten_operators"] for name in batch.processes}
    assert len(counted) == 1
    assert set(batch.seconds) >= {"start", "reference", "build", "spared", "turn", "count"}
    assert batch.seconds["reference"] > 0
    assert not list((tmp_path / "temporary").glob("rehearsal-parts-*"))
    assert batch.seconds["turn"][EAGER] > 0


@pytest.mark.parametrize(
    ("breaks", "sentence"),
    [
        ("--die=begin", "process-2"),
        ("--die=build", "process ended by SIGKILL"),
        ("--die=turn", "process ended by SIGKILL"),
        ("--die=turn --after=5", "process ended by SIGKILL"),
        ("--hang=turn", "took longer than 2 s"),
        ("--refuse=build", "process-2 cannot measure quick-eager-fp32-b1: it cannot build"),
        ("--refuse=turn --after=5", "cannot run quick-eager-fp32-b1: it cannot turn"),
        ("--die=count", "process ended by SIGKILL"),
        ("--die=profile", "process ended by SIGKILL"),
        ("--refuse=profile", "process-2 cannot measure"),
    ],
)
def test_a_process_that_breaks_is_left_out_and_the_batch_goes_on(quick, tmp_path, monkeypatch, breaks, sentence):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # of the device's lock
    file = tmp_path / "found.json"
    uuid = f"--cuda={tmp_path.name}"
    batches = Batches(quick(uuid, f"{uuid} {breaks}", uuid), 0.2, 2.0, lambda text: None)
    found = batches.run(1, file, None)
    (note,) = found.notes
    assert note.startswith("Batch 1: ") and sentence in note and "process-2" in note
    (batch,) = read([file]).batches
    assert list(batch.processes) == ["process-1", "process-3"]
    for turns in batch.turns.values():
        assert turns.rounds >= LEAST_ROUNDS
        for times_s in (turns.min_s, turns.median_s):
            assert {name: len(some_s) for name, some_s in times_s.items()} == dict.fromkeys(
                ("process-1", "process-3"), turns.rounds
            )
    assert all(
        process.measured[name]["kernel_time_s"] for process in batch.processes.values() for name in quick_worker.NAMES
    )


def test_a_batch_that_fails_leaves_those_before_it_in_the_file(quick, tmp_path):
    file = tmp_path / "found.json"
    found = Batches(quick("", ""), 0.1, 5.0, lambda text: None).run(1, file, None)
    with pytest.raises(NoProcess, match=r"1 of 2 processes are left, too few to take turns: .*SIGKILL"):
        Batches(quick("", "--die=turn"), 0.1, 5.0, lambda text: None).run(2, file, found)
    assert len(read([file]).batches) == 1


def test_no_batch_begins_that_would_not_end_within_the_budget(quick, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(processes, "places", lambda *_: quick("", ""))
    monkeypatch.setattr(Place, "check", lambda self: None)
    file = tmp_path / "found.json"
    assert main([str(file), "--processes=2", "--seconds=1", "--batches=3", "--budget=1.5s"]) == 0
    assert len(read([file]).batches) == 1
    assert "batch 2 is left out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--slow=eager-fp32:host=5%"], "go together"),
        (["--slowed-processes=2"], "go together"),
        (["--processes=1"], "a batch needs 2 processes"),
        (["--slow=eager-fp32:leak=1KB", "--slowed-processes=2"], "this kind is not for rehearsals"),
        (["--slow=eager-fp32:layout=blocks.0", "--slowed-processes=2"], "this kind is not for rehearsals"),
        (["--slow=eager-fp32:nonsense"], "is not PATTERN:KIND=AMOUNT"),
    ],
)
def test_options_that_make_no_batch_are_refused(options, sentence, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main([str(tmp_path / "found.json"), *options])
    assert left.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("slow", "sentence"),
    [
        ("tensorrt-fp16:host=5%", "no benchmark is called so"),
        ("eager-fp32:kernel=1%", "the kind kernel needs a CUDA GPU"),
        ("eager-fp32:operator=blocks.0.0.conv+1%", "the kind operator needs a CUDA GPU"),
        ("eager-fp32:host=5% *:host=7%", "is to be slowed down twice, by eager-fp32:host=5% and *:host=7%"),
    ],
)
def test_what_cannot_be_slowed_is_said(slow, sentence):
    sent = []
    slowed = [f"--slow={one}" for one in slow.split()]
    arguments = ["--device=cpu", "--models=test_efficientnet", "--variants=eager-fp32", *slowed]

    class Channel:
        def __iter__(self):
            yield {"do": "begin", "arguments": arguments}

        def send(self, item):
            sent.append(item)

    slowed_worker.serve(Channel())
    (answer,) = sent
    assert sentence in answer["error"] and "Error" not in answer["error"]


def test_a_torchscript_module_is_compiled_by_every_process_and_would_be_spared_a_later_one(tmp_path):
    file = tmp_path / "found.json"
    assert main(
        [str(file), "--processes=2", "--seconds=0.2", "--batches=1", "--", "--models=test_efficientnet",
         "--variants=torchscript-fp32", "--batch-sizes=1", "--device=cpu", "--weights=seeded", "--input-size=64"]
    ) == 0  # fmt: skip
    (batch,) = read([file]).batches
    ((benchmark, spared_s),) = batch.seconds["spared"].items()
    assert 0 < spared_s <= batch.seconds["build"][benchmark]


def test_an_operator_has_the_shortest_kernel_in_processes_that_are_not_slowed():
    slow = [parse(text) for text in ("eager-fp32:operator=blocks.0+1%", "eager-fp32:host=5%")]
    plain, slowed = processes.places(2, ("--device=cuda:0",), slow, 1)
    assert (plain.worker, slowed.worker) == (SLOWED_WORKER, SLOWED_WORKER)
    assert plain.arguments == ("--device=cuda:0", "--slow=eager-fp32:operator=blocks.0")
    assert slowed.arguments[1:] == ("--slow=eager-fp32:operator=blocks.0+1%", "--slow=eager-fp32:host=5%")
    found = Batch(
        processes={
            "process-1": Process(slowed={EAGER: [{"kind": "operator", "asked": "blocks.0", "size_s": None}]}),
            "slowed-1": Process(slowed={EAGER: [{"kind": "operator", "asked": "blocks.0+1%", "size_s": 1e-6}]}),
            "process-2": Process(),
        }
    )
    assert (found.unchanged, found.slowed) == (["process-1", "process-2"], ["slowed-1"])


def test_a_batch_without_a_slowed_process_that_was_asked_for_is_not_measured(quick, tmp_path):
    slowed = replace(quick("--slow=eager-fp32:host=5%")[0], name="slowed-1", worker=SLOWED_WORKER)
    places = [*quick("", ""), slowed]
    with pytest.raises(NoProcess, match="no process can be slowed: the slowed-1 side"):
        Batches(places, 0.1, 5.0, lambda text: None).run(1, tmp_path / "found.json", None)
    assert not (tmp_path / "found.json").exists()


def test_a_file_is_read_as_it_was_written_and_is_small(tmp_path):
    found = recording(batches=2, processes=6, slowed=1, slower=0.1)
    sizes = []
    for name in ("found.json", "found.json.xz"):
        found.write(tmp_path / name)
        again = read([tmp_path / name])
        sizes.append((tmp_path / name).stat().st_size)
        assert again.side == found.side
        for batch, before in zip(again.batches, found.batches, strict=True):
            assert batch.slowed == before.slowed
            assert batch.seconds == before.seconds
            for benchmark, turns in batch.turns.items():
                for process, times_s in turns.min_s.items():
                    assert times_s == pytest.approx(before.turns[benchmark].min_s[process], rel=1e-4)
            for process, kept in batch.processes.items():
                assert kept.lists == before.processes[process].lists
                for benchmark, fields in kept.measured.items():
                    whole = before.processes[process].measured[benchmark]
                    assert fields == {key: value for key, value in whole.items() if key not in LEFT_OUT}
    assert sizes[1] < sizes[0] / 2


def test_files_of_one_environment_are_read_together_and_others_refused(tmp_path):
    files = [tmp_path / f"{number}.json" for number in range(3)]
    recording(batches=1, seed=1).write(files[0])
    recording(batches=2, seed=2).write(files[1])
    other = recording(batches=1)
    other.side["packages"] = {"torch": "2.12.0"}
    other.write(files[2])
    assert len(read(files[:2]).batches) == 3
    with pytest.raises(UnusableRecord, match=r"2\.json has other packages than .*0\.json"):
        read(files)


@pytest.mark.parametrize("name", ["found.json", "found.json.xz"])
def test_a_file_that_holds_no_batches_is_refused_with_a_sentence(tmp_path, name):
    file = tmp_path / name
    with pytest.raises(UnusableRecord, match="does not exist"):
        read([file])
    recording(batches=1, processes=2).write(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnusableRecord, match="cannot be read: it is damaged"):
        read([file])


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["batches"][0]["processes"]["process-1"].update(lists=9),
        lambda document: document["batches"][0]["turns"]["model-eager-fp32-b1"]["min_s"].pop("process-1"),
        lambda document: document["batches"][0]["turns"]["model-eager-fp32-b1"]["min_s"]["process-1"].pop(),
        lambda document: document.pop("side"),
        lambda document: document.update(batches=3),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, change):
    file = tmp_path / "found.json"
    recording(batches=1, processes=2).write(file)
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))
    with pytest.raises(UnusableRecord, match="is damaged"):
        read([file])
    file.write_text('{"rehearsal": 1}')
    with pytest.raises(UnusableRecord, match="holds no batches of processes"):
        read([file])
