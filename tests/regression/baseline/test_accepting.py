"""Accepting what a run fails for, through the command line and the judge."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from regression import command as judging
from regression.baseline.accepting import Failure, as_toml, entries
from regression.judge.accepted import Accepted, parse_accepted, read_accepted
from tests.regression.recorder import IDS, Recorder

Call = Callable[..., tuple[int, str, str]]
UNTIL = datetime.date(2999, 12, 31)
WHY = ("--why", 'no "fusion" until 2.12', "--until", UNTIL.isoformat())
ACCEPTED = Path("baselines/accepted.toml")


def night(project: Recorder, factors: dict[str, float] | None = None, **options: object) -> Path:
    document = project.document(factors, day=2, **options)  # type: ignore[arg-type]
    return project.store(document, "../../../night.json")


def judged(run: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    status = judging.main([str(run), "--baseline", "baselines", *words])
    return status, capsys.readouterr().out


def test_what_a_run_fails_for_is_accepted(
    project: Recorder, call: Call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project.baselines(5)
    run = night(project, {IDS[0]: 1.0234, IDS[7]: 1.05})
    assert judged(run, capsys, "--verdict-json", "verdict.json")[0] == 1
    ACCEPTED.write_text("# ours\n")
    status, told, _ = call("accept", "verdict.json", IDS[0], *WHY)
    assert status == 0 and "1 entry added" in told
    text = ACCEPTED.read_text()
    assert text.startswith("# ours\n") and f'benchmark = "{IDS[0]}"' in text and 'gpu = "nvidia-h200"' in text
    (entry,), _ = read_accepted(ACCEPTED)
    assert entry.change == pytest.approx(0.024) and entry.reason == 'no "fusion" until 2.12'
    assert judged(run, capsys)[0] == 1  # the other one
    status, told, _ = call("accept", str(run), "*-tensorrt-fp16-*", "--metric", "kernel_time", *WHY)
    assert status == 0
    status, told = judged(run, capsys)
    assert status == 0 and "accepted" in told
    # the file is found from the stored runs, wherever the command is started
    elsewhere = Path("elsewhere").absolute()
    elsewhere.mkdir()
    stored, folder = run.absolute(), Path("baselines").absolute()
    monkeypatch.chdir(elsewhere)
    assert judging.main([str(stored), "--baseline", str(folder)]) == 0


def test_an_entry_for_another_gpu_covers_nothing_and_is_not_called_wrong(
    project: Recorder, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    project.baselines(5)
    run = night(project, {IDS[0]: 1.03})
    assert call("accept", str(run), "--gpu", "nvidia-l4", *WHY)[0] == 0
    status, told = judged(run, capsys)
    assert status == 1 and "accepted change" not in told
    assert call("accept", str(run), "--gpu", "*", *WHY)[0] == 0
    assert judged(run, capsys)[0] == 0


def test_a_missing_benchmark_is_accepted_in_every_metric(
    project: Recorder, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    project.baselines(5)
    run = night(project, ids=IDS[1:], selected=list(IDS), failed={IDS[0]: "out of memory"})
    assert judged(run, capsys)[0] == 1
    assert call("accept", str(run), *WHY)[0] == 0
    (entry,), wrong = read_accepted(ACCEPTED)
    assert (entry.verdict, entry.metric, entry.change) == ("MISSING", "", None) and not wrong
    status, told = judged(run, capsys)
    assert status == 0 and "accepted" in told and "MISSING until 2999-12-31" in told.replace("\n    ", " ")


def test_what_cannot_be_accepted_is_said(project: Recorder, call: Call) -> None:
    project.baselines(5)
    run = night(project, {IDS[0]: 1.03})
    for words, said in (
        (["accept", str(run), "*-rtx-*", *WHY], "nothing that fails matches"),
        (["accept", str(run), "--why", "x", "--until", "2020-01-01"], "2020-01-01 is over"),
        (["accept", str(run), "--why", "x", "--until", "soon"], "is no date"),
        (["accept", "nothing.json", *WHY], "cannot be read"),
        (["accept", str(run), "--metric", "speed", *WHY], "--metric"),
    ):
        status, _, error = call(*words)
        assert status == 2 and said in error
    Path("unjudged.json").write_text('{"status": "not judged", "headline": "no baseline"}')
    status, _, error = call("accept", "unjudged.json", *WHY)
    assert status == 2 and "no baseline" in error
    assert not ACCEPTED.exists()
    ACCEPTED.write_text("accepted = 3")
    status, _, error = call("accept", str(run), *WHY)
    assert status == 2 and "cannot be added to" in error and ACCEPTED.read_text() == "accepted = 3"


def test_a_lost_label_is_never_accepted() -> None:
    lost = Failure("b", "labels", "CHANGED", "label-lost", None, 1.0)
    assert "lost label" in lost.refusal
    text = '[[accepted]]\nbenchmark="b"\nmetric="labels"\nverdict="CHANGED"\nvalue=1\nreason="r"\nexpires=2999-01-01\n'
    good, (wrong,) = parse_accepted(text, ACCEPTED)
    assert not good and "lost label" in wrong


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (Failure("b", "latency", "SLOWER", "confirmed", 0.0234, 1.0), (0.024, "", None)),
        (Failure("b", "latency", "SLOWER", "confirmed", 0.25, 1.0), (0.25, "", None)),
        (Failure("b", "latency", "SLOWER", "confirmed", 1.234, 1.0), (1.3, "", None)),
        (Failure("b", "api_calls", "CHANGED", "confirmed", None, 3.0), (None, "CHANGED", 3.0)),
        (Failure("b", "left_to_pytorch", "CHANGED", "confirmed", -0.2, 4.0), (None, "CHANGED", 4.0)),
        (Failure("b", "kernel_time", "MISSING", "failed", None, None), (None, "MISSING", None)),
    ],
)
def test_an_entry_is_no_smaller_than_what_it_accepts_and_reads_back(
    failure: Failure, expected: tuple[float | None, str, float | None]
) -> None:
    (entry,) = entries([failure], None, None, "nvidia-h200", 'a "reason" \\ \U0001f600', UNTIL)
    change, verdict, value = expected
    assert (entry.verdict, entry.value) == (verdict, value)
    assert entry.change is None if change is None else entry.change == pytest.approx(change)
    (back,), wrong = parse_accepted(as_toml(entry), ACCEPTED)
    assert not wrong and isinstance(back, Accepted)
    assert back.change == (None if change is None else pytest.approx(change))
    assert (back.benchmark, back.metric, back.gpu, back.verdict, back.value, back.expires) == (
        entry.benchmark, entry.metric, entry.gpu, entry.verdict, entry.value, entry.expires,
    )  # fmt: skip


def test_a_pattern_makes_one_entry_for_each_metric_with_the_largest_change() -> None:
    failures = [
        Failure(f"b{number}", metric, "SLOWER", "confirmed", 0.01 * number, 1.0)
        for number in (1, 3, 2)
        for metric in ("latency", "kernel_time")
    ]
    made = entries(failures, "b*", None, "", "r", UNTIL)
    assert [(entry.benchmark, entry.metric) for entry in made] == [("b*", "latency"), ("b*", "kernel_time")]
    assert [entry.change for entry in made] == pytest.approx([0.03, 0.03])
