"""Judges outputs against the baseline's: first labels of photographs, and the error against the reference."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from regression.judge.limits import FAMILY_WISE_ERROR, POWER, quantile
from regression.judge.noise import Layout, estimate
from regression.judge.verdict import Judgement, Reason, Verdict
from regression.metric import Kind, Metric
from regression.runs.run import ImageLabel, Run
from regression.text import count, escaped
from regression.values import lookup

LABELS, RELATIVE_ERROR, LABEL_ERROR = "labels", "relative_error", "label_error"
# What rounding to FP32 makes; smaller errors count as this one, and none at all has a logarithm.
ROUNDING = 1e-7
SEEDED = "seeded"
# More photographs than these are not listed.
MOST_LISTED = 4


def judge_outputs(run: Run, baselines: Sequence[Run], metrics: Sequence[Metric]) -> list[Judgement]:
    """One judgement for every benchmark and metric of outputs that the baseline has, too.

    They are no noise of time: a disturbed GPU computes the same, and nothing needs confirmation. Outputs of other
    weights are not compared.
    """
    by_key = {metric.key: metric for metric in metrics}
    found: list[Judgement] = []
    if LABELS in by_key:
        found += _labels(run, baselines)
    for key, value in ((RELATIVE_ERROR, _relative_error), (LABEL_ERROR, _label_error)):
        if key in by_key and by_key[key].kind is Kind.ERROR:
            found += _errors(by_key[key], run, baselines, value)
    return found


def outputs_not_compared(run: Run, baselines: Sequence[Run]) -> Iterable[str]:
    """A sentence for the models whose weights are not those of any baseline run."""
    models = dict.fromkeys(
        _model(run, id_)
        for id_ in dict.fromkeys([*run.benchmarks, *run.labels])
        if any(_has_outputs(baseline, id_) for baseline in baselines)
        and not any(_same_weights(run, baseline, id_) for baseline in baselines if _has_outputs(baseline, id_))
    )
    if models:
        named = ", ".join(models)
        yield f"Outputs of {named} are not compared: its weights are seeded on one side and pretrained on the other."


def _labels(run: Run, baselines: Sequence[Run]) -> Iterable[Judgement]:
    for id_, now in run.labels.items():
        seen = [
            baseline.labels[id_].images
            for baseline in baselines
            if id_ in baseline.labels and _same_weights(run, baseline, id_)
        ]
        before = {file: [images[file] for images in seen if file in images] for file in now.images}
        if not any(before.values()):
            continue
        changed = {
            file: image
            for file, image in now.images.items()
            if before[file] and image.label not in {one.label for one in before[file]}
        }
        lost = [file for file, image in changed.items() if _is_lost(image, before[file])]
        told = [*lost, *(file for file in changed if file not in lost)]
        listed = "; ".join(_told(file, before[file], changed[file]) for file in told[:MOST_LISTED])
        more = f" and {count(len(told) - MOST_LISTED, 'more photograph')}" if len(told) > MOST_LISTED else ""
        yield Judgement(
            benchmark=id_,
            metric=LABELS,
            baseline_runs=len(seen),
            baseline=0.0,
            now=float(len(changed)),
            verdict=Verdict.CHANGED if changed else Verdict.SAME,
            reason=Reason.LABEL_LOST if lost else Reason.NEW_VALUE if changed else Reason.SEEN_BEFORE,
            detail=listed + more,
        )


def _is_lost(now: ImageLabel, before: Sequence[ImageLabel]) -> bool:
    """Whether a label that the baseline has right is another, and no near tie explains it."""
    return now.near_tie is False and all(image.agrees for image in before)


def _told(file: str, before: Sequence[ImageLabel], now: ImageLabel) -> str:
    (label, _), *_ = Counter(image.label for image in before).most_common(1)
    known = [image.probability for image in before if image.label == label and image.probability is not None]
    old = _class(label, statistics.median_low(known) if known else None)
    tie = ", a near tie" if now.near_tie else ""
    return f"{file}: class {old} -> {_class(now.label, now.probability)}{tie}"


def _class(label: int, probability: float | None) -> str:
    return f"{label}" if probability is None else f"{label} ({probability:.3g})"


def _errors(
    metric: Metric, run: Run, baselines: Sequence[Run], value: Callable[[Run, str], float | None]
) -> Iterable[Judgement]:
    """Whether errors grew beyond the spread between the baseline's runs, pooled with the prior as that of a time.

    One-sided, with the family-wise error over all benchmarks of the metric.
    """
    assert metric.spread is not None, "an error that is judged has a prior spread"
    now = {id_: found for id_ in (*run.benchmarks, *run.labels) if (found := value(run, id_)) is not None}
    before = {
        id_: [value(baseline, id_) if _same_weights(run, baseline, id_) else None for baseline in baselines]
        for id_ in now
    }
    ids = [id_ for id_ in now if any(found is not None for found in before[id_])]
    if not ids:
        return
    logs = np.array([[np.nan if found is None else _log(found) for found in before[id_]] for id_ in ids])
    layout = Layout(tuple(run.gpu for run in baselines), tuple(run.day for run in baselines), run.gpu)
    noise = estimate(logs, layout, metric.spread)
    deviation = noise.deviation(1)
    least = np.log1p(metric.min_effect)
    limit = np.maximum(quantile(FAMILY_WISE_ERROR / len(ids), noise.df) * deviation, least)
    detectable = limit + quantile(1 - POWER, noise.df) * deviation
    moved = np.array([_log(now[id_]) for id_ in ids]) - noise.centre
    for number, id_ in enumerate(ids):
        grew, blind = moved[number] > limit[number], detectable[number] > np.log1p(metric.worth_knowing)
        known = [found for found in before[id_] if found is not None]
        verdict, reason, detail = Verdict.SAME, Reason.INSIDE_NOISE, ""
        if grew:
            verdict, reason = Verdict.CHANGED, Reason.NEW_VALUE
            detail = f"the baseline has seen {min(known):.3g} to {max(known):.3g}"
        elif blind:
            verdict, reason = Verdict.UNSURE, Reason.NOISY
        yield Judgement(
            benchmark=id_,
            metric=metric.key,
            baseline_runs=len(known),
            baseline=float(np.exp(noise.centre[number])),
            now=now[id_],
            ratio=float(np.exp(moved[number])),
            detectable_ratio=float(np.exp(detectable[number])),
            verdict=verdict,
            reason=reason,
            detail=detail,
        )


def _relative_error(run: Run, id_: str) -> float | None:
    benchmark = run.benchmarks.get(id_)
    return benchmark.values.get(RELATIVE_ERROR) if benchmark is not None else None


def _label_error(run: Run, id_: str) -> float | None:
    return run.labels[id_].relative_error if id_ in run.labels else None


def _log(error: float) -> float:
    return float(np.log(max(error, ROUNDING)))


def _has_outputs(run: Run, id_: str) -> bool:
    return _relative_error(run, id_) is not None or id_ in run.labels


def _same_weights(one: Run, other: Run, id_: str) -> bool:
    """Whether both have pretrained weights, or both seeded ones; true where a run does not say."""
    of_one, of_other = _pretrained(one, id_), _pretrained(other, id_)
    return of_one is None or of_other is None or of_one is of_other


def _pretrained(run: Run, id_: str) -> bool | None:
    stored = run.suite.get("weights")
    weights = stored if isinstance(stored, Mapping) else {}
    said = lookup(weights, (_model(run, id_), "pretrained"))
    if isinstance(said, bool):
        return said
    source = run.benchmarks[id_].extra_info.get("weights") if id_ in run.benchmarks else None
    return not source.startswith(SEEDED) if isinstance(source, str) and source else None


def _model(run: Run, id_: str) -> str:
    """The model of a benchmark: an id begins with it."""
    benchmark = run.benchmarks.get(id_)
    return (benchmark.params.get("model") if benchmark is not None else None) or escaped(id_.split("-")[0])
