"""Images of several fractals: up to four figures on 2 x 2 tiles of one ground, and where each has drawn.

As a data set: one to three figures of a class among figures of further classes that are never a label ("clutter"), so
that a network which is told the class alone has to find what of the image it means.
"""

from dataclasses import replace

import numpy as np

from . import fractals
from .fractals import FractalSpec
from .function_systems import uniform

TILES = 2  # a side
SLOTS = TILES**2


def corners(order: np.ndarray, image_size: int) -> np.ndarray:
    """Return the (top, left) corners in pixels of tiles 0 to 3, (n, 2); an odd size leaves a strip."""
    return np.stack(np.divmod(order, TILES), axis=1) * (image_size // TILES)


def compose(
    systems: np.ndarray, bits: np.random.PCG64, jitter: float, image_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw up to four systems on tiles drawn by `bits`.

    Returns:
        The image (size, size, 3) uint8, and the pixels that each system has drawn on, (n, size, size) bool.
    """
    n, side = len(systems), image_size // TILES
    places = corners(np.argsort(uniform(bits, SLOTS), kind="stable")[:n], image_size)
    nodes = [uniform(bits, 1, g, g, 3).astype(np.float32) for g in fractals.GRIDS]
    octaves = zip(fractals.GROUND, nodes, strict=True)
    image = sum(grey * fractals.value_noise(node, image_size)[0] for grey, node in octaves)
    covers, ramps = fractals.figures(systems, uniform(bits, n, fractals.DRAWS), [bits] * n, jitter, side)
    masks = np.zeros((n, image_size, image_size), bool)
    for (top, left), cover, ramp, mask in zip(places, covers, ramps, masks, strict=True):
        part = (slice(top, top + side), slice(left, left + side))
        image[part] = fractals.painted(image[part], cover, ramp)
        mask[part] = cover[..., 0] > 0
    return image.astype(np.uint8), masks


def generate(
    spec: FractalSpec, split: str, image_size: int, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Render one split of scenes, class by class; arguments and results as of `fractals.generate`.

    A scene has one to three figures of its class, and clutter on one tile at least.
    """
    per_class = spec.train_per_class if split == "train" else spec.val_per_class
    systems = fractals.class_systems(replace(spec, classes=spec.classes + spec.clutter))
    rows = np.arange(spec.classes * per_class) if rows is None else rows
    labels = rows // per_class
    images = np.empty((len(rows), image_size, image_size, 3), np.uint8)
    for image, row, label in zip(images, rows, labels, strict=True):
        bits = fractals.stream(spec, 1, fractals.SPLITS[split], *divmod(int(row), per_class))
        u = uniform(bits, 2 + SLOTS)
        figures = 1 + int((SLOTS - 1) * u[0])
        others = 1 + int((SLOTS - figures) * u[1])
        clutter = spec.classes + (u[2 : 2 + others] * spec.clutter).astype(int)
        image[:], _ = compose(systems[[*[label] * figures, *clutter]], bits, spec.jitter, image_size)
    return images, labels
