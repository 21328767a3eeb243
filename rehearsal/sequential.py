"""The sequential test of one benchmark's pairs: an interval whose error holds at every look, and what it could show.

A pair of fresh processes gives one difference of logarithms, with the variance 2 * process**2 + within**2. The mean of
n of them is held against Student's t. One test looks after LEAST_PAIRS pairs and again after each further pair, at most
LOOKS times, and the error is divided by Bonferroni over all tests of a rehearsal and over all looks: the intervals of
every test at every look hold together with a probability of 99 %, whenever one stops. Such repeated confidence
intervals are those of C. Jennison and B. W. Turnbull, Group Sequential Methods with Applications to Clinical Trials
(2000), with the plainest of all bounds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

ERROR = 0.01
"""Of the whole rehearsal: all tests, all looks, both directions."""
LEAST_PAIRS, MOST_PAIRS = 3, 8
LOOKS = MOST_PAIRS - LEAST_PAIRS + 1
POWER = 0.95
PRIOR_DF = 4.0
# Own spreads that the prior would produce less often than this make the prior count less.
OUTLYING = 0.05


@dataclass(frozen=True)
class Interval:
    """What some pairs say of a true difference of logarithms, new minus old.

    Attributes:
        centre: the mean of the pairs.
        half: half the width of the interval that holds at every look of every test.
        detectable: the smallest true change that is outside with a probability of POWER.
    """

    centre: float
    half: float
    detectable: float

    def widened(self, by: float) -> Interval:
        """The same, where a difference of so much may have another cause."""
        return Interval(self.centre, self.half + by, self.detectable + by)

    @property
    def low(self) -> float:
        return self.centre - self.half

    @property
    def high(self) -> float:
        return self.centre + self.half


def interval(differences: Sequence[float], within: Sequence[float], process: float, tests: int) -> Interval | None:
    """The interval after these pairs; None where they are too few.

    Args:
        differences: of the logarithm, one a pair.
        within: the standard error of each, from its own turns.
        process: prior standard deviation of the logarithm between two processes of one environment.
        tests: of the whole rehearsal.
    """
    if len(differences) < LEAST_PAIRS:
        return None
    values = np.asarray(differences)
    prior = 2 * process**2 + float(np.mean(np.square(within)))
    return _interval(float(values.mean()), float(values.var(ddof=1)), len(values), prior, tests)


def expected(pairs: int, within: float, process: float, tests: int) -> Interval:
    """The interval around 0 that so many pairs give where they stray just as the prior says."""
    prior = 2 * process**2 + within**2
    return _interval(0.0, prior, pairs, prior, tests)


def likelihood(differences: Sequence[float], within: Sequence[float], process: float, change: float) -> float:
    """The logarithm of how much likelier these pairs are if the true difference is `change` than if it is 0.

    A. Wald, Sequential Tests of Statistical Hypotheses (1945), for normal values; their variance is the one above.

    Args:
        change: a difference of the logarithm, not 0.
    """
    if not differences:
        return 0.0
    values = np.asarray(differences)
    prior = 2 * process**2 + float(np.mean(np.square(within)))
    own = float(values.var(ddof=1)) if len(values) > 1 else prior
    variance, _ = _variance(own, len(values), prior)
    return len(values) * change * (float(values.mean()) - change / 2) / variance


def likelihood_bound(questions: int) -> float:
    """How far a likelihood has to be from 0 to answer one of so many questions, all with ERROR together."""
    error = ERROR / max(questions, 1)
    return math.log((1 - error) / error)


def _interval(centre: float, own: float, pairs: int, prior: float, tests: int) -> Interval:
    """`own` is the variance of the pairs, with one degree of freedom less than there are pairs."""
    variance, df = _variance(own, pairs, prior)
    error = ERROR / max(tests, 1) / LOOKS
    deviation = math.sqrt(variance / pairs)
    half = -float(special.stdtrit(df, error / 2)) * deviation
    return Interval(centre, half, half - float(special.stdtrit(df, 1 - POWER)) * deviation)


def _variance(own: float, pairs: int, prior: float) -> tuple[float, float]:
    """The variance of a pair, and its degrees of freedom.

    The prior counts for PRIOR_DF degrees of freedom, and less where the pairs stray more than it would ever make them
    (as in regression.judge.noise); the spread is never taken to be less than the prior's, since a few pairs may agree
    by chance.
    """
    df = pairs - 1
    if not df:
        return prior, PRIOR_DF
    outlying = float(special.fdtrc(df, PRIOR_DF, own / prior))
    prior_df = PRIOR_DF * min(1.0, math.sqrt(outlying / OUTLYING))
    return max(prior, (df * own + prior_df * prior) / (df + prior_df)), df + prior_df
