"""Scenes with several objects, and each object's exact mask: what a class activation map can be held against.

Of embedded fractals: one to four objects of one class, and distractors of other classes, whose systems are those of the
data set that the networks are trained on. Of photographs, whose objects have no exact mask: mosaics of validation
images, where the mask of an object is its tile (the grid pointing game of Böhle, Fritz & Schiele, CVPR 2021).

A scene is 2 x 2 tiles. `scale` says how large it must be shown, so that objects have the size of those that a network
was trained on: twice its input where they fill an image, once where its images are scenes themselves. Every draw
derives from the set's seed and the scene's number.
"""

from dataclasses import dataclass

import numpy as np

from ..core.errors import ParameterError
from . import fractals
from .array_cache import load
from .datasets import DataSet
from .fractal_scenes import SLOTS, TILES, compose, corners
from .fractals import FractalSpec
from .function_systems import uniform

SCENE = 2  # kind of random stream: classes use 0, images of a data set 1


@dataclass(frozen=True)
class Scenes:
    """Hold n scenes and what is in them.

    Args:
        pixels: (n, size, size, 3) uint8.
        target: (n,), the class that is asked for.
        labels: (n, SLOTS), the class of each object, -1 where there is none.
        masks: (n, SLOTS, size, size) bool, the pixels that each object has drawn on.
    """

    pixels: np.ndarray
    target: np.ndarray
    labels: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    @property
    def image_size(self) -> int:
        """The side of a scene in pixels."""
        return self.pixels.shape[1]

    @property
    def objects(self) -> np.ndarray:
        """Which objects are of the class asked for, (n, SLOTS) bool."""
        return self.labels == self.target[:, None]

    @property
    def wanted(self) -> np.ndarray:
        """The pixels of all objects of the class, (n, size, size) bool."""
        return (self.masks & self.objects[:, :, None, None]).any(axis=1)


def scale(dataset: DataSet) -> int:
    """Return at how many times its input size a network is shown scenes of the data set that it was trained on."""
    return 1 if dataset.fractals and dataset.fractals.clutter else TILES


def scenes(dataset: DataSet, count: int, image_size: int, seed: int = 0) -> Scenes:
    """Return scenes of a data set's classes: of fractals, else mosaics of its photographs.

    The same seed gives the same scenes, and more of them begin with the same.

    Args:
        count: how many, at least 1.
        image_size: side in pixels, even.

    Raises:
        ParameterError: another size or count.
        DataError: the photographs are missing.
    """
    if image_size < TILES or image_size % TILES:
        raise ParameterError("image_size", image_size, "an even number of pixels")
    if count < 1:
        raise ParameterError("count", count, "a whole number of at least 1")
    if dataset.fractals:
        return _of_fractals(dataset.fractals, count, image_size, seed)
    return _mosaics(dataset, count, image_size, seed)


def _empty(count: int, image_size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pixels = np.empty((count, image_size, image_size, 3), np.uint8)
    return pixels, np.full((count, SLOTS), -1), np.zeros((count, SLOTS, image_size, image_size), bool)


def _of_fractals(spec: FractalSpec, count: int, image_size: int, seed: int) -> Scenes:
    systems = fractals.class_systems(spec)
    pixels, labels, masks = _empty(count, image_size)
    for row in range(count):
        bits = fractals.stream(spec, SCENE, seed, row)
        chosen = _classes(bits, spec.classes)
        labels[row, : len(chosen)] = chosen
        pixels[row], masks[row, : len(chosen)] = compose(systems[chosen], bits, spec.jitter, image_size)
    return Scenes(pixels, labels[:, 0].copy(), labels, masks)


def _classes(bits: np.random.PCG64, classes: int) -> np.ndarray:
    """Draw one to four objects of one class, and distractors of others while there is room, one at least: (2 to 4,)."""
    u = uniform(bits, 6)
    target, wanted = int(u[0] * classes), 1 + int(SLOTS * u[1])
    room = SLOTS - wanted
    count = 1 + int(room * u[2]) if room else 0
    others = [(target + 1 + int(v * (classes - 1))) % classes for v in u[3 : 3 + count]]
    return np.array([target] * wanted + others)


def _mosaics(dataset: DataSet, count: int, image_size: int, seed: int) -> Scenes:
    """Tile 2 x 2 validation photographs: one to four of the class, the others of other classes."""
    side = image_size // TILES
    part = load(dataset, "val", side)
    pixels, labels, masks = _empty(count, image_size)
    for row in range(count):
        draw = np.random.default_rng([SCENE, seed, row])
        target, wanted = int(draw.integers(dataset.classes)), int(draw.integers(1, SLOTS + 1))
        own, others = np.flatnonzero(part.labels == target), np.flatnonzero(part.labels != target)
        chosen = [*draw.choice(own, wanted, replace=False), *draw.choice(others, SLOTS - wanted, replace=False)]
        tiles = corners(draw.permutation(SLOTS), image_size)
        for slot, (which, (top, left)) in enumerate(zip(chosen, tiles, strict=True)):
            inside = (slice(top, top + side), slice(left, left + side))
            pixels[row][inside] = part.pixels[part.rows[which]]
            masks[row, slot][inside] = True
            labels[row, slot] = part.labels[which]
    return Scenes(pixels, labels[:, 0].copy(), labels, masks)
