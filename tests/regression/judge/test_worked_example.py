"""Redoes the worked example of docs/method.md by hand, and with the code."""

import dataclasses
import math
import statistics
from pathlib import Path

import pytest
from scipy import stats

from regression.judge.metric_tests import metric_tests
from regression.judge.verdict import Reason, Verdict
from regression.metrics import METRICS
from regression.runs.run import Benchmark, Confirmation, Run
from regression.spread import Spread

PAGE = (Path(__file__).parents[3] / "docs" / "method.md").read_text()
BASELINE = (5.2386, 5.2390, 5.2410, 5.2393, 5.2432)
FIRST, AGAIN, CONTROLS = 5.2720, (5.2705, 5.2713), (0.0001, -0.0001)


def percent(value: float, digits: int) -> str:
    return f"{value * 100:.{digits}f} %"


def by_hand() -> dict[str, float]:
    logs = [math.log(value) for value in BASELINE]
    centre, own = statistics.mean(logs), statistics.stdev(logs)
    pooled = math.sqrt((4 * own**2 + 8 * 0.0006**2) / 12)
    day = 2 * 0.0003**2
    one, three = (math.sqrt(pooled**2 * (1 / 5 + 1 / processes) + day) for processes in (1, 3))
    alpha = 0.01 * 0.7 / 73
    looks = [math.log(value) - centre for value in (FIRST, *AGAIN)]
    return {
        "centre": centre,
        "own": own,
        "pooled": pooled,
        "one": one,
        "three": three,
        "alpha": alpha,
        "screen": stats.t.isf(20 * alpha / 2, 12) * one,
        "shift": stats.norm.isf(0.01 / 2) * one / math.sqrt(71),
        "each": stats.t.isf(0.05, 12) * one,
        "final": stats.t.isf(alpha / 2, 12) * three,
        "alone": stats.t.isf(alpha / 2, 5) * one,
        "x0": looks[0],
        "x1": looks[1],
        "x2": looks[2],
        "mean": statistics.mean(looks),
        "settled": statistics.mean(looks[1:]),
    }


def test_the_page_says_what_comes_out_by_hand() -> None:
    found = by_hand()
    assert f"{math.exp(found['centre']):.5f} ms" in PAGE
    for name in ("own", "pooled", "one", "three", "alpha"):
        assert percent(found[name], 4) in PAGE, name
    for name in ("screen", "shift", "each", "final", "alone", "x0", "x1", "x2", "mean", "settled"):
        assert percent(found[name], 3) in PAGE, name
    assert f"{(found['own'] / 0.0006) ** 2:.3f}`, exceeded with probability `p` = " in PAGE
    assert f"{stats.f.sf((found['own'] / 0.0006) ** 2, 4, 8):.2f} | no: pool" in PAGE
    for error, df in ((20 * found["alpha"] / 2, 12), (0.05, 12), (found["alpha"] / 2, 12), (found["alpha"] / 2, 5)):
        assert f"= {stats.t.isf(error, df):.3f}`" in PAGE
    assert max(map(abs, CONTROLS)) < found["shift"]
    assert f"confirmed, {math.expm1(found['settled']) * 100:+.2f} %" in PAGE


def test_the_code_says_what_comes_out_by_hand() -> None:
    """71 benchmarks with the same baseline that did not change are the controls."""
    found = by_hand()
    others = [f"other{number}" for number in range(71)]
    ids, quiet = ["tensorrt", *others], math.exp(found["centre"])

    def run(name: str, tensorrt: float, other: float, **fields: object) -> Run:
        values = dict.fromkeys(others, other) | {"tensorrt": tensorrt}
        benchmarks = {id_: Benchmark(id=id_, values={"kernel_time": value}) for id_, value in values.items()}
        return Run(path=Path(name), benchmarks=benchmarks, **fields)  # type: ignore[arg-type]

    baselines = [run(f"{value}", value, value, datetime="2026-03-01") for value in BASELINE]
    confirmations = tuple(
        Confirmation(
            tuple(others),
            {id_: {"kernel_time": quiet * math.exp(shift)} for id_ in others} | {"tensorrt": {"kernel_time": value}},
        )
        for value, shift in zip(AGAIN, CONTROLS, strict=True)
    )
    tonight = run("now", FIRST, quiet, datetime="2026-03-02", confirmations=confirmations)
    tests = metric_tests(METRICS[0], tonight, baselines, ids, 0.7)
    limits = {name: getattr(tests.limits, name)[0] for name in ("screen", "each", "final", "alone")}
    assert limits == pytest.approx({name: found[name] for name in limits})
    assert tests.limits.error == pytest.approx(found["alpha"])
    assert [tests.first[0], *tests.again[0]] == pytest.approx([found["x0"], found["x1"], found["x2"]])
    judgement = tests.judgements()[0]
    assert (judgement.verdict, judgement.reason) == (Verdict.SLOWER, Reason.CONFIRMED)
    assert judgement.ratio == pytest.approx(math.exp(found["settled"]))
    alone = metric_tests(METRICS[0], dataclasses.replace(tonight, confirmations=()), baselines, ids, 0.7).judgements()[
        0
    ]
    assert (alone.verdict, alone.reason) == (Verdict.UNSURE, Reason.UNCONFIRMED)


def test_the_page_says_what_is_in_the_table_of_metrics() -> None:
    rows = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if line.startswith("| ")}
    judged = [metric for metric in METRICS if metric.share and not metric.of_questions]
    spreads = [metric.spread for metric in judged if metric.spread is not None]

    def process(spread: Spread) -> str:
        return f"{spread.process * 100:g} %" + (f" and {spread.rounds:g}·w" if spread.rounds else "")

    def of_visits(spread: float) -> str:
        return f"{spread * 100:g} %·h" if spread else "-"

    for title, values in {
        "between processes, `s0`": [process(spread) for spread in spreads],
        "the same, from visits": [of_visits(spread.visits) for spread in spreads],
        "between days": [f"{spread.day * 100:g} %" for spread in spreads],
        "between days, from visits": [of_visits(spread.visits_day) for spread in spreads],
        "between GPUs": [f"{spread.gpu * 100:g} %" for spread in spreads],
        "between GPUs, of an engine": [of_visits(spread.engine) for spread in spreads],
        "between their hosts": [of_visits(spread.host) for spread in spreads],
        "`unseen`": [f"{spread.unseen * 100:g} %" for spread in spreads],
        "weight, `d0`": [f"{spread.process_df:g}" for spread in spreads],
        "minimum effect": [f"{metric.min_effect * 100:g} %" for metric in judged],
        "worth knowing": [f"{metric.worth_knowing * 100:g} %" for metric in judged],
        "share of the error": [f"{metric.share:g}" for metric in judged],
    }.items():
        assert [cell.strip() for cell in rows[title].split("|")[2 : 2 + len(judged)]] == values


def test_the_page_says_the_priors_of_host_bound_latencies() -> None:
    rows = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if line.startswith("| ")}
    (latency,) = [metric for metric in METRICS if metric.host_bound]
    assert latency.host_bound is not None and latency.key == "latency"
    for title, spread, worth_knowing in (
        ("less the shift", latency.host_bound.besides, latency.worth_knowing),
        ("the shift", latency.host_bound.shift, latency.host_bound.worth_knowing),
    ):
        assert cells(rows[title]) == of_spread(spread, worth_knowing)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.split("|")[2:-1]]


def of_spread(spread: Spread, worth_knowing: float) -> list[str]:
    shares = [spread.unseen, spread.day, spread.gpu, worth_knowing]
    return [f"{spread.process * 100:g} %", f"{spread.process_df:g}", *(f"{share * 100:g} %" for share in shares)]


def test_the_page_says_the_priors_of_what_another_gpu_moves_alike() -> None:
    (line,) = [line for line in PAGE.splitlines() if line.startswith("| what GPUs move alike |")]
    priors = [metric.gpu_offset for metric in METRICS if metric.gpu_offset]
    assert [cells(line)] * 2 == [of_spread(prior.shift, prior.worth_knowing) for prior in priors]
    assert "with 0.15 % between GPUs in the place of 0.2 %, and 0.6 %·h of an engine in the place of 1 %·h." in PAGE
    for metric in METRICS:
        if metric.gpu_offset and metric.spread:
            assert (metric.spread.gpu, metric.spread.engine) == (0.002, 0.01)
            assert metric.gpu_offset.besides == dataclasses.replace(metric.spread, gpu=0.0015, engine=0.006)


def test_the_page_says_the_priors_of_questions() -> None:
    rows = {line.split("|")[1].strip(): line for line in PAGE.splitlines() if line.startswith("| ")}
    for metric in METRICS:
        if metric.of_questions and metric.spread is not None:
            spread = metric.spread
            shares = (spread.process, spread.unseen, spread.day, spread.gpu, metric.min_effect, metric.worth_knowing)
            process, *others = (f"{share * 100:g} %" for share in shares)
            said = [process, f"{spread.process_df:g}", *others, f"{metric.share:g}"]
            assert [cell.strip() for cell in rows[metric.title].split("|")[2:-1]] == said
