"""Which pictures of a data set are meant: train, val, holdout, probe, minival, and draws that share none."""

from typing import TYPE_CHECKING

import numpy as np

from ..core.errors import ParameterError

if TYPE_CHECKING:
    from .datasets import DataSet

HOLDOUT = "/holdout"  # suffix of the id of a data set's tuning split


def draw(labels: np.ndarray, images: int | None, block: int = 0) -> np.ndarray:
    """Return the rows of a stratified draw of about `pictures` pictures, (n,) sorted; None: all of them.

    Blocks 0, 1, ... share no picture: each is a training set of its own. Raises ParameterError where a class would
    have no picture, or not enough of them for this block.
    """
    if images is None:
        return np.arange(len(labels))
    counts = np.bincount(labels)
    each, least = images // len(counts), int(counts.min())
    if not 1 <= each * (block + 1) <= least:
        raise ParameterError(
            "pictures",
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
    """Return the indices of a stratified part of a training set: fit (80 %), holdout (20 %), probe (another 20 %).

    Drawn class by class from a generator seeded with the class alone, so every user gets the same pictures.
    """
    chosen = []
    for label in np.unique(labels):
        order = np.random.default_rng([7, int(label)]).permutation(np.flatnonzero(labels == label))
        fifth = max(1, len(order) // 5)
        cut = {"holdout": order[:fifth], "fit": order[fifth:], "probe": order[fifth : 2 * fifth]}
        chosen.append(cut[part])
    return np.sort(np.concatenate(chosen))


def source_part(dataset: "DataSet", part: str) -> str:
    """Return the folder part, train or val, that train, val or probe of a data set is taken from."""
    return "val" if part == "val" and not dataset.id.endswith(HOLDOUT) else "train"


def part_rows(dataset: "DataSet", part: str, labels: np.ndarray) -> np.ndarray:
    """Return which pictures of its source part make up train, val or probe; `labels` (n,) are the source part's.

    `probe` is a stratified fifth of the pictures that are trained on. Of an `ID/holdout` set, train is the fit part
    and val the held-out part.
    """
    if part == "probe":
        return split_part(labels, "probe")
    if dataset.id.endswith(HOLDOUT):
        return split_part(labels, "fit" if part == "train" else "holdout")
    return np.arange(len(labels))


def minival(images: int, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Reserve `count` random pictures of a training set of `pictures`: rows to train on, rows reserved, ascending.

    Section 5.2 of the EfficientNet paper reserves 25,000 of ImageNet's and stops early on them. Raises ParameterError
    unless some pictures are reserved and some are left.
    """
    if not 0 < count < images:
        raise ParameterError("minival", count, f"1 to {images - 1}, as there are {images} training pictures")
    order = np.random.default_rng([11, seed]).permutation(images)
    return np.sort(order[count:]), np.sort(order[:count])
