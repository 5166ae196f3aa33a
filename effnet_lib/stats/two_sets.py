"""One accuracy on two independent sets of images: how they correlate over models, and what sampling alone explains."""

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
import scipy


class Correlation(NamedTuple):
    """Pearson's correlation with its 95 % interval (Fisher's z), the rank correlation, and the number of models."""

    value: float
    low: float
    high: float
    ranks: float
    n: int


def correlation(one: Sequence[float], other: Sequence[float]) -> Correlation:
    """Correlate two accuracies over models; at least four."""
    found = scipy.stats.pearsonr(one, other)
    interval = found.confidence_interval(0.95)
    return Correlation(
        float(found.statistic),
        float(interval.low),
        float(interval.high),
        float(scipy.stats.spearmanr(one, other).statistic),
        len(one),
    )


def sampling_error(percent: float, images: int, others: int, level: float = 0.95) -> float:
    """Return how far two accuracies of one network may differ by the choice of images alone, in points.

    The half-width of the interval of a difference that is zero in truth: z * sqrt(p (1 - p) (1 / n + 1 / m)).

    Args:
        percent: the accuracy.
        images, others: sizes of the two independent sets.
    """
    p = percent / 100
    return float(100 * scipy.special.ndtri((1 + level) / 2) * sqrt(p * (1 - p) * (1 / images + 1 / others)))


def within(differences: Sequence[float], margins: Sequence[float]) -> int:
    """Return how many differences are no larger than their margins."""
    return int((np.abs(differences) <= np.asarray(margins)).sum())
