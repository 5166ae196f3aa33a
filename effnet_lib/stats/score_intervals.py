"""Intervals for scores that are numbers, image by image, where `intervals` is for correct or wrong.

Every input is `scores`: model name -> seed -> one value an image (n,), the same images everywhere; NaN where an
image has no such score, in all models alike. The unit of evidence is the trained network: its mean over images.
"""

from collections.abc import Mapping
from math import sqrt

import numpy as np
import pandas as pd

from .intervals import Estimate, pooled_sd

Scores = Mapping[str, Mapping[int, np.ndarray]]


def means(scores: Scores) -> pd.DataFrame:
    """Return the mean over images in percent: a row a model, a column a seed, NaN where a run is missing."""
    seeds = sorted({seed for runs in scores.values() for seed in runs})
    rows = [[100 * np.nanmean(runs[s]) if s in runs else np.nan for s in seeds] for runs in scores.values()]
    return pd.DataFrame(rows, index=list(scores), columns=seeds, dtype=float)


def contrast(scores: Scores, weights: Mapping[str, float]) -> Estimate:
    """Estimate sum(weight * mean score) in points over the seeds that all weighted models share.

    Seeds are crossed with images. The seed part is the standard deviation that model and seed leave over, pooled over
    all models given; the image part that of the paired difference (or, for a single model, of its score) over images,
    averaged over seeds first.

    Returns:
        `Estimate()` where a model or a common seed is missing.
    """
    runs = [set(scores.get(model, {})) for model in weights]
    seeds = sorted(set.intersection(*runs)) if runs else []
    if not seeds:
        return Estimate()
    sd, dof = pooled_sd(means(scores))
    each = sum(w * np.mean([scores[model][s] for s in seeds], axis=0) for model, w in weights.items())
    each = each[np.isfinite(each)]
    return Estimate(
        value=100 * float(each.mean()),
        se_seed=sd * float(np.linalg.norm(list(weights.values()))) / sqrt(len(seeds)) if dof else None,
        se_image=100 * float(each.std()) / sqrt(len(each)),
        dof=dof,
        n=len(seeds),
        models=len(weights),
    )
