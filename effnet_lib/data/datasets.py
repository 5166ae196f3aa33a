"""Named data sets and parts of them, as uint8 arrays at any resolution.

An id says which pictures and which encoding: the same photographs at another size are another id. `ID/holdout`
is the tuning split: 80 % of the training set to fit on, a stratified 20 % to look at.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from filelock import FileLock, Timeout

from ..core import paths
from ..core.errors import DataError, ParameterError, nearest
from . import fractal_scenes, image_folder
from .fractals import FractalSpec, generate

HOLDOUT = "/holdout"


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


@dataclass(frozen=True)
class DataSet:
    """A declared data set: id, classes, pictures, native pixels, and the content it must have.

    `fingerprint` is None where the content is not known beforehand (a generated set, a download). `native_px` 0
    means any resolution. `train_pictures` is 0 until it is known.
    """

    id: str
    classes: int = 0
    train_pictures: int = 0
    val_pictures: int = 0
    native_px: int = 0
    fingerprint: str | None = None
    folder: Path | None = field(default=None, compare=False)
    fractals: FractalSpec | None = None

    @property
    def label(self) -> str:
        """The words that a figure's subtitle uses."""
        return LABELS.get(self.id.removesuffix(HOLDOUT), self.id)


FRACTALS = {
    "fractals-10": FractalSpec(classes=10, train_per_class=40, val_per_class=20),
    "fractals-100": FractalSpec(classes=100, train_per_class=60, val_per_class=20),
    # The first classes of the same generator, each among others: a network that only ever saw figures that fill the
    # frame need not know where one is.
    "scenes-10": FractalSpec(classes=10, train_per_class=40, val_per_class=20, clutter=10),
    "scenes-20": FractalSpec(classes=20, train_per_class=150, val_per_class=40, clutter=20),
}
PHOTOS = {
    "imagenette-224": DataSet(
        "imagenette-224", 10, 9469, 3925, 224, "b6454873eab81ae4dc9b33b0a24b0cc89a8a432ea84052bf7ae3a2d7334a1788"
    ),
    "imagenette-320": DataSet("imagenette-320", 10, 9469, 3925, 320),
    "cifar10": DataSet("cifar10", 10, 50000, 10000, 32),
    "imagenet": DataSet("imagenet", 1000, 1281167, 50000, 0),
}
LABELS = {
    "fractals-10": "fractals, 10 classes (embedded)",
    "fractals-100": "fractals, 100 classes (embedded)",
    "scenes-10": "fractal scenes, 10 classes among clutter (embedded)",
    "scenes-20": "fractal scenes, 20 classes among clutter (embedded)",
    "imagenette-224": "Imagenette, 10 ImageNet classes, 224 px squares",
    "imagenette-320": "Imagenette, 10 ImageNet classes, 320 px",
    "cifar10": "CIFAR-10",
    "imagenet": "ImageNet",
}


def declare(name: str) -> DataSet:
    """Return the data set of a name, or of an ImageFolder path (relative to the current folder).

    Raises ParameterError for a name that is neither, DataError for a folder without class folders or pictures.
    """
    plain = name.removesuffix(HOLDOUT)
    if plain in FRACTALS:
        spec = FRACTALS[plain]
        return DataSet(
            name, spec.classes, spec.classes * spec.train_per_class, spec.classes * spec.val_per_class, fractals=spec
        )
    if plain in PHOTOS:
        known = PHOTOS[plain]
        return DataSet(**(vars(known) | {"id": name, "folder": paths.data_root() / plain}))
    path = Path(name).expanduser().resolve()
    if not name or not ("/" in name or path.is_dir()):
        raise ParameterError("dataset", name, f"{nearest(name, [*FRACTALS, *PHOTOS])} or a folder with train/ and val/")
    train, _, classes = image_folder.list_pictures(path, "train")
    val, _, val_classes = image_folder.list_pictures(path, "val")
    if classes != val_classes:
        odd = sorted(set(classes) ^ set(val_classes))
        raise DataError(f"dataset={name!r}: classes differ between train and val ({', '.join(odd[:3])})")
    content = image_folder.fingerprint(path, _cache() / "fingerprints.json")
    return DataSet(
        f"folder-{path.name}-{content[:12]}",
        len(classes),
        len(train),
        len(val),
        image_folder.native_px(train),
        content,
        path,
    )


def _cache() -> Path:
    return paths.results_root() / "cache"


def content_fingerprint(dataset: DataSet) -> str:
    """Return the fingerprint of the data at hand; refuse data that are not what the id declares.

    Raises DataError if the folder is missing or its content differs, with both values.
    """
    if dataset.fractals:
        return _generated_fingerprint(dataset.fractals)
    if not dataset.folder.is_dir() and dataset.id.startswith("imagenette-320"):
        _download_imagenette(dataset.folder)
    if not dataset.folder.is_dir():
        raise DataError(
            f"dataset={dataset.id.removesuffix(HOLDOUT)}: there is no folder {str(dataset.folder)!r}; put train/ and "
            "val/ there, or give a folder or another name (imagenette-320 downloads itself)"
        )
    found = image_folder.fingerprint(dataset.folder, _cache() / "fingerprints.json")
    if dataset.fingerprint and found != dataset.fingerprint:
        raise DataError(
            f"dataset={dataset.id}: the folder's content has fingerprint {found[:12]}, declared is "
            f"{dataset.fingerprint[:12]}; give the folder's path instead to train on it as a data set of its own"
        )
    return found


def _generate(spec: FractalSpec, split: str, px: int, rows: np.ndarray | None = None) -> np.ndarray:
    return (fractal_scenes.generate if spec.clutter else generate)(spec, split, px, rows=rows)[0]


@lru_cache
def _generated_fingerprint(spec: FractalSpec) -> str:
    """Hash one picture a class: a change of the generator shows in any of them."""
    pictures = _generate(replace(spec, train_per_class=1, val_per_class=1), "val", 32)
    return hashlib.sha256(pictures.tobytes()).hexdigest()


def _download_imagenette(folder: Path) -> None:
    from torchvision.datasets import Imagenette

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock"):  # one worker downloads, the others wait for it
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:  # a kill leaves no half data set
                Imagenette(scratch, split="train", size="320px", download=True)  # checks the archive's MD5
                (Path(scratch) / "imagenette2-320").rename(folder)


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


def source_part(dataset: DataSet, part: str) -> str:
    """Return the folder part, train or val, that train, val or probe of a data set is taken from."""
    return "val" if part == "val" and not dataset.id.endswith(HOLDOUT) else "train"


def part_rows(dataset: DataSet, part: str, labels: np.ndarray) -> np.ndarray:
    """Return which pictures of its source part make up train, val or probe; `labels` (n,) are the source part's.

    `probe` is a stratified fifth of the pictures that are trained on. Of an `ID/holdout` set, train is the fit part
    and val the held-out part.
    """
    if part == "probe":
        return split_part(labels, "probe")
    if dataset.id.endswith(HOLDOUT):
        return split_part(labels, "fit" if part == "train" else "holdout")
    return np.arange(len(labels))


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
        files, labels, _ = image_folder.list_pictures(dataset.folder, source)
    chosen = part_rows(dataset, part, labels)
    plain = dataset.id.removesuffix(HOLDOUT)
    # A training set at its crop resolution is used whole and by its holdout: one cached array serves both.
    whole = part == "train" or len(chosen) == len(labels)
    path = _cache() / f"{plain}-{content[:12]}" / f"{source if whole else part + '-of-' + source}-{px}.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), timeout=-1 if wait else 0):
        if not path.is_file():
            wanted = np.arange(len(labels)) if whole else chosen
            if dataset.fractals:
                array = _generate(dataset.fractals, source, px, wanted)
            else:
                cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
                array = image_folder.decode([files[i] for i in wanted], px, cores)  # once, and everybody waits for it
            aside = path.with_suffix(".part.npy")
            with open(aside, "wb") as file:
                np.save(file, array)
                file.flush()
                os.fsync(file.fileno())  # a cut of the power must not leave half an array under its final name
            aside.replace(path)
    array = np.load(path, mmap_mode="c", allow_pickle=False)
    return Part(array, chosen if whole else np.arange(len(chosen)), labels[chosen])
