"""Intervals for differences between models: pooled seed spread with the seed as a block, and paired images.

Every input is `outcomes`: model name -> seed -> one bool a validation image (correct or not), the same images in
the same order everywhere. Accuracies are top-1 in percent, differences in points.
Source: the project's protocol 1, section "One rule for every verdict".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import hypot, isfinite, sqrt

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri, stdtrit

from ..core.errors import ParameterError
from .paired_outcomes import PairedOutcomes, on_scale


@dataclass(frozen=True)
class Estimate:
    """Hold a measured effect with its two standard errors, all in the same unit.

    `Estimate()` is an effect without data. With n < 2 or dof < 1 there is a value but no interval.

    Args:
        se_seed: Standard error of the seeds, None where their spread is unknown.
        se_image: Standard error of the images.
        dof: Pooled degrees of freedom of the seed part.
        n: Seeds that all models of the contrast share.
        models: Number of models in the contrast.
    """

    value: float | None = None
    se_seed: float | None = None
    se_image: float = 0.0
    dof: int = 0
    n: int = 0
    models: int = 2

    @property
    def testable(self) -> bool:
        """Whether there is an interval."""
        return self.value is not None and self.n >= 2 and self.dof >= 1

    @property
    def se(self) -> float | None:
        """The standard error, seeds and images together; None without an interval."""
        return hypot(self.se_seed, self.se_image) if self.testable else None

    def half(self, alpha: float) -> float:
        """Return the distance from the value to a one-sided bound at level `alpha` (below 0.5).

        sqrt((t * se_seed)^2 + (z * se_image)^2): each part with its own quantile, as the seed part knows its spread
        from `dof` degrees of freedom, the image part from thousands of images.
        """
        return hypot(stdtrit(self.dof, alpha) * self.se_seed, ndtri(alpha) * self.se_image)

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Return the two-sided interval (low, high), or None where there is none."""
        if not self.testable:
            return None
        half = self.half((1 - level) / 2)
        return self.value - half, self.value + half

    interval95 = property(interval, doc="The interval that figures draw.")
    interval90 = property(lambda self: self.interval(0.90), doc="The interval whose bounds verdicts use.")

    def p_above(self, null: float) -> float:
        """Return the one-sided p of "the effect is above `null`", the inverse of `half`; 1.0 without an interval.

        So p < 0.05 exactly where the lower bound of the 90 % interval is above `null`.
        """
        if not self.testable:
            return 1.0
        distance = abs(self.value - null)
        # Sought as a normal quantile: 1e-9 is p = 0.5; beyond 30, p = 5e-198, t quantiles overflow.
        low, high = 1e-9, 30.0
        if self.half(ndtr(-low)) < distance < self.half(ndtr(-high)):
            z = brentq(lambda z: self.half(ndtr(-z)) - distance, low, high, xtol=1e-12)
        else:
            z = 0.0 if self.half(ndtr(-low)) >= distance else high
        return float(ndtr(-z if self.value >= null else z))

    def mirrored(self) -> "Estimate":
        """Return the effect with its sign turned; "below x" is `mirrored().p_above(-x)`."""
        return replace(self, value=None if self.value is None else -self.value)

    def at(self, n: int) -> "Estimate":
        """Return the same effect as `n` seeds would show it: same value, seed spread and image error.

        A further seed adds a run for each model and a block to fit: `models` - 1 degrees of freedom.
        """
        more = (n - self.n) * (self.models - 1)
        return replace(self, n=n, dof=self.dof + more, se_seed=self.se_seed * sqrt(self.n / n))


def pooled_sd(accuracy: pd.DataFrame) -> tuple[float, int]:
    """Return the seed standard deviation left by model + seed, and its degrees of freedom.

    Least squares over the runs that are there, dof = runs - rank.

    Args:
        accuracy: Models x seeds in any unit, NaN where a run is missing; every model of the artefact belongs in it.

    Returns:
        (nan, 0) where nothing is left over.
    """
    values = accuracy.to_numpy(dtype=float)
    rows, columns = np.nonzero(np.isfinite(values))
    if not rows.size:
        return float("nan"), 0
    runs = values[rows, columns]
    design = np.hstack([np.eye(values.shape[0])[rows], np.eye(values.shape[1])[columns]])
    fit, _, rank, _ = np.linalg.lstsq(design, runs, rcond=None)
    dof = runs.size - int(rank)
    return (float(np.linalg.norm(runs - design @ fit) / sqrt(dof)), dof) if dof else (float("nan"), 0)


def seed_correlation(accuracy: pd.DataFrame) -> float | None:
    """Return the correlation between models over common seeds: what common random numbers bought.

    Pooled covariance over pooled variance of all pairs, so that Var(difference) = 2 sd^2 (1 - correlation). (At two
    seeds every correlation is +1 or -1: their mean says little.) None where no pair shares two.

    Args:
        accuracy: Models x seeds, NaN where a run is missing.
    """
    covariance = variance = 0.0
    for a, b in combinations(accuracy.to_numpy(dtype=float), 2):
        both = np.isfinite(a) & np.isfinite(b)
        if both.sum() >= 2:
            a, b = a[both] - a[both].mean(), b[both] - b[both].mean()
            covariance += a @ b
            variance += (a @ a + b @ b) / 2
    return float(covariance / variance) if variance > 0 else None


def contrast(outcomes: PairedOutcomes | Mapping, weights: Mapping[str, float], scale: str = "points") -> Estimate:
    """Estimate sum(weight * accuracy) over the seeds that all weighted models share.

    The seed part is pooled sd^2 * sum(w^2) / n, the sd from all models of `outcomes`; the weights sum to zero, so the
    seed's own level cancels. The image part resamples images jointly for all models. It is on the safe side: the luck
    of a single run with a single image is in both parts.

    Args:
        weights: Model name -> weight; they sum to zero.
        scale: "points", or "logit" for the mean over seeds of logit accuracies.

    Returns:
        The estimate in the unit of `scale`; `Estimate()` where a model or a common seed is missing.

    Raises:
        ParameterError: An unknown scale, or weights that are no contrast.
    """
    outcomes, weights = PairedOutcomes.of(outcomes), _checked_weights(weights)
    table, models = outcomes.table(scale), list(weights)
    seeds = outcomes.common_seeds(models)
    if not seeds:
        return Estimate()
    w = np.array(list(weights.values()))
    sd, dof = pooled_sd(table)
    return Estimate(
        value=float(w @ table.loc[models, seeds].to_numpy().mean(axis=1)),
        se_seed=sd * float(np.linalg.norm(w)) / sqrt(len(seeds)) if dof else None,
        se_image=_image_se(outcomes, weights, scale),
        dof=dof,
        n=len(seeds),
        models=len(models),
    )


def image_bootstrap(
    outcomes: PairedOutcomes | Mapping, weights: Mapping[str, float], scale: str = "points", resamples: int = 2000
) -> np.ndarray:
    """Draw the contrast over resampled images, shape (resamples,), in the unit of `scale`.

    Images are drawn jointly for all models and seeds. Images with the same pattern of correct and wrong are
    interchangeable, so patterns are drawn by their frequency: the order of the images never matters.

    Raises:
        ParameterError: As `contrast` does, and where the models share no seed.
    """
    outcomes, weights = PairedOutcomes.of(outcomes), _checked_weights(weights)
    seeds = outcomes.common_seeds(list(weights))
    if not seeds:
        raise ParameterError("weights", weights, "models of `outcomes` that share a seed")
    bits = np.array([outcomes.bits[model][s] for model in weights for s in seeds])
    patterns, counts = np.unique(bits, axis=1, return_counts=True)
    size = outcomes.images
    drawn = np.random.default_rng(0).multinomial(size, counts / size, size=resamples)
    values = on_scale(drawn @ patterns.T.astype(float) / size, scale, size)
    return values @ np.repeat(list(weights.values()), len(seeds)) / len(seeds)


def points_to_logits(points: float, accuracy: float) -> float:
    """Return what `points` are worth in logits near `accuracy` (percent): points/100 / (p (1 - p))."""
    if not 0 < accuracy < 100:
        raise ParameterError("accuracy", accuracy, "a percentage above 0 and below 100")
    p = accuracy / 100
    return points / 100 / (p * (1 - p))


def _image_se(outcomes: PairedOutcomes, weights: Mapping[str, float], scale: str) -> float:
    if scale == "logit":
        return float(image_bootstrap(outcomes, weights, scale).std(ddof=1))
    # In points the contrast is a mean over images, whose bootstrap variance is exactly var(ddof=0) / N.
    seeds, bits = outcomes.common_seeds(list(weights)), outcomes.bits
    each = sum(w * np.mean([bits[model][s] for s in seeds], axis=0) for model, w in weights.items())
    return 100 * float(each.std()) / sqrt(outcomes.images)


def _checked_weights(weights: Mapping[str, float]) -> dict[str, float]:
    # Sorted by model: the drawn resamples must not depend on the order in which weights were written.
    kept = {model: float(weights[model]) for model in sorted(weights) if weights[model] != 0}
    size = sum(abs(w) for w in kept.values())
    if not kept or not isfinite(size) or abs(sum(kept.values())) > 1e-9 * size:
        raise ParameterError("weights", dict(weights), "finite weights, not all zero, that sum to zero")
    return kept
