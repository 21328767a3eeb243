"""Recording the pairs of a rehearsal: real sides on the CPU, quick ones that break, and the file that comes of it."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from proof.inject.slowdown import parse
from proof.rehearsals import distinct, pairs, slowed_worker
from proof.rehearsals.batches import LEFT_OUT, Batch, Process, read
from proof.rehearsals.pairs import SLOWED_WORKER, main, places
from rehearsal import session
from rehearsal.protocol import NEW, OLD, SIDES
from rehearsal.record import UnusableRecord
from rehearsal.side import Place
from rehearsal.turns import LEAST_ROUNDS
from tests.proof.made_up_pairs import recording
from tests.rehearsal import quick_worker
from tests.rehearsal.test_side import gone

PYTHON = Path(sys.executable)
EAGER = "test_efficientnet-eager-fp32-b1"


@pytest.fixture
def quick(tmp_path, monkeypatch):
    """Records quick sides, which do so besides; all of them are gone afterwards."""
    folder = tmp_path / "checkout" / "rehearsal"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    shutil.copy(quick_worker.__file__, folder / "worker.py")
    pids = tmp_path / "pids"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # of the device's lock
    monkeypatch.setattr(session, "LEAST_TURNS_S", 0.1)
    monkeypatch.setattr(session, "MOST_TURNS_S", 0.25)
    monkeypatch.setattr(Place, "check", lambda self: None)

    def record(file, *options, old="", new=""):
        given = {OLD: old, NEW: new}
        sides = {
            side: Place(side, PYTHON, folder.parent, (f"--pids={pids}", *words.split()))
            for side, words in given.items()
        }
        monkeypatch.setattr(pairs, "places", lambda *_: sides)
        return main([str(file), *options])

    yield record
    assert all(gone(int(pid)) for pid in pids.read_text().split())


def test_real_sides_are_recorded_and_one_is_really_slowed(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "MOST_TURNS_S", 1.0)
    file = tmp_path / "found.json.xz"
    assert main(
        [str(file), "--pairs=3", "--budget=2m", "--slow=eager-fp32:host=50%", "--", "--models", "test_efficientnet",
         "--variants=eager-fp32", "--batch-sizes=1", "--device=cpu", "--weights=seeded"]
    ) == 0  # fmt: skip
    found = read([file])
    assert found.side["arguments"][:2] == ["--models", "test_efficientnet"]
    assert not any(word.startswith("--slow") for word in found.side["arguments"])
    assert "torch" in found.side["packages"]
    assert [batch.is_first for batch in found.batches] == [True, False, False]
    for batch in found.batches:
        assert (batch.unchanged, batch.slowed) == ([OLD], [NEW])
        (entry,) = batch.processes[NEW].slowed[EAGER]
        assert (entry["kind"], entry["asked"]) == ("host", "50%")
        assert entry["size_s"] > 0
        assert (
            len({process.measured[EAGER]["host_work"]["aten_operators"] for process in batch.processes.values()}) == 1
        )
        assert batch.turns[EAGER].rounds >= LEAST_ROUNDS
        assert 0 < batch.turns_s < 2 and batch.apart_s > 0
    # The shortest of all calls, which a busy machine lengthens least.
    shortest = {side: min(min(batch.turns[EAGER].min_s[side]) for batch in found.batches) for side in SIDES}
    assert shortest[NEW] > 1.1 * shortest[OLD]


def test_all_pairs_are_recorded_whatever_is_decided(quick, tmp_path, capsys):
    file = tmp_path / "found.json"
    uuid = f"--cuda={tmp_path.name}"
    assert quick(file, "--budget=60s", "--pairs=5", "-v", old=uuid, new=f"{uuid} --sleep=0.02") == 0
    found = read([file])
    assert len(found.batches) == 5 and not found.notes
    for batch in found.batches:
        assert batch.unchanged == list(SIDES)
        for process in batch.processes.values():
            for name in quick_worker.NAMES:
                assert process.measured[name]["kernel_time_s"]
    said = capsys.readouterr().err
    assert "old took" in said and "pair 5: " in said and "5 pairs" in said


@pytest.mark.parametrize("told", ["0", "None"])
def test_sides_take_their_turns_where_the_system_places_them_on_request(quick, tmp_path, told):
    side = f"--cuda={tmp_path.name} --told={told}"
    unpinned = ["--unpinned"] if told == "None" else []
    file = tmp_path / "found.json"
    assert quick(file, "--budget=60s", "--pairs=3", *unpinned, old=side, new=side) == 0
    found = read([file])
    assert len(found.batches) == 3 and not found.notes


@pytest.mark.parametrize(
    ("breaks", "kept", "sentence"),
    [
        ("--die=begin", 0, "the new side"),
        ("--die=turn --after=9", 3, "ended by SIGKILL"),
        ("--refuse=count", 3, "it cannot count"),
    ],
)
def test_a_side_that_breaks_costs_its_benchmark_alone(quick, tmp_path, capsys, breaks, kept, sentence):
    file = tmp_path / "found.json"
    assert quick(file, "--budget=60s", "--pairs=3", new=breaks) == 2
    if kept:
        found = read([file])
        assert all(list(batch.turns) == [quick_worker.NAMES[1]] for batch in found.batches)
        assert len(found.batches) >= kept
        assert sentence in found.notes[0]
        assert distinct.main([str(file), "--times=2", "--budget", "5"]) == 0
        assert quick_worker.NAMES[0] not in capsys.readouterr().out.split("\n\n", 1)[1], "it was not recorded"
    else:
        assert not file.exists()
        assert sentence in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--pairs=2"], "a rehearsal has at least 3"),
        (["--slow=eager-fp32:leak=1KB"], "this kind is not for rehearsals"),
        (["--slow=eager-fp32:layout=blocks.0"], "this kind is not for rehearsals"),
        (["--slow=eager-fp32:nonsense"], "is not PATTERN:KIND=AMOUNT"),
    ],
)
def test_options_that_record_nothing_are_refused(options, sentence, tmp_path, capsys):
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


def test_an_operator_has_the_shortest_kernel_in_the_old_side():
    slow = [parse(text) for text in ("eager-fp32:operator=blocks.0+1%", "eager-fp32:host=5%")]
    sides = places(("--device=cuda:0",), slow)
    assert {side.worker for side in sides.values()} == {SLOWED_WORKER}
    assert sides[OLD].arguments == ("--device=cuda:0", "--slow=eager-fp32:operator=blocks.0")
    assert sides[NEW].arguments[1:] == ("--slow=eager-fp32:operator=blocks.0+1%", "--slow=eager-fp32:host=5%")
    plain = {side.worker for side in places((), slow[1:]).values()}
    assert plain == {SLOWED_WORKER, "rehearsal.worker"}
    found = Batch(
        processes={
            OLD: Process(slowed={EAGER: [{"kind": "operator", "asked": "blocks.0", "size_s": None}]}),
            NEW: Process(slowed={EAGER: [{"kind": "operator", "asked": "blocks.0+1%", "size_s": 1e-6}]}),
        }
    )
    assert (found.unchanged, found.slowed) == ([OLD], [NEW])


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
            assert (batch.apart_s, batch.turns_s, batch.is_first) == (before.apart_s, before.turns_s, before.is_first)
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
