"""The test of what all benchmarks of a metric share: a shift of all of them, however little each may show of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from regression.judge.common_shift import FEWEST, SHARED_BY, depth, middle, shared, weights
from regression.judge.limits import limits
from regression.judge.metric_tests import MetricTests
from regression.judge.noise import Floats, estimate
from regression.judge.verdict import EVERY


def of_all(tests: MetricTests) -> MetricTests | None:
    """One test, with the id EVERY; None where there are too few benchmarks to have anything in common.

    Its noise is what the baseline's runs show of such shifts, pooled with the metric's prior. It has no controls, since
    every benchmark takes part.
    """
    if len(tests.ids) < FEWEST:
        return None
    evidence, metric = tests.evidence, tests.metric
    assert metric.spread is not None, "a metric that is only shown has no tests"
    deviation = tests.limits.noise.deviation(1)
    weight = weights(deviation, evidence.variants)
    calm = np.array([not text for text in tests.disturbed])
    first = shared(np.where(calm, tests.first, np.nan), weight)
    noise = estimate(
        middle(evidence.before.T, weight)[None],
        evidence.layout,
        metric.spread,
        middle(evidence.process, weight)[None],
        middle(evidence.day, weight)[None],
        evidence.trusted,
    ).widened(evidence.widened)
    # Shifts are measured from the centres of the benchmarks, which are their own reference.
    noise = dataclasses.replace(noise, centre=np.zeros(1))
    known = limits(noise, metric.min_effect, evidence.share, len(tests.ids) + 1)
    known = dataclasses.replace(known, detectable=known.detectable + depth(deviation, weight))
    upset = ", ".join(dict.fromkeys(text for text in tests.disturbed if text))
    suspect = bool(calm.any()) and bool(known.suspect(first[None])[0])
    return dataclasses.replace(
        tests,
        ids=(EVERY,),
        now=np.exp(np.nan_to_num(first))[None],
        first=np.nan_to_num(first)[None],
        again=_again(evidence.again, weight)[None],
        calibration=middle(tests.calibration.T, weight)[None],
        explained=middle(tests.explained.T, weight)[None],
        controls=0,
        limits=known,
        disturbed=(upset if suspect or not calm.any() else "",),
        disturbed_again=(", ".join(dict.fromkeys(text for text in tests.disturbed_again if text)),),
        evidence=dataclasses.replace(evidence, again=_again(evidence.again, weight)[None]),
        notes=(),
    )


def _again(again: Floats, weight: Floats) -> Floats:
    """The shared shift of each confirmation, NaN where it measured too few benchmarks to tell."""
    measured = (np.isfinite(again) * weight[:, None]).sum(axis=0)
    enough = (measured >= SHARED_BY * weight.sum()) & (np.isfinite(again).sum(axis=0) >= FEWEST)
    found: Floats = np.where(enough, shared(again.T, weight), np.nan)
    return found
