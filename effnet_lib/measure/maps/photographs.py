"""Maps of networks with published ImageNet weights on photographs: scikit-image's, or any of the user's."""

import importlib.util
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...core.errors import DataError, ParameterError, nearest
from ...core.user_paths import user_path
from ...data.image_folder import hidden
from ...data.image_reader import EXTENSIONS, digest, read
from ...runs.packing import pack, thumbnail
from .cam import class_maps, relevance
from .geometry import cells

if TYPE_CHECKING:
    from ...models.pretrained import Pretrained

TRIO = ("lite0", "lite1", "lite2")  # compound-scaled from one baseline, and their weights ship in packages
OWN = ("chelsea.png", "coffee.png", "rocket.jpg")  # of scikit-image: a cat, a cup, a launch
THUMBNAIL = 160
MOST = 12  # photographs of a folder


def photographs(images: str | None) -> list[Path]:
    """Return the image files of a path, at most 12 in the order of their names.

    Args:
        images: a file or a folder; None is scikit-image's photographs, or nothing where it is not installed.

    Raises:
        ParameterError: no file could have this path.
        DataError: for a path without an image, or with an image file that cannot be decoded.
    """
    if images is None:
        package = importlib.util.find_spec("skimage")  # looks for it, and executes nothing of it
        if package is None or not package.submodule_search_locations:
            return []
        folder = Path(package.submodule_search_locations[0]) / "data"
        return [folder / name for name in OWN if (folder / name).is_file()]
    path = user_path("images", images)
    if not os.path.exists(path):
        raise DataError(f"images={images!r}: there is no such file or folder")
    files = [file for file in _listed(path) if file.suffix.lower() in EXTENSIONS and not os.path.isdir(file)][:MOST]
    if not files:
        raise DataError(
            f"images={images!r} holds no picture; images takes a file or a folder of {', '.join(EXTENSIONS)}"
        )
    for file in files:
        read(file, _called(file))
    return files


def _listed(path: Path) -> list[Path]:
    if not os.path.isdir(path):
        return [path]
    try:
        return sorted(file for file in path.iterdir() if not hidden(file.name))
    except OSError as error:
        raise DataError(f"images={str(path)!r} cannot be listed ({error.strerror})") from None


def _called(file: Path) -> str:
    return f"images: {str(file)!r}"


def class_index(label: str | None) -> int | None:
    """Return the number of an ImageNet class by its WordNet id or one of its English names; None for None.

    Raises:
        ParameterError: with the nearest name; for a name of several classes, with their ids.
    """
    if label is None:
        return None
    known = _names()
    if label.lower() not in known:
        close = nearest(label.lower(), known).rpartition("(did you mean ")[2].removesuffix("?)")
        hint = f"; the nearest is {close!r}" if close in known else ""
        raise ParameterError("label", label, f"a class of ImageNet, such as 'Egyptian cat' or 'n02124075'{hint}")
    index, *others = known[label.lower()]
    if others:
        from ...models.pretrained import class_names

        synsets = class_names()[0]
        ids = " or ".join(synsets[one] for one in (index, *others))
        raise ParameterError("label", label, f"one class of ImageNet, and of this name there are several: {ids}")
    return index


@lru_cache(maxsize=1)
def _names() -> dict[str, tuple[int, ...]]:
    """Return the classes of each name, in lower case."""
    from ...models.pretrained import class_names

    classes_of: dict[str, tuple[int, ...]] = {}
    for index, (synset, words) in enumerate(zip(*class_names(), strict=True)):
        for name in {name.lower() for name in (synset, words, *words.split(", "))}:
            classes_of[name] = (*classes_of.get(name, ()), index)
    return classes_of


@dataclass(frozen=True)
class Photograph:
    """Maps one photograph with each network: of the class asked for, or of the class that the network predicts."""

    path: Path
    method: str = "cam"
    layer: str = ""
    label_index: int | None = None
    models: tuple[str, ...] = TRIO
    kind: str = "cam photograph"
    any_profile: ClassVar[bool] = True  # published weights: no profile has anything to do with them

    @property
    def label(self) -> str:
        return f"maps of {self.path.name} by {', '.join(self.models)}"

    def spec(self) -> dict[str, Any]:
        """Return what defines the result: the file's content, the networks, method and class."""
        content = digest(self.path.read_bytes(), _called(self.path))
        given = {"method": self.method, "layer": self.layer, "class": self.label_index}
        return {"picture": content, "models": list(self.models), "version": 1} | given

    def seconds(self) -> float:
        """Return about how long it takes on one core."""
        return 1.7 * len(self.models)

    def measure(self) -> dict[str, Any]:
        """Map the photograph.

        Raises:
            DataError: where weights or the photograph are missing.
            MapError: where a map says nothing.
        """
        import torch

        image, mapped = read(self.path, _called(self.path)), {}
        for name in self.models:
            network = _network(name)
            wanted = None if self.label_index is None else torch.tensor([self.label_index])
            images = network.transform(image)[None]
            maps = class_maps(network.model, images, wanted, self.method, self.layer)
            odds = torch.from_numpy(maps.logits).softmax(1)[0]
            best = int(odds.argmax())
            shown = best if self.label_index is None else self.label_index
            mapped[name] = {
                "predicted": network.labels[best].split(", ")[0],
                "probability": round(float(odds[best]), 4),
                "mapped": network.labels[shown].split(", ")[0],
                "mapped_probability": round(float(odds[shown]), 4),
                "cells": vars(cells(network.model, network.px)),
                "grid": pack(relevance(maps.grids, [f"{self.path.name} ({name})"]), bits=8),
                "thumbnail": thumbnail(np.asarray(network.pixels(image)), THUMBNAIL),
            }
        return {"name": self.path.stem, "models": mapped}


@lru_cache(maxsize=8)
def _network(name: str) -> "Pretrained":
    from ...models.pretrained import load

    return load(name)
