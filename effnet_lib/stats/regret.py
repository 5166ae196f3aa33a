"""What taking a given model costs against the best of many.

Source: unconstrained multiple comparisons with the best (Edwards and Hsu 1983; Hsu 1996, chapter 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import floor, hypot, inf, isfinite, sqrt

import numpy as np
import scipy

from ..core.errors import known
from .intervals import PairedOutcomes, contrast

MOST_SEEDS = 1000
# Variance over images of the difference of two networks' means over n seeds: LASTING + CHANCE / n, measured on the
# published runs of Figure 3 in `cpu` (0.167, 0.095, 0.068 for 1, 2, 3 seeds) and of `photos` (0.134, 0.075, 0.050).
LASTING, CHANCE = 0.015, 0.14


@cache
def dunnett(others: int, dof: float, level: float = 0.95, two_sided: bool = True) -> float:
    """Return the quantile of the largest of `others` t statistics that share one control, all of equal size.

    Such statistics are correlated by 1/2: T_j = (Z_j - Z_0) / sqrt(2) / s. Given Z_0 and s they are independent, so the
    multivariate t is a double integral, done by quadrature: exact to about 1e-6, no random numbers.

    Args:
        dof: Degrees of freedom, perhaps inf.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    # s = chi / sqrt(dof) by midpoints of equal probability.
    s = scipy.stats.chi.ppf((np.arange(2000) + 0.5) / 2000, dof) / sqrt(dof) if isfinite(dof) else np.ones(1)

    def inside(c: float) -> float:
        bound = sqrt(2) * c * s[:, None]
        each = scipy.special.ndtr(nodes + bound) - (scipy.special.ndtr(nodes - bound) if two_sided else 0)
        return float((each**others @ weights).mean())

    return scipy.optimize.brentq(lambda c: inside(c) - level, 0.0, 1000.0, xtol=1e-6)


@dataclass(frozen=True)
class Regret:
    """Hold what a network of a search loses against the best, in points.

    Args:
        value: At least 0; 0 means that it is the best.
        best: The network with the highest mean.
        differences: Other network -> (its accuracy minus this network's, low, high), intervals that hold together at
            95 %, None for both bounds with fewer than two seeds.
    """

    value: float
    interval: tuple[float, float] | None
    best: str
    differences: Mapping[str, tuple[float, float | None, float | None]]


def regret(outcomes: PairedOutcomes, name: str, level: float = 0.95) -> Regret | None:
    """Estimate max over all networks of (accuracy minus that of `name`), with its interval.

    The half width of a difference is Dunnett's two-sided quantile, at Welch's degrees of freedom of that difference,
    times its seed error, and the same quantile at infinite dof times the paired image error, added as squares. All
    differences hold together, so the largest lower and the largest upper bound, both at least 0, hold for the regret.

    Returns:
        None where `name` or every other network has no run.
    """
    effects = {other: contrast(outcomes, {other: 1.0, name: -1.0}) for other in outcomes.bits if other != name}
    values = {other: effect.value for other, effect in effects.items() if effect.value is not None}
    effects = {other: effects[other] for other in values}
    if not effects:
        return None
    # A pair with a single seed has no interval, and then the regret has none.
    testable = all(effect.testable for effect in effects.values())
    differences, lows, highs = {}, [0.0], [0.0]
    image_d = dunnett(len(effects), inf, level) if testable else 0.0
    for other, effect in effects.items():
        value, low, high = values[other], None, None
        if testable:
            # Whole degrees, rounded down (never below 1): on the safe side, and a quantile serves several pairs.
            seed_d = dunnett(len(effects), max(1, floor(effect.dof)), level)
            half = hypot(seed_d * known(effect.se_seed), image_d * effect.se_image)
            low, high = value - half, value + half
            lows.append(low)
            highs.append(high)
        differences[other] = (value, low, high)
    best = max(values, key=values.__getitem__)
    value = max(0.0, values[best])
    interval = (max(lows), max(highs)) if testable else None
    return Regret(value, interval, best if value > 0 else name, differences)


def seeds_for(others: int, sd: float, images: int, half: float = 1.0) -> int | None:
    """Return the seeds a network with which the differences to one of many have a half width of at most `half` points.

    Args:
        others: networks that it is compared with.
        sd: of the seeds, in points.
        images: of the validation set.

    Returns:
        None where the images alone leave more than `half`, or more than 1,000 seeds would be needed.
    """

    def wide(n: int) -> bool:
        image = dunnett(others, inf) * 100 * sqrt((LASTING + CHANCE / n) / max(1, images))
        return hypot(dunnett(others, 2.0 * (n - 1)) * sd * sqrt(2 / n), image) > half

    if wide(MOST_SEEDS):
        return None
    low, high = 1, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wide(middle) else (low, middle)
    return high
