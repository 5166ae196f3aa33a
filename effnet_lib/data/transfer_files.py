"""Lay out a transfer set as folders of class folders, from torchvision's archive or scikit-learn's digits."""

import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from PIL import Image

from ..core.errors import DataError

Splits = dict[str, list[dict[str, Any]]]  # part -> what torchvision's class takes for each of its splits
LabelledImages = Iterator[tuple[str, Path | Image.Image]]  # class name; file, or image to be written


def lay_out(name: str, folder: Path) -> None:
    """Fetch or make a set, and write it as `folder`/train/<class>/ and `folder`/test/<class>/.

    Raises:
        DataError: torchvision could not fetch it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{name}.lock"):  # one process fetches, the others wait for it
        if (folder / "train").is_dir():
            return
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:  # a kill leaves no half data set
            made = Path(scratch) / "made"
            for part, images in (_digits() if name == "digits" else _torchvision(name, scratch)).items():
                _write(made / part, images)
            made.rename(folder)


def _write(folder: Path, images: LabelledImages) -> None:
    for number, (name, image) in enumerate(images):
        place = folder / re.sub(r"[^\w.+-]+", "_", name).strip(".")  # a class named "../x" stays inside
        place.mkdir(parents=True, exist_ok=True)
        if isinstance(image, Path):
            image.rename(place / f"{number:06}{image.suffix}")
        else:
            image.save(place / f"{number:06}.png")


def _torchvision(name: str, root: str) -> dict[str, LabelledImages]:
    """Fetch a set's archive into `root`; return its parts, classes numbered in their order."""
    from torchvision import datasets

    by_flag: Splits = {"train": [{"train": True}], "test": [{"train": False}]}
    train_val: Splits = {"train": [{"split": "train"}, {"split": "val"}], "test": [{"split": "test"}]}
    joined: Splits = {"train": [{"split": "trainval"}], "test": [{"split": "test"}]}
    makers: dict[str, tuple[Any, Splits]] = {
        "cifar10": (datasets.CIFAR10, by_flag),
        "cifar100": (datasets.CIFAR100, by_flag),
        "flowers102": (datasets.Flowers102, train_val),
        "fgvc-aircraft": (datasets.FGVCAircraft, joined),
        "pets": (datasets.OxfordIIITPet, joined),
        "food101": (datasets.Food101, {"train": [{"split": "train"}], "test": [{"split": "test"}]}),
    }
    maker, parts = makers[name]
    try:
        opened = {part: [maker(root, download=True, **split) for split in splits] for part, splits in parts.items()}
    except (OSError, RuntimeError) as error:  # no host, or a checksum that differs
        line = " ".join(str(error).split())[:160]
        raise DataError(
            f"dataset={name}: torchvision could not fetch it ({type(error).__name__}: {line}); with a network it "
            f"can, or put {name}/train/<class>/ and {name}/test/<class>/ below the data root"
        ) from error
    return {part: (image for split in splits for image in _labelled(split)) for part, splits in opened.items()}


def _labelled(dataset: Any) -> LabelledImages:
    labels = dataset.targets if hasattr(dataset, "targets") else dataset._labels
    names = getattr(dataset, "classes", None)
    images: Iterable[Path | Image.Image]
    if hasattr(dataset, "data"):
        images = map(Image.fromarray, dataset.data)
    else:
        images = map(Path, dataset._image_files if hasattr(dataset, "_image_files") else dataset._images)
    for label, image in zip(labels, images, strict=True):
        yield f"{int(label):03}{'-' + names[label] if names else ''}", image


def _digits() -> dict[str, LabelledImages]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.clip(digits.images * 16, 0, 255).astype(np.uint8)  # 17 levels, 0 to 16
    parts: dict[str, list[tuple[str, int]]] = {"train": [], "test": []}
    for label in range(10):
        order = np.random.default_rng([3, label]).permutation(np.flatnonzero(digits.target == label))
        cut = len(order) // 3
        parts["test"] += [(str(label), int(row)) for row in order[:cut]]
        parts["train"] += [(str(label), int(row)) for row in order[cut:]]
    return {part: ((name, Image.fromarray(grey[row])) for name, row in rows) for part, rows in parts.items()}
