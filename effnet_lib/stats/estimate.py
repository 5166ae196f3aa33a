"""A measured effect with its two errors, of seeds and of images, and what both say together.

Source: Welch 1947 and Satterthwaite 1946 for the seeds; docs/protocol.md, section "Intervals".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import hypot, sqrt

import numpy as np
import scipy

from ..core.errors import known


@dataclass(frozen=True)
class Estimate:
    """Hold a measured effect with its two standard errors, all in the same unit.

    `Estimate()` is an effect without data. With n < 2 or dof <= 0 there is a value but no interval.

    Args:
        se_seed: Standard error of the seeds, None where their spread is unknown.
        se_image: Standard error of the images.
        dof: Degrees of freedom of the seed part (Satterthwaite's, no whole number).
        n: Seeds of the model that has the fewest.
        spreads: For each model of the effect |weight| * seed sd and its number of seeds.
    """

    value: float | None = None
    se_seed: float | None = None
    se_image: float = 0.0
    dof: float = 0.0
    n: int = 0
    spreads: tuple[tuple[float, int], ...] = ()

    @classmethod
    def welch(cls, value: float, spreads: Sequence[tuple[float | None, int]], se_image: float = 0.0) -> "Estimate":
        """Combine the models' own seed spreads.

        Args:
            spreads: For each model |weight| * seed sd (None with one seed) and its number of seeds.
        """
        n = min(seeds for _, seeds in spreads)
        if n < 2:
            return cls(value, None, se_image, 0.0, n)
        parts = [known(spread) ** 2 / seeds for spread, seeds in spreads]
        # Satterthwaite: (sum v)^2 / sum(v^2 / (n - 1)), v = (w sd)^2 / n; runs that agree to the last bit have v = 0.
        below = sum(part**2 / (seeds - 1) for part, (_, seeds) in zip(parts, spreads, strict=True))
        dof = sum(parts) ** 2 / below if below > 0 else float(sum(seeds - 1 for _, seeds in spreads))
        return cls(
            value, sqrt(sum(parts)), se_image, dof, n, tuple((known(spread), seeds) for spread, seeds in spreads)
        )

    @property
    def testable(self) -> bool:
        """Whether there is an interval."""
        return self.value is not None and self.n >= 2 and self.dof > 0

    @property
    def se(self) -> float | None:
        """The standard error, seeds and images together; None without an interval."""
        return hypot(known(self.se_seed), self.se_image) if self.testable else None

    def half(self, alpha: float) -> float:
        """Return the distance from the value to a one-sided bound at level `alpha` (below 0.5).

        sqrt((t * se_seed)^2 + (z * se_image)^2): each part with its own quantile, as the seed part knows its spread
        from `dof` degrees of freedom, the image part from thousands of images.
        """
        return hypot(
            scipy.special.stdtrit(self.dof, alpha) * known(self.se_seed), scipy.special.ndtri(alpha) * self.se_image
        )

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Return the two-sided interval (low, high), or None where there is none."""
        if not self.testable:
            return None
        value, half = known(self.value), self.half((1 - level) / 2)
        return value - half, value + half

    interval95 = property(interval, doc="The interval that figures draw.")
    interval90 = property(lambda self: self.interval(0.90), doc="The interval whose bounds verdicts use.")

    def p_above(self, null: float) -> float:
        """Return the one-sided p of "the effect is above `null`", the inverse of `half`; 1.0 without an interval.

        So p < 0.05 exactly where the lower bound of the 90 % interval is above `null`.
        """
        if not self.testable:
            return 1.0
        value = known(self.value)
        distance = abs(value - null)
        # Sought as a normal quantile: 1e-9 is p = 0.5; beyond 30, p = 5e-198, t quantiles overflow.
        low, high = 1e-9, 30.0
        if self.half(scipy.special.ndtr(-low)) < distance < self.half(scipy.special.ndtr(-high)):
            z = scipy.optimize.brentq(lambda z: self.half(scipy.special.ndtr(-z)) - distance, low, high, xtol=1e-12)
        else:
            z = 0.0 if self.half(scipy.special.ndtr(-low)) >= distance else high
        return float(scipy.special.ndtr(-z if value >= null else z))

    def p_below(self, null: float) -> float:
        """Return the one-sided p of "the effect is below `null`"; mirrored, as 1 - p would lose all below 1e-16."""
        return self.mirrored().p_above(-null)

    def mirrored(self) -> "Estimate":
        """Return the effect with its sign turned."""
        return replace(self, value=None if self.value is None else -self.value)

    def at(self, n: int) -> "Estimate":
        """Return the same effect as `n` seeds of each model would show it: same value, spreads and image error."""
        if self.spreads:
            return Estimate.welch(known(self.value), [(spread, n) for spread, _ in self.spreads], self.se_image)
        # Without the parts: both error and degrees of freedom as of samples of equal size.
        se_seed = known(self.se_seed) * sqrt(self.n / n)
        return replace(self, n=n, dof=self.dof * (n - 1) / (self.n - 1), se_seed=se_seed)


def welch(runs: Mapping[str, Sequence[float]], weights: Mapping[str, float], se_image: float = 0.0) -> Estimate:
    """Estimate sum(weight * mean over all runs), with Welch's error from the spread of each model's own runs.

    Args:
        runs: Model name -> one value a seed.
        weights: Model name -> weight.

    Returns:
        `Estimate()` where a model has no run.
    """
    if not all(len(runs.get(model, ())) for model in weights):
        return Estimate()
    values = {model: np.asarray(runs[model], dtype=float) for model in weights}
    spreads = [
        (abs(weight) * float(values[model].std(ddof=1)) if len(values[model]) > 1 else None, len(values[model]))
        for model, weight in weights.items()
    ]
    return Estimate.welch(float(sum(w * values[model].mean() for model, w in weights.items())), spreads, se_image)
