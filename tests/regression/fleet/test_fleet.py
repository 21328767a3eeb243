"""What a fleet says: the latest nights of every GPU model, where they disagree, and since when something fails."""

import datetime
import json
from pathlib import Path

import pytest

from common import marks
from regression.fleet import names, night
from regression.fleet.fleet import Word, fleet
from tests.regression.fleet import stores
from tests.regression.fleet.stores import IDS, edited, run, save, slug

H200, H100, L4, L40S, T4 = (gpu for gpu in stores.GPUS if gpu[0] in (
    "NVIDIA H200", "NVIDIA H100 PCIe", "NVIDIA L4", "NVIDIA L40S", "Tesla T4"))  # fmt: skip
SLOW = edited((lambda id_: id_ == IDS[0], "kernel_time", "SLOWER"))


@pytest.fixture
def said(tmp_path):
    """The fleet of some runs, each (GPU, nights ago, verdicts or a whole run)."""

    def make(*runs):
        for number, (gpu, ago, what) in enumerate(runs, start=1):
            name, capability = gpu
            document = what if isinstance(what, dict) and "suite" in what else run(name, capability, ago, what)
            save(tmp_path, document, number)
        nights, left_out = night.read(tmp_path)
        assert left_out == []
        return fleet(nights)

    return make


def of(fleet, gpu):
    return next(model for model in fleet.models if model.slug == slug(gpu[0]))


def test_a_gpu_model_has_its_last_night_and_the_last_thirty(said):
    found = said((H200, 3, SLOW), (H200, 1, None), (H200, 0, SLOW), (L4, 2, None), (T4, 0, {}))
    assert len(found.days) == 30 and found.days[-1] == datetime.date(2026, 11, 24)
    h200 = of(found, H200)
    assert h200.nights[-5:] == (Word.NO_RUN, Word.SLOWER, Word.NO_RUN, Word.SAME, Word.SLOWER)
    assert h200.status is Word.SLOWER and h200.counts == {Word.SLOWER: 1, Word.SAME: 23}
    assert h200.cells[IDS[0]].metrics == ("kernel_time",) and h200.cells[IDS[1]].word is Word.SAME
    assert of(found, L4).last == datetime.date(2026, 11, 22) and of(found, T4).status is Word.UNJUDGED
    assert found.sentence.startswith("2026-11-24: 1 of 2 GPU models fails; 1 judged nothing; 1 did not run")


def test_since_when_something_fails(said):
    unsure = edited((lambda id_: True, "kernel_time", "UNSURE"))
    (one,) = of(said((H200, 6, None), (H200, 5, SLOW), (H200, 3, unsure), (H200, 0, SLOW)), H200).failing
    assert (one.benchmark, one.since, one.longer) == (IDS[0], datetime.date(2026, 11, 19), False)


def test_a_row_of_failures_that_is_older_than_what_is_shown_says_so(said):
    (one,) = of(said((H200, 40, SLOW), (H200, 20, SLOW), (H200, 0, SLOW)), H200).failing
    assert (one.since, one.longer) == (datetime.date(2026, 11, 4), True)


def test_disagreements_are_told_by_gpu_model_and_by_generation(said):
    torchscript = edited((lambda id_: "torchscript" in id_, "latency", "SLOWER"))
    slow = SLOW | edited((lambda id_: id_ == IDS[0], "kernel_time", "SLOWER"))
    found = said((H200, 0, None), (H100, 0, torchscript), (L4, 0, slow), (L40S, 0, slow), (T4, 0, None))
    alone, generation = found.disagreements
    assert (alone.where, alone.metric, len(alone.benchmarks), alone.well) == (f"on {H100[0]} alone", "latency", 8, 4)
    assert (generation.where, generation.benchmarks, generation.well) == ("on Ada alone", (IDS[0],), 3)
    assert generation.models == (slug(L4[0]), slug(L40S[0]))


def test_what_is_noisy_or_fails_everywhere_is_no_disagreement(said):
    unsure = edited((lambda id_: True, "kernel_time", "UNSURE"))
    assert said((H200, 0, SLOW), (L4, 0, unsure), (T4, 0, SLOW)).disagreements == ()


def test_some_of_several_generations_are_counted(said):
    (one,) = said((H200, 0, SLOW), (L4, 0, SLOW), (L40S, 0, None), (T4, 0, None)).disagreements
    assert one.where == "on 2 of 4 GPU models"


def test_words_of_verdicts_that_fail_and_of_those_that_do_not(said):
    verdicts = edited(
        (lambda id_: id_ == IDS[0], "kernel_time", "SLOWER"), (lambda id_: id_ == IDS[1], "peak_memory", "CHANGED"),
        (lambda id_: id_ == IDS[2], "peak_memory", "CHANGED"), (lambda id_: id_ == IDS[3], "latency", "UNSURE"),
    )  # fmt: skip
    failures = {IDS[1]: {"peak_memory": "confirmed"}}
    cells = of(said((H200, 0, run(*H200, 0, verdicts, failures=failures))), H200).cells
    assert [cells[id_].word for id_ in IDS[:4]] == [Word.ACCEPTED, Word.CHANGED, Word.LISTED, Word.SAME]


def test_a_run_of_a_version_that_did_not_say_what_fails(said):
    document = run(*H200, 0, SLOW)
    del document["suite"]["failures"]
    assert of(said((H200, 0, document)), H200).cells[IDS[0]].word is Word.SLOWER


def test_a_night_is_all_gpus_of_a_model_and_the_latest_run_of_each(said):
    other = run(*H200, 0.05, SLOW)
    other["machine_info"]["gpu"]["uuid"] = "GPU-other"
    h200 = of(said((H200, 0.1, SLOW), (H200, 0, None), (H200, 0, other)), H200)
    assert h200.gpus == 2 and h200.status is Word.SLOWER
    assert of(said((H200, 0.1, SLOW), (H200, 0, None)), H200).nights[-1] is Word.SLOWER, (
        "the other GPU's is still there"
    )


def test_an_interrupted_run_and_one_without_a_baseline_judged_nothing(said):
    interrupted = run(*H200, 0, SLOW, interrupted="SIGTERM while measuring")
    new = edited(*((lambda id_: True, metric, "NEW") for metric in stores.METRICS))
    found = said((H200, 0, interrupted), (L4, 0, new))
    assert {model.status for model in found.models} == {Word.UNJUDGED}
    assert found.sentence.endswith(": no GPU model was judged.")
    assert (
        "nothing fails on 1 GPU model; 1 judged nothing" in said((H200, 0, interrupted), (L4, 0, run(*L4, 0))).sentence
    )


def test_baselines_are_no_nights(tmp_path):
    save(tmp_path, run(*H200, 0), 1, "baseline")
    assert fleet(night.read(tmp_path)[0]) is None


def test_only_the_files_that_are_needed_are_read(tmp_path):
    """What is older could not be read, which would be said."""
    for ago in range(365):
        path = save(tmp_path, run(*H200, ago, {IDS[0]: {"latency": "SAME"}}), 365 - ago)
        if ago > 30 + night.LATE:
            path.write_text("{")
    nights, left_out = night.read(tmp_path)
    assert len(nights) == 30 and left_out == []


def test_a_run_that_was_delivered_late_stands_on_its_own_night(tmp_path):
    for ago in {*range(35)} - {5}:
        save(tmp_path, run(*H200, ago, {IDS[0]: {"latency": "SAME"}}), 35 - ago)
    for number, ago in enumerate((33, 34, 5), start=36):
        save(tmp_path, run(*H200, ago, {IDS[0]: {"latency": "SLOWER"}}), number)
    (model,) = stores.shown(tmp_path).models
    assert [word for word in model.nights if word is not Word.SAME] == [Word.SLOWER] == [model.nights[-6]]


def test_a_file_that_is_no_use_is_named(tmp_path):
    save(tmp_path, run(*H200, 0), 1)
    bad = save(tmp_path, run(*H200, 0) | {"datetime": "yesterday"}, 2)
    save(tmp_path, run(*H200, 0), 3).write_text("{")
    nights, left_out = night.read(tmp_path)
    assert len(nights) == 1 and len(left_out) == 2 and any(bad.name in sentence for sentence in left_out)


def test_names_of_a_user_s_own_are_numbered():
    own, hub = "local-dir:/home/jane/secret", "hf-hub:acme/private"
    said = names.public(
        {
            f"{own}-tensorrt-fp16-b8": own,
            f"{hub}-eager-fp32-b1": hub,
            "efficientnet_b0.ra_in1k-eager-fp32-b1": "efficientnet_b0.ra_in1k",
            "tf_efficientnet_lite0-tensorrt-ts-fp16-b128": None,
            f"{own}-eager-fp32-cold-start": own,
            "efficientnet_b0-eager-fp32-cold-start": "efficientnet_b0",
            "efficientnet_b0-eager-fp32-b8-cold-start": None,
            "efficientnet_b0-eager-fp32-b1-growth": "efficientnet_b0",
            "efficientnet_b0-eager-fp32-batches-8": "efficientnet_b0",
            "efficientnet_b0-eager-fp32-b1-load": None,
            "/home/jane/test_own[x]": None,
            "efficientnet_b0-/home/jane-b1": "efficientnet_b0",
        }
    )
    assert list(said.values()) == [
        "own model 2-tensorrt-fp16-b8",
        "own model 1-eager-fp32-b1",
        "efficientnet_b0.ra_in1k-eager-fp32-b1",
        "tf_efficientnet_lite0-tensorrt-ts-fp16-b128",
        "own model 2-eager-fp32-cold-start",
        "efficientnet_b0-eager-fp32-cold-start",
        "efficientnet_b0-eager-fp32-b8-cold-start",
        "efficientnet_b0-eager-fp32-b1-growth",
        "efficientnet_b0-eager-fp32-batches-8",
        "efficientnet_b0-eager-fp32-b1-load",
        "own benchmark 1",
        "own benchmark 2",
    ]


def test_a_question_is_of_the_model_that_its_entry_names():
    own = "local-dir:/home/jane/secret"
    id_ = f"{own}-eager-fp32-cold-start"
    asked = [{"param": id_, "params": {"model": own}}, "no entry"]
    document = run(*H200, 0, {}, questions=asked) | {"benchmarks": []}
    document["suite"]["verdicts"] = {id_: {"first_call": "SLOWER"}}
    assert night.of(document, Path("run.json")).models == {id_: own}


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "http://github.com/o/n/actions/runs/1", "https://x/o/n/actions/runs/1?a=1", 7, None]
)
def test_an_address_that_is_no_workflow_run_is_no_link(url):
    path = Path("run.json")
    assert night.of(run(*H200, 0, ci_url=url), path).url == ""
    good = "https://github.example.com/owner/name/actions/runs/42"
    assert night.of(json.loads(json.dumps(run(*H200, 0, ci_url=good))), path).url == good


def test_copies_count_once_and_what_a_mark_excludes_does_not(tmp_path):
    path = save(tmp_path, run(*H200, 0, SLOW, run_id="a"), 1)
    save(tmp_path, run(*H200, 0, SLOW, run_id="a"), 2)
    save(tmp_path, run(*H200, 1, None, run_id="b"), 3)
    nights, left_out = night.read(tmp_path)
    assert len(nights) == 2 and left_out == []
    marks.append(path.parent.parent, marks.EXCLUDE, ["a"], why="somebody else used the GPU")
    nights, left_out = night.read(tmp_path)
    assert [one.run_id for one in nights] == ["b"] and left_out == ["1 run that a mark excludes"]
