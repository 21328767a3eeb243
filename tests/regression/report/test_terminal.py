"""The table as it is printed: golden, within 100 columns, and safe with any name."""

import dataclasses
import json
from pathlib import Path

from regression.judge.verdict import Judgement, Reason, Report, Verdict
from regression.report import json as json_form
from regression.report import terminal
from regression.report.content import content
from regression.runs.environment import Difference
from regression.runs.run import Label, LeftOut, Run

GOLDEN = """\
now/0042_nightly.json against 5 baseline runs of baselines/nvidia-h200
7 tests, family-wise error 1%; 1 difference of the environment; 3 benchmarks deselected:
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
                     peak memory  95.367 MiB  95.367 MiB  +0.00 %      1.19 %  SAME

wrong labels: model-eager-b1: 1 of 8 changed
left out: baselines/nvidia-h200/0009_baseline.json: is not JSON.
A note.
detectable: the smallest true change that would have been reported, with a probability of 95 %
FAILED: 1 with wrong labels, 1 SLOWER, 1 MISSING, 1 accepted, 1 UNSURE, 1 NEW, 2 SAME"""


def same(benchmark: str, metric: str = "kernel_time", **fields: object) -> Judgement:
    values: dict[str, object] = {"baseline": 0.0004954, "now": 0.0004954, "ratio": 1.0, "detectable_ratio": 1.0044}
    values |= {"verdict": Verdict.SAME, "reason": Reason.INSIDE_NOISE} | fields
    return Judgement(benchmark=benchmark, metric=metric, **values)  # type: ignore[arg-type]


def report() -> Report:
    folder = Path("baselines/nvidia-h200")
    return Report(
        run=Path("now/0042_nightly.json"),
        judgements=(
            same("model-eager-b1"),
            same("model-eager-b1", "peak_memory", baseline=1e8, now=1e8, detectable_ratio=1.0119),
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


def printed(told: Report) -> str:
    return terminal.text(content(told, Run(path=told.run)))


def test_the_table_is_golden() -> None:
    told = content(report(), Run(path=report().run))
    assert "\n".join([*terminal.table(told), told.summary]) == GOLDEN


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
        "detectable_ratio": 1.0044,
        "p_value": None,
        "verdict": "SAME",
        "reason": "inside-noise",
        "detail": "",
    }


def test_a_passing_report_says_so() -> None:
    passing = dataclasses.replace(report(), judgements=report().judgements[:3], labels=())
    assert printed(passing).splitlines()[-1] == "incomplete: 1 accepted, 2 SAME"
    assert printed(dataclasses.replace(passing, judgements=())).endswith("\nincomplete: nothing to judge")
