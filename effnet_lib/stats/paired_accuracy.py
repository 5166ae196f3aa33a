"""Accuracies of trained networks on the same images: intervals of each, and of differences paired by image.

The networks are given, one training each, and the images are drawn: what is said holds for these weights, on images
such as these. Source: Wilson 1927; McNemar 1947, exact; Agresti and Min 2005 for the error of a difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import scipy

from ..core.errors import ParameterError
from .claims import JudgedClaim
from .estimate import Estimate


def wilson(correct: int, images: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of an accuracy, in percent.

    Raises:
        ParameterError: there is no image.
    """
    if images < 1:
        raise ParameterError("images", images, "at least 1")
    found = scipy.stats.binomtest(int(correct), int(images)).proportion_ci(level, method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


@dataclass(frozen=True)
class Difference:
    """Hold the difference of two accuracies on the same images.

    Args:
        value: of the first minus the second, in points.
        se: its standard error in points.
        only_one, only_other: images that the first alone, the second alone got right.
        p: of McNemar's exact test, two-sided.
        n: images.
    """

    value: float
    se: float
    only_one: int
    only_other: int
    p: float
    n: int

    @property
    def estimate(self) -> Estimate:
        """The difference as claims are judged by it: the image stands where a seed stands elsewhere."""
        return Estimate(self.value, se_seed=self.se, se_image=0.0, dof=self.n - 1.0, n=self.n)


def difference(one: Sequence[bool] | np.ndarray, other: Sequence[bool] | np.ndarray) -> Difference:
    """Compare which images two networks got right, (n,) each, in one order.

    The standard error is that of a mean of -1, 0 and 1 with half an image added to each of the four cells, so that
    networks which agree on every image still have one.

    Raises:
        ParameterError: the lengths differ, or there are fewer than two images.
    """
    first, second = np.asarray(one, bool), np.asarray(other, bool)
    if first.shape != second.shape or first.size < 2:
        raise ParameterError("other", f"{second.size} images", f"as many as the first, {first.size}, and at least 2")
    gained, lost, n = int((first & ~second).sum()), int((second & ~first).sum()), first.size
    p = float(scipy.stats.binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0
    more, less, size = gained + 0.5, lost + 0.5, n + 2
    variance = ((more + less) - (more - less) ** 2 / size) / size**2
    return Difference(100 * (gained - lost) / n, 100 * sqrt(variance), gained, lost, p, n)


@dataclass(frozen=True)
class OverImages:
    """Say a judged claim in images, where `JudgedClaim` says it in seeds."""

    judged: JudgedClaim

    @property
    def verdict(self) -> str:
        return self.judged.verdict

    def to_json(self) -> dict[str, Any]:
        """Return the record of a `.claims.json` file; `n` is images."""
        return self.judged.to_json()

    def line(self) -> str:
        """Return a sentence for people: verdict, claim, effect, interval, images, comparisons."""
        judged, effect = self.judged, self.judged.estimate
        text = f"{judged.verdict}: {judged.source.claim}"
        if effect.value is None:
            return f"{text} (not measured)"
        low, high = effect.interval95
        named = f" {judged.name}" if judged.name else ""
        text += f" ({effect.value:+.2f} {judged.source.unit}{named}, 95 % interval {low:+.2f} to {high:+.2f}"
        text += f", delta {judged.source.delta_of(judged.name):g}, {effect.n:,} images"
        text += f"; {judged.note})" if judged.note else ")"
        return text + "".join(f"; {name}: {word}" for name, word in judged.verdicts.items() if name)
