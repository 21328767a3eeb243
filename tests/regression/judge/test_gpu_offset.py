"""On a GPU that the baseline does not have, kernel times are judged less the shift that some of them share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from regression import rerun
from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Report, Verdict
from regression.metrics import METRICS
from regression.runs.read import read
from regression.runs.run import Run
from regression.shared import EVERY, gpu_name, is_shared, needs_all, of_a_gpu
from tests.regression.recorder import Recorder

VARIANTS = ("eager-fp32", "eager-fp16", "torchscript-fp32", "torchscript-fp16", "tensorrt-fp32", "tensorrt-fp16")
IDS = tuple(
    f"{model}-{variant}-b{batch}"
    for model in ("efficientnet_b0", "lite0")
    for variant in VARIANTS
    for batch in (1, 128)
)
ONE, ENGINE = "efficientnet_b0-eager-fp32-b128", "lite0-tensorrt-fp16-b128"
LARGE = gpu_name(engine=False, batch_size="128")
NAMES = {gpu_name(engine, batch) for engine in (True, False) for batch in ("1", "128")}
# The logarithms of three GPUs, and of tonight's, by class: engine, batch size. The classes move by themselves.
BASELINE = ((0.003, -0.003, 0.001, 0.0), (-0.005, 0.004, 0.0, 0.003), (0.003, 0.0, -0.002, -0.003))
TONIGHT = (0.006, -0.004, 0.003, -0.003)


def class_of(id_: str) -> int:
    return 2 * ("tensorrt" in id_) + id_.endswith("-b1")


def document(
    recorder: Recorder, offsets: tuple[float, ...], factors: Mapping[str, float] | None = None, **options: Any
) -> dict[str, Any]:
    """A stored run of a GPU whose kernel times lie by `offsets` from another's, a logarithm for every class."""
    of_gpu = {id_: float(np.exp(offsets[class_of(id_)])) * (factors or {}).get(id_, 1.0) for id_ in IDS}
    found = recorder.document(of_gpu, ids=IDS, noise=options.pop("noise", 0.0002), **options)
    for record in found["benchmarks"]:
        if "tensorrt" in record["param"]:
            record["extra_info"] |= {"engine_bytes": 10**7}
    return found


@pytest.fixture
def baselines(recorder: Recorder) -> list[Run]:
    """Three runs each of three GPUs."""
    return [
        read(recorder.store(document(recorder, offsets, uuid=f"GPU-{number}")))
        for number, offsets in enumerate(BASELINE, start=1)
        for _ in range(3)
    ]


def confirmed(
    recorder: Recorder,
    factors: Mapping[str, float] | None = None,
    kept: tuple[str, ...] | None = None,
    offsets: tuple[float, ...] = TONIGHT,
    **options: Any,
) -> Run:
    """A run of a fourth GPU, and two fresh processes on it that found the same; of `kept` alone, where it is given."""
    options = {"day": 2, "uuid": "GPU-4"} | options
    found = document(recorder, offsets, factors, **options)
    controls = tuple(id_ for id_ in IDS if id_ not in (factors or {}))
    found["suite"]["confirmations"] = [
        rerun.confirmation(document(recorder, offsets, factors, **options), controls, METRICS, kept) for _ in range(2)
    ]
    return read(recorder.store(found, "now/0099_nightly.json"))


def kernel_times(report: Report) -> dict[str, Judgement]:
    return {item.benchmark: item for item in report.judgements if item.metric == "kernel_time"}


def moved(report: Report) -> list[str]:
    return [id_ for id_, item in kernel_times(report).items() if item.verdict is not Verdict.SAME]


def test_what_another_gpu_moves_alike_is_nobodys_fault_and_is_said(recorder, baselines):
    report = judge(confirmed(recorder), baselines)
    found = kernel_times(report)
    assert moved(report) == []
    assert {id_ for id_ in found if of_a_gpu(id_)} == NAMES
    for id_ in IDS:
        assert abs((found[id_].ratio or 0) - 1) < 0.002, "less the shift"
        assert (found[id_].detectable_ratio or 9) < 1.02
    assert found[ONE].raw_ratio == pytest.approx(1.006, abs=0.001), "what is subtracted is never silent"
    assert found[LARGE].ratio == pytest.approx(1.006, abs=0.001) and found[LARGE].now is None
    (note,) = [note for note in report.notes if LARGE in note]
    assert note.startswith(f"In kernel time 8 benchmarks ({LARGE}) are judged less the shift that they share, +0.5")


@pytest.mark.parametrize("slowed", [ONE, ENGINE])
@pytest.mark.parametrize("kept", [None, (ONE, ENGINE)], ids=["everything", "suspects"])
def test_what_became_slower_on_another_gpu_is_seen_at_its_size(recorder, baselines, slowed, kept):
    """Also where a confirmation has too few others to tell its shift: it is of the same GPU."""
    report = judge(confirmed(recorder, {slowed: 1.02}, kept), baselines)
    found = kernel_times(report)[slowed]
    assert (found.verdict, moved(report)) == (Verdict.SLOWER, [slowed])
    assert found.ratio == pytest.approx(1.02, abs=0.002)


def test_what_all_of_them_became_slower_by_fails_once(recorder, baselines):
    """By far more than GPUs of a model differ."""
    slowed = {id_: 1.06 for id_ in IDS if "tensorrt" not in id_ and id_.endswith("-b128")}
    report = judge(confirmed(recorder, slowed), baselines)
    assert moved(report) == [LARGE]
    found = kernel_times(report)[LARGE]
    assert found.verdict is Verdict.SLOWER and found.failed
    assert f"in 70% of the weight of {LARGE}" in found.detail


def test_nothing_is_accused_of_what_the_others_became_faster_by(recorder, baselines):
    faster = {id_: 0.95 for id_ in IDS if class_of(id_) == 0 and id_ != ONE}
    report = judge(confirmed(recorder, faster), baselines)
    assert kernel_times(report)[ONE].verdict is not Verdict.SLOWER
    calm = kernel_times(judge(confirmed(recorder), baselines))[ONE].detectable_ratio or 0
    assert (kernel_times(report)[ONE].detectable_ratio or 0) > calm + 0.03, "it may hide as much"


@pytest.mark.parametrize("uuid, offsets", [("GPU-1", BASELINE[0]), ("GPU-2", BASELINE[1])])
def test_a_gpu_of_the_baseline_is_judged_as_it_is(recorder, baselines, uuid, offsets):
    found = kernel_times(judge(confirmed(recorder, offsets=offsets, uuid=uuid), baselines))
    assert not any(map(of_a_gpu, found)) and EVERY in found
    assert all(item.raw_ratio is None and item.verdict is Verdict.SAME for item in found.values())


def test_a_run_that_the_judge_distrusts_moves_no_centre(recorder):
    """One of five runs is 10 % faster in everything; tonight's GPU is as the others are."""
    still = (0.0,) * 4
    paces = (0.0, 0.0, -0.1, 0.0, 0.0)
    before = [read(recorder.store(document(recorder, (pace,) * 4))) for pace in paces]
    found = kernel_times(judge(confirmed(recorder, offsets=still), before))
    assert [id_ for id_, item in found.items() if item.verdict in (Verdict.SLOWER, Verdict.FASTER)] == []
    assert all(abs((found[name].ratio or 0) - 1) < 0.001 for name in NAMES)
    (first,) = [record for record in document(recorder, still, noise=0.0)["benchmarks"] if record["param"] == ONE]
    assert found[ONE].baseline == pytest.approx(first["extra_info"]["kernel_time_s"], rel=0.001)


def test_where_one_group_is_all_there_is_all_benchmarks_allow_for_its_offset(recorder):
    """PyTorch's kernels at batch 128 alone, on a GPU that is slower in them by what GPUs of a model may differ."""
    ids = tuple(id_ for id_ in IDS if class_of(id_) == 0)

    def measured(offset: float, **options: Any) -> dict[str, Any]:
        found = document(recorder, (offset, 0.0, 0.0, 0.0), **options)
        found["benchmarks"] = [record for record in found["benchmarks"] if record["param"] in ids]
        return found

    before = [read(recorder.store(measured(0.0))) for _ in range(5)]
    now = measured(0.018, day=2, uuid="GPU-2")
    now["suite"]["confirmations"] = [
        rerun.confirmation(measured(0.018, day=2, uuid="GPU-2"), ids, METRICS) for _ in range(2)
    ]
    report = judge(read(recorder.store(now, "now/0099_nightly.json")), before)
    found = kernel_times(report)
    assert found[EVERY].verdict is Verdict.SAME and not any(found[id_].failed for id_ in (*ids, LARGE, EVERY))


def test_too_few_benchmarks_share_nothing(recorder, baselines):
    few = document(recorder, TONIGHT, day=2, uuid="GPU-4")
    few["benchmarks"] = few["benchmarks"][:6]
    found = kernel_times(judge(read(recorder.store(few, "now/0099_nightly.json")), baselines))
    assert EVERY in found and not any(map(of_a_gpu, found))


def test_another_model_of_gpu_is_compared_as_it_is(recorder, baselines):
    now = document(recorder, TONIGHT, day=2, uuid="GPU-4")
    now["machine_info"]["gpu"] |= {"name": "NVIDIA H100", "slug": "nvidia-h100"}
    report = judge(read(recorder.store(now, "now/0099_nightly.json")), baselines, across_gpus=True)
    assert kernel_times(report) and not any(map(of_a_gpu, kernel_times(report)))


def test_confirming_it_takes_every_benchmark():
    assert all(map(needs_all, NAMES)) and all(map(is_shared, NAMES)) and not any(map(is_shared, IDS))


def test_nights_on_gpus_that_differ_are_quiet_and_what_is_claimed_is_seen(recorder):
    """60 nights, each on a GPU that is drawn anew beside three others, as the priors say of them."""
    (prior,) = [metric.gpu_offset for metric in METRICS if metric.key == "kernel_time"]
    assert prior is not None
    spread, besides = prior.shift.gpu, prior.besides.gpu
    random = np.random.default_rng(3)

    def gpu() -> tuple[tuple[float, ...], dict[str, float]]:
        own = np.exp(besides * random.standard_normal(len(IDS)))
        return tuple(spread * random.standard_normal(4)), dict(zip(IDS, own.tolist(), strict=True))

    slower = seen = claimed = 0
    for number in range(60):
        before = []
        for at in range(3):
            offsets, own = gpu()
            before += [
                read(
                    recorder.store(
                        document(recorder, offsets, own, uuid=f"GPU-{at}"), f"{number}/{at}{run}1_baseline.json"
                    )
                )
                for run in range(3)
            ]
        offsets, own = gpu()
        for factor in (1.0, 1.02):
            now = own | {ONE: own[ONE] * factor}
            run = confirmed(recorder, now, offsets=offsets)
            found = kernel_times(judge(run, before))
            if factor == 1:
                slower += any(item.verdict is Verdict.SLOWER for item in found.values())
            elif (found[ONE].detectable_ratio or 9) <= factor:
                claimed += 1
                seen += found[ONE].verdict is Verdict.SLOWER
    assert slower <= 1, "1 % of the nights and no more"
    assert claimed > 30 and seen >= 0.95 * claimed


def test_the_room_for_another_gpus_host_and_engines_is_for_a_gpu_that_the_baseline_lacks(recorder, baselines):
    """A session of fewer benchmarks counts as another place; its GPU is the same. The GPU waits for a sixth of each
    latency here."""
    ids = ("efficientnet_b0-eager-fp32-b1", "efficientnet_b0-tensorrt-fp32-b1")

    def detectable(uuid: str) -> dict[tuple[str, str], float]:
        run = document(recorder, BASELINE[0], day=1, uuid=uuid)
        run["benchmarks"] = [record for record in run["benchmarks"] if record["param"] in ids]
        judged = judge(read(recorder.store(run, f"{uuid}/0001_baseline.json")), baselines).judgements
        return {(item.benchmark, item.metric): item.detectable_ratio - 1 for item in judged if item.detectable_ratio}

    known, other = detectable("GPU-1"), detectable("GPU-4")
    eager, engine = ids
    assert other[engine, "kernel_time"] > 1.2 * known[engine, "kernel_time"]
    assert other[eager, "kernel_time"] == known[eager, "kernel_time"]
    assert other[eager, "latency"] > 1.5 * known[eager, "latency"]
