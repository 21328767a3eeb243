"""What a worker answers to options that it cannot read, and what it keeps; whole rehearsals are in test_main."""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from common.schema import LOADING
from fixtures.building.build import BuildTimeout
from fixtures.machine.device import Device
from fixtures.models.loaded import LoadedModels
from fixtures.variants import torchscript
from fixtures.variants.table import VARIANTS
from fixtures.variants.variant import OtherBuild
from rehearsal import worker
from rehearsal.protocol import CORES, KEEPS_PARTS, LOADS
from rehearsal.worker import serve


class Channel:
    """Brings requests, and keeps what is sent."""

    def __init__(self, *requests):
        self.requests, self.sent = requests, []

    def __iter__(self):
        return iter(self.requests)

    def send(self, item):
        self.sent.append(item)


@pytest.mark.parametrize(
    ("option", "sentence"),
    [("--nonsense", "unrecognized arguments: --nonsense"), ("--device=cuda:99", "cuda:99"), ("--models=", "--models")],
)
def test_options_that_a_side_cannot_read_are_its_sentence(option, sentence):
    channel = Channel({"do": "begin", "arguments": [option]})
    serve(channel)
    (answer,) = channel.sent
    assert sentence in answer["error"]
    assert "\n" not in answer["error"] and "Error:" not in answer["error"]


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_error_that_the_gpu_does_not_survive_ends_the_process(is_lost, monkeypatch):
    """Else each benchmark that follows would be blamed."""

    class OnGpu(worker.Side):
        def __init__(self, arguments):
            self.device = Device(torch.device("cuda", 0), "a GPU", "gpu")

        def describe(self):
            return {}

        def answer_turn(self, benchmark, calls, core=None):
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def answer(device):
        if is_lost:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr("torch.cuda.synchronize", answer)
    monkeypatch.setattr("torch.cuda.mem_get_info", answer)
    channel = Channel({"do": "begin", "arguments": []}, *2 * [{"do": "turn", "benchmark": "", "calls": 1}])
    if is_lost:
        with pytest.raises(RuntimeError, match="illegal memory access"):
            serve(channel, OnGpu)
        assert len(channel.sent) == 1
    else:
        serve(channel, OnGpu)
        assert ["error" in one for one in channel.sent] == [False, True, True]


BENCHMARK = "test_efficientnet-torchscript-fp32-b1"
ARGUMENTS = [
    "--device=cpu", "--models=test_efficientnet", "--weights=seeded", "--batch-sizes=1", "--variants=torchscript-fp32",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "parts"
    made.mkdir()
    return made


@pytest.fixture
def built(monkeypatch, folder, remembered):
    """Builds TorchScript in a side of its own that keeps parts in a folder, as each pair does; what it answers."""
    monkeypatch.setattr(worker, "warm_up", lambda call: call())
    monkeypatch.setattr(worker, "_packages", dict)  # the metadata of hundreds of packages takes as long as a build

    def build(**steps):
        """`compile`, `load`, `extend` and `build` take the place of the variant's own."""
        with pytest.MonkeyPatch.context() as patch:
            variant = VARIANTS["torchscript-fp32"]
            divided = replace(
                torchscript.DIVIDED,
                **{name: step for name, step in steps.items() if name in ("compile", "load", "extend")},
            )
            patch.setitem(
                VARIANTS, variant.name, replace(variant, divided=divided, build=steps.get("build", variant.build))
            )
            channel = Channel(
                {"do": "begin", "arguments": ARGUMENTS},
                {"do": "keep", "folder": str(folder)},
                {"do": "build", "benchmark": BENCHMARK},
            )
            serve(channel)
        described, kept, answer = channel.sent
        assert described["answer"][KEEPS_PARTS] and kept == {"answer": None}
        return answer

    return build


def never(*_):
    raise AssertionError("this is not to be called")


def compiled(folder):
    """The files of what was compiled, without those of what was computed of the model."""
    return sorted(file for file in folder.iterdir() if file.suffix != ".npz")


def names(folder):
    return [file.name for file in compiled(folder)]


def build_s(answer):
    return answer["answer"]["extra_info"]["build_s"]


def test_a_later_process_loads_what_the_first_compiled(built, folder):
    first = built(build=never)
    assert names(folder) == [f"{BENCHMARK}.parts"]
    (file,) = compiled(folder)
    header, _, data = file.read_bytes().partition(b"\n")
    seconds = json.loads(header)["seconds"]
    assert seconds <= first["answer"]["spared_s"], "and what was computed on the CPU"
    assert seconds <= build_s(first) + 0.001
    file.write_bytes(json.dumps(json.loads(header) | {"seconds": 1000.0}).encode() + b"\n" + data)
    second = built(compile=never, build=never)
    assert second["answer"]["spared_s"] == 0
    assert 1000 < build_s(second) < 1060, "the seconds of compiling, and those of loading"
    assert second["answer"]["relative_error"] == first["answer"]["relative_error"]
    measured = [one["answer"]["extra_info"] | {"build_s": None} for one in (first, second)]
    assert measured[0] == measured[1]


def test_a_later_process_computes_nothing_of_the_model_on_the_cpu(built, monkeypatch):
    first = built()
    monkeypatch.setattr(LoadedModels, "_reference", never)
    monkeypatch.setattr("fixtures.models.sensitivity.amplification", never)
    assert built()["answer"]["relative_error"] == first["answer"]["relative_error"]


@pytest.mark.parametrize(
    "damaged",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: whole[:-1000] + bytes(1000),
        lambda whole: whole.partition(b"\n")[2],
        lambda whole: b"{}\n" + whole.partition(b"\n")[2],
        lambda whole: b"[1]\n" + whole.partition(b"\n")[2],
    ],
    ids=["empty", "half", "a byte short", "other bytes", "no header", "an empty header", "another header"],
)
def test_a_damaged_file_is_compiled_anew_and_replaced(built, folder, damaged):
    built()
    (file,) = compiled(folder)
    whole = file.read_bytes()
    file.write_bytes(damaged(whole))
    loaded = []

    def load(parts):
        loaded.append(parts.data)
        return torchscript.load_parts(parts)

    answer = built(load=load, build=never)
    assert answer["answer"]["spared_s"] > 0
    assert names(folder) == [file.name]
    assert loaded == [file.read_bytes().partition(b"\n")[2]]
    built(compile=never, build=never)


def test_what_cannot_be_loaded_is_built_in_one_piece_by_every_process_that_tries(built, folder):
    """The file is what was written, so compiling once more would not help."""
    built()
    (file,) = compiled(folder)
    data = b"no module of TorchScript"
    header = {"sha256": hashlib.sha256(data).hexdigest(), "seconds": 1000.0, "facts": {}}
    file.write_bytes(json.dumps(header).encode() + b"\n" + data)
    for _ in range(2):
        answer = built(compile=never)
        assert build_s(answer) < 60 and answer["answer"]["relative_error"] < 1e-4
        assert answer["answer"]["not_loaded"].startswith("RuntimeError: PytorchStreamReader")
    assert names(folder) == [file.name]


def test_a_process_that_could_not_load_says_so_and_the_next_loads(built, folder):
    def fail(parts):
        raise ValueError("the engine has no execution context:\nout of memory")

    reason = built(load=fail)["answer"]["not_loaded"]
    assert reason == "ValueError: the engine has no execution context: out of memory"
    assert names(folder) == [f"{BENCHMARK}.parts"]
    assert built(compile=never, build=never)["answer"]["not_loaded"] == ""


def test_what_loading_finds_unlike_the_build_in_one_piece_is_tried_once(built, folder):
    def refuse(parts):
        raise OtherBuild("other code")

    built(load=refuse)
    assert names(folder) == [f"{BENCHMARK}.parts", f"{BENCHMARK}.whole"]
    assert "extra_info" in built(compile=never, load=never)["answer"]


def test_what_cannot_be_built_in_two_steps_is_tried_once(built, folder):
    def refuse(inputs):
        time.sleep(0.3)
        raise OtherBuild("two engines")

    answer = built(compile=refuse)
    assert answer["answer"]["spared_s"] >= 0.3
    assert "extra_info" in built(compile=never)["answer"]
    assert names(folder) == [f"{BENCHMARK}.whole"]


def test_what_further_loads_need_is_kept_and_no_part_of_the_build(built, folder):
    def extend(parts, inputs):
        time.sleep(5)
        return replace(parts, facts={**parts.facts, "kernels": "all"})

    def load(parts):
        assert parts.facts["kernels"] == "all"
        return torchscript.load_parts(parts)

    began = time.perf_counter()
    answer = built(extend=extend, load=load, build=never)
    assert build_s(answer) < time.perf_counter() - began - 5
    assert answer["answer"]["spared_s"] > 5
    assert build_s(built(compile=never, extend=never, load=load, build=never)) < 5


def test_a_compilers_error_is_said_and_nothing_is_kept(built, folder):
    def fail(inputs):
        raise RuntimeError("no such operator")

    answer = built(compile=fail, build=never)
    assert answer == {"error": f"building {BENCHMARK} failed: RuntimeError: no such operator"}
    assert names(folder) == []


@pytest.mark.parametrize("gone", [True, False], ids=["no folder", "no room"])
def test_where_nothing_can_be_kept_every_process_builds(built, folder, monkeypatch, gone):
    if gone:
        folder.rmdir()
    else:
        monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=1000))
    answers = [built(build=never)["answer"] for _ in range(2)]
    assert answers[1]["spared_s"] == 0 and max(answer["relative_error"] for answer in answers) < 1e-4
    assert gone or names(folder) == []


def test_a_file_that_is_half_written_has_another_name(built, folder, monkeypatch):
    """The build is given up before it has given the file its name; what it wrote goes."""
    seen = []

    def given_up(file, name):
        seen.append((file.name, file.stat().st_size, name.name))
        raise BuildTimeout

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", given_up)
        assert "BuildTimeout" in built()["error"]
    assert names(folder) == []
    ((unfinished, size, name),) = seen
    assert unfinished != name == f"{BENCHMARK}.parts" and size > 1e6
    assert built(build=never)["answer"]["spared_s"] > 0


def test_a_turn_is_taken_on_the_core_that_is_asked_for(monkeypatch):
    monkeypatch.setattr(worker, "warm_up", lambda call: call())
    before, cores = os.sched_getaffinity(0), []
    turn = {"do": "turn", "benchmark": BENCHMARK, "calls": 1}

    class Watched(worker.Side):
        def answer_build(self, benchmark):
            answer = super().answer_build(benchmark)
            self._calls[benchmark] = lambda: cores.append(os.sched_getaffinity(0))
            return answer

    core = max(before)
    channel = Channel(
        {"do": "begin", "arguments": ARGUMENTS}, {"do": "build", "benchmark": BENCHMARK}, {**turn, "core": core}, turn
    )
    serve(channel, Watched)
    assert channel.sent[0]["answer"][CORES] == [], "calls need all cores of a CPU"
    assert channel.sent[0]["answer"][LOADS] == LOADING
    assert cores == [{core}] * 2 + [before] * 2
    assert os.sched_getaffinity(0) == before


def test_without_a_folder_a_side_builds_in_one_piece(monkeypatch):
    monkeypatch.setattr(worker, "warm_up", lambda call: call())
    monkeypatch.setitem(
        VARIANTS, "torchscript-fp32",
        replace(VARIANTS["torchscript-fp32"], divided=replace(torchscript.DIVIDED, compile=never)),
    )  # fmt: skip
    channel = Channel({"do": "begin", "arguments": ARGUMENTS}, {"do": "build", "benchmark": BENCHMARK})
    serve(channel)
    assert channel.sent[1]["answer"]["spared_s"] == 0
