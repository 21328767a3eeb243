"""The warning of a 99 % quantile that grew: where its spread between the baseline's runs allows one."""

from __future__ import annotations

import numpy as np
import pytest

from regression.judge.judge import judge
from regression.runs.read import read
from tests.regression.recorder import IDS


@pytest.fixture
def recorded(recorder):
    """Stores a run whose 99 % quantiles scatter by `spread`, times `factors` by id."""

    def record(spread=0.03, name=None, factors=None, **options):
        document = recorder.document(**options)
        for benchmark in document["benchmarks"]:
            grown = (factors or {}).get(benchmark["param"], 1.0)
            top_s = benchmark["stats"]["median"] * 1.2 * grown * np.exp(spread * recorder.random.standard_normal())
            quantiles = np.linspace(0.9 * benchmark["stats"]["median"], top_s, 100).tolist()
            benchmark["extra_info"]["latency_quantiles_s"] = [*quantiles, 2 * top_s]
        return read(recorder.store(document, name))

    return record


def warnings(run, baselines):
    report = judge(run, baselines)
    assert not any(item.failed for item in report.judgements)
    return [note for note in report.notes if note.startswith("Warning, which does not fail: the 99 % quantile")]


def test_a_tail_that_doubled_is_named_and_does_not_fail(recorded):
    baselines = [recorded() for _ in range(5)]
    (warning,) = warnings(recorded(name="now/1_x.json", factors={IDS[2]: 2.0}, day=2), baselines)
    assert f"{IDS[2]} +" in warning and IDS[1] not in warning


def test_an_unchanged_tail_is_not_warned_of(recorded):
    baselines = [recorded() for _ in range(5)]
    assert not any(warnings(recorded(name=f"now/{night}_x.json", day=2), baselines) for night in range(20))


def test_a_tail_that_scatters_hides_a_growth(recorded):
    baselines = [recorded(spread=0.5) for _ in range(5)]
    assert not warnings(recorded(name="now/1_x.json", factors={IDS[2]: 1.5}, day=2), baselines)


def test_two_runs_do_not_say_how_a_tail_scatters(recorded):
    baselines = [recorded() for _ in range(2)]
    assert not warnings(recorded(name="now/1_x.json", factors={IDS[2]: 9.0}, day=2), baselines)


def test_a_tail_is_no_news_where_the_whole_latency_became_slower(recorded, recorder):
    baselines = [recorded() for _ in range(5)]
    (document,) = [recorder.document(day=2)]
    for benchmark in document["benchmarks"]:
        benchmark["stats"] = {name: 2.0 * value for name, value in benchmark["stats"].items() if value}
        benchmark["extra_info"]["latency_quantiles_s"] = np.linspace(0.9, 1.2, 101) * benchmark["stats"]["median"]
        benchmark["extra_info"]["latency_quantiles_s"] = benchmark["extra_info"]["latency_quantiles_s"].tolist()
    report = judge(read(recorder.store(document, "now/1_x.json")), baselines)
    slower = {item.benchmark for item in report.judgements if item.metric == "latency" and item.failed}
    assert slower >= set(IDS) and not any("99 % quantile" in note for note in report.notes)
