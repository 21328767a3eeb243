"""How far from a baseline's centre a run, its confirmations and their mean must lie to be believed.

Everything is on the natural logarithm and vectorised over tests; docs/method.md derives it.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy import special

from regression.judge.noise import Floats, Noise
from regression.judge.verdict import FAMILY_WISE_ERROR as FAMILY_WISE_ERROR

Bools = npt.NDArray[np.bool_]

# Over all tests of a run and both directions: the error of what is measured again.
SCREEN_ERROR = 0.2
# Each confirmation must lie outside this one-sided error by itself.
AGREEMENT_ERROR = 0.05
# One process alone cannot tell a slow process from a slow program: its tail is taken to be no lighter than this.
UNCONFIRMED_DF = 5.0
CONFIRMATIONS = 2
POWER = 0.95
# The quantiles of so many degrees of freedom take no longer than to find out which of them are equal.
FEW = 24


@dataclasses.dataclass(frozen=True)
class Limits:
    """Per test (arrays of one length): limits on the logarithm, for a slower run; a faster one mirrors them."""

    noise: Noise
    inside: Floats
    """The noise of an initial run: beyond it a benchmark is measured again, if the change matters at all."""
    screen: Floats
    """The initial run must be beyond this to be measured again."""
    alone: Floats
    """The initial run must be beyond this to be reported without confirmations."""
    each: Floats
    """Every confirmation must be beyond this."""
    final: Floats
    """The mean of the initial run and its confirmations must be beyond this."""
    again: Floats
    """The mean of the confirmations must be beyond this, where the host explains a part of the initial run."""
    min_effect: Floats
    """The initial run, and the confirmations' mean, must be beyond this."""
    detectable: Floats
    """The smallest true change that all of these let through with a probability of at least POWER."""
    final_deviation: Floats
    """Standard deviation of what `final` is the limit of."""
    error: float
    """Part of the family-wise error that one test may spend, both directions together."""

    def suspect(self, first: Floats) -> Bools:
        """Which initial runs (B,) must be measured again."""
        return np.asarray(np.abs(first) > self.screen)

    def certain(self, first: Floats) -> Bools:
        """Which initial runs (B,) are reported even without confirmations."""
        return np.asarray(np.abs(first) > self.alone)

    def agreed(self, first: Floats, again: Floats) -> Bools:
        """Which confirmations (B, n), NaN where not measured, bear out the direction of a suspicious initial run."""
        toward = again * np.sign(first)[:, None]
        missing = np.isnan(again)
        count = (~missing).sum(axis=1)
        mean = (np.abs(first) + np.where(missing, 0, toward).sum(axis=1)) / (1 + count)
        return np.asarray(self._each(toward) & (mean > self.final))

    def agreed_alone(self, first: Floats, again: Floats) -> Bools:
        """Which confirmations (B, n), NaN where not measured, show a change by themselves, large enough to matter and
        in the direction of the initial run."""
        toward = again * np.sign(first)[:, None]
        return np.asarray(self._each(toward) & (settled(toward) > np.maximum(self.again, self.min_effect)))

    def _each(self, toward: Floats) -> Bools:
        """Where all confirmations (B, n) that were measured are beyond their limit, and so many were."""
        missing = np.isnan(toward)
        each = (missing | (toward > self.each[:, None])).all(axis=1)
        return np.asarray(((~missing).sum(axis=1) >= CONFIRMATIONS) & each)

    def disagreed(self, first: Floats, again: Floats) -> Bools:
        """Which confirmations (B, n), NaN where not measured, speak against a suspicious initial run.

        Some confirmation has the other sign, or lies nearer to the baseline by more than two processes differ.
        """
        toward = again * np.sign(first)[:, None]
        nearer = quantile(AGREEMENT_ERROR, self.noise.df) * np.sqrt(2) * self.noise.process
        lost = np.abs(first)[:, None] - toward > nearer[:, None]
        return np.asarray((np.isfinite(again) & ((toward <= 0) | lost)).any(axis=1))

    def reported(self, first: Floats, again: Floats) -> Bools:
        """Which changes are reported as confirmed: suspicious, agreed on, and large enough to matter."""
        large = np.abs(settled(again)) > self.min_effect
        return np.asarray(self.suspect(first) & self.agreed(first, again) & large)


def settled(again: Floats) -> Floats:
    """Mean of the confirmations (B, n) that were measured, NaN where none was."""
    missing = np.isnan(again)
    count = (~missing).sum(axis=1)
    mean: Floats = np.where(count > 0, np.where(missing, 0, again).sum(axis=1) / np.maximum(count, 1), np.nan)
    return mean


def inside(noise: Noise, share: float, tests: int) -> Floats:
    """The noise of an initial run: what lies within it is not suspicious, whatever the minimum effect. See `limits`."""
    return quantile(SCREEN_ERROR * _error(share, tests) / 2, noise.df) * noise.deviation(1)


def limits(
    noise: Noise,
    min_effect: float,
    share: float,
    tests: int,
    controls: Floats | float = 0.0,
    confirmations: int = CONFIRMATIONS,
) -> Limits:
    """Limits of one metric's tests, of which there are `tests`.

    `share` is the part of the family-wise error that the metric may spend (Bonferroni within it), `controls` the
    variance that subtracting the controls' shift adds to a confirmation.
    """
    error = _error(share, tests)
    change = np.log1p(min_effect)
    one = noise.deviation(1)
    each_sd = np.sqrt(one**2 + controls)
    part = confirmations / (1 + confirmations)
    final_sd = np.sqrt(noise.deviation(1 + confirmations) ** 2 + part**2 * controls)
    mean_sd = np.sqrt(noise.deviation(confirmations) ** 2 + controls)

    calm = inside(noise, share, tests)
    screen = np.maximum(calm, change)
    heavy = np.minimum(noise.df, UNCONFIRMED_DF)
    alone = np.maximum(quantile(FAMILY_WISE_ERROR * error / 2, heavy) * one, screen)
    each = quantile(AGREEMENT_ERROR, noise.df) * each_sd
    beyond_all = quantile(FAMILY_WISE_ERROR * error / 2, noise.df)
    final = beyond_all * final_sd
    matter = np.full(len(one), change)
    gates = [(screen, one), *[(each, each_sd)] * confirmations, (final, final_sd), (matter, mean_sd)]
    return Limits(
        noise=noise,
        inside=calm,
        screen=screen,
        alone=alone,
        each=each,
        final=final,
        again=beyond_all * mean_sd,
        min_effect=matter,
        detectable=detectable(gates, noise.df),
        final_deviation=final_sd,
        error=FAMILY_WISE_ERROR * error,
    )


def _error(share: float, tests: int) -> float:
    """Part of the run's error that one of the metric's tests may spend."""
    return share / max(tests, 1)


def quantile(error: float, df: Floats) -> Floats:
    """Student's t that is exceeded with probability `error`."""
    if df.size <= FEW:
        return np.asarray(-special.stdtrit(df, error))
    # Few different degrees of freedom occur, and the quantile is the slowest step of all.
    values, where = np.unique(df, return_inverse=True)
    quantiles: Floats = -special.stdtrit(values, error)[where]
    return quantiles


def two_sided(deviation: Floats, df: Floats) -> Floats:
    """Probability of a Student's t at least this far from zero, in either direction."""
    value: Floats = 2 * special.stdtr(df, -np.abs(deviation))
    return value


def detectable(gates: list[tuple[Floats, Floats]], df: Floats) -> Floats:
    """Smallest true change that passes every gate (limit, deviation) with a probability of at least POWER.

    The probabilities of being stopped are added up (no gate is independent of another), so the real power is higher.
    Newton's method on the logarithm of their sum, which is nearly straight: five steps leave less than 1e-4 of it even
    where deviations differ a hundredfold, and 1e-8 where they differ little.
    """
    limits_, deviations = (np.array(of_gates) for of_gates in zip(*gates, strict=True))
    at = (limits_ + quantile(1 - POWER, df) * deviations).max(axis=0)  # where the strictest gate alone is passed so
    density = np.exp(special.gammaln((df + 1) / 2) - special.gammaln(df / 2)) / np.sqrt(np.pi * df)
    for _ in range(5):
        away = (limits_ - at) / deviations
        stopped = special.stdtr(df, away).sum(axis=0)
        slope = (density * (1 + away**2 / df) ** (-(df + 1) / 2) / deviations).sum(axis=0)
        at = at + stopped * np.log(stopped / (1 - POWER)) / slope
    return np.asarray(at)
