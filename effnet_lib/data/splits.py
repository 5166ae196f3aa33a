"""Which images of a data set are meant: train, val, holdout, train_eval, minival, and draws that share none."""

from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import ParameterError

if TYPE_CHECKING:
    from .datasets import DataSet

HOLDOUT = "/holdout"  # suffix of the id of a data set's tuning split


def draw(labels: np.ndarray, images: int | None, block: int = 0) -> np.ndarray:
    """Return the rows of a stratified draw, (n,) sorted, of a set with `labels` (m,).

    Args:
        images: how many, rounded down to as many of each class; None: all.
        block: blocks 0, 1, ... share no image, so each is a training set of its own.

    Raises:
        ParameterError: a class would have no image, or not enough for this block.
    """
    if images is None:
        return np.arange(len(labels))
    counts = np.bincount(labels)
    each, least = images // len(counts), int(counts.min())
    if not 1 <= each * (block + 1) <= least:
        raise ParameterError(
            "images",
            images,
            f"at least one a class ({len(counts)}) and at most {least // (block + 1) * len(counts)} "
            f"for {block + 1} draws that share none",
        )
    chosen = []
    for label in range(len(counts)):
        order = np.random.default_rng([11, label]).permutation(np.flatnonzero(labels == label))
        chosen.append(order[block * each : (block + 1) * each])
    return np.sort(np.concatenate(chosen))


def split_part(labels: np.ndarray, part: str) -> np.ndarray:
    """Return the rows, sorted, of a stratified part of a training set with `labels` (n,).

    Drawn class by class from a generator seeded with the class alone, so every user gets the same images.

    Args:
        part: fit (80 %), holdout (the other 20 %) or train_eval (20 % of all, within fit).
    """
    chosen = []
    for label in np.unique(labels):
        order = np.random.default_rng([7, int(label)]).permutation(np.flatnonzero(labels == label))
        fifth = max(1, len(order) // 5)
        cut = {"holdout": order[:fifth], "fit": order[fifth:], "train_eval": order[fifth : 2 * fifth]}
        chosen.append(cut[part])
    return np.sort(np.concatenate(chosen))


def source_part(dataset: "DataSet", part: str) -> str:
    """Return the folder part, train or val, that train, val or train_eval is taken from."""
    return "val" if part == "val" and not dataset.id.endswith(HOLDOUT) else "train"


def part_rows(dataset: "DataSet", part: str, labels: np.ndarray) -> np.ndarray:
    """Return which images of its source part make up a part, (m,) sorted.

    Args:
        part: train, val or train_eval, a stratified fifth of the images that are trained on, to measure the training
            loss on. Of an `ID/holdout` set, train is the fit part and val the held-out part.
        labels: (n,) of the source part.
    """
    if part == "train_eval":
        return split_part(labels, part)
    if dataset.id.endswith(HOLDOUT):
        return split_part(labels, "fit" if part == "train" else "holdout")
    return np.arange(len(labels))


def minival(images: int, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reserve `count` random images of a training set of `images`, to stop early on.

    Section 5.2 of the EfficientNet paper reserves 25,000 of ImageNet's.

    Returns:
        The rows to train on and the rows reserved, both ascending.

    Raises:
        ParameterError: nothing is reserved, or nothing is left.
    """
    if not 0 < count < images:
        raise ParameterError("minival", count, f"1 to {images - 1}, as there are {images} training images")
    order = np.random.default_rng([11, seed]).permutation(images)
    return np.sort(order[count:]), np.sort(order[:count])
