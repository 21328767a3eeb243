"""A session that judges nothing says why, and is red with `--judge=require`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from fixtures.variants import table as variants
from fixtures.variants.variant import Built, Variant
from regression.report.repeat import COMPARE
from tests.conftest import SMALL
from tests.inner_session import ROOT, environment, suite_arguments

ID = "test_efficientnet-eager-fp32-b1"
ONE = ("--variants=eager-fp32", "-k", "latency")


@pytest.fixture
def baseline(first_run):
    """One stored run, saved as `baseline` under the folders of a host."""

    def record(id_=ID):
        nested = first_run.parent.parent / "host-a" / first_run.parent.name / "0001_baseline.json"
        nested.parent.mkdir(parents=True)
        nested.write_text(first_run.read_text().replace(ID, id_))
        first_run.unlink()
        return nested

    return record


def verdict(result):
    lines = result.outlines
    return lines[next(i for i, line in enumerate(lines) if line.startswith("---") and " verdict " in line) :]


@pytest.mark.parametrize(
    "arguments, said",
    [
        (("--benchmark-compare", "--collect-only"), "not judged: --collect-only runs no test"),
        (("--benchmark-compare", "--benchmark-disable"), "not judged: --benchmark-disable times nothing"),
        (("--benchmark-compare", "-k", "readable"), "nothing to judge: this session selected no benchmark"),
        (("--benchmark-compare=", "-k", "readable"), "not judged: --benchmark-compare= is empty; name a stored run"),
        (("--benchmark-skip",), "nothing to judge against: there is no --benchmark-compare"),
        (("--benchmark-compare", "--benchmark-skip"), "nothing to judge against"),
    ],
)
@pytest.mark.parametrize("mode", ["fail", "require"])
def test_it_says_why_and_require_fails(run_suite, pytester, arguments, said, mode):
    result = run_suite(*ONE, *arguments, f"--judge={mode}", "--verdict-json=verdict.json", "--report=page.html")
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if mode == "require" else 0)
    lines = verdict(result)
    assert any(line.startswith(said) for line in lines), lines
    told = json.loads((pytester.path / "verdict.json").read_text())
    assert told["exit_status"] == result.ret and told["status"] in ("not judged", "incomplete")
    assert (
        any(line.startswith("report: page.html is not written") for line in lines)
        != (pytester.path / "page.html").exists()
    )


def test_a_page_that_nobody_asked_to_judge_does_not_call_for_a_baseline(run_suite, pytester, baseline):
    baseline()
    result = run_suite(*ONE, "--report=page.html")
    assert result.ret == 0
    assert verdict(result)[1:3] == ["nothing to judge against: there is no --benchmark-compare", "report: page.html"]
    page = (pytester.path / "page.html").read_text()
    assert "Nothing was judged, because there is no --benchmark-compare." in page
    assert "for this device" not in page and "Record a baseline" not in page


def test_require_without_anything_else_fails(run_suite):
    result = run_suite("--judge=require", "--variants=eager-fp32", "-k", "readable")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "--judge=require: a session that judged nothing fails" in verdict(result)


def test_where_no_test_is_selected_the_exit_status_is_pytests_own(run_suite):
    result = run_suite("--benchmark-compare", "--judge=require", "-k", "nothing")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert "not judged: no test was selected" in verdict(result)


def test_benchmarks_that_are_skipped_are_missing_and_the_row_says_why(run_suite, baseline):
    baseline()
    result = run_suite("--benchmark-compare", "--benchmark-skip", *ONE)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    lines = verdict(result)
    assert any(line.startswith(ID) and line.endswith("MISSING") for line in lines)
    assert any("--benchmark-skip" in line for line in lines)


def test_only_benchmarks_is_neither_skipped_nor_missing_what_is_none(run_suite):
    """A GPU's session asks for first requests by itself, and its baseline has them."""
    asked = (*ONE[:-1], "latency or cold-start")
    assert run_suite(*asked, "--benchmark-save=baseline").ret == 0
    result = run_suite(*asked, "--benchmark-only", "--benchmark-compare")
    lines = verdict(result)
    assert result.ret == 0, "\n".join(lines)
    assert not any("MISSING" in line or "1 benchmark skipped" in line for line in lines)


def test_a_baseline_of_other_benchmarks_judges_nothing(run_suite, baseline):
    baseline("test_efficientnet-torchscript-fp32-b1")
    for mode, status in (("fail", 0), ("require", 1)):
        result = run_suite("--benchmark-compare", f"--judge={mode}", *ONE)
        assert result.ret == status
        assert "nothing was judged: the baseline has no value of what this run measured" in verdict(result)


def test_a_section_begins_below_its_title(run_suite, tmp_path):
    """Also where nothing was printed since the last test, and the sheet is all that there is to say."""
    result = run_suite("-k", "readable", f"--label-sheet={tmp_path}/labels.png", "--judge=require")
    titles = [number for number, line in enumerate(result.outlines) if line.startswith("---")]
    assert [result.outlines[number].strip("- ") for number in titles] == ["inference", "verdict"]
    assert result.outlines[titles[0] + 1].startswith("label sheet: ") and result.outlines[titles[1] + 1].strip()


def test_a_baseline_in_a_folder_of_its_host_is_compared_as_the_header_says(run_suite, baseline):
    nested = baseline()
    result = run_suite("--benchmark-compare", "--judge=report", *ONE)
    assert any(line.startswith("baseline: 1 run in ") for line in result.outlines)
    rows = [line for line in result.outlines if line.startswith(f"latency[{ID}]")]
    assert len(rows) == 2 and any("0001" in row for row in rows), "pytest-benchmark's own table"
    assert "nothing to judge against" not in verdict(result)
    named = run_suite("--benchmark-compare=0001", "--judge=report", *ONE)
    assert len([line for line in named.outlines if line.startswith(f"latency[{ID}]")]) == 2
    assert "nothing to judge against" not in verdict(named)
    assert nested.exists()


@pytest.mark.parametrize("option", [COMPARE, "--benchmark-histogram"])
def test_a_folder_of_tests_is_no_value_of_an_option(option):
    """`pytest --benchmark-compare benchmarks/` would run the project's own tests."""
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--collect-only", option, "benchmarks/"]
    ended = subprocess.run(words, check=False, capture_output=True, text=True, cwd=ROOT, env=environment())
    assert ended.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"write pytest benchmarks/ {option}" in ended.stderr


@pytest.mark.parametrize("compare", ["0009", "gone/0001_baseline.json", "0002"])
def test_a_run_that_cannot_be_compared_with_is_no_missing_baseline(run_suite, baseline, pytester, compare):
    """There is a baseline; what was named is not there, or was interrupted."""
    document = json.loads(baseline().read_text())
    document["suite"] |= {"interrupted": "Ctrl-C while measuring", "run_id": "another"}
    (interrupted,) = pytester.path.glob("store/host-a/*/0001_baseline.json")
    interrupted.with_name("0002_night.json").write_text(json.dumps(document))
    result = run_suite(f"--benchmark-compare={compare}", "--judge=require", "--verdict-json=verdict.json", *ONE)
    why = f"--benchmark-compare={compare} names no stored run that can be compared with"
    said = " ".join(" ".join(verdict(result)).split())
    assert result.ret == 1 and f"nothing to judge against: {why}" in said
    assert "there is no baseline for" not in said and "baseline record" not in said
    assert ("was interrupted (Ctrl-C" in said) == (compare == "0002")
    told = json.loads((pytester.path / "verdict.json").read_text())
    assert told["headline"] == f"Nothing was judged, because {why}."


@pytest.mark.parametrize("mode, workers", [("fail", 1), ("require", 2)])
def test_xdist_times_nothing(tmp_path, mode, workers):
    """With real workers, none of which judges or writes anything itself, not even answers to questions."""
    pytest.importorskip("xdist")
    for name in ("run.json", "labels.png"):
        (tmp_path / name).write_text("older")
    arguments = suite_arguments(
        *SMALL, f"-n{workers}", "--benchmark-compare", "--benchmark-save=night",
        f"--benchmark-json={tmp_path}/run.json",
        f"--verdict-json={tmp_path}/verdict.json", f"--benchmark-storage=file://{tmp_path}/store",
        f"--judge={mode}", "--variants=eager-fp32", f"--label-sheet={tmp_path}/labels.png",
        "-k", "readable or labels or cold-start",
    )  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], check=False, capture_output=True, text=True,
        env=environment(),
    )  # fmt: skip
    assert ended.returncode == (1 if mode == "require" else 0), ended.stdout + ended.stderr
    assert ended.stdout.count("not judged: pytest-xdist (-n) runs tests beside each other") == 1
    section = ended.stdout.partition(" verdict ")[2].partition("\n===")[0]
    assert max(len(line) for line in section.splitlines() if "/" not in line) <= 100
    told = json.loads((tmp_path / "verdict.json").read_text())
    assert (told["status"], told["exit_status"]) == ("not judged", ended.returncode)
    assert "label sheet: not written, pytest-xdist (-n)" in ended.stdout
    assert {(tmp_path / name).read_text() for name in ("run.json", "labels.png")} == {"older"}
    assert not list(tmp_path.glob("store/*/*"))


@pytest.mark.parametrize("attempts", [2, 3])
def test_a_benchmark_that_passes_when_it_is_run_again_has_not_failed(run_suite, stored_runs, monkeypatch, attempts):
    pytest.importorskip("pytest_rerunfailures")
    import torch

    wrong = iter([True] * (attempts - 1))

    def flaky(inputs):
        def call(batch):
            return torch.full((len(batch), 1000), float("nan")) if next(wrong, False) else inputs.module(batch)

        return Built(call)

    monkeypatch.setitem(variants.VARIANTS, "eager-fp32", Variant("eager-fp32", "fp32", flaky))
    result = run_suite("--reruns=2", "--benchmark-save=night", *ONE)
    assert result.ret == 0, "\n".join(result.outlines)
    (run,) = stored_runs().values()
    assert [benchmark["param"] for benchmark in run["benchmarks"]] == [ID]
    assert not run["suite"]["failed"] and run["benchmarks"][0]["extra_info"]["visited_latency_s"] > 0


def test_a_benchmark_that_fails_after_it_was_timed_leaves_no_time(pytester):
    """And none twice, where it is run again."""
    pytester.makeconftest(
        """
        import pytest
        from common import harness

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if report.failed:
                harness.discard_of(item)
            return report
        """
    )
    pytester.makepyfile(
        """
        def test_fails(benchmark):
            benchmark(lambda: None)
            assert False

        def test_passes(benchmark):
            benchmark(lambda: None)

        def test_is_none():
            assert False
        """
    )
    result = pytester.runpytest_inprocess("--benchmark-json=run.json", "--benchmark-max-time=0.001")
    result.assert_outcomes(passed=1, failed=2)
    run = json.loads((pytester.path / "run.json").read_text())
    assert [benchmark["name"] for benchmark in run["benchmarks"]] == ["test_passes"]


@pytest.mark.parametrize("option", ["--verdict-json=/dev/full", "--label-sheet=/dev/full"])
def test_a_report_that_finds_no_room_fails_the_session(run_suite, option):
    result = run_suite("--benchmark-compare", option, "--variants=eager-fp32", "-k", "labels")
    output = "\n".join([*result.outlines, *result.errlines])
    assert result.ret == pytest.ExitCode.TESTS_FAILED, output
    assert "/dev/full cannot be written: No space left on device" in output and "Traceback" not in output
