"""The tests of what benchmarks of a metric share: a shift of all of them, or of some."""

from __future__ import annotations

import dataclasses

import numpy as np

from regression.judge.common_shift import FEWEST, depth, middle, shared_by, weights
from regression.judge.limits import limits
from regression.judge.metric_tests import MetricTests
from regression.judge.noise import Floats, Noise, estimate
from regression.judge.shared_shift import SharedShift
from regression.shared import EVERY


def together(tests: MetricTests) -> list[MetricTests]:
    """The tests of what benchmarks share, each of one row; none where there are too few to have anything in common.

    They have no controls, since every benchmark takes part.
    """
    found = []
    if len(tests.ids) >= FEWEST:
        found.append(_of_all(tests))
    return [*found, *(_of_some(tests, one) for one in tests.evidence.shared)]


def _of_all(tests: MetricTests) -> MetricTests:
    """Its noise is what the baseline's runs show of such shifts, pooled with the metric's prior.

    On another GPU, that of the groups which it moves alike: in a small session one of them may be all there is.
    """
    evidence, metric = tests.evidence, tests.metric
    assert metric.spread is not None, "a metric that is only shown has no tests"
    weight = weights(tests.limits.noise.deviation(1), evidence.variants)
    offsets = [one.prior for one in evidence.shared if one.prior.of_the_gpu]
    spread = dataclasses.replace(metric.spread, gpu=max([metric.spread.gpu, *(prior.shift.gpu for prior in offsets)]))
    worth_knowing = max([metric.worth_knowing, *(prior.worth_knowing for prior in offsets)])
    tests = dataclasses.replace(tests, metric=dataclasses.replace(metric, worth_knowing=worth_knowing))
    noise = estimate(
        middle(evidence.before.T, weight)[None],
        evidence.layout,
        spread,
        middle(evidence.process, weight)[None],
        middle(evidence.day, weight)[None],
        evidence.trusted,
    )
    return _together(tests, EVERY, weight, noise)


def _of_some(tests: MetricTests, shared: SharedShift) -> MetricTests:
    """Likewise, with the prior of their shift."""
    evidence, metric = tests.evidence, tests.metric
    noise = estimate(shared.baselines[None], evidence.layout, shared.prior.shift, trust=evidence.trusted)
    worth_knowing = max(metric.worth_knowing, shared.prior.worth_knowing)
    tests = dataclasses.replace(tests, metric=dataclasses.replace(metric, worth_knowing=worth_knowing))
    return _together(tests, shared.name, shared.weight, noise)


def _together(tests: MetricTests, id_: str, weight: Floats, noise: Noise) -> MetricTests:
    """One test of the shift that the benchmarks of a weight (B,) share, 0 for those that take no part."""
    evidence, metric = tests.evidence, tests.metric
    # Shifts are measured from the centres of the benchmarks, which are their own reference.
    noise = dataclasses.replace(noise.widened(evidence.widened), centre=np.zeros(1))
    calm = np.array([not text for text in tests.disturbed])
    first = np.nan_to_num(shared_by(np.where(calm, evidence.first, np.nan)[:, None], np.where(calm, weight, 0)))
    known = limits(noise, metric.min_effect, evidence.share, evidence.tests)
    part = weight > 0
    known = dataclasses.replace(
        known, detectable=known.detectable + depth(tests.limits.noise.deviation(1)[part], weight[part])
    )
    upset = ", ".join(dict.fromkeys(text for text in tests.disturbed if text))
    suspect = bool(calm.any()) and bool(known.suspect(first)[0])
    again = shared_by(evidence.again, weight)[None]
    return dataclasses.replace(
        tests,
        ids=(id_,),
        now=np.exp(first),
        first=first,
        again=again,
        calibration=middle(tests.calibration.T, weight)[None],
        explained=middle(tests.explained.T, weight)[None],
        controls=0,
        limits=known,
        disturbed=(upset if suspect or not calm.any() else "",),
        disturbed_again=(", ".join(dict.fromkeys(text for text in tests.disturbed_again if text)),),
        evidence=dataclasses.replace(evidence, first=first, again=again, shared=()),
        notes=(),
    )
