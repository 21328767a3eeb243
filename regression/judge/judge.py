"""Judges one run against a baseline: values in, a frozen report out."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Container, Iterable, Mapping, Sequence

from common.given import RECORD
from common.schema import NOT_SELECTED
from regression.judge import renamed
from regression.judge.acceptance import Circumstances, accept
from regression.judge.accepted import Accepted, stale
from regression.judge.algorithms import learn_algorithms
from regression.judge.by_operator import notes as notes_by_operator
from regression.judge.by_operator import told_by_operator
from regression.judge.choices import Compared, compare
from regression.judge.counts import judge_counts, not_compared
from regression.judge.known import Known
from regression.judge.metric_tests import MetricTests, metric_tests
from regression.judge.noise import KNOWN_DF
from regression.judge.outputs import judge_outputs, outputs_not_compared
from regression.judge.tail import tail_notes
from regression.judge.together import together
from regression.judge.verdict import Judgement, Reason, Report, Shown, Verdict
from regression.judge.visited import by_visits, of_slower_hosts
from regression.metric import Kind, Metric
from regression.metrics import METRICS
from regression.runs.environment import differences, refusal
from regression.runs.run import LeftOut, Run
from regression.shared import EVERY, HOST_BOUND, is_shared
from regression.text import count

# Why the run that is judged is left out of the baseline, among whose files it lies as a rule.
ITSELF = "is the run that is judged; a run says nothing about itself, so it is no baseline."
# Reasons of a verdict that says neither SAME nor that something changed, of which a control must have none.
SUSPICIOUS = (Reason.UNCONFIRMED, Reason.DISAGREED, Reason.BELOW_LIMIT, Reason.DISTURBED)


def judge(
    run: Run,
    baselines: Sequence[Run],
    *,
    metrics: Sequence[Metric] = METRICS,
    accepted: Sequence[Accepted] = (),
    today: datetime.date | None = None,
    left_out: Sequence[LeftOut] = (),
    notes: Sequence[str] = (),
    across_gpus: bool = False,
    not_asked: str = "",
    record: str = RECORD,
) -> Report:
    """Judge every benchmark and metric of `run` against those of `baselines` that may be compared with it.

    `today` decides which accepted changes still hold; by default the day of the run, so that judging is repeatable.
    With `across_gpus`, runs of other GPU models may be compared.
    `not_asked` says why there is nothing to compare with where there is not, if it is not for want of a baseline.
    `record` is the command that records a baseline, as notes say it.
    """
    usable, refused = comparable(run, baselines, across_gpus=across_gpus)
    differing = differences(usable, run)
    run, usable, said = by_visits(run, usable, record)
    judged = [metric for metric in metrics if metric.judged]
    known = Known(run, usable)
    compared = _compared(run, usable, judged, known)
    of_benchmarks = _metric_tests(run, usable, judged, compared, known)
    all_tests = [*of_benchmarks, *(tests for one in of_benchmarks for tests in together(one))]
    of_tests = [judgement for tests in all_tests for judgement in tests.judgements()]
    judgements = [
        *told_by_operator(of_tests, compared, judged),
        *_counts(run, usable, judged, known),
        *judge_outputs(run, usable, judged),
        *_new(run, usable, judged, known),
        *_missing(run, usable, judged, known),
    ]
    in_baselines = (id_ for baseline in usable for id_ in baseline.benchmarks)
    shared = (EVERY, HOST_BOUND, *(item.benchmark for item in judgements if is_shared(item.benchmark)))
    ids = list(dict.fromkeys([*run.benchmarks, *in_baselines, *run.labels, *shared]))
    rank = {id_: number for number, id_ in enumerate(ids)}
    keys = {metric.key: number for number, metric in enumerate(judged)}
    judgements.sort(key=lambda item: (rank[item.benchmark], keys[item.metric]))
    day = today or _date(run)
    gpu = run.slug
    part_of = {metric.key: metric.part_of for metric in judged}
    judgements, used = accept(judgements, accepted, Circumstances(day, gpu, _noise(all_tests), part_of))
    problems = [*run.problems, *(problem for baseline in usable for problem in baseline.problems)]
    return Report(
        run=run.path,
        judgements=tuple(judgements),
        shown=tuple(_shown(run, usable, metrics)),
        baselines=tuple(baseline.path for baseline in usable),
        differences=differing,
        left_out=(*left_out, *problems, *refused),
        labels=tuple((id_, label) for id_, label in sorted(run.labels.items()) if not label.passed),
        notes=(
            *notes,
            *(_notes(run, usable, record) if usable or not not_asked else ()),
            *not_compared(judged, run, usable, known),
            *outputs_not_compared(run, usable),
            *said,
            *tail_notes(run, usable, _slower_calls(judgements) | of_slower_hosts(run)),
            *_notes_of(all_tests),
            *stale(accepted, used, set(ids), {id_ for id_ in ids if _is_selected(run, id_)}, day, gpu),
        ),
        tests=sum(len(tests.ids) for tests in all_tests),
        controls=tuple(_controls(judgements, {metric.key for metric in judged if metric.kind is Kind.CONTINUOUS})),
        host_bound=tuple(dict.fromkeys(id_ for tests in of_benchmarks for id_ in tests.host_bound)),
        deselected=run.deselected,
        not_asked="" if usable else not_asked,
        trusted={
            tests.metric.key: {
                baseline.path: part for baseline, part in zip(usable, tests.evidence.trusted.tolist(), strict=True)
            }
            for tests in of_benchmarks
        },
    )


def _is_selected(run: Run, id_: str) -> bool:
    return run.selected is None or id_ in run.selected or id_ in run.benchmarks or is_shared(id_)


def comparable(run: Run, baselines: Sequence[Run], *, across_gpus: bool = False) -> tuple[list[Run], list[LeftOut]]:
    """The baselines that `run` may be judged against, and why the others are left out."""
    usable: list[Run] = []
    refused: list[LeftOut] = []
    for baseline in baselines:
        reason = refusal(baseline, run, across_gpus=across_gpus)
        if _same(baseline, run):
            reason = ITSELF
        elif twin := next((other for other in usable if _same(baseline, other)), None):
            reason = f"holds the same run as {twin.path.name}, and counts once."
        if reason:
            refused.append(LeftOut(baseline.path, reason))
        else:
            usable.append(baseline)
    return usable, refused


def _same(one: Run, other: Run) -> bool:
    if one.path == other.path or (one.identity and one.identity == other.identity):
        return True
    return (
        one.datetime == other.datetime
        and one.benchmarks.keys() == other.benchmarks.keys()
        and all(benchmark.values == other.benchmarks[id_].values for id_, benchmark in one.benchmarks.items())
    )


def _compared(run: Run, baselines: Sequence[Run], metrics: Sequence[Metric], known: Known) -> dict[str, Compared]:
    """The benchmarks whose operators are known now and in some undisturbed baseline run, operator by operator."""
    parts = [metric for metric in metrics if metric.by_operator]
    calm = [confirmation for confirmation in run.confirmations if not confirmation.disturbed]
    places = [baseline.place for baseline in baselines]
    return {
        id_: compare(id_, run.benchmarks[id_], [baseline.benchmarks.get(id_) for baseline in baselines], calm, places)
        for id_ in (known.in_both(parts[0]) if parts else ())
        if run.benchmarks[id_].operators
    }


def _metric_tests(
    run: Run, baselines: Sequence[Run], metrics: Sequence[Metric], compared: Mapping[str, Compared], known: Known
) -> list[MetricTests]:
    tests = [(metric, known.in_both(metric)) for metric in metrics if metric.kind is Kind.CONTINUOUS]
    shares = {metric.key: metric.share for metric, _ in tests}
    for metric, ids in tests:
        if not ids and metric.part_of in shares:
            shares[metric.part_of] += metric.share  # the whole is judged alone
    spent = sum(shares[metric.key] for metric, ids in tests if ids)
    return [
        metric_tests(metric, run, baselines, ids, shares[metric.key] / spent, compared) for metric, ids in tests if ids
    ]


def _counts(run: Run, baselines: Sequence[Run], metrics: Sequence[Metric], known: Known) -> Iterable[Judgement]:
    algorithms = learn_algorithms(baselines)
    for metric in metrics:
        if metric.kind is Kind.COUNT:
            yield from judge_counts(metric, run, baselines, known.in_both(metric), algorithms)


def _new(run: Run, baselines: Sequence[Run], metrics: Sequence[Metric], known: Known) -> Iterable[Judgement]:
    in_baselines = {id_ for baseline in baselines for id_ in baseline.benchmarks}
    for metric in metrics:
        if metric.by_operator:
            continue  # kernel time says so
        before = known.in_baseline(metric)
        only_disturbed = known.in_baseline(metric, disturbed=True)
        is_exact = metric.kind is not Kind.CONTINUOUS
        if (is_exact or metric.of_questions) and baselines and not only_disturbed:
            continue  # `not_compared` says it once
        for id_, item in run.benchmarks.items():
            if is_exact and not metric.of_questions and baselines and id_ not in in_baselines:
                continue  # its times say that it is new
            if id_ not in before and metric.key in item.values:
                yield Judgement(
                    benchmark=id_,
                    metric=metric.key,
                    now=item.values[metric.key],
                    verdict=Verdict.NEW,
                    reason=Reason.NO_BASELINE,
                    detail="the GPU was disturbed in every baseline run" if id_ in only_disturbed else "",
                )


def _missing(run: Run, baselines: Sequence[Run], metrics: Sequence[Metric], known: Known) -> Iterable[Judgement]:
    if run.selected is None:
        return
    for metric in metrics:
        if metric.may_be_absent(run.schema) or metric.by_operator:
            continue  # a note, or kernel time, says so
        for id_ in known.in_baseline(metric, disturbed=True):
            item = run.benchmarks.get(id_)
            if (id_ not in run.selected and item is None) or (item and metric.key in item.values):
                continue
            if item and item.absent.get(metric.key) == NOT_SELECTED:
                continue  # a note says so
            values = [
                b.benchmarks[id_].values[metric.key]
                for b in baselines
                if id_ in b.benchmarks and metric.key in b.benchmarks[id_].values
            ]
            reason, detail = Reason.NOT_TIMED, item.absent.get(metric.key, "") if item else ""
            if id_ in run.failed:
                reason, detail = Reason.FAILED, run.failed[id_]
            elif id_ in run.skipped:
                reason, detail = Reason.SKIPPED, run.skipped[id_]
            yield Judgement(
                benchmark=id_,
                metric=metric.key,
                baseline_runs=len(values),
                baseline=_typical(metric, values),
                verdict=Verdict.MISSING,
                reason=reason,
                detail=detail,
            )


def _typical(metric: Metric, values: Sequence[float]) -> float:
    """The middle of several runs' values, as the judge takes it."""
    return statistics.median_low(values) if metric.kind is Kind.COUNT else statistics.geometric_mean(values)


def _slower_calls(judgements: Iterable[Judgement]) -> set[str]:
    """Benchmarks whose latency is slower, or may be for the host's sake."""
    slow = (Reason.DISTURBED, Reason.ACCEPTED)
    return {
        item.benchmark
        for item in judgements
        if item.metric == "latency" and (item.verdict is Verdict.SLOWER or item.reason in slow)
    }


def _notes_of(all_tests: Sequence[MetricTests]) -> Iterable[str]:
    """What the tests say; what a whole says of a baseline run is not said of its parts again."""
    told = {(tests.metric.key, path) for tests in all_tests for path, _ in tests.notes if path}
    for tests in all_tests:
        yield from (note for path, note in tests.notes if (tests.metric.part_of, path) not in told)


def _noise(all_tests: Sequence[MetricTests]) -> dict[tuple[str, str], float]:
    """The noise of one measurement of a benchmark and metric, as a logarithm."""
    return {
        (id_, tests.metric.key): float(limit)
        for tests in all_tests
        for id_, limit in zip(tests.ids, tests.limits.each, strict=True)
    }


def _shown(run: Run, baselines: Sequence[Run], metrics: Sequence[Metric]) -> Iterable[Shown]:
    for metric in metrics:
        if metric.judged:
            continue
        for id_, item in run.benchmarks.items():
            before = sorted(
                baseline.benchmarks[id_].values[metric.key]
                for baseline in baselines
                if id_ in baseline.benchmarks and metric.key in baseline.benchmarks[id_].values
            )
            now = item.values.get(metric.key)
            if before or now is not None:
                yield Shown(
                    benchmark=id_, metric=metric.key, baseline=before[len(before) // 2] if before else None, now=now
                )


def _controls(judgements: Sequence[Judgement], continuous: Container[str]) -> Iterable[str]:
    """Benchmarks of which a time came out SAME, and no time changed or would be measured again.

    Each is a control for the metrics in which it came out SAME (`metric_tests`).
    """
    judged = [item for item in judgements if item.metric in continuous and not is_shared(item.benchmark)]
    unfit = {item.benchmark for item in judged if item.verdict not in (Verdict.SAME, Verdict.UNSURE, Verdict.NEW)}
    unfit |= {item.benchmark for item in judged if item.reason in SUSPICIOUS}
    return dict.fromkeys(
        item.benchmark for item in judged if item.verdict is Verdict.SAME and item.benchmark not in unfit
    )


def _notes(run: Run, baselines: Sequence[Run], record: str) -> Iterable[str]:
    if not baselines:
        yield f"Record a baseline: `{record}`."
        return
    if len(baselines) < 3:
        runs = count(len(baselines), "run")
        yield f"The baseline has {runs}, too few to know a benchmark's noise; record five: `{record}`."
    if run.interrupted:
        yield (
            f"This run was interrupted ({run.interrupted}): what it had not measured by then is MISSING, "
            "and what it had not measured again is unconfirmed."
        )
    models = sorted({baseline.gpu_model for baseline in baselines} - {run.gpu_model, ""})
    if models:
        yield (
            f"Compared across GPU models, as asked for: {' and '.join(models)} in the baseline, {run.gpu_model} now. "
            "SLOWER and FASTER compare the models, and are no regressions."
        )
    gpus = {baseline.gpu for baseline in baselines}
    if run.gpu not in gpus:
        known = ", ".join(sorted(gpu[:12] for gpu in gpus)) or "unknown"  # in full among the differences
        yield (
            f"This run is of another GPU ({run.gpu[:12] or 'unknown'}) than the baseline ({known}); "
            "the detectable changes allow for the spread between GPUs."
        )
    place = run.place
    alike = sum(baseline.place == place for baseline in baselines)
    otherwise = sum(baseline.loading != run.loading for baseline in baselines) if run.gpu else 0
    if otherwise:
        yield (
            f"{count(otherwise, 'run')} of the baseline are of a version of this suite that has engines, weights or "
            "activations in other places of the GPU's memory. The detectable changes in kernel time allow for that; "
            f"record a new baseline: `{record}`."
        )
    elsewhere = sum((baseline.gpu, baseline.loading) == (run.gpu, run.loading) for baseline in baselines) - alike
    if elsewhere and alike <= KNOWN_DF:
        yield (
            f"{count(elsewhere, 'run')} of the baseline timed other benchmarks than this run. Engines lie elsewhere in "
            "the GPU's memory then, and the detectable changes allow for that as for another GPU."
        )
    yield from notes_by_operator(run, baselines)
    disturbed = sum(bool(item.disturbances) for baseline in baselines for item in baseline.benchmarks.values())
    if disturbed:
        yield f"{count(disturbed, 'measurement')} of the baseline were taken on a disturbed GPU and are not used."
    yield from renamed.notes(run, baselines)
    if run.selected is None:
        gone = {id_ for baseline in baselines for id_ in baseline.measured} - run.benchmarks.keys()
        if gone:
            yield (
                f"{count(len(gone), 'benchmark')} of the baseline are not in this run, "
                "which does not say what it selected, so none is MISSING."
            )


def _date(run: Run) -> datetime.date:
    try:
        return datetime.date.fromisoformat(run.day)
    except ValueError:
        return datetime.datetime.now(tz=datetime.UTC).date()
