"""Named data sets and parts of them, as uint8 arrays at any resolution.

An id says which images and which encoding: the same photographs at another size are another id. `ID/holdout`
is the tuning split: 80 % of the training set to fit on, a stratified 20 % to look at.
"""

import hashlib
import os
import tempfile
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from filelock import FileLock

from ..core import paths
from ..core.errors import DataError, ParameterError, known, nearest, one_line
from ..core.user_paths import user_path
from . import fractal_scenes, image_folder
from .fractals import FractalSpec, generate
from .splits import HOLDOUT

TOP1, PER_CLASS = "top-1", "mean per class"  # what an accuracy on a data set is


@dataclass(frozen=True)
class DataSet:
    """Declare a data set: its classes, images and native resolution, and the content it must have.

    Args:
        id: name under which its runs are stored.
        train_images: number of training images; 0 until it is known.
        native_px: side of its images in pixels; 0: any.
        fingerprint: SHA-256 of its content; None where that is not known beforehand (generated, downloaded).
    """

    id: str
    classes: int = 0
    train_images: int = 0
    val_images: int = 0
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
    # For the default profile: classes overlap, so that a network which is trained to its end leaves a quarter wrong.
    "fractals-20-jitter-50": FractalSpec(classes=20, train_per_class=320, val_per_class=250, jitter=0.5),
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
    "fractals-20-jitter-50": "fractals, 20 classes that overlap (embedded)",
    "scenes-10": "fractal scenes, 10 classes among clutter (embedded)",
    "scenes-20": "fractal scenes, 20 classes among clutter (embedded)",
    "imagenette-224": "Imagenette, 10 ImageNet classes, 224 px squares",
    "imagenette-320": "Imagenette, 10 ImageNet classes, 320 px",
    "cifar10": "CIFAR-10",
    "imagenet": "ImageNet",
}


def declare(name: str) -> DataSet:
    """Return the data set of a name, or of an ImageFolder path (relative to the current folder).

    Raises:
        ParameterError: `name` is neither, or no path that can be.
        DataError: a folder has no class folders or images, or other classes for validation.
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
    path = user_path("dataset", name).resolve()
    if not name or not ("/" in name or os.path.isdir(path)):
        raise ParameterError("dataset", name, f"{nearest(name, [*FRACTALS, *PHOTOS])} or a folder with train/ and val/")
    train, _, classes = image_folder.list_images(path, "train")
    val, _, val_classes = image_folder.list_images(path, "val")
    if classes != val_classes:
        odd = sorted(set(classes) ^ set(val_classes))
        raise DataError(f"dataset={name!r}: classes differ between train and val ({', '.join(odd[:3])})")
    content = image_folder.fingerprint(path, paths.cache_root() / "fingerprints.json")
    return DataSet(
        f"folder-{path.name}-{content[:12]}",
        len(classes),
        len(train),
        len(val),
        image_folder.native_px(train),
        content,
        path,
    )


def content_fingerprint(dataset: DataSet) -> str:
    """Return the SHA-256 of the data at hand; refuse data that are not what the id declares.

    Raises:
        DataError: the folder is missing, or its content differs (with both values).
    """
    if dataset.fractals:
        return _generated_fingerprint(dataset.fractals)
    folder = known(dataset.folder)
    if not folder.is_dir() and dataset.id.startswith("imagenette-320"):
        try:
            _download_imagenette(folder)
        except (OSError, RuntimeError) as error:  # no network, no room, or another archive than its checksum says
            raise DataError(f"dataset=imagenette-320: it cannot be downloaded ({one_line(error)})") from error
    if not folder.is_dir():
        raise DataError(
            f"dataset={dataset.id.removesuffix(HOLDOUT)}: there is no folder {str(folder)!r}; put train/ and "
            "val/ there, or give a folder or another name (imagenette-320 downloads itself)"
        )
    content = image_folder.fingerprint(folder, paths.cache_root() / "fingerprints.json")
    if dataset.fingerprint and content != dataset.fingerprint:
        raise DataError(
            f"dataset={dataset.id}: the folder's content has fingerprint {content[:12]}, declared is "
            f"{dataset.fingerprint[:12]}; give the folder's path instead to train on it as a data set of its own"
        )
    return content


def generated(spec: FractalSpec, split: str, image_size: int, rows: np.ndarray | None = None) -> np.ndarray:
    """Return images of a generated set, (n, size, size, 3) uint8; `rows` (n,): which of the split (None: all)."""
    return (fractal_scenes.generate if spec.clutter else generate)(spec, split, image_size, rows=rows)[0]


@lru_cache
def _generated_fingerprint(spec: FractalSpec) -> str:
    """Hash one image a class: a change of the generator shows in any of them."""
    images = generated(replace(spec, train_per_class=1, val_per_class=1), "val", 32)
    return hashlib.sha256(images.tobytes()).hexdigest()


def _download_imagenette(folder: Path) -> None:
    from torchvision.datasets import Imagenette

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{folder.name}.lock"):  # one worker downloads, the others wait for it
        if not folder.is_dir():
            with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:  # a kill leaves no half data set
                Imagenette(scratch, split="train", size="320px", download=True)  # checks the archive's MD5
                (Path(scratch) / "imagenette2-320").rename(folder)
