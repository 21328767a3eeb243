"""A metric is one entry: measured, stored, judged, confirmed in fresh processes, on the page and in the history."""

from __future__ import annotations

import json
import os
import sys

import pytest

from regression.history import series
from regression.report import history as report_history
from tests.added_metrics import COPIES, ENERGY, METRICS
from tests.conftest import SMALL
from tests.inner_session import ROOT, quickly, suite_arguments

ID = "test_efficientnet-eager-fp32-b1"
ONE = ("--variants=eager-fp32", "-k", "latency", "--judge-min-change=latency=1000%")


@pytest.fixture
def run_with_metrics(pytester, monkeypatch):
    """Runs the suite in a process of its own, in which the tables have the added entries; so have its fresh ones."""
    plugin = pytester.path / "with_added_metrics.py"
    plugin.write_text("from tests import added_metrics\n\nadded_metrics.register()\n")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(pytester.path), *sys.path]))

    def run(copies, energy_j, *arguments):
        monkeypatch.setenv("PYTEST_PLUGINS", f"{quickly()['PYTEST_PLUGINS']},{plugin.stem}")
        monkeypatch.setenv("ADDED_COPIES", str(copies))
        monkeypatch.setenv("ADDED_ENERGY_J", str(energy_j))
        store = f"--benchmark-storage=file://{pytester.path}/store"
        return pytester.runpytest_subprocess(*suite_arguments(*SMALL, store, *ONE, *arguments))

    return run


def test_a_metric_of_each_kind_is_one_entry(run_with_metrics, first_run, pytester):
    run = json.loads(first_run.read_text())
    (benchmark,) = run["benchmarks"]
    benchmark["extra_info"]["copies"] = 0
    for number in range(5):
        run["datetime"] = f"2026-01-0{number + 1}T03:00:00+00:00"
        run["suite"]["run_id"] = f"baseline {number}"
        benchmark["extra_info"]["energy_j"] = 1 + 0.0001 * number
        first_run.with_name(f"000{number + 2}_baseline.json").write_text(json.dumps(run))

    # Judged and confirmed: both are worse, in this process and in two fresh ones.
    result = run_with_metrics(1, 1.5, "--benchmark-compare", "--benchmark-save=night", "--report=page.html")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    (night,) = pytester.path.glob("store/*/*_night.json")
    run = json.loads(night.read_text())
    (benchmark,), suite = run["benchmarks"], run["suite"]
    assert (benchmark["extra_info"]["copies"], benchmark["extra_info"]["energy_j"]) == (1, 1.5)
    confirmed = [one["benchmarks"][ID] for one in suite["confirmations"]]
    assert [(one["copies"], one["energy_j"]) for one in confirmed] == [(1, 1.5), (1, 1.5)]
    assert (suite["verdicts"][ID]["copies"], suite["verdicts"][ID]["energy"]) == ("CHANGED", "SLOWER")

    # Shown: in the terminal and on the page, under their titles.
    rows = {title: line for line in result.outlines for title in (COPIES.title, ENERGY.title) if f"  {title}  " in line}
    assert rows[COPIES.title].endswith("CHANGED") and rows[ENERGY.title].endswith("SLOWER")
    assert any("confirmed: 0 -> 1; again 1, 1" in line for line in result.outlines)
    page = (pytester.path / "page.html").read_text()
    assert COPIES.title in page and "CHANGED" in page and ENERGY.title in page

    # In the history: from nothing to something, and half as much again.
    for number in range(4):
        run["datetime"] = f"2026-01-1{number}T03:00:00+00:00"
        run["suite"]["run_id"] = f"night {number}"
        night.with_name(f"001{number}_nightly.json").write_text(json.dumps(run))
    night.unlink()
    first_run.unlink()
    nights, left_out = series.read(pytester.path / "store", METRICS)
    assert len(nights) == 9 and not left_out
    (history,) = series.trace(nights, metrics=METRICS)
    found = {event.metric.key: event for event in history.events if event.metric in (COPIES, ENERGY)}
    assert (found["copies"].before, found["copies"].after, found["copies"].ratio) == (0, 1, None)
    assert found["energy"].ratio == pytest.approx(1.5, rel=0.001)
    assert found["copies"].first.day == found["energy"].first.day == "2026-01-10"
    table = report_history.terminal_text(history)
    assert any(line.split()[:2] == ["device", "copies"] and line.endswith("0 -> 1") for line in table.splitlines())
