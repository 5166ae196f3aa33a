"""What Figure 7's maps are made of: the images and scenes, the same for every network, and their thumbnails."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from ...core.errors import DataError, known
from ...data.array_cache import load
from ...data.datasets import DataSet, content_fingerprint
from ...data.image_folder import list_images
from ...data.masked_scenes import Scenes, scale, scenes
from ...runs.measurement_checks.maps import DRAWN, OUTLINE
from ...runs.packing import pack_bits, thumbnail

THUMBNAIL = 112  # pixels of their thumbnails
SEED = 0  # of scenes and images: the same for every network


@dataclass(frozen=True)
class Settings:
    """What is measured of every network alike. The names are in stored keys.

    Attributes:
        pictures: how many scenes, and as many images.
        px: side at which images (and tiles of scenes) are held, that of the largest network.
        scene_stride, picture_stride: output strides, of networks on scenes and on images.
        grid: cells a side of the coarsest map, to which all are pooled.
        layer: "" is the layer that the classifier pools.
    """

    data: str
    pictures: int
    px: int
    scene_stride: int
    picture_stride: int
    grid: int
    method: str = "cam"
    layer: str = ""
    version: int = 1


@dataclass(frozen=True)
class Material:
    """What maps are made of: scenes with masks, and the images (n, h, w, 3) uint8 that are drawn, with classes (n,)."""

    scenes: Scenes
    images: np.ndarray
    classes: np.ndarray

    @property
    def same(self) -> bool:
        """Whether the images are the scenes themselves."""
        return self.images is self.scenes.pixels


@lru_cache(maxsize=1)
def material(dataset: DataSet, count: int, image_size: int) -> Material:
    """Return what every network is measured on: of fractals the scenes, of photographs also whole ones, by the seed.

    Raises:
        DataError: where the validation part has fewer than `count` photographs.
    """
    drawn = scenes(dataset, count, scale(dataset) * image_size, SEED)
    if dataset.fractals:
        return Material(drawn, drawn.pixels, drawn.target)
    part = load(dataset, "val", image_size)
    if len(part) < count:
        raise DataError(f"dataset={dataset.id}: {len(part)} validation images; the maps need {count}")
    rows = np.random.default_rng([7, SEED]).permutation(len(part))[:count]
    return Material(drawn, part.pixels[part.rows[rows]], part.labels[rows])


@dataclass(frozen=True)
class Thumbnails:
    """Keeps the images that may be drawn, so that a figure redraws without the data."""

    dataset: DataSet
    settings: Settings
    kind: str = "cam pictures"
    any_profile: ClassVar[bool] = False

    @property
    def label(self) -> str:
        return "thumbnails of the images"

    def spec(self) -> dict[str, Any]:
        """Return what defines the result: the data and how many images at which size."""
        return {name: asdict(self.settings)[name] for name in ("data", "pictures", "px", "version")}

    def seconds(self) -> float:
        """Return about how long it takes on one core."""
        return 5.0

    def measure(self) -> dict[str, Any]:
        """Return thumbnails, classes and, where the images are scenes, where the objects of the class are."""
        made = material(self.dataset, self.settings.pictures, self.settings.px)
        shown = slice(0, DRAWN)
        result = {
            "thumbnails": [thumbnail(image, THUMBNAIL) for image in made.images[shown]],
            "classes": made.classes.tolist(),
            "names": _names(self.dataset),
            "provenance": {"data_fingerprint": content_fingerprint(self.dataset)},
        }
        if made.same:
            # Every second pixel or so: enough for an outline over a thumbnail.
            rows = np.linspace(0, made.scenes.image_size - 1, OUTLINE).round().astype(int)
            result["outlines"] = pack_bits(made.scenes.wanted[shown][:, rows][:, :, rows].ravel())
        return result


def _names(dataset: DataSet) -> list[str]:
    """Return the classes' names for people: English for WordNet ids, else folders' names or numbers."""
    if dataset.fractals:
        return [f"class {number}" for number in range(dataset.classes)]
    from ...models.pretrained import class_names

    english = dict(zip(*class_names(), strict=True))
    return [english.get(name, name).split(", ")[0] for name in list_images(known(dataset.folder), "val")[2]]
