"""Intervals for scores that are numbers, image by image, where `intervals` is for correct or wrong.

Every input is `scores`: model name -> seed -> one value an image (n,), the same images everywhere; NaN where an
image has no such score, in all models alike. The unit of evidence is the trained network: its mean over images.
"""

from collections.abc import Mapping
from math import sqrt

import numpy as np
import pandas as pd

from .estimate import Estimate, welch

Scores = Mapping[str, Mapping[int, np.ndarray]]


def means(scores: Scores) -> pd.DataFrame:
    """Return the mean over images in percent: a row a model, a column a seed, NaN where a run is missing."""
    seeds = sorted({seed for runs in scores.values() for seed in runs})
    rows = [[100 * np.nanmean(runs[s]) if s in runs else np.nan for s in seeds] for runs in scores.values()]
    return pd.DataFrame(rows, index=list(scores), columns=seeds, dtype=float)


def contrast(scores: Scores, weights: Mapping[str, float]) -> Estimate:
    """Estimate sum(weight * mean score) in points, each model's score its mean over all its seeds.

    Seeds are crossed with images. The seed part is Welch's, from the spreads of the weighted models; the image part
    that of the paired difference (or, for a single model, of its score) over images, averaged over seeds first.

    Returns:
        `Estimate()` where a model has no run.
    """
    if not all(scores.get(model) for model in weights):
        return Estimate()
    each = sum(w * np.mean(list(scores[model].values()), axis=0) for model, w in weights.items())
    each = each[np.isfinite(each)]
    runs = {model: [100 * float(np.nanmean(run)) for run in scores[model].values()] for model in weights}
    return welch(runs, weights, 100 * float(each.std()) / sqrt(len(each)))
