"""Every verdict and reason, from made-up stored runs."""

import dataclasses
import datetime
import math
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from common.schema import NOT_SELECTED
from regression.changes import with_min_changes
from regression.judge.accepted import Accepted
from regression.judge.judge import judge
from regression.judge.metric_tests import metric_tests
from regression.judge.verdict import Judgement, Reason, Report, Verdict, suspects, verdicts
from regression.metrics import METRICS
from regression.runs.read import read
from regression.runs.run import Label, Run
from regression.shared import EVERY
from tests.regression.recorder import IDS, Recorder

ONE = "efficientnet_b0-tensorrt-fp16-b128"
TODAY = datetime.date(2026, 3, 2)


def of(report: Report, benchmark: str = ONE, metric: str = "kernel_time") -> Judgement:
    (found,) = [item for item in report.judgements if (item.benchmark, item.metric) == (benchmark, metric)]
    return found


def test_unchanged_code_is_same_and_passes(recorder: Recorder) -> None:
    report = judge(recorder.run(), recorder.baselines())
    assert {item.verdict for item in report.judgements} == {Verdict.SAME}
    assert not report.failed and not suspects(report)
    assert report.tests == 2 * (len(IDS) + 1)
    assert len(report.judgements) == report.tests + 2 * len(IDS), "peak memory and launches are counts"


def test_a_slowdown_without_confirmations_is_slower_unconfirmed_and_fails(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    report = judge(recorder.run({ONE: 1.02}), baselines)
    found = of(report)
    assert (found.verdict, found.reason, report.failed) == (Verdict.SLOWER, Reason.UNCONFIRMED, True)
    assert suspects(report) == [(ONE, "kernel_time")]
    assert found.ratio == pytest.approx(1.02, rel=1e-3) and found.p_value is not None and found.p_value < 1e-6
    assert set(report.controls) == set(IDS) - {ONE}


def test_a_small_slowdown_without_confirmations_is_unsure_until_it_is_measured_again(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    report = judge(recorder.run({ONE: 1.005}, noise=1e-6), baselines)
    assert (of(report).verdict, of(report).reason) == (Verdict.UNSURE, Reason.UNCONFIRMED)
    assert suspects(report) == [(ONE, "kernel_time")] and not report.failed


@pytest.mark.parametrize(
    ("factor", "again", "verdict", "reason"),
    [
        (1.01, (1.01, 1.01), Verdict.SLOWER, Reason.CONFIRMED),
        (0.99, (0.99, 0.99), Verdict.FASTER, Reason.CONFIRMED),
        (1.01, (1.01, 1.0), Verdict.UNSURE, Reason.DISAGREED),
        (1.01, (0.99, 0.99), Verdict.UNSURE, Reason.DISAGREED),
        (1.0027, (1.0023, 1.0021), Verdict.UNSURE, Reason.BELOW_LIMIT),
        (1.0027, (1.0016, 1.0024), Verdict.UNSURE, Reason.BELOW_LIMIT),
        (1.0027, (1.0023, 0.9999), Verdict.UNSURE, Reason.DISAGREED),
        (1.006, (1.0023, 1.0023), Verdict.SAME, Reason.NEGLIGIBLE),
        (1.002, (), Verdict.SAME, Reason.INSIDE_NOISE),
    ],
)
def test_confirmations_decide(
    recorder: Recorder, factor: float, again: tuple[float, ...], verdict: Verdict, reason: Reason
) -> None:
    baselines = recorder.baselines()
    chosen = tuple(id_ for id_ in IDS if id_ != ONE)[:4]
    confirmations = [recorder.again({ONE: other}, chosen, noise=1e-5) for other in again]
    report = judge(recorder.run({ONE: factor}, confirmations=confirmations, noise=1e-5), baselines)
    found = of(report)
    assert (found.verdict, found.reason) == (verdict, reason), found
    assert report.failed == (verdict is Verdict.SLOWER)
    assert not suspects(report)


def test_a_change_outside_the_noise_that_does_not_matter_is_negligible(recorder: Recorder) -> None:
    metrics = with_min_changes(["kernel_time=5%"])
    report = judge(recorder.run({ONE: 1.02}), recorder.baselines(), metrics=metrics)
    assert (of(report).verdict, of(report).reason) == (Verdict.SAME, Reason.NEGLIGIBLE)


def test_the_confirmations_mean_is_reported_and_not_the_flattering_first_look(recorder: Recorder) -> None:
    baselines = recorder.baselines(noise=1e-5)
    again = [recorder.again({ONE: factor}, IDS[:4], noise=1e-6) for factor in (1.009, 1.011)]
    found = of(judge(recorder.run({ONE: 1.02}, confirmations=again, noise=1e-6), baselines))
    assert found.first_ratio == pytest.approx(1.02, abs=1e-4)
    assert found.ratio == pytest.approx(math.sqrt(1.009 * 1.011), abs=1e-4)
    assert found.now is not None and found.baseline is not None
    assert found.now / found.baseline == pytest.approx(found.ratio)


def test_a_disturbance_that_slows_the_controls_too_confirms_nothing(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    hour = dict.fromkeys(IDS, 1.012)
    again = [recorder.again(hour, IDS[:4]) for _ in range(2)]
    report = judge(recorder.run({ONE: 1.01}, confirmations=again), baselines)
    assert (of(report).verdict, of(report).reason) == (Verdict.UNSURE, Reason.DISAGREED)


def test_a_regression_within_a_disturbance_is_still_seen_at_its_size(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    hour = dict.fromkeys(IDS, 1.012) | {ONE: 1.012 * 1.02}
    again = [recorder.again(hour, IDS[:4]) for _ in range(2)]
    found = of(judge(recorder.run({ONE: 1.02}, confirmations=again), baselines))
    assert found.verdict is Verdict.SLOWER and found.ratio == pytest.approx(1.02, abs=0.001)


def test_a_slowdown_of_everything_leaves_no_controls_and_still_fails(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    everything = dict.fromkeys(IDS, 1.02)
    first = judge(recorder.run(everything), baselines)
    assert not first.controls
    again = [recorder.again(everything) for _ in range(2)]
    report = judge(recorder.run(everything, confirmations=again), baselines)
    assert {of(report, id_).reason for id_ in IDS} == {Reason.WITHOUT_CONTROLS} and report.failed


def test_what_is_the_same_in_one_metric_is_no_control_for_another(recorder: Recorder) -> None:
    """Kernel times that are too noisy to come out SAME say nothing, however equal their peak memory is."""
    noisy = IDS[1:]
    random = np.random.default_rng(3)

    def document(factor: float = 1.0, day: int = 1) -> dict[str, Any]:
        factors = {id_: factor * float(np.exp(0.02 * random.standard_normal())) for id_ in noisy} | {IDS[0]: factor}
        return recorder.document(factors, day=day)

    baselines = [read(recorder.store(document())) for _ in range(5)]
    again = [recorder.again(dict.fromkeys(IDS, 1.025), controls=noisy) for _ in range(2)]
    slow = document(1.025, day=2)
    slow["suite"]["confirmations"] = again
    report = judge(read(recorder.store(slow, "now/0099_nightly.json")), baselines)
    assert {of(report, id_, "peak_memory").verdict for id_ in noisy} == {Verdict.SAME}
    assert {of(report, id_).reason for id_ in noisy} == {Reason.NOISY}
    found = of(report, IDS[0])
    assert (found.verdict, found.reason) == (Verdict.SLOWER, Reason.WITHOUT_CONTROLS)
    assert found.ratio == pytest.approx(1.025, abs=0.001)


@pytest.mark.parametrize("factor, verdict", [(1.01, Verdict.SLOWER), (0.99, Verdict.FASTER), (1.001, Verdict.SAME)])
def test_what_all_benchmarks_share_is_a_judgement_of_its_own(
    recorder: Recorder, factor: float, verdict: Verdict
) -> None:
    baselines = recorder.baselines()
    everything = dict.fromkeys(IDS, factor)
    alone = judge(recorder.run(everything), baselines)
    moved = verdict is not Verdict.SAME
    assert ((EVERY, "kernel_time") in suspects(alone)) == moved and EVERY not in alone.controls
    again = [recorder.again(everything) for _ in range(2)] if moved else []
    report = judge(recorder.run(everything, confirmations=again), baselines)
    found = of(report, EVERY)
    assert found.verdict is verdict and report.failed == (verdict is Verdict.SLOWER)
    assert found.reason is (Reason.CONFIRMED if moved else Reason.INSIDE_NOISE)
    assert (found.baseline, found.now, found.baseline_runs) == (None, None, 5)
    assert found.ratio == pytest.approx(factor, abs=5e-4)
    assert found.detectable_ratio is not None and 1.002 < found.detectable_ratio < 1.005
    assert {item.metric for item in report.judgements if item.benchmark == EVERY} == {"kernel_time", "latency"}


def test_a_shift_that_no_benchmark_shows_by_itself_is_seen_in_all_of_them(recorder: Recorder) -> None:
    """Each strays by 0.2 %, and all of them are 0.6 % slower."""
    baselines = recorder.baselines(noise=0.002)
    everything = dict.fromkeys(IDS, 1.006)
    again = [recorder.again(everything, IDS, noise=0.002) for _ in range(2)]
    report = judge(recorder.run(everything, noise=0.002, confirmations=again), baselines)
    assert {item.benchmark for item in report.judgements if item.verdict is Verdict.SLOWER} == {EVERY}
    assert of(report, EVERY).verdict is Verdict.SLOWER and report.failed


def test_what_two_of_three_variants_show_is_no_shift_of_all(recorder: Recorder) -> None:
    slow = {id_: 1.02 for id_ in IDS if "tensorrt" not in id_}
    again = [recorder.again(slow, tuple(id_ for id_ in IDS if id_ not in slow)) for _ in range(2)]
    report = judge(recorder.run(slow, confirmations=again), recorder.baselines())
    assert of(report, EVERY).verdict is Verdict.SAME
    assert {of(report, id_).verdict for id_ in slow} == {Verdict.SLOWER}


def test_a_shift_of_all_on_a_disturbed_gpu_fails_nothing(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    document = recorder.document(dict.fromkeys(IDS, 1.002), day=2, noise=1e-5)
    for record in document["benchmarks"]:
        record["extra_info"]["kernel_time_s"] *= 1.02 / 1.002
    document["benchmarks"][0]["extra_info"]["gpu_state"].append({"throttle_reasons": ["hw_thermal_slowdown"]})
    found = of(judge(read(recorder.store(document, "now/0099_nightly.json")), baselines), EVERY)
    assert (found.verdict, found.reason) == (Verdict.UNSURE, Reason.DISTURBED)
    assert "hw_thermal_slowdown" in found.detail
    calm = recorder.document(day=2)
    calm["benchmarks"][0]["extra_info"]["gpu_state"].append({"throttle_reasons": ["hw_thermal_slowdown"]})
    assert of(judge(read(recorder.store(calm, "now/0099_nightly.json")), baselines), EVERY).verdict is Verdict.SAME


def test_a_shift_of_all_is_not_confirmed_by_a_few_of_them(recorder: Recorder) -> None:
    """The confirmations of another baseline's judge may hold some benchmarks only."""
    everything = dict.fromkeys(IDS, 1.01)
    few = [recorder.again(everything, ids=IDS[:4]) for _ in range(2)]
    report = judge(recorder.run(everything, confirmations=few), recorder.baselines())
    assert of(report, EVERY).reason is Reason.UNCONFIRMED


def test_fewer_than_four_benchmarks_share_nothing(recorder: Recorder) -> None:
    report = judge(recorder.run(ids=IDS[:3]), recorder.baselines(ids=IDS[:3]))
    assert EVERY not in {item.benchmark for item in report.judgements} and report.tests == 6


def test_what_is_subtracted_from_a_confirmation_is_said(recorder: Recorder) -> None:
    hour = dict.fromkeys(IDS, 1.012) | {ONE: 1.012 * 1.02}
    again = [recorder.again(hour, IDS[:4], noise=1e-6) for _ in range(2)]
    found = of(judge(recorder.run({ONE: 1.02}, confirmations=again), recorder.baselines(noise=1e-5)))
    assert found.ratio == pytest.approx(1.02, abs=1e-3) and found.raw_ratio == pytest.approx(1.012 * 1.02, abs=1e-3)
    assert "beside 4 controls (+3.22 %, +3.22 % before their shift is subtracted)" in found.detail
    calm = [recorder.again({ONE: 1.02}, IDS[:4]) for _ in range(2)]
    unmoved = of(judge(recorder.run({ONE: 1.02}, confirmations=calm), recorder.baselines()))
    assert unmoved.raw_ratio is None and unmoved.detail.endswith("beside 4 controls")


def test_more_scatter_than_expected_widens_the_limits_and_says_so(recorder: Recorder) -> None:
    ids = (*IDS, *(id_.replace("efficientnet_b0", "tf_efficientnet_lite0") for id_ in IDS))
    baselines = recorder.baselines(ids=ids)
    quiet, wild = (judge(recorder.run(ids=ids, noise=noise), baselines) for noise in (0.0003, 0.002))
    assert not any("scatter" in note for note in quiet.notes)
    (note,) = [note for note in wild.notes if note.startswith("In kernel time the benchmarks of this run scatter")]
    factor = float(note.partition("scatter ")[2].partition(" times")[0])
    assert factor > 1.5 and f"limits are {factor} times as wide" in note
    detectable = [math.log(of(report).detectable_ratio or 0) for report in (quiet, wild)]
    assert detectable[1] / detectable[0] == pytest.approx(factor, rel=0.1)


def test_what_all_share_or_one_shows_is_no_scatter(recorder: Recorder) -> None:
    ids = (*IDS, *(id_.replace("efficientnet_b0", "tf_efficientnet_lite0") for id_ in IDS))
    everything = dict.fromkeys(ids, 1.02) | {ONE: 1.1, IDS[0]: 1.05}
    report = judge(recorder.run(everything, ids=ids), recorder.baselines(ids=ids))
    assert not any("scatter" in note for note in report.notes)


def test_a_control_that_is_slow_itself_does_not_count(recorder: Recorder) -> None:
    """A stored run may be judged against another baseline than the one for which its controls were chosen."""
    baselines = recorder.baselines()
    slow = {ONE: 1.02, IDS[0]: 1.02}
    again = [recorder.again(slow, IDS[:1]) for _ in range(2)]
    report = judge(recorder.run(slow, confirmations=again), baselines)
    assert of(report).reason is Reason.WITHOUT_CONTROLS and report.failed


def test_a_baseline_whose_processes_launched_other_kernels_is_taken_to_be_overdispersed(recorder: Recorder) -> None:
    """Five values that agree by chance are no evidence where every process chose its kernels by one short timing."""
    spread = METRICS[0].spread
    assert spread is not None
    values = [1.0, 1.0002, 0.9998, 1.0001, 0.9999]

    def runs(kernels: Sequence[str]) -> list[Run]:
        found = []
        for factor, name in zip(values, kernels, strict=True):
            document = recorder.document({ONE: factor}, noise=0, kernels=[name])
            (record,) = [item for item in document["benchmarks"] if item["param"] == ONE]
            record["extra_info"]["kernels"] = {"kernel": [0], "launches": [275], "time_s": [0.001]}
            found.append(read(recorder.store(document)))
        return found

    tonight = recorder.run({ONE: 1.006}, noise=0)
    same, chosen = (of(judge(tonight, runs(kernels))) for kernels in ("fffff", "fgffh"))
    assert (same.reason, chosen.reason) == (Reason.UNCONFIRMED, Reason.INSIDE_NOISE)
    rate = 275 / statistics.median_high(0.0045 * factor for factor in values)
    prior = math.hypot(spread.process, spread.choice_s * rate)
    pooled = (4 * statistics.variance(map(math.log, values)) + spread.process_df * prior**2) / (4 + spread.process_df)
    noise = metric_tests(METRICS[0], tonight, runs("fgffh"), [ONE], 1.0).limits.noise
    assert noise.process[0] == pytest.approx(math.sqrt(pooled))


@pytest.mark.parametrize("latency_s, waiting", [(0.01, 0.55), (0.0046, 0.0217), (0.004, 0.0), (None, 1.0)])
def test_what_a_slow_host_chose_is_shared_by_the_night(
    recorder: Recorder, latency_s: float | None, waiting: float
) -> None:
    """As far as the GPU waits for the host: three processes that agree are then no more evidence than one."""
    spread = METRICS[0].spread
    assert spread is not None
    runs = []
    for name in "fgffh":
        document = recorder.document(noise=0, kernels=[name])
        (record,) = [item for item in document["benchmarks"] if item["param"] == ONE]
        record["extra_info"]["kernels"] = {"kernel": [0], "launches": [275], "time_s": [0.0045]}
        record["stats"]["median"] = latency_s
        runs.append(read(recorder.store(document)))
    noise = metric_tests(METRICS[0], recorder.run(noise=0), runs, [ONE], 1.0).limits.noise
    day = math.hypot(spread.day, spread.choice_s * 275 / 0.0045 * waiting)
    assert noise.shared[0] == pytest.approx(2 * day**2, rel=0.01)


@pytest.mark.parametrize("state", [{"throttle_reasons": ["hw_thermal_slowdown"]}, {"other_processes": 1}])
def test_a_disturbed_benchmark_is_unsure(recorder: Recorder, state: dict[str, object]) -> None:
    baselines = recorder.baselines()
    document = recorder.document({ONE: 1.05}, day=2)
    document["benchmarks"][-1]["extra_info"]["gpu_state"].append(state)
    report = judge(read(recorder.store(document, "now.json")), baselines)
    assert (of(report).verdict, of(report).reason) == (Verdict.UNSURE, Reason.DISTURBED)
    assert not report.failed and not suspects(report)


@pytest.mark.parametrize("factor", [1.0, 1.02])
def test_disturbed_confirmations_neither_confirm_nor_acquit(recorder: Recorder, factor: float) -> None:
    baselines = recorder.baselines()
    calm, upset = (recorder.again({ONE: factor}, IDS[:4]) for _ in range(2))
    upset["disturbed"] = ["hw_thermal_slowdown"]
    report = judge(recorder.run({ONE: 1.02}, confirmations=[calm, upset]), baselines)
    assert (of(report).verdict, of(report).reason) == (Verdict.UNSURE, Reason.DISTURBED)
    assert of(report).detail == "while it was measured again: hw_thermal_slowdown"
    assert not report.failed and not suspects(report)
    assert {item.verdict for item in report.judgements if item.benchmark != ONE} == {Verdict.SAME}


def test_two_undisturbed_confirmations_decide_whatever_the_disturbed_ones_say(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    again = [recorder.again({ONE: factor}, IDS[:4]) for factor in (1.02, 1.5, 1.02)]
    again[1]["disturbed"] = ["another process on the GPU"]
    found = of(judge(recorder.run({ONE: 1.02}, confirmations=again), baselines))
    assert (found.verdict, found.reason) == (Verdict.SLOWER, Reason.CONFIRMED)
    assert found.ratio == pytest.approx(1.02, abs=0.001)


def test_a_disturbed_process_that_did_not_measure_the_suspect_says_nothing_of_it(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    upset = recorder.again(ids=IDS[:2]) | {"disturbed": ["hw_slowdown"]}
    assert of(judge(recorder.run({ONE: 1.02}, confirmations=[upset]), baselines)).reason is Reason.UNCONFIRMED


def test_a_disturbed_baseline_measurement_is_not_used(recorder: Recorder) -> None:
    baselines = recorder.baselines(6)
    broken = baselines[0].benchmarks[ONE]
    broken = dataclasses.replace(broken, disturbances=("hw_slowdown",), values={"kernel_time": 9.0})
    baselines[0] = dataclasses.replace(baselines[0], benchmarks={**baselines[0].benchmarks, ONE: broken})
    report = judge(recorder.run(), baselines)
    assert of(report).baseline_runs == 5 and of(report).verdict is Verdict.SAME
    assert any("disturbed" in note for note in report.notes)


def test_one_bad_baseline_run_is_named_and_hides_nothing(recorder: Recorder) -> None:
    """However far it is off, and in either direction; in the middle it counts for a part."""
    good = recorder.baselines(4)
    tonight = recorder.run()
    without = of(judge(tonight, good)).detectable_ratio
    assert without is not None
    for change in (0.0, 0.001, 0.002, 0.003, 0.004, 0.006, 0.01, -0.01, 0.1):
        (bad,) = recorder.baselines(1, factors=dict.fromkeys(IDS, 1 + change))
        report = judge(tonight, [*good, bad])
        named = [note for note in report.notes if bad.path.name in note and "kernel time" in note]
        assert len(named) == (abs(change) >= 0.003), (change, report.notes)
        detectable = of(report).detectable_ratio
        assert detectable is not None and detectable - 1 < 0.006, change
        if abs(change) >= 0.01:
            assert "counts for 0% of a run" in named[0]
            said = float(named[0].partition("lies ")[2].partition(" %")[0]) / 100
            assert said == pytest.approx(change, abs=0.001)
            assert detectable == pytest.approx(without) and of(report).baseline_runs == 4


def test_a_run_of_another_day_or_gpu_is_not_bad_for_being_elsewhere(recorder: Recorder) -> None:
    other = recorder.baselines(2, uuid="GPU-2", factors=dict.fromkeys(IDS, 1.01))
    report = judge(recorder.run(), [*recorder.baselines(), *other])
    assert not any("replace it" in note for note in report.notes)


def test_noise_that_would_hide_what_is_worth_knowing_is_unsure(recorder: Recorder) -> None:
    report = judge(recorder.run(noise=0.02), recorder.baselines(noise=0.02))
    assert (of(report).verdict, of(report).reason) == (Verdict.UNSURE, Reason.NOISY)
    detectable = of(report).detectable_ratio
    assert detectable is not None and detectable > 1.02
    assert not report.failed


def test_a_baseline_of_one_run_says_that_it_knows_little(recorder: Recorder) -> None:
    report = judge(recorder.run(), recorder.baselines(1))
    assert (of(report).verdict, of(report).reason) == (Verdict.UNSURE, Reason.NOISY)
    assert any("1 run, too few" in note for note in report.notes)


def test_new_benchmarks_are_new(recorder: Recorder) -> None:
    report = judge(recorder.run(), recorder.baselines(ids=IDS[:-1]))
    assert of(report).verdict is Verdict.NEW and not report.failed


@pytest.mark.parametrize(
    ("suite", "reason", "detail"),
    [
        ({"failed": {ONE: "CUDA out of memory"}}, Reason.FAILED, "CUDA out of memory"),
        ({"skipped": {ONE: "no TensorRT"}}, Reason.SKIPPED, "no TensorRT"),
        ({}, Reason.NOT_TIMED, ""),
    ],
)
def test_what_was_selected_and_not_timed_is_missing_and_fails(
    recorder: Recorder, suite: dict[str, Any], reason: Reason, detail: str
) -> None:
    baselines = recorder.baselines()
    report = judge(recorder.run(ids=IDS[:-1], **({"selected": list(IDS)} | suite)), baselines)
    found = of(report)
    assert (found.verdict, found.reason, found.detail) == (Verdict.MISSING, reason, detail)
    assert report.failed and found.baseline == pytest.approx(0.0045, rel=0.01)


def test_what_was_deselected_is_only_counted(recorder: Recorder) -> None:
    report = judge(recorder.run(ids=IDS[:-1], deselected=1), recorder.baselines())
    assert ONE not in {item.benchmark for item in report.judgements}
    assert report.deselected == 1 and not report.failed


def test_a_kernel_time_that_could_not_be_taken_is_missing_with_its_reason(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    document = recorder.document(day=2)
    document["benchmarks"][-1]["extra_info"] |= {"kernel_time_s": None, "kernel_time_missing": "no events"}
    report = judge(read(recorder.store(document, "now.json")), baselines)
    assert (of(report).verdict, of(report).detail, report.failed) == (Verdict.MISSING, "no events", True)
    assert of(report, metric="latency").verdict is Verdict.SAME


def test_a_kernel_time_whose_test_was_not_selected_is_not_missing(recorder: Recorder) -> None:
    """As with `-k latency`, or `--benchmark-only`."""
    baselines = recorder.baselines()
    document = recorder.document(day=2)
    for benchmark in document["benchmarks"]:
        benchmark["extra_info"] |= {"kernel_time_s": None, "kernel_time_missing": NOT_SELECTED}
    report = judge(read(recorder.store(document, "now.json")), baselines)
    assert not report.failed and {item.metric for item in report.judgements} == {"latency", "peak_memory", "launches"}
    assert "This run lacks kernel time of benchmarks of which the baseline has them." in report.notes


def test_wrong_labels_fail_whatever_the_times(recorder: Recorder) -> None:
    labels = {ONE: {"passed": False, "message": "1 of 8 labels changed"}, IDS[0]: {"passed": True}}
    report = judge(recorder.run(labels=labels), recorder.baselines())
    assert report.labels == ((ONE, Label(False, "1 of 8 labels changed")),) and report.failed


def test_another_gpu_is_compared_named_and_sees_less(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    same, other = judge(recorder.run(), baselines), judge(recorder.run(uuid="GPU-2"), baselines)
    assert any("GPU-2" in note and "GPU-1" in note for note in other.notes)
    assert of(other).detectable_ratio - 1 > 2 * (of(same).detectable_ratio - 1)  # type: ignore[operator]
    assert of(other).verdict is Verdict.SAME


def test_a_run_of_other_benchmarks_sees_less_until_three_baseline_runs_timed_the_same(recorder: Recorder) -> None:
    """Where an engine lies in memory follows from all that the session built, and moves its kernel time."""
    whole, some = recorder.baselines(), IDS[:5]
    few, enough = ([*whole, *recorder.baselines(count, ids=some)] for count in (2, 3))
    against_whole = judge(recorder.run(), whole)
    reports = [judge(recorder.run(ids=some), baseline) for baseline in (whole, few, enough)]
    own, *others = (of(report, IDS[4]).detectable_ratio - 1 for report in (against_whole, *reports))  # type: ignore[operator]
    assert min(others[:2]) > 2 * own and others[2] < 1.5 * own
    said = "5 runs of the baseline timed other benchmarks"
    assert [any(said in note for note in report.notes) for report in reports] == [True, True, False]
    assert not any("timed other benchmarks" in note for note in against_whole.notes)


def test_on_a_cpu_a_run_of_other_benchmarks_sees_as_much(recorder: Recorder) -> None:
    baselines = recorder.baselines(uuid="")
    reports = [judge(recorder.run(ids=ids, uuid=""), baselines) for ids in (IDS, IDS[:6])]  # enough for four controls
    same, other = (of(report, IDS[0], metric="latency") for report in reports)
    assert same.detectable_ratio is not None and other.detectable_ratio is not None
    assert other.detectable_ratio <= same.detectable_ratio


def other_gpu(run: Run, **fields: object) -> Run:
    return dataclasses.replace(run, machine={**run.machine, "gpu": {**run.machine["gpu"], **fields}})


@pytest.mark.parametrize("fields", [{"name": "NVIDIA A100"}, {"mig": "1g.18gb"}])
def test_two_gpus_mixed_in_one_folder_are_told_apart(recorder: Recorder, fields: dict[str, object]) -> None:
    baselines = recorder.baselines(10)
    baselines[5:] = [other_gpu(run, **fields) for run in baselines[5:]]
    report = judge(recorder.run(), baselines)
    assert len(report.baselines) == 5 and of(report).baseline_runs == 5
    refused = {item.path: item.reason for item in report.left_out}
    assert refused.keys() == {run.path for run in baselines[5:]}
    assert all(str(next(iter(fields.values()))) in reason for reason in refused.values())


def test_a_run_says_nothing_about_itself(recorder: Recorder) -> None:
    run = recorder.run()
    copy = dataclasses.replace(run, path=run.path.with_name("0100_baseline.json"))
    report = judge(run, [*recorder.baselines(), run, copy])
    assert len(report.baselines) == 5
    assert [item.path for item in report.left_out] == [run.path, copy.path]
    assert all("itself" in item.reason for item in report.left_out)


def test_without_any_baseline_everything_is_new_and_the_report_says_what_to_do(recorder: Recorder) -> None:
    report = judge(recorder.run(), [])
    assert {item.verdict for item in report.judgements} == {Verdict.NEW}
    assert not report.failed and any("regression baseline record" in note for note in report.notes)


def test_a_cpu_is_judged_by_its_latency_alone(new_recorder: Callable[[str], Recorder]) -> None:
    recorder = new_recorder("cpu-amd-epyc")

    def on_cpu(run: Run) -> Run:
        benchmarks = {
            id_: dataclasses.replace(item, values={"latency": item.values["latency"]})
            for id_, item in run.benchmarks.items()
        }
        return dataclasses.replace(run, machine={**run.machine, "gpu": None}, benchmarks=benchmarks)

    run, baselines = on_cpu(recorder.run()), [on_cpu(run) for run in recorder.baselines()]
    report = judge(run, baselines)
    assert {item.metric for item in report.judgements} == {"latency"}
    assert {item.verdict for item in report.judgements} == {Verdict.SAME}
    assert report.tests == len(IDS) + 1
    # The metrics that a CPU lacks leave their share of the error to the one that it has.
    (latency,) = [metric for metric in METRICS if metric.key == "latency"]
    alone = judge(run, baselines, metrics=[dataclasses.replace(latency, share=1.0)])
    assert of(alone, metric="latency").detectable_ratio == of(report, metric="latency").detectable_ratio


def entry(change: float = 0.02, expires: datetime.date = TODAY, **fields: str) -> Accepted:
    texts: dict[str, Any] = {"benchmark": ONE, "metric": "kernel_time", "reason": "fusion is off"}
    return Accepted(**(texts | fields), change=change, expires=expires)


def test_an_accepted_change_is_reported_and_does_not_fail(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    report = judge(recorder.run({ONE: 1.02}), baselines, accepted=[entry()], today=TODAY)
    assert (of(report).verdict, of(report).reason) == (Verdict.SLOWER, Reason.ACCEPTED)
    assert "fusion is off" in of(report).detail and not report.failed and not suspects(report)


@pytest.mark.parametrize(
    ("accepted", "said"),
    [
        (entry(expires=TODAY - datetime.timedelta(days=1)), "expired on 2026-03-01"),
        (entry(benchmark="nobody"), "neither this run nor the baseline"),
        (entry(metric="latency"), "covers nothing"),
        (entry(change=0.005), ""),
    ],
)
def test_other_accepted_entries_do_not_help_and_are_said(recorder: Recorder, accepted: Accepted, said: str) -> None:
    baselines = recorder.baselines()
    report = judge(recorder.run({ONE: 1.02}), baselines, accepted=[accepted], today=TODAY)
    assert of(report).verdict is Verdict.SLOWER and report.failed
    assert said in " ".join(report.notes) if said else "more than the accepted" in of(report).detail


def test_an_accepted_change_of_a_benchmark_that_was_not_selected_may_stay(recorder: Recorder) -> None:
    baselines, accepted = recorder.baselines(), [entry(), entry(benchmark=IDS[0])]
    notes = judge(recorder.run(ids=IDS[:-1]), baselines, accepted=accepted, today=TODAY).notes
    assert [note for note in notes if "covers nothing" in note] == [
        f"The accepted change of {IDS[0]}, kernel_time covers nothing in this run; remove the entry if it stays so."
    ]


def test_a_stored_run_keeps_its_verdicts(recorder: Recorder) -> None:
    kept = verdicts(judge(recorder.run({ONE: 1.02}), recorder.baselines()))
    assert kept[ONE] == {"kernel_time": "SLOWER", "latency": "SAME", "peak_memory": "SAME", "launches": "SAME"}


def test_shown_metrics_are_never_judged(recorder: Recorder) -> None:
    report = judge(recorder.run(), recorder.baselines())
    shown = {(item.benchmark, item.metric): (item.baseline, item.now) for item in report.shown}
    assert shown[ONE, "build_time"] == (8, 8)
    assert {item.metric for item in report.judgements} == {"kernel_time", "latency", "peak_memory", "launches"}
