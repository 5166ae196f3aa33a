"""The photographs of the benchmark: Imagenette where it is, else a folder of JPEGs of the same number and size."""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.gpu.kit import Bench
from effnet_lib.core import paths
from effnet_lib.core.hardware import cpu_count
from effnet_lib.data.datasets import PHOTOS

IMAGENETTE = PHOTOS["imagenette-224"]


def folder(bench: Bench) -> tuple[Path, str]:
    """Return an ImageFolder and the words that say which; made by the first part that asks."""
    downloaded = paths.data_root() / IMAGENETTE.id
    if downloaded.is_dir() and not bench.small:
        return downloaded, "Imagenette"
    counts = {"train": 40, "val": 20} if bench.small else {"train": 9469, "val": 3925}
    image_size = 48 if bench.small else IMAGENETTE.native_px
    root = bench.settings.scratch / "photos"
    if not root.is_dir():
        aside = root.with_suffix(".part")
        write(aside, counts, image_size)
        aside.rename(root)
    return root, f"{counts['train']:,} + {counts['val']:,} generated JPEGs of {image_size} px"


def write(root: Path, counts: dict[str, int], image_size: int, classes: int = IMAGENETTE.classes) -> None:
    """Write smooth random images as JPEGs of about the size of photographs, a colour a class."""
    for part, label in product(counts, range(classes)):
        (root / part / f"class{label}").mkdir(parents=True, exist_ok=True)

    def write_image(name: tuple[str, int]) -> None:
        part, index = name
        label, draw, side = index % classes, np.random.default_rng([index, part == "val"]), image_size // 5
        coarse = draw.integers(0, 256, (side, side, 3)) // 2 + [10 * label, 60, 120 - 10 * label]
        image = Image.fromarray(coarse.astype(np.uint8)).resize((image_size, image_size), Image.Resampling.BICUBIC)
        image.save(root / part / f"class{label}" / f"{index:05}.jpg", quality=85)

    names = [(part, index) for part, count in counts.items() for index in range(count)]
    with ThreadPoolExecutor(cpu_count()) as pool:  # Pillow releases the interpreter's lock while it encodes
        list(pool.map(write_image, names))
