"""Reading stored runs: whatever is in the file, a run or a sentence comes out."""

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common import marks
from common.stored import UNKNOWN_DEVICE
from regression.explain import explanation
from regression.fleet import night as fleet_night
from regression.history import night
from regression.judge.judge import judge
from regression.judge.verdict import Verdict
from regression.report import json as json_form
from regression.report import markdown, terminal
from regression.report.content import Changed, content
from regression.runs.environment import differences
from regression.runs.find import collect
from regression.runs.read import LARGEST_FILE_BYTES, read
from regression.runs.run import Run, UnusableRun
from regression.shared import EVERY
from regression.store.keys import folder_of
from tests.regression.recorder import IDS, Recorder

ONE = IDS[0]


@pytest.mark.parametrize(
    "machine, slug",
    [
        ({"gpu": {"slug": "nvidia-h200"}, "slug": "of the host"}, "nvidia-h200"),
        ({"gpu": None, "slug": "cpu-amd-epyc"}, "cpu-amd-epyc"),
        ({"gpu": {"slug": ""}, "slug": 3}, "3"),
        ({"gpu": ["slug"], "slug": None}, ""),
        ({}, ""),
        (None, ""),
    ],
)
def test_every_reader_finds_the_same_device(recorder: Recorder, machine: Any, slug: str) -> None:
    document = recorder.document() | {"machine_info": machine}
    path = recorder.store(document)
    run = read(path)
    assert run.slug == marks.entry_of(document, path).of[0] == slug
    assert night.of(run).identity[0] == fleet_night.of(document, path).slug == (slug or UNKNOWN_DEVICE)
    assert folder_of(document).partition("/")[0] == (slug or "unknown")


def test_a_stored_run_is_read_as_documented(recorder: Recorder) -> None:
    labels = {ONE: {"passed": False, "message": "cat is now dog"}}
    run = recorder.run(
        labels=labels,
        skipped={"a": "no TensorRT"},
        failed={"b": "out of memory"},
        confirmations=[recorder.again(None, (ONE,))],
    )
    assert set(run.benchmarks) == set(IDS) and run.selected == frozenset(IDS)
    assert run.benchmarks[ONE].values.keys() == {"kernel_time", "latency", "peak_memory", "launches", "build_time"}
    assert run.benchmarks[ONE].round_spread == pytest.approx(0.002 / 1.349, rel=1e-3)
    assert (run.gpu, run.day, run.skipped, run.failed) == (
        "GPU-1",
        "2026-03-02",
        {"a": "no TensorRT"},
        {"b": "out of memory"},
    )
    assert run.labels[ONE].message == "cat is now dog"
    assert run.confirmations[0].controls == (ONE,)
    assert run.confirmations[0].values[ONE].keys() == {"kernel_time", "latency", "peak_memory"}
    assert not run.problems and not run.disturbances and not run.confirmations[0].disturbed


def test_a_run_says_why_any_of_its_benchmarks_was_disturbed(recorder: Recorder) -> None:
    document = recorder.document()
    for record, reason in zip(document["benchmarks"], ("hw_slowdown", "idle", "hw_slowdown"), strict=False):
        record["extra_info"]["gpu_state"] = [{"throttle_reasons": [reason]}]
    assert read(recorder.store(document)).disturbances == ("hw_slowdown",)


@pytest.mark.parametrize(
    ("stored", "disturbed"), [(["hw\nslowdown", 3], ("hw\\nslowdown",)), ([], ()), (None, ()), (True, ()), ("x", ())]
)
def test_a_confirmation_says_why_its_process_was_disturbed(
    recorder: Recorder, stored: Any, disturbed: tuple[str, ...]
) -> None:
    (confirmation,) = recorder.run(confirmations=[recorder.again() | {"disturbed": stored}]).confirmations
    assert confirmation.disturbed == disturbed


def test_idle_and_the_software_power_cap_disturb_nothing(recorder: Recorder) -> None:
    assert not recorder.run().benchmarks[ONE].disturbances


@pytest.mark.parametrize(
    ("state", "disturbances"),
    [
        ({"throttle_reasons": ["idle", "sw_power_cap", "applications_clocks_setting"], "other_processes": 0}, ()),
        ({"throttle_reasons": ["hw_slowdown"]}, ("hw_slowdown",)),
        (
            {"throttle_reasons": ["sw_thermal_slowdown", "hw_thermal_slowdown"]},
            ("hw_thermal_slowdown", "sw_thermal_slowdown"),
        ),
        ({"throttle_reasons": ["hw_power_brake_slowdown"]}, ("hw_power_brake_slowdown",)),
        ({"other_processes": 2}, ("another process on the GPU",)),
        ({"other_processes": [4711]}, ("another process on the GPU",)),
        ("nonsense", ()),
    ],
)
def test_what_disturbs_a_benchmark(recorder: Recorder, state: Any, disturbances: tuple[str, ...]) -> None:
    document = recorder.document()
    document["benchmarks"][0]["extra_info"]["gpu_state"] = [state]
    assert read(recorder.store(document)).benchmarks[ONE].disturbances == disturbances


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"benchmarks": [' + "9" * 5000 + "]}", "not JSON"),
        ("[]", "not an object"),
        ("{}", "`benchmarks`"),
        ('{"benchmarks": {}}', "`benchmarks`"),
        ('{"benchmarks": []}', "no usable entry"),
        ('{"benchmarks": [3]}', "`benchmarks[0]`"),
        ('{"benchmarks": [{}]}', "neither `param` nor `name`"),
        ('{"benchmarks": [{"name": "a"}, {"name": "a"}]}', "a 2 times"),
        ('{"benchmarks": [{"name": "a"}], "suite": {"schema": 4}}', "`suite.schema` is 4"),
        ('{"benchmarks": [{"name": "a"}], "suite": {"schema": 4.0}}', "written by a newer version"),
        ('{"benchmarks": [{"name": "a"}], "suite": {"schema": "2"}}', "`suite.schema` is '2' and no whole number"),
        ('{"benchmarks": [{"name": "a"}], "suite": {"schema": 1.5}}', "`suite.schema` is 1.5 and no whole number"),
        ('{"benchmarks": [{"name": "a"}], "suite": {"schema": true}}', "`suite.schema` is True and no whole number"),
        ('{"benchmarks": [{"name": "a"}], "suite": {"schema": 0}}', "`suite.schema` is 0 and no whole number"),
    ],
)
def test_an_unusable_run_is_one_sentence_with_file_and_field(recorder: Recorder, text: str, said: str) -> None:
    path = recorder.store(text, "0001_x.json")
    with pytest.raises(UnusableRun) as caught:
        read(path)
    assert str(path) in str(caught.value) and said in str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


def test_binary_is_not_json(recorder: Recorder) -> None:
    path = recorder.folder / "0001_x.json"
    path.write_bytes(b"\xff\xfe\x00\x93NUMPY")
    with pytest.raises(UnusableRun, match="not JSON"):
        read(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 0, 0.0, "fast", True, [1], {}, 10**400, 1e-300])
@pytest.mark.parametrize(("where", "field"), [("stats", "median"), ("extra_info", "kernel_time_s")])
def test_a_value_that_is_no_time_is_left_out_and_named(recorder: Recorder, where: str, field: str, value: Any) -> None:
    document = recorder.document()
    document["benchmarks"][0][where][field] = value
    path = recorder.store(document)
    run = read(path)
    assert [item.path for item in run.problems] == [path]
    assert ONE in run.problems[0].reason and f"`{where}.{field}`" in run.problems[0].reason
    assert len(run.benchmarks[ONE].values) == 4


def test_duplicated_benchmarks_are_left_out_and_named(recorder: Recorder) -> None:
    document = recorder.document()
    document["benchmarks"].append(document["benchmarks"][0])
    run = read(recorder.store(document))
    assert ONE not in run.benchmarks and len(run.benchmarks) == len(IDS) - 1
    assert any(ONE in item.reason or "test_speed" in item.reason for item in run.problems)


def test_a_plain_run_of_pytest_benchmark_is_judged_by_its_latency(recorder: Recorder) -> None:
    def plain() -> Run:
        document = recorder.document(noise=1e-4)
        del document["suite"]
        document["machine_info"] = {"cpu": {"brand_raw": "AMD EPYC"}, "node": "host"}
        for item in document["benchmarks"]:
            item["extra_info"] = {}
        return read(recorder.store(document))

    *baselines, run = [plain() for _ in range(6)]
    report = judge(run, baselines)
    assert {(item.metric, str(item.verdict)) for item in report.judgements} == {("latency", "SAME")}
    assert [item.benchmark for item in report.judgements] == [*IDS, EVERY]
    assert not report.left_out


def test_tests_that_share_their_parameters_are_told_apart_by_name(recorder: Recorder) -> None:
    records = [{"name": name, "param": "1", "stats": {"median": 1.0}} for name in ("test_a[1]", "test_b[1]")]
    assert set(read(recorder.store({"benchmarks": records})).benchmarks) == {"test_a[1]", "test_b[1]"}


def test_a_run_in_which_everything_failed_is_still_a_run(recorder: Recorder) -> None:
    run = recorder.run(ids=(), selected=[ONE], failed={ONE: "no"})
    report = judge(run, recorder.baselines())
    assert report.failed and {item.verdict for item in report.judgements} == {"MISSING"}


def test_a_file_of_100_mb_is_not_read(recorder: Recorder) -> None:
    path = recorder.folder / "0001_baseline.json"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    with pytest.raises(UnusableRun, match=r"0001_baseline.json: has 100 MB, more than the 32 MB"):
        read(path)


@pytest.mark.parametrize("name", ["0001_gone.json", ".", "/dev/null", "0001_baseline.json\0"])
def test_what_is_no_file_is_said(recorder: Recorder, name: str) -> None:
    with pytest.raises(UnusableRun, match=r"\.$"):
        read(recorder.folder / name)


def test_a_broken_link_is_named_as_one(recorder: Recorder) -> None:
    recorder.baselines(2)
    link = recorder.folder / "0009_baseline.json"
    link.symlink_to(recorder.folder / "gone.json")
    stored = collect([recorder.folder])
    assert len(stored.baselines) == 2
    assert [(item.path, "link" in item.reason) for item in stored.left_out] == [(link, True)]


def test_a_link_to_itself_is_named(recorder: Recorder) -> None:
    link = recorder.folder / "0009_baseline.json"
    link.symlink_to(link)
    assert [item.path for item in collect([recorder.folder]).left_out] == [link]


def test_a_folder_that_may_not_be_read_is_named(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder.baselines(1)
    secret = recorder.folder / "secret"
    secret.mkdir()
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if Path(path) == secret:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    stored = collect([recorder.folder])
    assert len(stored.baselines) == 1
    assert [(item.path, "Permission denied" in item.reason) for item in stored.left_out] == [(secret, True)]


def test_a_folder_takes_its_baselines_from_every_python(recorder: Recorder) -> None:
    for name in ("Linux-CPython-3.11-64bit/0001_baseline.json", "Linux-CPython-3.12-64bit/0001_baseline.json"):
        recorder.store(recorder.document(), name)
    history = recorder.store(recorder.document(), "Linux-CPython-3.12-64bit/0002_nightly.json")
    recorder.store(recorder.document(), "0003_baseline_old.json")
    recorder.store("{}", "package.json")
    stored = collect([recorder.folder])
    assert [run.path.parent.name[-10:] for run in stored.baselines] == ["3.11-64bit", "3.12-64bit"]
    assert [path.name for path in stored.history] == [history.name, "0003_baseline_old.json"]


def test_a_file_is_a_baseline_whatever_its_name_and_counts_once(recorder: Recorder) -> None:
    path = recorder.store(recorder.document(), "0007_baseline.json")
    other = recorder.store(recorder.document(), "elsewhere.json")
    stored = collect([path, recorder.folder, other])
    assert [run.path for run in stored.baselines] == [path, other]


def test_a_folder_without_baselines_says_how_to_get_one(recorder: Recorder) -> None:
    recorder.store(recorder.document(), "0001_nightly.json")
    stored = collect([recorder.folder])
    assert not stored.baselines and "--benchmark-save=baseline" in stored.left_out[0].reason


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "\x1b[31m", "a|b\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(place for key, item in inner for place in places(item, (*here, key)))]


def mangle(document: Any, place: tuple[Any, ...], junk: Any, how: str) -> Any:
    if not place:
        return junk
    where = document
    for key in place[:-1]:
        where = where[key]
    if how == "remove":
        del where[place[-1]]
    elif how == "double" and isinstance(where, list):
        where.append(where[place[-1]])
    else:
        where[place[-1]] = junk
    return document


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nothing_but_a_report_or_a_sentence_comes_out_of_a_mangled_run(
    new_recorder: Callable[[str], Recorder], data: st.DataObject
) -> None:
    recorder = new_recorder("mangled")
    documents = [recorder.document(ids=IDS[:2]) for _ in range(4)]
    documents[0]["suite"] |= {
        "confirmations": [recorder.again(None, IDS[:1], ids=IDS[:2])],
        "verdicts": {ONE: {"latency": "SAME"}},
    }
    documents[0]["suite"]["labels"] = {ONE: {"passed": True, "message": ""}}
    for document in documents:
        document["suite"]["kernels"] = ["conv", "silu"]
        for benchmark in document["benchmarks"]:
            kernels = {"kernel": [0, 1], "launches": [9, 3], "time_s": [0.0004, 0.0001]}
            benchmark["extra_info"] |= {"kernels": kernels, "engine_layers": ["a", "b"], "speedup_over_eager_fp32": 1.5}
    for _ in range(data.draw(st.integers(1, 4))):
        which = data.draw(st.sampled_from(range(len(documents))))
        place = data.draw(st.sampled_from(places(documents[which])))
        how = data.draw(st.sampled_from(["replace", "remove", "double"]))
        documents[which] = mangle(documents[which], place, data.draw(JUNK), how)
    texts = [json.dumps(document) for document in documents]
    cut = data.draw(st.none() | st.integers(0, len(texts[1])))
    texts[1] = texts[1][:cut]
    paths = [recorder.store(text, f"{number:04d}_baseline.json") for number, text in enumerate(texts)]
    try:
        run = read(paths[0])
    except UnusableRun as error:
        assert str(paths[0]) in str(error) and str(error).isprintable()
        return
    stored = collect(paths[1:])
    report = judge(run, stored.baselines, left_out=stored.left_out)
    assert len(report.baselines) + len({item.path for item in report.left_out} - {*report.baselines, run.path}) == 3
    assert all(item.reason.isprintable() for item in report.left_out)
    every = explanation.explanations(run.benchmarks, run, stored.baselines)
    changed = tuple(
        Changed(benchmark=told.benchmark, explanation=told, latency_s=(), baseline_latencies_s=()) for told in every
    )
    said = dataclasses.replace(content(report, run, stored.baselines), changed=changed)
    lines = terminal.text(said).splitlines()
    # Markdown keeps users from being mentioned with a character that has no width.
    for line in [*lines, *markdown.text(said).replace("\u200b", "").splitlines()]:
        assert line.isprintable()
    assert all(len(line) <= 100 or len(line.split()) == 1 for line in lines)
    assert all(line.isprintable() for told in every for line in terminal.explanation_lines(told))
    json.loads(json_form.text(said), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert all(str(item.now).isprintable() for item in differences(stored.baselines, run))


def test_fields_of_an_older_schema_are_read_under_todays_names(recorder: Recorder) -> None:
    again = [{"controls": [], "benchmarks": {ONE: {"host_pace_s": 0.003, "latency_s": 0.001}}}]
    document = recorder.document(confirmations=again)
    for item in document["benchmarks"]:
        item["extra_info"]["host_pace_s"] = 0.002
    old = read(recorder.store(document))
    assert old.benchmarks[ONE].values["host_calibration"] == 0.002
    assert old.confirmations[0].values[ONE] == {"host_calibration": 0.003, "latency": 0.001}
    for todays in (2, 2.0, 3):
        document["suite"]["schema"] = todays
        assert "host_calibration" not in read(recorder.store(document)).benchmarks[ONE].values


def test_the_limit_leaves_room_for_a_stored_run() -> None:
    assert LARGEST_FILE_BYTES > 50 * 400_000


def test_an_interrupted_run_is_no_baseline_even_where_its_file_is_named(recorder: Recorder) -> None:
    recorder.store(recorder.document())
    path = recorder.store(recorder.document(interrupted="SIGTERM while confirming"))
    for place in (recorder.folder, path):
        stored = collect([place])
        assert [run.path.name for run in stored.baselines] == (["0001_baseline.json"] if place != path else [])
        (left_out,) = stored.left_out
        assert str(left_out).startswith(f"{path}: was interrupted (SIGTERM while confirming), so it is no baseline")


def test_the_report_of_an_interrupted_run_says_so(recorder: Recorder) -> None:
    baselines = recorder.baselines()
    run = recorder.run(ids=IDS[:4], selected=list(IDS), interrupted="SIGTERM while measuring")
    report = judge(run, baselines)
    assert any(note.startswith("This run was interrupted (SIGTERM while measuring)") for note in report.notes)
    missing = {item.benchmark for item in report.judgements if item.verdict is Verdict.MISSING}
    assert missing == set(IDS[4:])


def test_marks_decide_in_a_folder_and_exclude_files_as_well(recorder: Recorder) -> None:
    runs = recorder.baselines(3)
    candidate = read(recorder.store(recorder.document(day=3), "0009_baseline-candidate.json"))
    assert [run.path for run in collect([recorder.folder]).baselines] == [run.path for run in runs]
    marks.append(recorder.folder, "exclude", [runs[0].identity], why="the fan failed")
    stored = collect([recorder.folder, runs[0].path])
    assert [run.path for run in stored.baselines] == [runs[1].path, runs[2].path]
    (left_out,) = stored.left_out
    assert (
        left_out.path == runs[0].path and "was excluded on" in left_out.reason and "the fan failed" in left_out.reason
    )
    assert stored.excluded == {runs[0].identity}
    marks.append(recorder.folder, "refresh", [candidate.identity], benchmarks=[ONE])
    stored = collect([recorder.folder])
    assert [(run.path.name, ONE in run.benchmarks, len(run.benchmarks)) for run in stored.baselines] == [
        ("0002_baseline.json", False, len(IDS) - 1),
        ("0003_baseline.json", False, len(IDS) - 1),
        ("0009_baseline-candidate.json", True, 1),
    ]
    assert len({run.place for run in stored.baselines}) == 1  # they still timed the same
    assert any("refreshed" in note for note in stored.notes)
    marks.append(recorder.folder, "baseline", [candidate.identity])
    stored = collect([recorder.folder])
    assert [(run.path, len(run.benchmarks)) for run in stored.baselines] == [(candidate.path, len(IDS))]
    assert [path.name for path in stored.history] == ["0002_baseline.json", "0003_baseline.json"] and not stored.notes
