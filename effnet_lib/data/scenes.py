"""Scenes with several objects, and each object's exact mask: what a class activation map can be held against.

Of embedded fractals: one to four objects of one class among distractors of other classes, whose systems are those of
the data set that the networks are trained on. Of photographs, whose objects have no exact mask: mosaics of validation
pictures, where the mask of an object is its tile (the grid pointing game of Böhle, Fritz & Schiele, CVPR 2021).
Every draw derives from the set's seed and the scene's number.
"""

from dataclasses import dataclass

import numpy as np

from ..errors import ParameterError
from . import fractals
from .fractals import FractalSpec
from .sets import DataSet, load

MOST = 4  # objects of the class in one scene
SLOTS = 6  # of the class and distractors together
PICTURE, SCENE = 1, 2  # kinds of random stream: a data set's pictures use the first
DETAIL = 6  # sides are multiples of 6 px, so that halves and thirds of a scene are whole pixels


@dataclass(frozen=True)
class Scenes:
    """Scenes and what is in them.

    `pixels` (n, px, px, 3) uint8. `target` (n,): the class that is asked for. `labels` (n, SLOTS): the class of each
    object, -1 where there is none. `masks` (n, SLOTS, px, px) bool: the pixels that each object has drawn on.
    """

    pixels: np.ndarray
    target: np.ndarray
    labels: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    @property
    def objects(self) -> np.ndarray:
        """Which objects are of the class asked for, (n, SLOTS) bool."""
        return self.labels == self.target[:, None]

    @property
    def wanted(self) -> np.ndarray:
        """The pixels of all objects of the class, (n, px, px) bool."""
        return (self.masks & self.objects[:, :, None, None]).any(axis=1)


def source_px(largest: int) -> int:
    """Return the side at which scenes are rendered for networks of up to `largest` px: enlarged for none of them."""
    return -(-largest // DETAIL) * DETAIL


def scenes(dataset: DataSet, count: int, px: int, seed: int = 0) -> Scenes:
    """Return `count` scenes of a data set's classes at `px` pixels: of fractals, else mosaics of its photographs.

    `px` is a multiple of 6. The same seed gives the same scenes, and more of them begin with the same ones.
    Raises ParameterError for another size or count, DataError where the photographs are missing.
    """
    if px < DETAIL or px % DETAIL:
        raise ParameterError("px", px, f"a multiple of {DETAIL}")
    if count < 1:
        raise ParameterError("count", count, "a whole number of at least 1")
    if dataset.fractals:
        return _of_fractals(dataset.fractals, count, px, seed)
    return _mosaics(dataset, count, px, seed)


def _of_fractals(spec: FractalSpec, count: int, px: int, seed: int) -> Scenes:
    systems = fractals.class_systems(spec)
    pixels = np.empty((count, px, px, 3), np.uint8)
    labels = np.full((count, SLOTS), -1)
    masks = np.zeros((count, SLOTS, px, px), bool)
    for row in range(count):
        bits = fractals.stream(spec, SCENE, seed, row)
        chosen = _classes(bits, spec.classes)
        labels[row, : len(chosen)] = chosen
        pixels[row], masks[row, : len(chosen)] = _scene(systems[chosen], bits, spec.jitter, px)
    return Scenes(pixels, labels[:, 0].copy(), labels, masks)


def _classes(bits: np.random.PCG64, classes: int) -> np.ndarray:
    """Draw one to four objects of one class, then one or two distractors of others: (2 to 6,)."""
    u = fractals.uniform(bits, 5)
    target = int(u[0] * classes)
    others = [(target + 1 + int(v * (classes - 1))) % classes for v in u[3 : 3 + 1 + int(2 * u[2])]]
    return np.array([target] * (1 + int(MOST * u[1])) + others)


def _places(bits: np.random.PCG64, count: int, px: int) -> tuple[np.ndarray, int]:
    """Draw distinct squares of a 2 x 2 or 3 x 3 grid: corners (count, 2) as (top, left), and their side, in pixels."""
    grid = 2 if count <= 4 else 3
    side = px // grid
    order = np.argsort(fractals.uniform(bits, grid * grid), kind="stable")[:count]
    return np.stack(np.divmod(order, grid), axis=1) * side, side


def _scene(systems: np.ndarray, bits: np.random.PCG64, jitter: float, px: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene: picture (px, px, 3) uint8 and one mask an object, (n, px, px) bool."""
    n = len(systems)
    corners, side = _places(bits, n, px)
    nodes = [fractals.uniform(bits, 1, g, g, 3).astype(np.float32) for g in fractals.GRIDS]
    picture = sum(grey * fractals.value_noise(node, px)[0] for grey, node in zip(fractals.GROUND, nodes, strict=True))
    u = fractals.uniform(bits, n, fractals.DRAWS)
    covers, colours = fractals.figures(systems, u, [bits] * n, jitter, side)
    masks = np.zeros((n, px, px), bool)
    for (top, left), cover, colour, mask in zip(corners, covers, colours, masks, strict=True):
        part = (slice(top, top + side), slice(left, left + side))
        picture[part] = fractals.painted(picture[part], cover, colour)
        mask[part] = cover[..., 0] > 0
    return picture.astype(np.uint8), masks


def _mosaics(dataset: DataSet, count: int, px: int, seed: int) -> Scenes:
    """Tile 2 x 2 validation photographs: one to three of the class, the others of other classes."""
    side = px // 2
    part = load(dataset, "val", side)
    pixels = np.empty((count, px, px, 3), np.uint8)
    labels = np.full((count, SLOTS), -1)
    masks = np.zeros((count, SLOTS, px, px), bool)
    for row in range(count):
        draw = np.random.default_rng([SCENE, seed, row])
        target, wanted = int(draw.integers(dataset.classes)), int(draw.integers(1, MOST))
        own, others = np.flatnonzero(part.labels == target), np.flatnonzero(part.labels != target)
        chosen = [*draw.choice(own, wanted, replace=False), *draw.choice(others, MOST - wanted, replace=False)]
        for slot, (picture, place) in enumerate(zip(chosen, draw.permutation(MOST), strict=True)):
            top, left = (side * int(v) for v in divmod(place, 2))
            inside = (slice(top, top + side), slice(left, left + side))
            pixels[row][inside] = part.pixels[part.rows[picture]]
            masks[row, slot][inside] = True
            labels[row, slot] = part.labels[picture]
    return Scenes(pixels, labels[:, 0].copy(), labels, masks)
