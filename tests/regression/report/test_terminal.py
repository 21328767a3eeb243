"""The table as it is printed: golden, within 100 columns, and safe with any name."""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from regression.__main__ import main
from regression.judge.judge import ITSELF
from regression.judge.verdict import Judgement, Reason, Report, Verdict
from regression.report import json as json_form
from regression.report import markdown, page, terminal
from regression.report.content import Content, content
from regression.report.rows import folded, rows
from regression.runs.environment import Difference
from regression.runs.run import Benchmark, Label, LeftOut, Run
from tests.regression.report.reported import read_aloud

GOLDEN = """\
now/0042_nightly.json against 5 baseline runs of baselines/nvidia-h200
7 tests, family-wise error 1%; 3 benchmarks deselected; 1 difference of the environment:
  software.torch: 2.11.0 -> 2.12.0

benchmark            metric         baseline         now   change  detectable  verdict
---------------------------------------------------------------------------------------
model-tensorrt-b128  kernel time   5.2390 ms   5.2956 ms  +1.08 %      0.44 %  SLOWER
    confirmed: first +1.10 %, again +1.05 %, +1.11 % beside 4 controls
model-broken-b1      all metrics           -           -        -           -  MISSING
    failed: CUDA out of memory
model-known-b1       kernel time   900.00 us   927.00 us  +3.00 %      0.44 %  accepted
    accepted: +3.00 % until 2026-12-31: fusion is off
model-eager-b8       latency       900.00 us   900.00 us  +0.00 %      40.0 %  UNSURE
model-new-b1         kernel time           -   500.00 us        -           -  NEW
model-eager-b1       kernel time   495.40 us   495.40 us  +0.00 %      0.44 %  SAME
                     peak memory  95.367 MiB  95.367 MiB     +0 B           -  SAME

wrong labels: model-eager-b1: 1 of 8 changed
left out: baselines/nvidia-h200/0009_baseline.json: is not JSON.
A note.
detectable: the smallest true change that would have been reported, with a probability of 95 %
FAILED: 1 with wrong labels, 1 SLOWER, 1 MISSING, 1 accepted, 1 UNSURE, 1 NEW, 2 SAME"""

FAILING = """\
model-tensorrt-b128 is slower, model-broken-b1 is missing and model-eager-b1 is wrong about what the
    photographs show; 2 of the other measurements could not have shown a regression (batch-8 latency
    of model-eager-b8, batch-1 kernel time of model-new-b1).

benchmark            metric        baseline        now   change  detectable  verdict
------------------------------------------------------------------------------------
model-tensorrt-b128  kernel time  5.2390 ms  5.2956 ms  +1.08 %      0.44 %  SLOWER
    confirmed: first +1.10 %, again +1.05 %, +1.11 % beside 4 controls
model-broken-b1      all metrics          -          -        -           -  MISSING
    failed: CUDA out of memory

wrong labels: model-eager-b1: 1 of 8 changed

To repeat just that:
  pytest benchmarks/ --models=model --variants=broken,tensorrt,eager --batch-sizes=1,128 \\
    --benchmark-compare

benchmark       metric        baseline        now   change  detectable  verdict
--------------------------------------------------------------------------------
model-known-b1  kernel time  900.00 us  927.00 us  +3.00 %      0.44 %  accepted
    accepted: +3.00 % until 2026-12-31: fusion is off

model-tensorrt-b128, model-known-b1: This run has no kernel table (a CPU, or an older version).

now/0042_nightly.json against 5 baseline runs of baselines/nvidia-h200
7 tests, family-wise error 1%; 3 benchmarks deselected; 1 difference of the environment:
  software.torch: 2.11.0 -> 2.12.0

model b1    4 variants 1 MISSING, 1 NEW, 2 SAME, 1 accepted  detects kernel time 0.44 %, counts
    exact
model b8     1 variant 1 UNSURE                              detects latency 40 %
model b128   1 variant 1 SLOWER                              detects kernel time 0.44 %
UNSURE (noisy): batch-8 latency of model-eager-b8, detects 40 %
NEW (no-baseline): batch-1 kernel time of model-new-b1
A note.
left out: baselines/nvidia-h200/0009_baseline.json: is not JSON.
FAILED: 1 with wrong labels, 1 SLOWER, 1 MISSING, 1 accepted, 1 UNSURE, 1 NEW, 2 SAME"""

ORDINARY = """\
No regression in 17 of 18 measurements; 1 could not have shown one (batch-1 latency of model-v0-b1);
    and right: labels agree in 6 of 6 benchmarks.

now/0042_nightly.json against 5 baseline runs of baselines/nvidia-h200
7 tests, family-wise error 1%; 1 difference of the environment:
  software.torch

model b1    3 variants 1 UNSURE, 8 SAME  detects kernel time 0.44 %, latency 15-60 %, counts exact
model b128  3 variants SAME              detects kernel time 0.44 %, latency 6.5 %, counts exact
UNSURE (noisy): batch-1 latency of model-v0-b1, detects 60 %
passed: 1 UNSURE, 17 SAME"""


def same(benchmark: str, metric: str = "kernel_time", **fields: Any) -> Judgement:
    values: dict[str, object] = {"baseline": 0.0004954, "now": 0.0004954, "ratio": 1.0, "detectable_ratio": 1.0044}
    values |= {"verdict": Verdict.SAME, "reason": Reason.INSIDE_NOISE} | fields
    return Judgement(benchmark=benchmark, metric=metric, **values)  # type: ignore[arg-type]


def report() -> Report:
    folder = Path("baselines/nvidia-h200")
    return Report(
        run=Path("now/0042_nightly.json"),
        judgements=(
            same("model-eager-b1"),
            same("model-eager-b1", "peak_memory", baseline=1e8, now=1e8, detectable_ratio=None),
            same(
                "model-known-b1",
                baseline=0.0009,
                now=0.000927,
                ratio=1.03,
                verdict=Verdict.SLOWER,
                reason=Reason.ACCEPTED,
                detail="+3.00 % until 2026-12-31: fusion is off",
            ),
            same(
                "model-eager-b8",
                "latency",
                baseline=0.0009,
                now=0.0009,
                ratio=0.999999,
                detectable_ratio=1.4,
                verdict=Verdict.UNSURE,
                reason=Reason.NOISY,
            ),
            *(
                Judgement(
                    benchmark="model-broken-b1",
                    metric=metric,
                    baseline=0.001,
                    verdict=Verdict.MISSING,
                    reason=Reason.FAILED,
                    detail="CUDA out of memory",
                )
                for metric in ("kernel_time", "latency")
            ),
            same(
                "model-tensorrt-b128",
                baseline=0.005239,
                now=0.0052956,
                ratio=1.0108,
                verdict=Verdict.SLOWER,
                reason=Reason.CONFIRMED,
                detail="first +1.10 %, again +1.05 %, +1.11 % beside 4 controls",
            ),
            Judgement(
                benchmark="model-new-b1",
                metric="kernel_time",
                now=0.0005,
                verdict=Verdict.NEW,
                reason=Reason.NO_BASELINE,
            ),
        ),
        baselines=tuple(folder / f"{number:04d}_baseline.json" for number in range(1, 6)),
        differences=(Difference("software.torch", "2.11.0", "2.12.0"),),
        left_out=(LeftOut(folder / "0009_baseline.json", "is not JSON."),),
        labels=(("model-eager-b1", Label(False, "1 of 8 changed")),),
        notes=("A note.",),
        tests=7,
        deselected=3,
    )


def run_of(told: Report) -> Run:
    """A run that measured what the report speaks of, all in its place."""
    measured = dict.fromkeys(item.benchmark for item in told.judgements if item.verdict is not Verdict.MISSING)
    benchmarks = {id_: Benchmark(id=id_, params=params(id_)) for id_ in measured}
    return Run(path=told.run, benchmarks=benchmarks, suite={"schema": 2})


def params(id_: str) -> dict[str, str]:
    model, *variant, batch = id_.split("-")
    return {"model": model, "variant": "-".join(variant), "batch_size": batch[1:]}


def baseline_of(told: Report) -> Run:
    known = dict.fromkeys(item.benchmark for item in told.judgements if item.verdict is not Verdict.NEW)
    benchmarks = {id_: Benchmark(id=id_, params=params(id_)) for id_ in known}
    return Run(path=told.baselines[0], benchmarks=benchmarks, suite={"schema": 2})


def told_of(told: Report, **run: object) -> Content:
    return content(told, dataclasses.replace(run_of(told), **run), [baseline_of(told)])  # type: ignore[arg-type]


def printed(told: Report) -> str:
    return terminal.every_row(told_of(told))


def ordinary(variants: int = 3, models: tuple[str, ...] = ("model",)) -> Report:
    """A night on which one latency is noisy."""
    judgements = []
    for model in models:
        for batch, latency in ((1, 1.15), (128, 1.065)):
            for variant in range(variants):
                id_ = f"{model}-v{variant}-b{batch}"
                judgements += [
                    same(id_),
                    same(id_, "latency", detectable_ratio=latency),
                    same(id_, "launches", baseline=88, now=88, detectable_ratio=None, reason=Reason.SEEN_BEFORE),
                ]
    noisy = dataclasses.replace(judgements[1], verdict=Verdict.UNSURE, reason=Reason.NOISY, detectable_ratio=1.6)
    judgements[1] = noisy
    quiet = {"labels": (), "notes": (), "left_out": (), "deselected": 0}
    return dataclasses.replace(report(), judgements=tuple(judgements), **quiet)  # type: ignore[arg-type]


def labels_of(told: Report) -> dict[str, Label]:
    return {item.benchmark: Label(True, "") for item in told.judgements}


def test_the_table_is_golden() -> None:
    told = told_of(report())
    assert "\n".join([*terminal.table(told), told.summary]) == GOLDEN


def test_a_failing_night_begins_with_what_failed_and_the_command() -> None:
    assert terminal.text(told_of(report())) == FAILING


def test_an_ordinary_night_is_a_line_for_each_model_and_batch_size() -> None:
    assert terminal.text(told_of(ordinary(), labels=labels_of(ordinary()))) == ORDINARY


def test_an_ordinary_night_of_the_full_matrix_is_short() -> None:
    told = ordinary(variants=6, models=("efficientnet_b0", "tf_efficientnet_lite0"))
    lines = terminal.text(told_of(told, labels=labels_of(told))).splitlines()
    assert len(lines) <= 24  # and the line that opens the section
    assert max(map(len, lines)) <= 100


def test_an_ordinary_night_of_real_runs_is_short(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 24 benchmarks of one H200: a run of the baseline against the others."""
    monkeypatch.chdir(Path(__file__).parents[3])
    run, *others = map(
        str, sorted(Path("baselines/nvidia-h200").rglob("*_baseline.json"), key=lambda file: "0003" not in file.name)
    )
    assert main([run, "--baseline", *others, "--report", os.devnull]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 25 and max(map(len, lines)) <= 100


def with_past(*said: tuple[str, str]) -> Content:
    """A night on which benchmarks changed, with what the history says of each."""
    moved: dict[str, Any] = {"verdict": Verdict.CHANGED, "reason": Reason.NEW_VALUE}
    judgements = tuple(same(benchmark, "peak_memory", **moved) for benchmark, _ in said)
    told = told_of(dataclasses.replace(report(), judgements=judgements, labels=()))
    past = tuple((next(row for row in told.rows if row.benchmark == one), text) for one, text in said)
    return dataclasses.replace(told, past=past)


FEW = "the history has too few nights to tell since when"


def test_what_the_history_says_of_several_changes_is_one_line() -> None:
    said = [(f"model-v{number}-b1", f"{FEW} ({number} of the {30 + number} needed)") for number in range(9)]
    said += [("model-w-b1", "in the history a step on 2026-11-03 (+2.0 % in all)")]
    content = with_past(*said)
    lines = terminal.text(content).splitlines()
    first = lines.index(f"9 changes (batch-1 peak memory of 9 benchmarks): {FEW}")
    assert lines[first + 1].startswith("model-w-b1: peak memory CHANGED")
    assert not any("needed)" in line for line in lines)
    every = " ".join(terminal.every_row(content).split())
    assert all(f"{text}" in every for _, text in said)


def test_what_the_history_says_of_one_change_keeps_its_numbers() -> None:
    content = with_past(("model-v-b1", f"{FEW} (7 of the 30 needed)"))
    assert f"; {FEW} (7 of the 30 needed)" in " ".join(terminal.text(content).split())


def test_different_pasts_have_lines_of_their_own_until_there_are_too_many() -> None:
    steps = [(f"model-v{number}-b1", f"in the history a step on 2026-11-0{number} (+2 %)") for number in range(8)]
    lines = terminal.text(with_past(*steps)).splitlines()
    assert sum("in the history a step" in line for line in lines) == 5 and "and 3 more lines; -v prints all" in lines
    every = " ".join(terminal.every_row(with_past(*steps)).split())
    assert every.count("in the history a step") == 8 and "-v prints all" not in every


def test_verbose_prints_every_row() -> None:
    told = told_of(ordinary())
    rows = [line for line in terminal.every_row(told).splitlines() if line.endswith(("SAME", "UNSURE"))]
    assert len(rows) == 18 + 1  # and the summary
    assert terminal.every_row(told).startswith(told.answer[:60])


def test_what_is_unsure_for_one_reason_is_one_line() -> None:
    noisy: dict[str, Any] = {"verdict": Verdict.UNSURE, "reason": Reason.NOISY}
    heated: dict[str, Any] = {"verdict": Verdict.UNSURE, "reason": Reason.DISTURBED, "detail": "hw_slowdown"}
    judgements = [same(f"model-v{number}-b1", detectable_ratio=1.05, **noisy) for number in range(30)]
    judgements += [same(f"model-v{number}-b1", "latency", **heated) for number in range(2)]
    told = terminal.text(told_of(dataclasses.replace(report(), judgements=tuple(judgements), labels=())))
    assert [line for line in told.splitlines() if line.startswith("UNSURE")] == [
        "UNSURE (disturbed): batch-1 latency of model-v0-b1 and model-v1-b1, detects 0.44 %; hw_slowdown",
        "UNSURE (noisy): batch-1 kernel time of 30 benchmarks, detects 5 %",
    ]


def test_metrics_that_are_unsure_for_one_reason_share_a_line_and_each_says_what_it_detects() -> None:
    noisy: dict[str, Any] = {"verdict": Verdict.UNSURE, "reason": Reason.NOISY}
    judgements = [same(f"model-v{number}-b1", detectable_ratio=1.05 + number / 100, **noisy) for number in range(3)]
    judgements += [same("model-v0-b1", "latency", detectable_ratio=1.4, **noisy)]
    again: dict[str, Any] = {"verdict": Verdict.UNSURE, "reason": Reason.DISAGREED}
    judgements += [
        same(name, metric, detail=detail, **again)
        for name, metric, detail in [
            ("model-v3-b1", "kernel_time", "again 1 %"),
            ("model-v4-b1", "latency", "again 2 %"),
        ]
    ]
    told = terminal.text(told_of(dataclasses.replace(report(), judgements=tuple(judgements), labels=())))
    assert [line for line in told.splitlines() if line.startswith("UNSURE")] == [
        "UNSURE (disagreed): batch-1 kernel time of model-v3-b1, detects 0.44 %; again 1 %",
        "UNSURE (disagreed): batch-1 latency of model-v4-b1, detects 0.44 %; again 2 %",
        "UNSURE (noisy): batch-1 kernel time of 3 benchmarks, detects 5-7 %; batch-1 latency of model-v0-b1,",
    ]


def test_all_counts_of_a_group_are_exact_in_one_word() -> None:
    judgements = (same("model-v0-b1"), same("model-v0-b1", "peak_memory"), same("model-v0-b1", "launches"))
    told = terminal.text(told_of(dataclasses.replace(report(), judgements=judgements, labels=())))
    assert "detects kernel time 0.44 %, counts exact" in told and "peak memory exact" not in told


ROOT = Path(__file__).resolve().parents[3]
BASELINE = sorted(path.relative_to(ROOT) for path in ROOT.glob("baselines/nvidia-h200/*/*_baseline.json"))


@pytest.mark.parametrize("night", BASELINE, ids=lambda path: path.name[:4])
def test_an_unchanged_night_on_an_h200_is_short_and_lists_no_row(
    night: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)  # a longer path takes more lines
    others = [str(path) for path in BASELINE if path != night]
    assert main([str(night), "--baseline", *others]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 25 and not any("CHANGED" in line for line in lines) and lines[-1].startswith("passed: ")


def test_a_long_night_is_cut_and_says_so() -> None:
    """Forty models, everything slower, in another environment, with notes."""
    slow: dict[str, Any] = {"verdict": Verdict.SLOWER, "reason": Reason.CONFIRMED, "ratio": 1.02}
    many = {
        "judgements": tuple(same(f"model{number}-v-b1", **slow) for number in range(40)),
        "differences": tuple(Difference(f"f{number}", "a", "b") for number in range(40)),
        "notes": tuple(f"note {number}" for number in range(40)),
        "left_out": tuple(LeftOut(Path(f"{number}.json"), "is not JSON.") for number in range(40)),
        "labels": tuple((f"model{number}-v-b1", Label(False, "wrong")) for number in range(40)),
    }
    lines = terminal.text(told_of(dataclasses.replace(report(), **many))).splitlines()  # type: ignore[arg-type]
    assert len(lines) < 120
    for said in (
        "and 20 more rows; -v prints all", "and 35 more benchmarks; -v prints all", "and 32 more differences; -v",
        "and 24 more models and batch sizes; -v", "and 35 more notes; -v", "and 35 more left out; -v",
    ):  # fmt: skip
        assert any(line.startswith(said) for line in lines), said


def test_another_suites_benchmarks_have_no_model() -> None:
    judgements = (
        same("test_sort"), same("test_sum", "latency"), same("all benchmarks"), same("m-v-cold-start", "first_call"),
    )  # fmt: skip
    told = dataclasses.replace(report(), judgements=judgements, labels=())
    ids = ("test_sort", "test_sum", "m-v-cold-start")
    run = Run(path=told.run, benchmarks={id_: Benchmark(id=id_) for id_ in ids})
    lines = terminal.text(content(told, run)).splitlines()
    assert "questions             1 answer SAME  detects first call 0.44 %" in lines
    assert "other benchmarks  2 benchmarks SAME  detects kernel time 0.44 %, latency 0.44 %" in lines
    assert "all benchmarks         1 shift SAME  detects kernel time 0.44 %" in lines


def test_a_shift_of_all_benchmarks_fails_and_repeats_everything() -> None:
    shifted = same("all benchmarks", verdict=Verdict.SLOWER, reason=Reason.CONFIRMED, ratio=1.01)
    told = dataclasses.replace(report(), judgements=(same("model-eager-b1"), shifted), labels=())
    run = dataclasses.replace(run_of(dataclasses.replace(told, judgements=told.judgements[:1])))
    said = content(told, run)
    assert said.answer == "all benchmarks together are slower (kernel time +1.00 %)."
    assert "  pytest benchmarks/ --benchmark-compare" in terminal.text(said).splitlines()


def test_the_table_fits_its_width_and_its_columns_align() -> None:
    long = "tf_efficientnet_lite0-torch-tensorrt-rtx-fp16-channels-last-cuda-graphs-b128"
    many = tuple(same(f"{long}{number}") for number in range(72))
    text = printed(dataclasses.replace(report(), judgements=(*report().judgements, *many)))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    rows = [line for line in lines[:-1] if line.endswith(("SAME", "verdict"))]
    assert len({line.rindex(line.split()[-1]) for line in rows}) == 1
    assert sum(".." in line and "b12871" in line for line in rows) == 1


def test_json_holds_every_judgement_with_all_its_numbers() -> None:
    document = json.loads(json_form.text(content(report(), Run(path=report().run))))
    assert document["headline"].startswith("model-tensorrt-b128 is slower")
    assert document["failed"] is True and document["family_wise_error"] == 0.01
    assert document["differences"] == [{"field": "software.torch", "baseline": "2.11.0", "now": "2.12.0"}]
    assert document["left_out"][0]["reason"] == "is not JSON."
    first = document["judgements"][0]
    assert first == {
        "benchmark": "model-eager-b1",
        "metric": "kernel_time",
        "baseline_runs": 0,
        "baseline": 0.0004954,
        "now": 0.0004954,
        "ratio": 1.0,
        "first_ratio": None,
        "raw_ratio": None,
        "detectable_ratio": 1.0044,
        "p_value": None,
        "verdict": "SAME",
        "reason": "inside-noise",
        "detail": "",
    }


def test_json_says_how_much_each_baseline_run_counts() -> None:
    counted = dataclasses.replace(report(), trusted={"kernel_time": {Path("a.json"): 1.0, Path("b.json"): 0.25}})
    document = json.loads(json_form.text(content(counted, Run(path=counted.run))))
    assert document["trusted"] == {"kernel_time": {"a.json": 1.0, "b.json": 0.25}}


def test_a_passing_report_says_so() -> None:
    passing = dataclasses.replace(report(), judgements=report().judgements[:3], labels=())
    assert printed(passing).splitlines()[-1] == "incomplete: 1 accepted, 2 SAME"
    assert printed(dataclasses.replace(passing, judgements=())).endswith("\nincomplete: nothing to judge")


def slower(benchmark: str, ratio: float, metric: str = "kernel_time") -> Judgement:
    return same(benchmark, metric, verdict=Verdict.SLOWER, reason=Reason.CONFIRMED, ratio=ratio, detail="again")


def test_a_part_that_changed_as_the_whole_stands_in_the_remark_of_the_whole() -> None:
    """With another change, or for another reason, it has a row of its own."""
    alike = [slower("model-a-b1", 1.0100), slower("model-a-b1", 1.0103, "same_kernels")]
    apart = [slower("model-b-b1", 1.0100), slower("model-b-b1", 1.02, "same_kernels")]
    told, shared = folded(rows([*alike, *apart]))
    assert not shared
    assert sorted((row.benchmark, row.title, row.remark) for row in told) == [
        ("model-a-b1", "kernel time", "confirmed: again; same kernels likewise"),
        ("model-b-b1", "kernel time", "confirmed: again"),
        ("model-b-b1", "same kernels", "confirmed: again"),
    ]


def test_what_benchmarks_share_is_one_line_and_what_is_their_own_has_rows() -> None:
    ids = [f"model-v{number}-b1" for number in range(6)]
    shifted = [slower("all benchmarks", 1.01), *(slower(id_, 1.009 + number / 2000) for number, id_ in enumerate(ids))]
    own = slower("model-own-b1", 1.03)
    told = dataclasses.replace(report(), judgements=(*shifted, own), labels=())
    said = content(told, run_of(dataclasses.replace(told, judgements=(*shifted[1:], own))))
    for text in (terminal.text(said), markdown.text(said), read_aloud(page.html(said))):
        assert "6 benchmarks SLOWER in kernel time as all together are, by +0.90 % to +1.15 %" in text.replace("\\", "")
        assert "own-b1" in text

    def in_rows(text: str) -> list[str]:
        return [line.split()[0] for line in text.splitlines()[:-1] if line.endswith(" SLOWER")]

    assert in_rows(terminal.text(said)) == ["all", "model-own-b1"]
    assert in_rows(terminal.every_row(said)) == ["all", "model-own-b1", *reversed(ids)]


@pytest.mark.parametrize("is_judged", [True, False], ids=["in the baseline", "new"])
def test_what_was_not_measured_for_a_lost_gpu_is_one_line_beside_the_one_that_lost_it(is_judged: bool) -> None:
    """The command that repeats the others leaves it out, since it would lose the GPU again."""
    lost, ids = "model-bad-b1", [f"model-v{number}-b1" for number in range(6)]
    why = f"not measured: the GPU was lost by {lost} (an illegal memory access)"
    failed = dict.fromkeys(ids, why) | {lost: f"{lost} lost the GPU when it was built"}
    missing = [
        same(id_, metric, verdict=Verdict.MISSING, reason=Reason.FAILED, detail=failed[id_], now=None, ratio=None)
        for id_ in ([lost] if is_judged else []) + ids
        for metric in ("latency", "kernel_time")
    ]
    told = dataclasses.replace(report(), judgements=tuple(missing), labels=())
    run = dataclasses.replace(run_of(told), benchmarks={}, failed=failed, suite={"schema": 3})
    said = content(told, run)
    first, shared = (f"{lost} is missing and " if is_judged else ""), f"6 benchmarks MISSING, {why}"
    nouns = "6 are" if is_judged else "6 benchmarks are"
    assert said.answer == f"{first}{nouns} {why}."
    assert said.repeat.startswith("pytest benchmarks/") and "bad" not in said.repeat
    for text in (terminal.text(said), markdown.text(said), read_aloud(page.html(said))):
        flat = " ".join(text.replace("\\", "").split())
        assert flat.count(shared) == 1
    rows_of = [line.split()[0] for line in terminal.text(said).splitlines()[:-1] if line.endswith(" MISSING")]
    assert rows_of == ([lost] if is_judged else [])
    assert sum(line.endswith(" MISSING") for line in terminal.every_row(said).splitlines()[:-1]) == 6 + is_judged


def test_names_that_would_be_cut_to_the_same_stand_above_their_rows() -> None:
    ids = [f"tf_efficientnet_lite0-{kind}-fp32-b128" for kind in ("eager", "torchscript")]
    told = [same(id_, metric) for id_ in ids for metric in ("kernel_time", "left_to_pytorch")]
    lines = terminal.table(content(dataclasses.replace(report(), judgements=tuple(told)), run_of(report())), 100)
    assert max(map(len, lines)) <= 100
    (first, second) = (lines.index(id_) for id_ in ids)
    assert second - first == 3 and all(lines[first + n].startswith(" ") for n in (1, 2))
    wide = terminal.table(content(dataclasses.replace(report(), judgements=tuple(told)), run_of(report())), 140)
    assert any(line.startswith(f"{ids[0]}  ") for line in wide)


def test_what_is_malformed_in_the_run_itself_is_said_and_that_it_is_no_baseline_is_not() -> None:
    path = report().run
    told = dataclasses.replace(report(), left_out=(LeftOut(path, ITSELF), LeftOut(path, "`launches` is -1; left out.")))
    out = terminal.text(content(told, run_of(told)))
    assert out.count("left out: now/0042_nightly.json:") == 1 and "`launches` is -1" in out


def test_a_change_of_a_few_bytes_is_said_as_such() -> None:
    """Both amounts have the same five digits."""
    moved = same("model-v-b1", "peak_memory", verdict=Verdict.CHANGED, reason=Reason.NEW_VALUE, baseline=27_242_000.0)
    (row,) = rows([dataclasses.replace(moved, now=27_242_144.0)])
    assert row.baseline_text == row.now_text == "25.980 MiB"
    assert (row.moved, row.remark) == ("+144 B", "new-value: +144 B")
