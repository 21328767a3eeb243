"""Who is watching: benchmarks that stay UNSURE."""

from pathlib import Path
from typing import Any

from regression.judge.judge import judge
from regression.judge.patience import recent, sentences, unwatched
from regression.runs.read import read
from regression.runs.run import Run
from tests.regression.recorder import IDS, Recorder

ONE = IDS[0]


def night(recorder: Recorder, day: int, verdict: str | None) -> Path:
    said: dict[str, Any] = {} if verdict is None else {"verdicts": {ONE: {"kernel_time": verdict}}}
    return recorder.store(recorder.document(day=day, **said), f"{day:04d}_nightly.json")


def judged(recorder: Recorder, *past: str | None) -> tuple[list[tuple[str, str]], list[Run]]:
    paths = [night(recorder, day, verdict) for day, verdict in enumerate(past, start=1)]
    run = recorder.run(day=20, noise=0.02)
    history = recent(paths, run, 10)
    return unwatched(judge(run, recorder.baselines(noise=0.02)), history, patience=3), history


def test_unsure_three_times_in_a_row_is_named(recorder: Recorder) -> None:
    found, _ = judged(recorder, "SAME", "UNSURE", "UNSURE")
    assert found == [(ONE, "kernel_time")]
    assert ONE in sentences(found, 3)[0] and "3 stored runs" in sentences(found, 3)[0]


def test_a_verdict_in_between_breaks_the_row(recorder: Recorder) -> None:
    assert judged(recorder, "UNSURE", "UNSURE", "SAME", "UNSURE")[0] == []


def test_a_run_that_did_not_judge_neither_counts_nor_breaks_the_row(recorder: Recorder) -> None:
    found, history = judged(recorder, "UNSURE", None, "UNSURE")
    assert found == [(ONE, "kernel_time")] and len(history) == 2


def test_only_older_runs_count_and_the_newest_first(recorder: Recorder) -> None:
    paths = [night(recorder, day, "UNSURE") for day in (1, 2, 3, 28)] + [recorder.store("{", "0029_x.json")]
    run = read(night(recorder, 20, None))
    assert [item.day for item in recent(paths, run, 2)] == ["2026-03-03", "2026-03-02"]


def test_copies_of_a_night_count_once_and_those_of_tonight_not_at_all(recorder: Recorder) -> None:
    said: dict[str, Any] = {"verdicts": {ONE: {"kernel_time": "UNSURE"}}}
    paths = [
        recorder.store(recorder.document(day=day, run_id=run_id, **said), f"{number:04d}_nightly.json")
        for number, (day, run_id) in enumerate([(1, "first"), (1, "first"), (2, "second"), (3, "tonight")])
    ]
    tonight = recorder.run(day=4, run_id="tonight")
    assert [run.identity for run in recent(paths, tonight, 10)] == ["second", "first"]
