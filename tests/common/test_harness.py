"""pytest-benchmark's internals, against pytest-benchmark itself."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark.session import BenchmarkSession
from pytest_benchmark.storage.file import FileStorage

from common import harness


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


def test_the_baselines_pattern_matches_every_run_of_the_baseline(storage: FileStorage) -> None:
    names = {path.stem for path in storage.query(harness.BASELINE_GLOB)}
    assert names == {"0001_baseline", "9999_baseline", "10000_baseline", "0002_baseline-old"}


def test_the_baselines_pattern_matches_at_any_depth(storage: FileStorage) -> None:
    nested = storage.path / "host-a" / "Linux-CPython-3.12-64bit"
    nested.mkdir(parents=True)
    for path in (nested / "0005_baseline.json", storage.path / "0006_baseline.json"):
        path.write_text('{"benchmarks": []}')
    found = {str(path) for path, _ in storage.load(harness.BASELINE_GLOB)}
    assert {"host-a/Linux-CPython-3.12-64bit/0005_baseline.json", "0006_baseline.json"} < found and len(found) == 6


def test_a_run_whose_name_only_looks_like_the_baselines_is_not_compared_with(storage: FileStorage) -> None:
    stats = dict.fromkeys(harness.STATISTICS, 1.0)
    session = SimpleNamespace(compare=harness.BASELINE_GLOB, storage=storage, logger=None)
    kept = set()
    for _, run in storage.load(harness.BASELINE_GLOB):
        run["benchmarks"] = [{"fullname": "a.py::b", "stats": stats}]
        assert harness.make_comparable(session, {"slug": "cpu"}, run) == []
        kept |= {run["name"]} if run["benchmarks"] else set()
    assert kept == {"0001_baseline", "9999_baseline", "10000_baseline"}


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

        def test_it(benchmark, pytestconfig):
            benchmark(lambda: None)
            assert harness.rounds_s(benchmark) is None and harness.measured(pytestconfig) is None
        """
    )
    pytester.runpytest_inprocess("--benchmark-disable").assert_outcomes(passed=1)
