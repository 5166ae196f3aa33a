"""A linear probe: logistic regression on standardised features, its strength chosen on held-out training images."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...core.errors import DataError
from ...data.splits import split_part

# C of scikit-learn: the weight of the summed loss against half the squared norm. Small ones regularise.
GRID = tuple(float(f"{10 ** (power / 2):.3g}") for power in range(-10, 1))  # 1e-5 to 1 in half decades
MOST_STEPS = 500  # of L-BFGS: strongly regularised fits take 20 to 100


@dataclass(frozen=True)
class Probe:
    """A fitted probe: predicted classes of the test images, the chosen C, held-out top-1 in percent of each C."""

    predicted: np.ndarray
    c: float
    held_out: dict[float, float]


def fit(train: np.ndarray, labels: np.ndarray, test: np.ndarray, grid: tuple[float, ...] = GRID) -> Probe:
    """Fit a classifier on training features and predict the classes of the test features.

    Features are standardised by the training images' mean and deviation. C is the best of `grid` on a stratified
    fifth of the training images (the test images are never looked at; of equals, the strongest regularisation); the
    classifier is then fitted on all of them.

    Args:
        train: (n, d).
        labels: (n,), of `train`.
        test: (m, d).

    Raises:
        DataError: for labels of a single class, or a class with a single image where there is a choice to make.
    """
    counts = np.bincount(labels)
    if (counts > 0).sum() < 2:
        raise DataError(f"dataset: the training images have {(counts > 0).sum()} class; a probe needs at least 2")
    if len(grid) > 1 and counts[counts > 0].min() < 2:
        raise DataError("dataset: a class has one training image; 2 are needed, one of them to choose C on")
    held_out: dict[float, float] = {}
    if len(grid) > 1:
        rows, held = split_part(labels, "fit"), split_part(labels, "holdout")
        x, shown = standardised(train[rows], train[held])
        for c, model in _path(x, labels[rows], grid):
            held_out[c] = 100 * float((model.predict(shown) == labels[held]).mean())
    best = max(sorted(grid), key=lambda c: held_out.get(c, 0.0))
    x, shown = standardised(train, test)
    [(_, model)] = _path(x, labels, (best,))
    return Probe(model.predict(shown), best, held_out)


def standardised(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Return features with the training set's mean 0 and deviation 1; a feature that never varies becomes 0."""
    mean, deviation = train.mean(0), train.std(0)
    scale = np.where(deviation > 0, 1 / np.maximum(deviation, 1e-12), 0).astype(np.float32)
    return [(part - mean) * scale for part in (train, *others)]


def _path(x: np.ndarray, labels: np.ndarray, grid: tuple[float, ...]) -> Iterator[tuple[float, Any]]:
    """Yield (C, fitted classifier) from the strongest regularisation on, each starting where the last fit ended."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(max_iter=MOST_STEPS, warm_start=True)
    for c in sorted(grid):
        model.set_params(C=c)
        with warnings.catch_warnings():  # a fit that stops early is a weaker candidate, and the held-out part says so
            warnings.simplefilter("ignore", ConvergenceWarning)
            yield c, model.fit(x, labels)


def mean_per_class(correct: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean over classes of the share that is correct (n,), in percent: each class counts the same."""
    return 100 * float(np.mean([correct[labels == label].mean() for label in np.unique(labels)]))
