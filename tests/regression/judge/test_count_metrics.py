"""Every count of the table of metrics, from stored runs: what fails, what is only listed, and what is not compared."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from regression import rerun
from regression.baseline.migrating import migrated
from regression.judge.judge import judge
from regression.judge.verdict import Judgement, Reason, Report, Verdict, suspects
from regression.metric import Fails, Kind
from regression.metrics import METRICS, OF_THE_MACHINE
from regression.runs.read import read
from tests.regression.recorder import IDS, Recorder

EAGER, TENSORRT = IDS[0], IDS[6]
CALLS = {"cudaLaunchKernel": 240, "cudaStreamIsCapturing": 5}
EXTRA_INFO: Mapping[str, Any] = {
    "api_calls": CALLS,
    "synchronisations": 0,
    "host_device_copies": 0,
    "copied_bytes": {"Memcpy HtoD (Pinned -> Device)": 4},
    "recompilations": 0,
    "host_growth_bytes": 0,
    "gpu_growth_bytes": 0,
    "unrepeatable": 0,
    "host_work": {
        "python_calls": 39900,
        "bytecodes": 1012812,
        "aten_operators": 20160,
        "allocator_requests": 4000,
        "driver_allocations": 0,
        "inferences": 20,
        "counted_with": "sys.monitoring 3.12",
    },
    "details": {"engines": 1, "left_to_pytorch": []},
    "engine_bytes": 27_003_476,
    "engine_layers": ["conv", "act", "conv"],
}


def host_work(**counts: Any) -> dict[str, Any]:
    return {"host_work": {**EXTRA_INFO["host_work"], **counts}}


def with_kernels(*names: str) -> dict[str, Any]:
    """The kernels of one inference, each launched once: places in `suite.kernels`."""
    return {"kernels": {"kernel": [KERNELS.index(name) for name in names], "launches": [1] * len(names),
                        "time_s": [1e-4] * len(names)}}  # fmt: skip


KERNELS = ["conv", "other conv", "act"]


class Store:
    """Stored runs whose benchmarks have every count, and what judging one of them says."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def document(
        self, changed: Mapping[str, Any] | None = None, *, every: Mapping[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """`changed` replaces fields of TENSORRT, `every` fields of all benchmarks; None takes a field away."""
        document = self.recorder.document(kernels=KERNELS, **options)
        document["suite"]["schema"] = 2  # the first that has all of them
        for item in document["benchmarks"]:
            fields = {**copy.deepcopy(dict(EXTRA_INFO)), **with_kernels("conv", "act"), **(every or {})}
            item["extra_info"] |= fields | (dict(changed or {}) if item["param"] == TENSORRT else {})
        return document

    def judged(
        self,
        changed: Mapping[str, Any] | None,
        again: Sequence[Mapping[str, Any]] = (),
        *,
        seen: Sequence[Mapping[str, Any]] = ({},) * 3,
        machine: Mapping[str, Any] | None = None,
        every: Mapping[str, Any] | None = None,
        before: Mapping[str, Any] | None = None,
    ) -> Report:
        """A run with changed fields against a baseline of runs with the fields `seen`; `again` are fresh processes."""
        baselines = [read(self.recorder.store(self.document(fields, every=before))) for fields in seen]
        document = self.document(changed, every=every, day=2)
        document["machine_info"] |= machine or {}
        document["suite"]["confirmations"] = [
            rerun.confirmation(self.document(fields, every=every), (), METRICS) for fields in again
        ]
        return judge(read(self.recorder.store(document, "now/0099_nightly.json")), baselines)


@pytest.fixture
def store(recorder: Recorder) -> Store:
    return Store(recorder)


def of(report: Report, metric: str, benchmark: str = TENSORRT) -> Judgement:
    (found,) = (item for item in report.judgements if (item.benchmark, item.metric) == (benchmark, metric))
    return found


def others(report: Report, metric: str) -> set[Verdict]:
    return {item.verdict for item in report.judgements if (item.benchmark, item.metric) != (TENSORRT, metric)}


FAILING = [
    ("synchronisations", {"synchronisations": 1}, {}),
    ("host_device_copies", {"host_device_copies": 1}, {}),
    ("recompilations", {"recompilations": 1}, {}),
    ("driver_allocations", host_work(driver_allocations=20), {}),
    ("engines", {"details": {"engines": 1, "left_to_pytorch": []}}, {"details": {"engines": 2, "left_to_pytorch": []}}),
    ("left_to_pytorch", {"details": {"engines": 1, "left_to_pytorch": ["aten::silu"]}}, {}),
    ("peak_memory", {"peak_memory_bytes": 102_000_000}, {}),
    ("api_calls", {"api_calls": CALLS | {"cudaGetDeviceProperties": 13}}, {}),
    ("aten_operators", host_work(aten_operators=21169), {}),
    ("python_calls", host_work(python_calls=41896), {}),
    ("host_growth", {"host_growth_bytes": 768_000}, {"host_growth_bytes": 256_000}),
    ("gpu_growth", {"gpu_growth_bytes": 2_048_000}, {}),
]
LISTED = [
    ("synchronisations", {"synchronisations": 0}, {"synchronisations": 1}),
    ("driver_allocations", host_work(driver_allocations=1), {}),
    ("engines", {"details": {"engines": 2, "left_to_pytorch": []}}, {}),
    ("left_to_pytorch", {}, {"details": {"engines": 1, "left_to_pytorch": ["aten::silu"]}}),
    ("peak_memory", {"peak_memory_bytes": 100_000_001}, {}),
    ("peak_memory", {"peak_memory_bytes": 90_000_000}, {}),
    ("api_calls", {"api_calls": CALLS | {"cudaGetDeviceProperties": 1}}, {}),
    ("api_calls", {"api_calls": {"cudaLaunchKernel": 240}}, {}),
    ("aten_operators", host_work(aten_operators=20180), {}),
    ("aten_operators", host_work(aten_operators=10000), {}),
    ("python_calls", host_work(python_calls=39920), {}),
    ("bytecodes", host_work(bytecodes=2 * 1012812), {}),
    ("allocator_requests", host_work(allocator_requests=8000), {}),
    ("launches", {"launches": 550}, {}),
    ("copied_bytes", {"copied_bytes": {"Memcpy HtoD (Pinned -> Device)": 602112}}, {}),
    ("copied_bytes", {"copied_bytes": {}}, {}),
    ("host_growth", {"host_growth_bytes": 256_000}, {}),
    ("host_growth", {"host_growth_bytes": 0}, {"host_growth_bytes": 1_024_000}),
    ("gpu_growth", {"gpu_growth_bytes": 1_024_000}, {}),
    ("engine_layers", {"engine_layers": ["conv", "act"]}, {}),
    ("engine_layers", {"engine_layers": ["conv", "act", "pool"]}, {}),
    ("engine_bytes", {"engine_bytes": 54_000_000}, {}),
]


def case(rows: list[tuple[str, Any, Any]]) -> Any:
    return pytest.mark.parametrize(
        ("metric", "now", "seen"), rows, ids=[f"{number} {row[0]}" for number, row in enumerate(rows)]
    )


def test_unchanged_counts_are_same_and_quiet(store: Store) -> None:
    report = store.judged({})
    assert {item.verdict for item in report.judgements} == {Verdict.SAME}
    counts = {metric.key for metric in METRICS if metric.judged and metric.kind is Kind.COUNT and metric.path}
    assert {item.metric for item in report.judgements if item.reason is Reason.SEEN_BEFORE} == counts
    assert report.tests == 2 * (len(IDS) + 1) and not report.notes


@case(FAILING)
def test_what_fails_is_suspected_and_fails_once_it_is_confirmed(store: Store, metric: str, now: Any, seen: Any) -> None:
    seen_runs = ({}, seen, seen) if metric != "engines" else (seen,) * 3
    first = store.judged(now, seen=seen_runs)
    assert (of(first, metric).verdict, of(first, metric).reason) == (Verdict.CHANGED, Reason.UNCONFIRMED)
    assert suspects(first) == [(TENSORRT, metric)] and others(first, metric) == {Verdict.SAME}
    confirmed = store.judged(now, (now, now), seen=seen_runs)
    assert (of(confirmed, metric).reason, confirmed.failed) == (Reason.CONFIRMED, True)
    gone = store.judged(now, (now, seen), seen=seen_runs)
    assert (of(gone, metric).verdict, of(gone, metric).reason) == (Verdict.UNSURE, Reason.DISAGREED)
    assert not gone.failed


@case(LISTED)
def test_what_does_not_fail_is_listed(store: Store, metric: str, now: Any, seen: Any) -> None:
    report = store.judged(now, seen=(seen,) * 3)
    assert (of(report, metric).verdict, of(report, metric).reason) == (Verdict.CHANGED, Reason.NEW_VALUE)
    assert not report.failed and not suspects(report) and others(report, metric) == {Verdict.SAME}


def test_every_failing_metric_and_no_other_is_tried() -> None:
    assert {metric for metric, _, _ in FAILING} == {metric.key for metric in METRICS if metric.fails is not Fails.NEVER}


@pytest.mark.parametrize("metric", ["api_calls", "aten_operators", "python_calls"])
@pytest.mark.parametrize("machine", [{"software": {"torch": "2.12.0"}}, {"python_version": "3.12.9"}])
def test_after_an_upgrade_more_host_work_is_listed_alone(store: Store, metric: str, machine: Any) -> None:
    now = next(fields for key, fields, _ in FAILING if key == metric)
    report = store.judged(now, (now, now), machine=machine)
    found = of(report, metric)
    assert (found.verdict, found.reason, report.failed) == (Verdict.CHANGED, Reason.NEW_VALUE, False)
    assert found.detail.endswith("the software is not the baseline's")


def test_after_an_upgrade_an_additional_synchronisation_still_fails(store: Store) -> None:
    now = {"synchronisations": 1}
    assert store.judged(now, (now, now), machine={"software": {"torch": "2.12.0"}}).failed


def test_what_is_new_gone_or_more_often_is_named(store: Store) -> None:
    now = {"api_calls": {"cudaLaunchKernel": 241, "cudaGetDeviceProperties": 1}}
    assert of(store.judged(now), "api_calls").detail == (
        "cudaStreamIsCapturing 5 -> 0, cudaGetDeviceProperties 0 -> 1, cudaLaunchKernel 240 -> 241"
    )
    layers = of(store.judged({"engine_layers": ["conv", "conv", "conv", "pool\n"]}), "engine_layers")
    assert layers.detail == "act 1 -> 0, conv 2 -> 3, pool\\n 0 -> 1"
    left = store.judged({"details": {"engines": 1, "left_to_pytorch": ["aten::silu"]}})
    assert of(left, "left_to_pytorch").detail == "aten::silu 0 -> 1; not measured again"
    many = of(store.judged({"api_calls": {f"call{number}": 1 for number in range(9)}}), "api_calls")
    assert many.detail.endswith("call0 0 -> 1, call1 0 -> 1, call2 0 -> 1, call3 0 -> 1 and 5 more")


def test_a_synchronisation_is_named_by_the_api_call_that_makes_it(store: Store) -> None:
    """Where runs say which calls theirs are; one that does not says nothing of names."""
    calls = {"cudaLaunchKernel": 244, "cudaStreamSynchronize": 1}
    one = {"api_calls": calls, "synchronisations": 1}
    seen = [{"api_calls": {"cudaLaunchKernel": 245}, "synchronisations": 0}] * 2
    assert of(store.judged(one, seen=seen), "synchronisations").detail.startswith("cudaStreamSynchronize 0 -> 1; ")
    nameless = [{"api_calls": None, "synchronisations": 1}] * 2
    two = {"api_calls": {"cudaStreamSynchronize": 2}, "synchronisations": 2}
    assert of(store.judged(two, seen=nameless), "synchronisations").detail == "not measured again"
    assert of(store.judged(one, seen=[one, *nameless]), "synchronisations").verdict is Verdict.SAME
    contradicted = of(store.judged(one | {"synchronisations": 2}, seen=seen), "synchronisations")
    assert (contradicted.now, contradicted.detail) == (2, "not measured again")
    swapped = {"api_calls": {"cudaDeviceSynchronize": 1}, "synchronisations": 1}
    told = of(store.judged(swapped, seen=[one]), "synchronisations")
    assert told.verdict is Verdict.CHANGED and not told.failed
    assert told.detail == "cudaDeviceSynchronize 0 -> 1, cudaStreamSynchronize 1 -> 0"


CALLED = {"timm.layers.act.silu": 36000, "fixtures.pool.Inference.run": 20, "torch.nn.Module._call_impl": 3880}
EXECUTED = {"timm.layers.act.silu": 1000000, "torch.nn.Module._call_impl": 12812}
ATEN = {"aten::conv2d": 20000, "aten::linear": 160}


class Named:
    """Store whose runs have host work by name; what is judged is TENSORRT's."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def document(self, names: Mapping[str, Mapping[str, int]] | None, **options: Any) -> dict[str, Any]:
        """`names` replaces counts by name; the totals follow. None takes all names away."""
        counts = {"python_calls": CALLED, "bytecodes": EXECUTED, "aten_operators": ATEN, **(names or {})}
        totals = {count: sum(one.values()) for count, one in counts.items()}
        document = self.store.document(**options)
        document["suite"]["host_work"] = list(counts.values())
        for item in document["benchmarks"]:
            places = {} if names is None else {"by_name": {count: place for place, count in enumerate(counts)}}
            item["extra_info"] |= host_work(**totals, **places)
        return document

    def judged(self, now: Any, seen: Sequence[Any] = ({},) * 3, again: Sequence[Any] = ()) -> Report:
        baselines = [read(self.store.recorder.store(self.document(names))) for names in seen]
        document = self.document(now, day=2)
        document["suite"]["confirmations"] = []
        for names in again:
            other = self.document(names)
            rerun.add_confirmation(document, rerun.confirmation(other, (), METRICS), other["suite"])
        return judge(read(self.store.recorder.store(document, "now/0099_nightly.json")), baselines)


@pytest.fixture
def named(store: Store) -> Named:
    return Named(store)


def test_what_python_and_aten_do_more_often_is_named_per_inference(named: Named) -> None:
    wrapped = CALLED | {"proof.inject.counted.wrapped.<locals>.wrapper": 20}
    found = of(named.judged({"python_calls": wrapped}), "python_calls")
    assert (found.verdict, found.now) == (Verdict.CHANGED, 1996)
    assert found.detail == "proof.inject.counted.wrapped.<locals>.wrapper 0 -> 1"
    often = CALLED | {"torch.nn.Module._call_impl": 3890, "fixtures.pool.Inference.run": 0}
    assert of(named.judged({"python_calls": often}), "python_calls").detail == (
        "fixtures.pool.Inference.run 1 -> 0, torch.nn.Module._call_impl 194 -> 194.5"
    )
    executed = EXECUTED | {"torch.nn.Module._call_impl": 12832}
    assert of(named.judged({"bytecodes": executed}), "bytecodes").detail == "torch.nn.Module._call_impl 640.6 -> 641.6"
    cloned = {name: calls for name, calls in ATEN.items() if name != "aten::linear"} | {"aten::clone": 20}
    assert of(named.judged({"aten_operators": cloned}), "aten_operators").detail == (
        "aten::linear 8 -> 0, aten::clone 0 -> 1"
    )


def test_names_explain_and_the_total_is_judged(named: Named) -> None:
    swapped = {"timm.layers.act.relu": 36000, "fixtures.pool.Inference.run": 20, "torch.nn.Module._call_impl": 3880}
    report = named.judged({"python_calls": swapped})
    assert of(report, "python_calls").verdict is Verdict.SAME and not report.failed
    one, other = ({"python_calls": CALLED | {"a": number, "b": 20 - number}} for number in (5, 15))
    new = {"python_calls": CALLED | {"a": 5, "b": 5}}
    assert of(named.judged(new, (one, other)), "python_calls").verdict is Verdict.CHANGED


def test_a_confirmed_change_is_named_and_confirmations_hold_no_names(named: Named) -> None:
    more = {"python_calls": CALLED | {"timm.new": 4000}}
    report = named.judged(more, again=(more, more))
    assert of(report, "python_calls").reason is Reason.CONFIRMED and report.failed
    assert of(report, "python_calls").detail == "timm.new 0 -> 200; again 2195, 2195"
    other = named.document(more)
    kept = rerun.confirmation(other, (), METRICS)["benchmarks"][TENSORRT]["host_work"]
    assert kept["python_calls"] == 43900 and "by_name" not in kept


def test_runs_without_names_are_judged_by_their_totals(named: Named) -> None:
    more = {"python_calls": CALLED | {"timm.new": 40}}
    without = of(named.judged(more, (None, None)), "python_calls")
    assert (without.verdict, without.detail) == (Verdict.CHANGED, "")
    assert of(named.judged(None, ({}, {})), "python_calls").verdict is Verdict.SAME
    some = of(named.judged(more, (None, {}, None)), "python_calls")
    assert some.detail == "timm.new 0 -> 2"


@pytest.mark.parametrize(
    ("by_name", "said"),
    [
        ({"python_calls": 3}, "refers to place '3' of 'suite.host_work', which has 3"),
        ({"python_calls": True}, "refers to place 'True'"),
        ({"python_calls": {"a": 1}}, "refers to place"),
        ([0, 1], "is '[0, 1]', not an object"),
        (None, "is 'None', not an object"),
    ],
)
def test_malformed_names_are_left_out_with_a_sentence(named: Named, by_name: Any, said: str) -> None:
    document = named.document({})
    for item in document["benchmarks"]:
        if item["param"] == TENSORRT:
            item["extra_info"]["host_work"]["by_name"] = by_name
    run = read(named.store.recorder.store(document))
    (problem,) = map(str, run.problems)
    assert f"{TENSORRT}: the names of its host work are left out: " in problem and said in problem
    assert run.benchmarks[TENSORRT].values["python_calls"] == 1995
    assert "python_calls" not in run.benchmarks[TENSORRT].parts and run.benchmarks[EAGER].parts["python_calls"]


@pytest.mark.parametrize("names", [{"a": 39899}, {"a": -1, "b": 39901}, {"a": "39900"}, 7])
def test_names_that_do_not_add_up_to_the_total_say_nothing(named: Named, names: Any) -> None:
    document = named.document({})
    document["suite"]["host_work"][0] = names
    run = read(named.store.recorder.store(document))
    assert "python_calls" not in run.benchmarks[TENSORRT].parts
    assert run.benchmarks[TENSORRT].values["python_calls"] == 1995


def test_a_benchmark_measured_again_brings_its_names(named: Named) -> None:
    changed = {"python_calls": CALLED | {"timm.new": 20}}
    document, other = (migrated(named.document(names)) for names in ({}, changed))
    other["suite"]["host_work"].reverse()
    for item in other["benchmarks"]:
        places = item["extra_info"]["host_work"]["by_name"]
        item["extra_info"]["host_work"]["by_name"] = {count: 2 - place for count, place in places.items()}
    record = next(item for item in other["benchmarks"] if item["param"] == TENSORRT)
    rerun.replace_record(document, record, other["suite"])
    run = read(named.store.recorder.store(document))
    assert run.benchmarks[TENSORRT].parts["python_calls"] == CALLED | {"timm.new": 20}
    assert run.benchmarks[TENSORRT].parts["aten_operators"] == ATEN == run.benchmarks[EAGER].parts["aten_operators"]
    assert len(document["suite"]["host_work"]) == 4 and not run.problems


def test_more_bytes_without_one_more_copy_are_listed_with_the_kind_of_copy(store: Store) -> None:
    kind = "Memcpy HtoD (Pinned -> Device)"
    found = of(store.judged({"copied_bytes": {kind: 8, "Memcpy DtoH (Device -> Pageable)": 4000}}), "copied_bytes")
    assert (found.verdict, found.reason, found.now) == (Verdict.CHANGED, Reason.NEW_VALUE, 4008)
    assert found.detail == f"Memcpy DtoH (Device -> Pageable) 0 -> 4000, {kind} 4 -> 8"


def test_parts_that_were_seen_in_different_runs_are_not_new(store: Store) -> None:
    seen = [{"api_calls": {"a": 1, "b": 2}}, {"api_calls": {"a": 2, "b": 1}}]
    assert of(store.judged({"api_calls": {"a": 1, "b": 1}}, seen=seen), "api_calls").verdict is Verdict.SAME


def test_the_values_are_of_one_inference(store: Store) -> None:
    report = store.judged({})
    assert of(report, "python_calls").now == 1995 and of(report, "bytecodes").now == 1012812 / 20
    one_more = of(store.judged(host_work(bytecodes=1012813)), "bytecodes")
    assert (one_more.verdict, one_more.detail) == (Verdict.CHANGED, "")


def test_other_ways_of_counting_are_not_compared(store: Store) -> None:
    other = host_work(python_calls=90000, counted_with="sys.setprofile 3.11")
    other["host_work"].pop("bytecodes")
    report = store.judged({}, every=other)
    judged = {item.metric for item in report.judgements}
    assert not judged & {"python_calls", "bytecodes"} and "aten_operators" in judged
    assert report.notes == (
        "This run lacks bytecodes of benchmarks of which the baseline has them.",
        "Python calls: counted otherwise than in the baseline, and not compared, for 9 benchmarks.",
    )
    assert not report.failed
    fewer = store.judged({}, every=host_work(inferences=3))
    assert "aten_operators" not in {item.metric for item in fewer.judgements}


def test_a_baseline_without_counts_is_judged_by_what_it_has(store: Store) -> None:
    """As stored runs of schema 1: one sentence, no NEW for every benchmark and metric."""
    without = dict.fromkeys(EXTRA_INFO)
    report = store.judged({}, before=without)
    assert {item.verdict for item in report.judgements} == {Verdict.SAME}
    assert {item.metric for item in report.judgements} == {"kernel_time", "latency", "peak_memory", "launches"}
    (note,) = report.notes
    assert note.startswith("No run of the baseline has synchronisations, host-device copies, ")
    assert note.endswith("and unrepeatable outputs, so that nothing is said of them; record a new baseline.")


def test_a_run_without_host_work_is_noted_and_without_engines_is_missing(store: Store) -> None:
    report = store.judged({"host_work": None})
    assert not report.failed
    (note,) = report.notes
    assert note.startswith("This run lacks driver allocations, allocator requests, ATen operators, Python calls and")
    gone = store.judged({"details": {}})
    assert (of(gone, "engines").verdict, gone.failed) == (Verdict.MISSING, True)


def test_a_run_of_an_older_schema_lacks_what_it_had_not_without_failing(store: Store) -> None:
    baselines = [read(store.recorder.store(store.document())) for _ in range(3)]
    document = store.document({"details": {}}, day=2)
    document["suite"]["schema"] = 1
    report = judge(read(store.recorder.store(document, "now/0042_nightly.json")), baselines)
    assert not report.failed
    assert not any((item.benchmark, item.metric) == (TENSORRT, "engines") for item in report.judgements)
    assert any("engines" in note for note in report.notes if note.startswith("This run lacks"))


def test_a_new_benchmark_is_new_in_its_times_alone(store: Store) -> None:
    baselines = [read(store.recorder.store(store.document(ids=IDS[:6]))) for _ in range(3)]
    report = judge(read(store.recorder.store(store.document(day=2), "now/0099_nightly.json")), baselines)
    new = {item.metric for item in report.judgements if item.verdict is Verdict.NEW}
    assert new - {metric.key for metric in METRICS if metric.of_questions} == {"kernel_time", "latency"}


@pytest.mark.parametrize(
    ("metric", "low", "high", "inside", "outside"),
    [
        ("launches", {"launches": 200}, {"launches": 220}, {"launches": 190}, {"launches": 189}),
        ("api_calls", {"api_calls": {"a": 200}}, {"api_calls": {"b": 220}}, {"api_calls": {"c": 231}},
         {"api_calls": {"c": 232}}),
        ("peak_memory", {"peak_memory_bytes": 100_000_000}, {"peak_memory_bytes": 101_000_000},
         {"peak_memory_bytes": 100_500_000}, {"peak_memory_bytes": 99_999_999}),
        ("allocator_requests", host_work(allocator_requests=4000), host_work(allocator_requests=4200),
         host_work(allocator_requests=4400), host_work(allocator_requests=4420)),
    ],
    ids=["launches", "API calls", "peak memory", "allocator requests"],
)  # fmt: skip
def test_where_processes_launch_other_kernels_the_range_is_the_reference(
    store: Store, metric: str, low: Any, high: Any, inside: Any, outside: Any
) -> None:
    seen = [low, high | with_kernels("other conv", "act"), low]
    assert of(store.judged(inside, seen=seen), metric).verdict is Verdict.SAME
    assert of(store.judged(outside, seen=seen), metric).verdict is Verdict.CHANGED
    same_kernels = [low, high, low]
    assert of(store.judged(inside, seen=same_kernels), metric).verdict is Verdict.CHANGED


def test_engine_sizes_are_exact_where_builds_are(store: Store) -> None:
    now = {"engine_bytes": 27_001_156}
    assert of(store.judged(now), "engine_bytes").verdict is Verdict.CHANGED
    varied = [{}, {"engine_bytes": 27_004_000}, {}]
    assert of(store.judged(now, seen=varied), "engine_bytes").verdict is Verdict.SAME
    assert of(store.judged(now, seen=[{}]), "engine_bytes").verdict is Verdict.SAME
    assert of(store.judged({"engine_bytes": 27_300_000}, seen=varied), "engine_bytes").verdict is Verdict.CHANGED


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (host_work(python_calls=-1), "`extra_info.host_work.python_calls` is -1, not a whole number"),
        (host_work(inferences=0), "`extra_info.host_work.inferences` is 0, not a whole number"),
        (host_work(aten_operators=[]), "`extra_info.host_work.aten_operators` is [], not a whole number"),
        (host_work(aten_operators={}), "`extra_info.host_work.aten_operators` is {}, not a whole number"),
        ({"api_calls": {"a": 1.5}}, "`extra_info.api_calls` is {'a': 1.5}, not a whole number"),
        ({"api_calls": [1, 2]}, "`extra_info.api_calls` is [1, 2], not a whole number"),
        ({"details": {"engines": "1", "left_to_pytorch": []}}, "`extra_info.details.engines` is 1, not a whole number"),
    ],
)
def test_a_malformed_count_is_left_out_with_a_sentence(store: Store, fields: Any, said: str) -> None:
    run = read(store.recorder.store(store.document(fields)))
    assert any(said in problem.reason for problem in run.problems)
    assert len(run.benchmarks) == len(IDS)


def test_a_call_that_becomes_slower_is_shown(store: Store) -> None:
    fields = {"api_call_times_s": {"cudaLaunchKernel": 4e-6, "cudaStreamIsCapturing": 1e-6, "other": 1.0}}
    report = store.judged({}, every=fields, before={"api_call_times_s": {"cudaLaunchKernel": 2e-6}})
    shown = {item.benchmark: item for item in report.shown if item.metric == "api_time"}[TENSORRT]
    assert (shown.baseline, shown.now) == pytest.approx((240 * 2e-6, 240 * 4e-6 + 5e-6))
    malformed = store.judged({"api_call_times_s": {"cudaLaunchKernel": "fast"}})
    assert not any(item.metric == "api_time" for item in malformed.shown)


def test_a_confirmation_keeps_what_can_fail(store: Store) -> None:
    kept = rerun.confirmation(store.document(), (), METRICS)["benchmarks"][TENSORRT]
    assert kept["host_work"]["python_calls"] == 39900 and kept["api_calls"] == CALLS
    assert "engine_layers" not in kept and "launches" not in kept


def test_a_confirmation_says_of_every_metric_that_is_confirmed_what_the_run_said(store: Store) -> None:
    """No metric that can fail, its excuse or its value from visits is forgotten on the way into a stored run."""
    document = operators(store.document(), *CHOSEN)
    (item,) = (item for item in document["benchmarks"] if item["param"] == TENSORRT)
    item["extra_info"] |= {
        "host_calibration_s": 0.003, "visited_latency_s": 0.0004, "visited_calibration_s": 0.002,
        "details": {"engines": 2, "left_to_pytorch": ["aten.topk"]},
    }  # fmt: skip
    document["suite"]["confirmations"] = []
    rerun.add_confirmation(document, rerun.confirmation(document, (), METRICS), document["suite"])
    run = read(store.recorder.store(document))
    first, (again,) = run.benchmarks[TENSORRT], run.confirmations
    wanted = {metric.key for metric in METRICS if metric.is_confirmed and not metric.of_questions}
    wanted |= OF_THE_MACHINE
    assert {key: again.values[TENSORRT][key] for key in wanted} == {key: first.values[key] for key in wanted}
    assert again.visited[TENSORRT] == first.visited == {"latency": 0.0004, "host_calibration": 0.002}
    assert again.operators[TENSORRT] == first.operators


def operators(document: dict[str, Any], *rows: tuple[str, str, Mapping[str, int]]) -> dict[str, Any]:
    """Give TENSORRT these operators: name, the kernel that it launches, its API calls."""
    suite = document["suite"] | {"operators": [name for name, _, _ in rows], "api_calls": [calls for *_, calls in rows]}
    document["suite"] = suite
    (item,) = (item for item in document["benchmarks"] if item["param"] == TENSORRT)
    item["extra_info"] |= with_kernels(*(kernel for _, kernel, _ in rows if kernel))
    item["extra_info"]["operators"] = {
        "operator": list(range(len(rows))),
        "kernels": [[KERNELS.index(kernel)] if kernel else [] for _, kernel, _ in rows],
        "time_ns": [1000] * len(rows),
        "api_calls": list(range(len(rows))),
    }
    total: dict[str, int] = {}
    for *_, calls in rows:
        total = {name: total.get(name, 0) + calls.get(name, 0) for name in [*total, *calls]}
    item["extra_info"]["api_calls"] = total
    return document


ONE_LAUNCH, TWO_LAUNCHES = {"cudaLaunchKernel": 100}, {"cudaLaunchKernel": 101}
CHOSEN = [("conv", "conv", ONE_LAUNCH), ("add", "act", ONE_LAUNCH)]
OTHERWISE = [("conv", "other conv", TWO_LAUNCHES), ("add", "act", ONE_LAUNCH)]


@pytest.mark.parametrize(
    ("rows", "detail"),
    [
        (CHOSEN, ""),
        (OTHERWISE, ""),
        # The total was seen, but not with these kernels: in CHOSEN's `conv` OTHERWISE's call is new.
        ([("conv", "conv", TWO_LAUNCHES), CHOSEN[1]], "cudaLaunchKernel 100 -> 101 in conv"),
        ([CHOSEN[0], ("add", "act", ONE_LAUNCH | {"cudaGetDeviceProperties": 1})],
         "cudaGetDeviceProperties 0 -> 1 in add"),
        # Other kernels need other calls, in the total as well; a kernel that was seen does not.
        ([("conv", "act", {"cudaMalloc": 5}), CHOSEN[1]], ""),
        ([("conv", "conv", {"cudaMalloc": 5}), CHOSEN[1]],
         "cudaLaunchKernel 100 -> 0 in conv, cudaMalloc 0 -> 5 in conv"),
        ([*CHOSEN, ("new", "act", {"cudaEventRecord": 1})], "cudaEventRecord 0 -> 1 in new"),
        ([*CHOSEN, ("item", "", {"cudaStreamSynchronize": 1})], "cudaStreamSynchronize 0 -> 1 in item"),
        ([CHOSEN[0]], "cudaLaunchKernel 100 -> 0 in add"),
        ([(name, kernel, {"cudaLaunchKernel": 99}) for name, kernel, _ in CHOSEN],
         "cudaLaunchKernel 100 -> 99 in conv and 1 more operator"),
    ],
    ids=["seen", "seen with others", "not with these", "a call more", "never seen", "seen with other calls", "new",
         "no launch", "gone", "two"],
)  # fmt: skip
def test_api_calls_are_compared_operator_by_operator_given_the_kernels(
    store: Store, rows: list[tuple[str, str, Mapping[str, int]]], detail: str
) -> None:
    baselines = [read(store.recorder.store(operators(store.document(), *seen))) for seen in (CHOSEN, OTHERWISE, CHOSEN)]
    tonight = operators(store.document(day=2), *rows)
    found = of(judge(read(store.recorder.store(tonight, "now/0099_nightly.json")), baselines), "api_calls")
    assert found.detail == detail
    assert found.verdict is (Verdict.CHANGED if detail else Verdict.SAME)
