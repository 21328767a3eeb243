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


def test_a_disturbed_measurement_counts_for_nothing(recorder: Recorder) -> None:
    document = recorder.document({IDS[0]: 3.0})
    document["benchmarks"][0]["extra_info"]["gpu_state"] = [{"throttle_reasons": ["hw_thermal_slowdown"]}]
    disturbed = read(recorder.store(document))
    found = typical([*recorder.baselines(2), disturbed]).benchmarks[IDS[0]]
    assert found.values["kernel_time"] == pytest.approx(0.0005, rel=0.01) and not found.disturbances
