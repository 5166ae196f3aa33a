"""Parts of a data set as uint8 arrays, decoded or generated once and kept."""

import contextlib
import os
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from ..core import paths
from ..core.hardware import cpu_count
from . import image_folder
from .datasets import DataSet, content_fingerprint, generated
from .splits import HOLDOUT, part_rows, source_part


class Part(NamedTuple):
    """Pictures of a part: `pixels` (m, px, px, 3) uint8, mapped from disk; `rows` (n,) the pictures meant."""

    pixels: np.ndarray
    rows: np.ndarray
    labels: np.ndarray

    @property
    def px(self) -> int:
        return self.pixels.shape[1]

    def __len__(self) -> int:
        return len(self.rows)


def make(dataset: DataSet, parts: Iterable[tuple[str, int]]) -> None:
    """Decode or generate several (part, px), but not one that another worker is at: two share the work of both."""
    for part, px in parts:
        with contextlib.suppress(Timeout):  # whoever loads it later waits for the other worker
            load(dataset, part, px, wait=False)


def load(dataset: DataSet, part: str, px: int, wait: bool = True) -> Part:
    """Return the pictures and labels of train, val or probe at one resolution.

    `probe` is a stratified fifth of the pictures that are trained on, to measure the training loss on. Decoded or
    generated once a resolution, then kept under results/cache and mapped, so that all workers share the memory.
    Of an `ID/holdout` set, train is the fit part and val the held-out part. Raises filelock.Timeout where another
    process is at it, unless told to `wait`.
    """
    source = source_part(dataset, part)
    content = content_fingerprint(dataset)
    if dataset.fractals:
        labels = np.repeat(np.arange(dataset.classes), getattr(dataset.fractals, f"{source}_per_class"))
        files = None
    else:
        files, labels, _ = image_folder.list_images(dataset.folder, source)
    chosen = part_rows(dataset, part, labels)
    plain = dataset.id.removesuffix(HOLDOUT)
    # A training set at its crop resolution is used whole and by its holdout: one cached array serves both.
    whole = part == "train" or len(chosen) == len(labels)
    path = paths.cache_root() / f"{plain}-{content[:12]}" / f"{source if whole else part + '-of-' + source}-{px}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), timeout=-1 if wait else 0):
        if not path.is_file():
            wanted = np.arange(len(labels)) if whole else chosen
            if dataset.fractals:
                array = generated(dataset.fractals, source, px, wanted)
            else:
                array = image_folder.decode([files[i] for i in wanted], px, cpu_count())  # once: everybody waits for it
            aside = path.with_suffix(".part.npy")
            with open(aside, "wb") as file:
                np.save(file, array)
                file.flush()
                os.fsync(file.fileno())  # a cut of the power must not leave half an array under its final name
            aside.replace(path)
    array = np.load(path, mmap_mode="c", allow_pickle=False)
    return Part(array, chosen if whole else np.arange(len(chosen)), labels[chosen])
