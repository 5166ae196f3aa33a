"""How well maps point at the objects that they should: against exact masks, on scenes with several objects.

Every measure asks where a map puts its evidence, and none rewards a map for covering everything. A map without any
evidence for its class says nothing about where it is: it is scored as the uniform map, and counted.
"""

import numpy as np

from ...data.masked_scenes import Scenes
from .cam import says_something

MEASURES = ("energy", "pointing", "iou", "coverage")
WORDS = {
    "energy": "energy inside the objects",
    "pointing": "peak inside an object",
    "iou": "IoU at the best threshold",
    "coverage": "coverage of the least seen object",
}
PRIOR_SD = 0.25  # of the centre prior, in sides of the image


def localise(maps: np.ndarray, scenes: Scenes) -> dict[str, np.ndarray]:
    """Measure on each scene how well its map points at the objects of the class.

    Args:
        maps: (n, h, w), in the scenes' pixels.

    Returns:
        Measure -> (n,) float64 of 0 to 1.
        energy: share of the positive evidence that lies on the objects (Wang et al., Score-CAM, 2020).
        pointing: whether the peak does (Zhang et al. 2018); among equal peaks, their share.
        iou: of the map above its best threshold with the objects (Zhou et al. 2016 use a box).
        coverage: of the map's strongest pixels, as many as the objects have together, the share of the least covered
            object: 1 only where the map finds *all*, and what the paper's "unable to capture all objects" (section
            6) says; NaN in scenes with one object of the class.
    """
    flat = np.where(says_something(maps)[:, None, None], np.maximum(maps, 0), 1.0).reshape(len(maps), -1)
    flat = flat.astype(np.float64)
    wanted = scenes.wanted.reshape(len(maps), -1)
    peak = flat == flat.max(axis=1, keepdims=True)
    coverage = np.full(len(maps), np.nan)
    for row, objects in enumerate(scenes.objects):
        if objects.sum() > 1:
            coverage[row] = _least_covered(flat[row], scenes.masks[row, objects].reshape(objects.sum(), -1))
    return {
        "energy": (flat * wanted).sum(axis=1) / flat.sum(axis=1),
        "pointing": (peak & wanted).sum(axis=1) / peak.sum(axis=1),
        "iou": np.array([_best_iou(*pair) for pair in zip(flat, wanted, strict=True)]),
        "coverage": coverage,
    }


def _best_iou(values: np.ndarray, wanted: np.ndarray) -> float:
    order = np.argsort(-values, kind="stable")
    ranked = values[order]
    inside = np.cumsum(wanted[order])
    chosen = np.arange(1, len(values) + 1)
    # A threshold takes all pixels of one value or none: only the last of equals is a place to cut.
    cut = np.append(ranked[1:] != ranked[:-1], True)
    return float((inside / (chosen + wanted.sum() - inside))[cut].max())


def _least_covered(values: np.ndarray, objects: np.ndarray) -> float:
    """Return the smallest share of an object, masks (n, pixels), among as many of the strongest pixels as all have."""
    room = int(objects.any(axis=0).sum())
    threshold = np.partition(values, -room)[-room]
    above, equal = values > threshold, values == threshold
    # Equal pixels share what room is left: a uniform map covers each object by the objects' share of the image.
    taken = above + equal * (room - above.sum()) / equal.sum()
    return float(((objects * taken).sum(axis=1) / objects.sum(axis=1)).min())


def controls(size: int) -> dict[str, np.ndarray]:
    """Return maps that look at no image, (size, size) each: uniform, and a Gaussian in the middle (centre prior)."""
    place = (np.arange(size) + 0.5) / size - 0.5
    bump = np.exp(-0.5 * (place / PRIOR_SD) ** 2)
    return {"uniform": np.ones((size, size)), "centre prior": bump[:, None] * bump}
