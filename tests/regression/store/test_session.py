"""Three nights of a session with `--store`: away, back, and on another machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from regression.store import index
from regression.store.keys import is_run
from regression.store.opening import open_store

ONE = ("--variants=eager-fp32", "-k", "latency", "--judge=report")


def line(result: pytest.RunResult, begins: str) -> str:
    return next(text for text in result.outlines if text.startswith(begins))


def test_the_third_night_knows_the_first_two(
    run_suite: Callable[..., pytest.RunResult],
    bucket: str,
    endpoint: Callable[[str], None],
    s3_server: str,
    another_machine: Callable[[], None],
    pytester: pytest.Pytester,
) -> None:
    night = (*ONE, f"--store={bucket}", "--benchmark-compare")
    endpoint("http://127.0.0.1:1")
    first = run_suite(*night, "--benchmark-save=baseline", "--benchmark-json=run.json", storage="")
    assert first.ret == 0
    assert "is away" in line(first, "store: ")
    assert any("; kept in " in text and "the next session delivers it" in text for text in first.outlines)
    assert (pytester.path / "run.json").exists()

    endpoint(s3_server)
    second = run_suite(*night, "--benchmark-save=nightly", storage="")
    assert second.ret == 0
    assert line(second, "store: ").startswith("store: of an earlier session, delivered: ") or any(
        text.startswith("of an earlier session, delivered: ") for text in second.outlines
    )
    assert any(text.startswith("baseline: 1 run in ") for text in second.outlines)
    assert line(second, f"store: delivered: {bucket}/").endswith("/0002_nightly.json")

    another_machine()
    third = run_suite(*night, "--benchmark-save=nightly", "--report=page.html", storage="")
    assert third.ret == 0
    assert any(text.startswith("baseline: 1 run in ") for text in third.outlines)
    assert line(third, f"store: delivered: {bucket}/").endswith("/0003_nightly.json")
    store = open_store(bucket)
    runs = sorted(Path(found.key).name for found in store.objects.list() if is_run(found.key))
    assert runs == ["0001_baseline.json", "0002_nightly.json", "0003_nightly.json"]
    assert len(index.read_all(store).nights) == 3
    assert "3 stored runs" in (pytester.path / "page.html").read_text()
    assert not list(pytester.path.glob("store/**/*.json"))


def test_a_storage_of_the_users_own_wins_and_its_run_is_delivered(
    run_suite: Callable[..., pytest.RunResult], pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCHMARK_STORE", str(pytester.path / "shared"))
    result = run_suite(*ONE, "--benchmark-save=mine")
    assert line(result, "store: delivered: ").endswith("/0001_mine.json")
    (own,), (delivered,) = pytester.path.glob("store/*/0001_mine.json"), pytester.path.glob("shared/*/*/0001_mine.json")
    assert delivered.parent.parent.name.startswith("cpu-")
    assert own.read_bytes() == delivered.read_bytes()


def test_commands_that_a_session_prints_name_the_store_that_was_named(
    run_suite: Callable[..., pytest.RunResult], record_baseline: Callable[..., None]
) -> None:
    night = (*ONE, "--store=shared", "--benchmark-compare")
    without = run_suite(*night, storage="")
    record = "python -m regression baseline record --store=shared"
    assert line(without, "baseline: none for ").endswith(f"Record one: {record}")
    assert line(without, "Record a baseline: ") == f"Record a baseline: `{record}`."
    record_baseline(scale=1 / 500)
    slower = " ".join(text.removesuffix(" \\").strip() for text in run_suite(*night).outlines)
    assert "--weights=seeded --store=shared --benchmark-compare" in slower


def test_what_can_be_no_store_is_refused(run_suite: Callable[..., pytest.RunResult], pytester: pytest.Pytester) -> None:
    pytester.makefile(".json", run="{}")
    for store in ("nonsense://x/y", "run.json", "file://run.json"):
        result = run_suite(f"--store={store}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert any(f"--store {store}: " in text for text in result.errlines)


def test_a_store_that_is_named_as_pytest_benchmarks_storage_is_refused(
    run_suite: Callable[..., pytest.RunResult],
) -> None:
    result = run_suite("--benchmark-storage=s3://bucket/runs", storage="")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    said = "--benchmark-storage: s3://bucket/runs is no folder; name a store by --store"
    assert any(said in text for text in result.errlines)
