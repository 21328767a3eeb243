"""What a night holds of a stored run, and the way to JSON and back."""

import dataclasses
import json
from pathlib import Path

import pytest

from proof.simulated_runs import benchmark, run
from regression.history import night
from regression.metrics import METRICS
from regression.runs.read import parse

NAME = "efficientnet_b0-eager-fp32-b1"
BY_KEY = {metric.key: metric for metric in METRICS}


def stored(**extra):
    record = benchmark(NAME)
    record["extra_info"] |= extra
    document = run([record], 3, gpu={"uuid": "GPU-1bdf0e2f-d0da-f829-8105-762d1f99b42f"})
    document["suite"]["run_id"] = "one"
    return parse(document, Path("0003_nightly.json"))


def test_a_night_is_the_same_after_a_way_through_json():
    host_work = {"python_calls": 40, "inferences": 2, "counted_with": "sys.monitoring 3.12"}
    throttled = [{"throttle_reasons": ["hw_slowdown"]}]
    before = night.of(stored(visited_latency_s=0.004, host_work=host_work, gpu_state=throttled))
    after = night.from_json(json.loads(json.dumps(night.as_json(before))), before.file)
    assert after == before
    assert after.values[NAME, "latency"] == 0.004 and after.alike[NAME, "latency"] == night.VISITS
    assert after.alike[NAME, "python_calls"] == ("2", "sys.monitoring 3.12")
    assert after.alike[NAME, "kernel_time"] == ("1",), "of a suite that does not say where it placed what"
    assert (after.run_id, after.gpu) == ("one", "GPU-1bdf0e2f")
    assert after.environment["software.driver"] == "580.95"


def test_only_the_first_block_of_the_uuid_is_kept():
    assert "d0da-f829" not in json.dumps(night.as_json(night.of(stored())))


def test_a_disturbed_gpu_takes_another_time_and_counts_the_same():
    found = night.of(stored(gpu_state=[{"throttle_reasons": ["hw_slowdown"]}]))
    assert found.disturbed == {NAME: ("hw_slowdown",)}
    assert not found.usable(NAME, BY_KEY["kernel_time"]) and not found.usable(NAME, BY_KEY["build_time"])
    assert found.usable(NAME, BY_KEY["launches"]) and found.usable("another", BY_KEY["kernel_time"])


@pytest.mark.parametrize(
    "change",
    [
        {"when": "yesterday"},
        {"when": None},
        {"identity": ["nvidia-h200"]},
        {"values": {NAME: {"latency": float("nan")}}},
        {"values": {NAME: {"latency": -1.0}}},
        {"values": {NAME: 3}},
        {"disturbed": []},
    ],
)
def test_what_is_no_night_is_refused_with_its_file(change):
    good = night.as_json(night.of(stored()))
    with pytest.raises(ValueError, match=r"0003_nightly.json is no night of a history: .*read the run again"):
        night.from_json({**good, **change}, Path("0003_nightly.json"))
    with pytest.raises(ValueError, match="no night"):
        night.from_json([], Path("0003_nightly.json"))


def test_a_night_of_a_cpu_has_no_gpu():
    document = run([benchmark(NAME)])
    document["machine_info"]["gpu"] = None
    found = night.of(parse(document, Path("x.json")))
    assert found.gpu == "" and dataclasses.replace(found, run_id="x").run_id == "x"
