"""Pictures of several fractals: up to four figures on 2 x 2 tiles of one ground, and where each has drawn.

As a data set: one to three figures of a class among figures of further classes that are never a label ("clutter"), so
that a network which is told the class alone has to find what of the picture it means.
"""

from dataclasses import replace

import numpy as np

from . import fractals
from .fractals import FractalSpec

TILES = 2  # a side
SLOTS = TILES**2


def corners(order: np.ndarray, px: int) -> np.ndarray:
    """Return the corners (n, 2) as (top, left), in pixels, of tiles 0 to 3; an odd px leaves a strip."""
    return np.stack(np.divmod(order, TILES), axis=1) * (px // TILES)


def compose(systems: np.ndarray, bits: np.random.PCG64, jitter: float, px: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw up to four systems on tiles drawn by `bits`: picture (px, px, 3) uint8, pixels of each (n, px, px) bool."""
    n, side = len(systems), px // TILES
    places = corners(np.argsort(fractals.uniform(bits, SLOTS), kind="stable")[:n], px)
    nodes = [fractals.uniform(bits, 1, g, g, 3).astype(np.float32) for g in fractals.GRIDS]
    image = sum(grey * fractals.value_noise(node, px)[0] for grey, node in zip(fractals.GROUND, nodes, strict=True))
    covers, ramps = fractals.figures(systems, fractals.uniform(bits, n, fractals.DRAWS), [bits] * n, jitter, side)
    masks = np.zeros((n, px, px), bool)
    for (top, left), cover, ramp, mask in zip(places, covers, ramps, masks, strict=True):
        part = (slice(top, top + side), slice(left, left + side))
        image[part] = fractals.painted(image[part], cover, ramp)
        mask[part] = cover[..., 0] > 0
    return image.astype(np.uint8), masks


def generate(spec: FractalSpec, split: str, px: int, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Render one split of scenes: images uint8 (n, px, px, 3) and labels int64 (n,), class by class.

    One to three figures of the class, and clutter on one tile at least. Arguments as in `fractals.generate`.
    """
    per_class = spec.train_per_class if split == "train" else spec.val_per_class
    systems = fractals.class_systems(replace(spec, classes=spec.classes + spec.clutter))
    rows = np.arange(spec.classes * per_class) if rows is None else rows
    labels = rows // per_class
    images = np.empty((len(rows), px, px, 3), np.uint8)
    for image, row, label in zip(images, rows, labels, strict=True):
        bits = fractals.stream(spec, 1, fractals.SPLITS[split], *divmod(int(row), per_class))
        u = fractals.uniform(bits, 2 + SLOTS)
        wanted = 1 + int((SLOTS - 1) * u[0])
        others = 1 + int((SLOTS - wanted) * u[1])
        clutter = spec.classes + (u[2 : 2 + others] * spec.clutter).astype(int)
        image[:], _ = compose(systems[[*[label] * wanted, *clutter]], bits, spec.jitter, px)
    return images, labels
