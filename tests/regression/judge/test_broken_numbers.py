"""Whatever numbers stored runs hold, the judge says something of the sound ones and nothing of the others."""

import dataclasses
import math
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regression.judge.judge import judge
from regression.judge.verdict import Verdict
from regression.runs.read import read
from regression.shared import is_shared
from tests.regression import recorder as made_up
from tests.regression.recorder import Recorder

# Enough variants to share a shift on another GPU.
IDS = (
    *made_up.IDS,
    *(f"efficientnet_b0-{variant}-fp16-b{size}" for variant in ("eager", "torchscript") for size in (1, 128)),
)
BROKEN: st.SearchStrategy[Any] = st.sampled_from(
    [math.nan, math.inf, -math.inf, 0.0, -1.0, 1e-300, 1e300, None, "fast", True, []]
)
VALUE = st.floats(1e-9, 1e3) | BROKEN
PLACES = st.tuples(st.sampled_from(["before", "now", "again"]), st.integers(0, 4), st.integers(0, len(IDS) - 1))


def put(document: dict[str, Any], number: int, metric: str, value: Any) -> None:
    record = document["benchmarks"][number]
    if metric == "latency":
        record["stats"]["median"] = value
    else:
        record["extra_info"]["kernel_time_s" if metric == "kernel_time" else "peak_memory_bytes"] = value


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(PLACES, st.sampled_from(["kernel_time", "latency", "peak_memory"]), VALUE), min_size=1, max_size=30
    ),
    st.sampled_from([1.0, 1.02]),
    st.sampled_from(["GPU-1", "GPU-2"]),
)
def test_no_verdict_comes_from_a_number_that_is_none(
    recorder: Recorder, changes: list[Any], factor: float, uuid: str
) -> None:
    everything = dict.fromkeys(IDS, factor)
    before = [recorder.document(ids=IDS) for _ in range(5)]
    again = [recorder.again(everything, IDS, ids=IDS) for _ in range(2)]
    now = recorder.document(everything, ids=IDS, uuid=uuid, day=2, confirmations=again)
    for (place, run, number), metric, value in changes:
        if place == "again":
            fields = {"kernel_time": "kernel_time_s", "latency": "latency_s", "peak_memory": "peak_memory_bytes"}
            again[run % 2]["benchmarks"][IDS[number]][fields[metric]] = value
        else:
            put(before[run] if place == "before" else now, number, metric, value)
    baselines = [read(recorder.store(document, f"{at:04d}_baseline.json")) for at, document in enumerate(before)]
    tonight = read(recorder.store(now, "now/0099_nightly.json"))
    report = judge(tonight, baselines)
    for item in report.judgements:
        numbers = [value for value in dataclasses.astuple(item) if isinstance(value, float)]
        assert all(map(math.isfinite, numbers)), item
        if not is_shared(item.benchmark) and item.verdict not in (Verdict.MISSING, Verdict.NEW):
            assert item.metric in tonight.benchmarks[item.benchmark].values
