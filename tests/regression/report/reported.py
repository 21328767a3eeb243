"""A report with something of everything on it, made up for the tests of what is written from it."""

import io
import re

from PIL import Image

from proof.simulated_runs import KERNELS, benchmark, run, save
from regression.history import series as history
from regression.judge.verdict import Judgement, Reason, Report, Shown, Verdict
from regression.metrics import METRICS
from regression.report.content import content as make
from regression.runs.environment import Difference
from regression.runs.read import read
from regression.runs.run import Label, LeftOut

SLOW, FAST, GONE, SAME = (
    f"efficientnet_b0-{variant}-b128" for variant in ("tensorrt-fp16", "compile", "eager-fp16", "eager-fp32")
)


def stored(folder, spin="void spin_kernel<long>(long)", commit="0" * 40, nights=12):
    """A baseline of three runs, some nights, and a run with an added kernel: (run, baselines, histories)."""
    names = [*KERNELS, spin]
    records = [
        benchmark(SLOW, speedup=2.3),
        benchmark(FAST, speedup=2.7),
        benchmark(GONE),
        benchmark(SAME, 0.012, 0.0125, 1.0),
    ]
    baselines = [read(save(folder, run(records, day, names), f"{day:04d}_baseline")) for day in range(3)]
    now = [benchmark(SLOW, speedup=2.2, extra=[(3, 1, 60e-6)]), benchmark(FAST, 0.0048, speedup=2.8), records[3]]
    for day in range(3, nights):
        save(
            folder,
            run(now if day >= 7 else records, day, names, software={"driver": "580" if day < 7 else "590"}),
            f"{day:04d}_nightly",
        )
    last = run(now, nights, names, commit=commit, software={"driver": "590"})
    last["suite"]["failed"] = {GONE: "out of memory"}
    path = save(folder, last, f"{nights:04d}_nightly")
    found, _ = history.read(folder)
    return read(path), baselines, history.trace(found)


def report(this, baselines, **changed):
    """What is said of such a run."""
    fields = {
        "run": this.path,
        "baselines": tuple(baseline.path for baseline in baselines),
        "judgements": (
            judgement(SAME, "kernel_time", Verdict.SAME, Reason.INSIDE_NOISE, 0.012, 0.012),
            judgement(SLOW, "kernel_time", Verdict.SLOWER, Reason.CONFIRMED, 0.005, 0.00506),
            judgement(FAST, "kernel_time", Verdict.FASTER, Reason.CONFIRMED, 0.005, 0.0048),
            judgement(SAME, "latency", Verdict.UNSURE, Reason.NOISY, 0.0125, 0.013),
            judgement(GONE, "kernel_time", Verdict.MISSING, Reason.FAILED, 0.005, None, "out of memory"),
            judgement(GONE, "latency", Verdict.MISSING, Reason.FAILED, 0.0055, None, "out of memory"),
        ),
        "shown": (Shown(benchmark=SLOW, metric="launches", baseline=88, now=89),),
        "differences": (Difference("software.driver", "580", "590"),),
        "left_out": (LeftOut(this.path.with_name("old.json"), "was measured on another GPU."),),
        "labels": ((FAST, Label(False, "1 of 8 photographs disagrees with the reference")),),
        "notes": ("The baseline has 3 runs.",),
    }
    return Report(**(fields | changed))


def content(this, baselines, *, history=None, label_sheet=None, page="", metrics=METRICS, **changed):
    """The content of the report on such a run."""
    return make(
        report(this, baselines, **changed),
        this,
        baselines,
        metrics,
        history=history,
        label_sheet=label_sheet,
        page=page,
    )


def judgement(name, metric, verdict, reason, baseline, now, detail=""):
    ratio = now / baseline if now else None
    seen = 1.004 if now else None
    return Judgement(
        benchmark=name,
        metric=metric,
        baseline_runs=3,
        baseline=baseline,
        now=now,
        ratio=ratio,
        detectable_ratio=seen,
        verdict=verdict,
        reason=reason,
        detail=detail,
    )


def sheet():
    """A label sheet's PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", (600, 300), "#eef1f4").save(buffer, format="PNG")
    return buffer.getvalue()


def read_aloud(page):
    """A page's HTML without what says where a line may break."""
    return re.sub('<span class="kept">(.*?)</span>', r"\1", page, flags=re.DOTALL).replace("\N{NO-BREAK SPACE}", " ")
