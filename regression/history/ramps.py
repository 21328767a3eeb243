"""Ramps in a series: every first and last value tried at once, by least squares."""

import numpy as np

from regression.history.noise import Floats, Ints

# A drift that takes fewer values than this is a step that happened to fall between two of them.
SHORTEST_DRIFT = 3


class Ramps:
    """Ramps from one value to another of a centred series, fitted by least squares with sums made once."""

    def __init__(self, centred: Floats) -> None:
        self.count = len(centred)
        self.sums = np.concatenate([[0.0], np.cumsum(centred)])
        self.moments = np.concatenate([[0.0], np.cumsum(np.arange(self.count) * centred)])

    def explained(self, first: Ints, last: Ints) -> tuple[Floats, Floats]:
        """Squares that the ramps explain, and their heights; the last value of each before it and the first after it.

        0 for a ramp that is too short.
        """
        length = np.maximum(last - first, 1)
        after = self.count - 1 - last
        rising = self.moments[last + 1] - self.moments[first] - first * (self.sums[last + 1] - self.sums[first])
        product = rising / length + self.sums[-1] - self.sums[last + 1]
        total = (length + 1) / 2 + after
        norm = (length + 1) * (2 * length + 1) / (6 * length) + after - total**2 / self.count
        height = np.divide(product, norm, out=np.zeros_like(norm), where=norm > 0)
        return np.where(last - first >= SHORTEST_DRIFT, product * height, 0.0), height

    def best(self, begins: Ints, ends: Ints) -> tuple[int, int, float] | None:
        """The best of the ramps from one of `begins` to one of `ends`, and what it explains; None where none is."""
        first, last = (grid.ravel() for grid in np.meshgrid(begins, ends))
        explained, _ = self.explained(first, last)
        at = int(explained.argmax())
        return (int(first[at]), int(last[at]), float(explained[at])) if explained[at] > 0 else None

    def profile(self, begins: Ints, ends: Ints) -> Floats:
        """What the best ramp from each of `begins` explains."""
        first, last = np.meshgrid(begins, ends)
        explained, _ = self.explained(first, last)
        best: Floats = explained.max(axis=0)
        return best

    def fit(self, first: int, last: int) -> Floats:
        """The ramp, centred."""
        _, height = self.explained(np.array([first]), np.array([last]))
        ramp = np.clip((np.arange(self.count) - first) / (last - first), 0, 1)
        fitted: Floats = float(height[0]) * (ramp - ramp.mean())
        return fitted
