"""pytest-benchmark's internals, against pytest-benchmark itself."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark import fixture
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.session import BenchmarkSession
from pytest_benchmark.storage.file import FileStorage

from common import harness
from common.marks import Mark, Standing


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--benchmark-warmup"],
        ["--benchmark-warmup=on", "--benchmark-warmup-iterations=3"],
        ["--benchmark-warmup=off"],
        ["--benchmark-timer=time.monotonic"],
        ["--benchmark-timer=timeit.default_timer"],
        ["--benchmark-timer=pep418.process_time"],
        ["--benchmark-min-time=1e-7", "--benchmark-max-time=0.30000000000000004"],
        ["--benchmark-calibration-precision=7", "--benchmark-min-rounds=9"],
        ["--benchmark-disable-gc", "--benchmark-only", "--benchmark-enable"],
        ["--benchmark-cprofile=tottime", "--benchmark-cprofile-loops=auto"],
        ["--benchmark-cprofile=ncalls", "--benchmark-cprofile-loops=4"],
    ],
)
def test_a_fresh_process_gets_every_option_that_shapes_the_measurement(
    pytester: pytest.Pytester, arguments: list[str]
) -> None:
    def asked(config: pytest.Config) -> dict[str, Any]:
        session = BenchmarkSession(config)
        return {name: str(value) for name, value in session.options.items()} | {
            "only": session.only,
            "disabled": session.disabled,
            "warmup": session.options["warmup"],
        }

    config = pytester.parseconfig(*arguments)
    again = pytester.parseconfig(*harness.measuring_arguments(config), "--benchmark-sort=name", "tests")
    assert asked(again) == asked(config)


def test_no_option_of_pytest_benchmark_that_shapes_the_measurement_is_forgotten(pytester: pytest.Pytester) -> None:
    shaping = set(BenchmarkSession(pytester.parseconfig()).options)
    known = {name.removeprefix("--benchmark-").replace("-", "_") for name in harness.MEASURING}
    assert shaping - known == {"cprofile_dump"}  # where a profile is written shapes nothing


def test_what_the_user_gave_is_no_default(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeini("[pytest]\naddopts = --benchmark-group-by=func")
    monkeypatch.setenv("PYTEST_ADDOPTS", "--benchmark-min-rounds=7")
    config = pytester.parseconfig("--benchmark-max-time=0.5")
    for name in ("--benchmark-group-by", "--benchmark-min-rounds", "--benchmark-max-time", "--benchmark-min-time"):
        harness.set_default(config, name, "other")
    assert config.option.benchmark_group_by == "func"
    assert config.option.benchmark_min_rounds == 7
    assert config.option.benchmark_max_time == "0.5"
    assert config.option.benchmark_min_time == "other"


def test_pytest_benchmark_need_not_watch_its_clock_for_a_second(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BenchmarkFixture, "_precisions", {})
    monkeypatch.setattr(fixture, "compute_timer_precision", lambda timer: pytest.fail("it watches its clock"))
    harness.know_clock()
    (known_s,) = BenchmarkFixture._precisions.values()
    assert 0 < known_s < 1e-5
    pytester.makepyfile("def test_quick(benchmark):\n    benchmark(sum, [1])")
    pytester.runpytest_inprocess("--benchmark-max-time=0.001").assert_outcomes(passed=1)


@pytest.fixture
def storage(tmp_path: Path) -> FileStorage:
    folder = tmp_path / "Linux-CPython-3.11-64bit"
    folder.mkdir()
    for name in ("0001_baseline", "9999_baseline", "10000_baseline", "0002_baseline-old", "0003_nightly"):
        run: dict[str, object] = {"machine_info": {}, "benchmarks": [], "name": name}
        (folder / f"{name}.json").write_text(json.dumps(run))
    return FileStorage(tmp_path, logger=None, default_machine_id=folder.name)


def test_pytest_benchmark_numbers_runs_past_four_digits(storage: FileStorage) -> None:
    assert storage._next_num == "10000"


def test_pytest_benchmark_compares_with_just_the_files_that_are_the_baseline(
    pytester: pytest.Pytester, storage: FileStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(storage.path)
    nested = storage.path / "host-a" / "Linux-CPython-3.12-64bit"
    nested.mkdir(parents=True)
    (nested / "0005_baseline.json").write_text('{"machine_info": {}, "benchmarks": []}')
    files = [storage.path / "Linux-CPython-3.11-64bit" / "10000_baseline.json", nested / "0005_baseline.json"]
    config = pytester.parseconfigure(f"--benchmark-storage=file://{storage.path}")
    harness.compare_with_baseline(config, files)
    session: Any = config.pluginmanager.get_plugin("pytest-benchmark")
    assert [str(path) for path in session.compared_mapping] == [str(path.relative_to(storage.path)) for path in files]
    assert harness.compare(config) == harness.BASELINE_GLOB
    loaded = [run for _, run in session.storage.load(harness.BASELINE_GLOB)]
    assert [harness.file_of(session, run) for run in loaded] == files
    assert harness.file_of(session, {}) is None
    assert session.storage.query("0003") == [storage.path / "Linux-CPython-3.11-64bit" / "0003_nightly.json"]


def test_what_marks_leave_out_is_not_compared_with() -> None:
    stats = dict.fromkeys(harness.STATISTICS, 1.0)
    session = SimpleNamespace(logger=SimpleNamespace(warning=lambda text: None))
    mark = Mark(kind="exclude", runs=("a",), when=datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC), why="fan")

    def kept(standing: Standing | None) -> tuple[list[str], list[str]]:
        run: dict[str, Any] = {
            "machine_info": {"slug": "cpu"},
            "benchmarks": [{"fullname": f"a.py::t[{id_}]", "param": id_, "stats": stats} for id_ in ("b1", "b8")],
        }
        said = harness.make_comparable(session, {"slug": "cpu"}, run, standing)
        return [benchmark["param"] for benchmark in run["benchmarks"]], said

    assert kept(None) == (["b1", "b8"], [])
    assert kept(Standing(True, only=frozenset({"b8"}))) == (["b8"], [])
    assert kept(Standing(True, without=frozenset({"b8"}))) == (["b1"], [])
    none, (said,) = kept(Standing(False, excluded=mark))
    assert none == [] and "excluded on 2026-03-02 (fan)" in said


def test_a_benchmark_that_did_not_end_leaves_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        from common import harness

        def test_ends(benchmark):
            with harness.whole(benchmark):
                benchmark(lambda: None)
            assert len(harness.rounds_s(benchmark)) >= 5
            assert min(harness.rounds_s(benchmark)) <= harness.median_s(benchmark) <= max(harness.rounds_s(benchmark))

        def test_does_not(benchmark):
            with harness.whole(benchmark):
                benchmark(lambda: None)
                raise KeyError("later")
        """
    )
    result = pytester.runpytest_inprocess("--benchmark-json=run.json", "--benchmark-max-time=0.001")
    result.assert_outcomes(passed=1, failed=1)
    run = json.loads((pytester.path / "run.json").read_text())
    assert [benchmark["name"] for benchmark in run["benchmarks"]] == ["test_ends"]


def test_without_timing_there_are_no_rounds(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from common import harness
        from common.saving import measured_in

        def test_it(benchmark, pytestconfig):
            benchmark(lambda: None)
            assert harness.rounds_s(benchmark) is None and measured_in(pytestconfig) is None
        """
    )
    pytester.runpytest_inprocess("--benchmark-disable").assert_outcomes(passed=1)
