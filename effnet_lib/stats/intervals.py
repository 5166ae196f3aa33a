"""Intervals for differences between models: each model's own seed spread, and paired images.

Every input is `outcomes`: model name -> seed -> one bool a validation image (correct or not), the same images in
the same order everywhere. Accuracies are top-1 in percent, differences in points.
Source: docs/protocol.md, section "Intervals".
"""

from collections.abc import Mapping
from itertools import combinations
from math import isfinite, sqrt

import numpy as np
import pandas as pd

from ..core.errors import ParameterError
from .estimate import Estimate, welch
from .paired_outcomes import PairedOutcomes, on_scale

__all__ = [
    "Estimate",
    "PairedOutcomes",
    "contrast",
    "image_bootstrap",
    "points_to_logits",
    "pooled_sd",
    "seed_correlation",
]


def contrast(outcomes: PairedOutcomes | Mapping, weights: Mapping[str, float], scale: str = "points") -> Estimate:
    """Estimate sum(weight * accuracy), each model's accuracy its mean over all its seeds.

    The seed part is Welch's, from the spreads of the weighted models alone: models differ in spread by two or three
    times, where a pooled sd covers 72 to 83 % of nominal 90. Seeds are not paired: they correlate by -0.01. The image
    part resamples images jointly for all models. It is on the safe side: the luck of a single run with a single image
    is in both parts.

    Args:
        weights: Model name -> weight; they sum to zero.
        scale: "points", or "logit" for the mean over seeds of logit accuracies.

    Returns:
        The estimate in the unit of `scale`; `Estimate()` where a model has no run.

    Raises:
        ParameterError: An unknown scale, or weights that are no contrast.
    """
    outcomes, weights = PairedOutcomes.of(outcomes), _checked_weights(weights)
    table = outcomes.table(scale)
    if not all(outcomes.bits.get(model) for model in weights):
        return Estimate()
    runs = {model: table.loc[model].dropna().to_numpy() for model in weights}
    return welch(runs, weights, _image_se(outcomes, weights, scale))


def image_bootstrap(
    outcomes: PairedOutcomes | Mapping, weights: Mapping[str, float], scale: str = "points", resamples: int = 2000
) -> np.ndarray:
    """Draw the contrast over resampled images, shape (resamples,), in the unit of `scale`.

    Images are drawn jointly for all models and seeds. Images with the same pattern of correct and wrong are
    interchangeable, so patterns are drawn by their frequency: the order of the images never matters.

    Raises:
        ParameterError: As `contrast` does, and where a model has no run.
    """
    outcomes, weights = PairedOutcomes.of(outcomes), _checked_weights(weights)
    runs = {model: list(outcomes.bits.get(model, {}).values()) for model in weights}
    if not all(runs.values()):
        raise ParameterError("weights", weights, "models of `outcomes` that have a run")
    bits = np.array([row for rows in runs.values() for row in rows])
    patterns, counts = np.unique(bits, axis=1, return_counts=True)
    size = outcomes.images
    drawn = np.random.default_rng(0).multinomial(size, counts / size, size=resamples)
    values = on_scale(drawn @ patterns.T.astype(float) / size, scale, size)
    return values @ np.concatenate([np.full(len(runs[model]), w / len(runs[model])) for model, w in weights.items()])


def pooled_sd(accuracy: pd.DataFrame) -> tuple[float, int]:
    """Return the seed standard deviation pooled over models, and its degrees of freedom.

    It serves for bands that are drawn behind single seeds and for planning the number of seeds, never for a verdict.

    Args:
        accuracy: Models x seeds in any unit, NaN where a run is missing.

    Returns:
        (nan, 0) where no model has two seeds.
    """
    values = accuracy.to_numpy(dtype=float)
    dof = int((np.isfinite(values).sum(axis=1) - 1).clip(min=0).sum())
    if not dof:
        return float("nan"), 0
    kept = values[np.isfinite(values).any(axis=1)]
    squares = np.nansum((kept - np.nanmean(kept, axis=1, keepdims=True)) ** 2)
    return sqrt(float(squares) / dof), dof


def seed_correlation(accuracy: pd.DataFrame) -> float | None:
    """Return the correlation between models over common seeds: what common random numbers would buy.

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
    each = sum(w * np.mean(list(outcomes.bits[model].values()), axis=0) for model, w in weights.items())
    return 100 * float(each.std()) / sqrt(outcomes.images)


def _checked_weights(weights: Mapping[str, float]) -> dict[str, float]:
    # Sorted by model: the drawn resamples must not depend on the order in which weights were written.
    kept = {model: float(weights[model]) for model in sorted(weights) if weights[model] != 0}
    size = sum(abs(w) for w in kept.values())
    if not kept or not isfinite(size) or abs(sum(kept.values())) > 1e-9 * size:
        raise ParameterError("weights", dict(weights), "finite weights, not all zero, that sum to zero")
    return kept
