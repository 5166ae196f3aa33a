"""Parts of a data set as uint8 arrays, decoded or generated once and kept."""

import contextlib
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from ..core import paths
from ..core.errors import known
from ..core.hardware import cpu_count
from . import image_folder
from .datasets import DataSet, content_fingerprint, generated
from .splits import HOLDOUT, part_rows, source_part

ON_DISK = {"train_eval": "probe"}  # files keep the part's first name, so that caches that exist serve on


class Part(NamedTuple):
    """Images of a part: `pixels` (m, size, size, 3) uint8, mapped from disk; `rows` (n,) those meant, `labels` (n,)."""

    pixels: np.ndarray
    rows: np.ndarray
    labels: np.ndarray

    @property
    def image_size(self) -> int:
        """The side of an image in pixels."""
        return self.pixels.shape[1]

    def __len__(self) -> int:
        return len(self.rows)


class Look:
    """A data set as it is found now; a run, which opens four parts, lists its folder and looks at its files once.

    Of 13,000 photographs each look takes a third of a second, and a run on a GPU two.
    """

    def __init__(self, dataset: DataSet):
        self.dataset = dataset
        self._listed: dict[str, tuple[list[Path], np.ndarray]] = {}

    @cached_property
    def content(self) -> str:
        """The fingerprint of its content; raises DataError as `content_fingerprint` does."""
        return content_fingerprint(self.dataset)

    def listed(self, source: str) -> tuple[list[Path], np.ndarray]:
        """Return the files (none of a generated set) and labels (n,) of train or val."""
        if self.dataset.fractals:
            each = getattr(self.dataset.fractals, f"{source}_per_class")
            return [], np.repeat(np.arange(self.dataset.classes), each)
        if source not in self._listed:
            files, labels, _ = image_folder.list_images(known(self.dataset.folder), source)
            self._listed[source] = files, labels
        return self._listed[source]


def make(dataset: DataSet, parts: Iterable[tuple[str, int]], look: Look | None = None) -> None:
    """Decode or generate (part, image size) pairs, but none that another worker is at: two share the work of both."""
    look = look or Look(dataset)
    for part, image_size in parts:
        with contextlib.suppress(Timeout):  # whoever loads it later waits for the other worker
            load(dataset, part, image_size, False, look)


def load(dataset: DataSet, part: str, image_size: int, wait: bool = True, look: Look | None = None) -> Part:
    """Return the images and labels of a part at one resolution.

    Decoded or generated once a resolution, then kept under results/cache and mapped, so that all workers share the
    memory.

    Args:
        part: train, val or train_eval, as `splits.part_rows` takes them.
        image_size: side of the square images in pixels.
        wait: whether to wait for another process that makes the same array.
        look: what was found before; None: look now.

    Raises:
        filelock.Timeout: another process is at it, and `wait` is off.
        DataError: the data are missing, damaged or not what the id declares.
    """
    look, source = look or Look(dataset), source_part(dataset, part)
    content, (files, labels) = look.content, look.listed(source)
    chosen = part_rows(dataset, part, labels)
    # A training set at its crop resolution is used whole and by its holdout: one cached array serves both.
    whole = part == "train" or len(chosen) == len(labels)
    name = source if whole else f"{ON_DISK.get(part, part)}-of-{source}"
    folder = paths.cache_root() / f"{dataset.id.removesuffix(HOLDOUT)}-{content[:12]}"
    path = folder / f"{name}-{image_size}.npy"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), timeout=-1 if wait else 0):
        if not path.is_file():
            rows = np.arange(len(labels)) if whole else chosen
            if dataset.fractals:
                _keep(path, generated(dataset.fractals, source, image_size, rows))
            else:  # once, and everybody waits for it: on all processors
                _keep(path, image_folder.decode([files[row] for row in rows], image_size, cpu_count()))
    array = np.load(path, mmap_mode="c", allow_pickle=False)
    return Part(array, chosen if whole else np.arange(len(chosen)), labels[chosen])


def _keep(path: Path, array: np.ndarray) -> None:
    aside = path.with_suffix(".part.npy")
    with open(aside, "wb") as file:
        np.save(file, array)
        file.flush()
        os.fsync(file.fileno())  # a cut of the power must not leave half an array under its final name
    aside.replace(path)
