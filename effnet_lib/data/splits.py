"""Stratified draws of a part of a data set, the same for everybody, several of which share no picture."""

import numpy as np

from ..core.errors import ParameterError


def draw(labels: np.ndarray, pictures: int | None, block: int = 0) -> np.ndarray:
    """Return the rows of a stratified draw of about `pictures` pictures, (n,) sorted; None: all of them.

    Blocks 0, 1, ... share no picture: each is a training set of its own. Raises ParameterError where a class would
    have no picture, or not enough of them for this block.
    """
    if pictures is None:
        return np.arange(len(labels))
    counts = np.bincount(labels)
    each, least = pictures // len(counts), int(counts.min())
    if not 1 <= each * (block + 1) <= least:
        raise ParameterError(
            "pictures",
            pictures,
            f"at least one a class ({len(counts)}) and at most {least // (block + 1) * len(counts)} "
            f"for {block + 1} draws that share none",
        )
    chosen = []
    for label in range(len(counts)):
        order = np.random.default_rng([11, label]).permutation(np.flatnonzero(labels == label))
        chosen.append(order[block * each : (block + 1) * each])
    return np.sort(np.concatenate(chosen))
