"""Scores image by image of trained networks: means and differences paired by image, with the images' error alone.

The networks are given, one training each: as in `paired_accuracy`, what is said holds for these weights.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from .estimate import Estimate


def mean(scores: Sequence[float] | np.ndarray) -> Estimate:
    """Estimate the mean of scores from -1 to 1 in points (or percent); NaN stands for an image without a score.

    Returns:
        `Estimate()` for fewer than two images.
    """
    values = np.asarray(scores, float)
    values = 100 * values[np.isfinite(values)]
    n = values.size
    if n < 2:
        return Estimate()
    # The unit is the image: it stands where a seed stands elsewhere, and few images have Student's quantile.
    return Estimate(float(values.mean()), float(values.std(ddof=1)) / sqrt(n), 0.0, n - 1.0, n)


def difference(one: Sequence[float] | np.ndarray, other: Sequence[float] | np.ndarray) -> Estimate:
    """Estimate the mean of `one` minus `other`, (n,) each, over the images that both have a score of."""
    return mean(np.asarray(one, float) - np.asarray(other, float))
