"""What a baseline can show, before anything is compared with it."""

import pytest

from regression.judge.judge import judge
from regression.judge.power import typical
from regression.runs.read import read
from tests.regression.recorder import IDS, Recorder


def test_it_is_what_an_unchanged_run_would_be_told(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    told = judge(typical(baselines), baselines)
    night = judge(recorder.run(), baselines)
    of_night = {(item.benchmark, item.metric): item.detectable_ratio for item in night.judgements}
    assert {(item.benchmark, item.metric): item.detectable_ratio for item in told.judgements} == pytest.approx(of_night)
    assert all(item.ratio == pytest.approx(1) for item in told.judgements)


def test_it_has_the_middle_of_the_visits_as_well(recorder: Recorder) -> None:
    """The newest run's own visits, and the calibration beside them, say nothing of the baseline's middle."""
    baselines = []
    for latency_s, calibration_s in ((0.0005, 0.001), (0.00051, 0.001), (0.0006, 0.002)):
        document = recorder.document()
        document["benchmarks"][0]["extra_info"] |= {
            "visited_latency_s": latency_s, "visited_calibration_s": calibration_s,
        }  # fmt: skip
        baselines.append(read(recorder.store(document)))
    visited = typical(baselines).benchmarks[IDS[0]].visited
    assert visited == pytest.approx({"latency": (0.0005 * 0.00051 * 0.0006) ** (1 / 3), "host_calibration": 0.001})
    told = next(item for item in judge(typical(baselines), baselines).judgements if item.metric == "latency")
    assert told.benchmark == IDS[0] and told.ratio == pytest.approx(1)


def test_a_disturbed_measurement_counts_for_nothing(recorder: Recorder) -> None:
    document = recorder.document({IDS[0]: 3.0})
    document["benchmarks"][0]["extra_info"]["gpu_state"] = [{"throttle_reasons": ["hw_thermal_slowdown"]}]
    disturbed = read(recorder.store(document))
    found = typical([*recorder.baselines(2), disturbed]).benchmarks[IDS[0]]
    assert found.values["kernel_time"] == pytest.approx(0.0005, rel=0.01) and not found.disturbances
