"""What differs between two machines, and which baselines are refused."""

import dataclasses
from typing import Any

import pytest

from regression.runs.environment import Difference, differences, refusal
from regression.runs.read import read
from regression.runs.run import Run
from tests.regression.recorder import Recorder


def with_machine(run: Run, **parts: Any) -> Run:
    return dataclasses.replace(run, machine={**run.machine, **parts})


def test_every_recorded_field_that_differs_is_listed(recorder: Recorder) -> None:
    baseline, run = recorder.baselines(1)[0], recorder.run()
    run = with_machine(run, software={"torch": "2.12.0", "driver": "590"}, python_version="3.12")
    assert differences([baseline], run) == (
        Difference("software.driver", "not recorded", "590"),
        Difference("software.torch", "2.11.0", "2.12.0"),
        Difference("python_version", "not recorded", "3.12"),
    )


def test_clocks_of_the_moment_and_the_hosts_name_are_no_difference(recorder: Recorder) -> None:
    baseline, run = recorder.baselines(1)[0], recorder.run()
    cpu = {"brand_raw": "AMD EPYC"}
    baseline = with_machine(baseline, node="a", cpu=cpu | {"hz_actual": [2_000_000, 0], "hz_actual_friendly": "2 GHz"})
    run = with_machine(run, node="b", cpu=cpu | {"hz_actual": [3_000_000, 0], "hz_actual_friendly": "3 GHz"})
    assert differences([baseline], run) == ()


def test_sizes_of_caches_have_units_however_they_were_recorded(recorder: Recorder) -> None:
    first, second = recorder.baselines(2)
    first = with_machine(first, cpu={"l1_data_cache_size": "1.5 MiB", "l2_cache_size": 2**20})
    second = with_machine(second, cpu={"l1_data_cache_size": 3 * 2**19, "l2_cache_size": 2**20})
    run = with_machine(recorder.run(), cpu={"l1_data_cache_size": 3 * 2**19, "l2_cache_size": 3 * 2**18})
    assert differences([first, second], run) == (Difference("cpu.l2_cache_size", "1 MiB", "768 KiB"),)


def test_baselines_that_differ_among_themselves_are_listed_with_all_their_values(recorder: Recorder) -> None:
    first, second = recorder.baselines(2)
    second = with_machine(second, software={"torch": "2.10.0"})
    assert differences([first, second], recorder.run()) == (Difference("software.torch", "2.11.0 or 2.10.0", "2.11.0"),)


def test_other_weights_are_a_difference(recorder: Recorder) -> None:
    baseline = recorder.baselines(1)[0]
    run = recorder.run(weights={"efficientnet_b0": {"source": "seeded", "pretrained": False}})
    assert [item.field for item in differences([baseline], run)] == [
        "weights.efficientnet_b0.pretrained",
        "weights.efficientnet_b0.source",
    ]


def test_weights_of_a_model_that_one_side_did_not_select_are_no_difference(recorder: Recorder) -> None:
    seeded, other = ({"source": source, "pretrained": False} for source in ("seeded", "another seed"))
    path = recorder.store(recorder.document(weights={"efficientnet_b0": seeded, "tf_efficientnet_lite0": seeded}))
    baseline = read(path)
    assert differences([baseline], recorder.run(weights={"efficientnet_b0": seeded})) == ()
    assert differences([baseline], recorder.run(weights={"efficientnet_b0": seeded, "mine": other})) == ()
    assert differences([baseline], recorder.run(weights={"efficientnet_b0": other})) == (
        Difference("weights.efficientnet_b0.source", "seeded", "another seed"),
    )


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({"id": "a" * 40}, {"id": "a" * 40, "branch": "other", "time": "later"}, ()),
        ({"id": "a" * 40}, {"id": "b" * 40}, (Difference("commit", "a" * 12, "b" * 12),)),
        (
            {"id": "a" * 40, "dirty": False},
            {"id": "a" * 40, "dirty": True},
            (Difference("commit", "a" * 12, "a" * 12 + " (dirty)"),),
        ),
        ({}, {"id": "unversioned"}, (Difference("commit", "not recorded", "unversioned"),)),
        ({"id": 3, "dirty": "x"}, {"id": None}, ()),
    ],
)
def test_another_commit_or_an_edited_one_is_a_difference(
    recorder: Recorder, before: dict[str, Any], now: dict[str, Any], found: tuple[Difference, ...]
) -> None:
    baseline = dataclasses.replace(recorder.baselines(1)[0], commit=before)
    assert differences([baseline], dataclasses.replace(recorder.run(), commit=now)) == found


def test_the_commit_is_read_from_the_stored_run_and_told_first(recorder: Recorder) -> None:
    baseline = recorder.baselines(1, commit="a" * 40)[0]
    run = with_machine(recorder.run(commit="b" * 40), software={"torch": "2.12.0"})
    assert run.commit == {"id": "b" * 40, "dirty": False}
    assert [item.field for item in differences([baseline], run)] == ["commit", "software.torch"]


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"gpu": {"name": "NVIDIA A100", "mig": None}}, "GPU model: NVIDIA A100, this run NVIDIA H200"),
        ({"gpu": {"name": "NVIDIA H200", "mig": "1g.18gb"}}, "MIG layout: 1g.18gb, this run none"),
        ({"settings": {"device": "cuda", "precision_policy": "TF32 off"}}, "precision policy: TF32 off"),
        ({"gpu": None, "settings": {}}, "without a known GPU"),
        ({"settings": {"device": "cpu"}}, "device: cpu, this run cuda"),
    ],
)
def test_another_model_layout_or_policy_is_refused_with_the_reason(
    recorder: Recorder, parts: dict[str, Any], said: str
) -> None:
    reason = refusal(with_machine(recorder.baselines(1)[0], **parts), recorder.run())
    assert reason is not None and said in reason and reason.endswith(".")


def with_models(run: Run, **models: Any) -> Run:
    return dataclasses.replace(run, suite={**run.suite, "models": models})


def test_a_model_of_another_size_is_refused_and_another_model_is_not(recorder: Recorder) -> None:
    """Two models of one name can differ where a folder's config.json was edited."""
    baseline, run = recorder.baselines(1)[0], recorder.run()
    now = with_models(run, b0={"input_size": [3, 380, 380], "classes": 10})
    for models, said in (
        (
            {"b0": {"input_size": [3, 224, 224], "classes": 10}},
            "input size of b0: [3, 224, 224], this run [3, 380, 380]",
        ),
        ({"b0": {"input_size": [3, 380, 380], "classes": 1000}}, "number of classes of b0: 1000, this run 10"),
    ):
        assert said in str(refusal(with_models(baseline, **models), now))
    assert refusal(with_models(baseline, b0={"input_size": [3, 380, 380], "classes": 10}), now) is None
    assert refusal(with_models(baseline, b1={"input_size": [3, 240, 240], "classes": 10}), now) is None
    assert refusal(with_models(baseline, b0="broken"), now) is None
    assert refusal(baseline, now) is None


def test_another_unit_and_what_an_older_version_did_not_record_are_compared(recorder: Recorder) -> None:
    baseline = recorder.baselines(1, uuid="GPU-9")[0]
    assert refusal(with_machine(baseline, settings={}), recorder.run()) is None


@pytest.mark.parametrize(("brand", "refused"), [("AMD EPYC", False), ("Intel Xeon", True), (None, False)])
def test_cpus_are_compared_by_model(recorder: Recorder, brand: str | None, refused: bool) -> None:
    baseline = with_machine(recorder.baselines(1)[0], gpu=None, cpu={"brand_raw": brand})
    reason = refusal(baseline, with_machine(recorder.run(), gpu=None))
    assert (reason is not None) == refused


def test_the_cpu_beside_a_gpu_is_a_difference_and_no_refusal(recorder: Recorder) -> None:
    baseline = with_machine(recorder.baselines(1)[0], cpu={"brand_raw": "Intel Xeon"})
    assert refusal(baseline, recorder.run()) is None
    assert differences([baseline], recorder.run()) == (Difference("cpu.brand_raw", "Intel Xeon", "AMD EPYC"),)
