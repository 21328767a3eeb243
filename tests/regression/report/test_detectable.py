"""The table of the changes that a baseline can detect."""

import pytest

from regression.__main__ import main
from regression.judge.judge import judge
from regression.judge.power import typical
from regression.report.detectable import table
from tests.regression.recorder import IDS, Recorder


def test_every_benchmark_has_a_line_with_each_judged_metric(
    recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder.baselines()
    assert main(["detectable", str(recorder.folder)]) == 0
    heading, rule, *rows = capsys.readouterr().out.splitlines()[3:]
    assert heading.split() == ["benchmark", "kernel", "time", "latency"]
    assert len(rule) == len(heading) <= 100
    assert [row.split()[0] for row in rows] == [*IDS, "all"]
    assert all(row.count("%") == 2 and len(row) == len(heading) for row in rows)


def test_few_runs_and_unusable_ones_are_said(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detectable", str(recorder.folder)]) == 2
    assert "record one: python -m regression baseline record" in capsys.readouterr().err
    recorder.store(recorder.document(), "0001_nightly.json")
    assert main(["detectable", "--store", str(recorder.folder.parent)]) == 2
    assert f"python -m regression baseline record --store={recorder.folder.parent}\n" in capsys.readouterr().err
    recorder.baselines(1)
    recorder.store("{", "0009_baseline.json")
    assert main(["detectable", str(recorder.folder)]) == 0
    told = capsys.readouterr()
    assert "too few" in told.out and "0009_baseline.json: is not JSON" in told.err


def test_metrics_without_a_value_have_no_column(recorder: Recorder) -> None:
    baselines = recorder.baselines(3)
    report = judge(typical(baselines), baselines)
    latencies = [item for item in report.judgements if item.metric == "latency"]
    heading = table(type(report)(run=report.run, judgements=tuple(latencies))).splitlines()[0]
    assert heading.split() == ["benchmark", "latency"]


def test_what_is_wrong_with_the_baseline_is_said(recorder: Recorder, capsys: pytest.CaptureFixture[str]) -> None:
    recorder.baselines(3)
    for number in range(3):
        recorder.store(recorder.document(dict.fromkeys(IDS, 1.01), hour=5 + number))
    assert main(["detectable", str(recorder.folder)]) == 0
    assert "The baseline has two speeds: +1.0" in capsys.readouterr().out
