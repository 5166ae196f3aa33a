"""Folders of class folders: listing, fingerprint, and decoding into one uint8 array."""

import contextlib
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.atomic_write import write_aside
from ..core.errors import DataError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".webp", ".tif", ".tiff")
UNDECODABLE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)  # what Pillow raises
PARTS = {"train": ("train",), "val": ("val", "test", "valid", "validation")}


def part_folder(root: Path, part: str) -> Path:
    """Return the folder of a part (train, or val under one of its usual names) of a data set.

    Raises:
        DataError: there is none.
    """
    if not root.is_dir():
        raise DataError(f"dataset={str(root)!r} is not a folder; dataset takes a name or a folder with train/ and val/")
    for name in PARTS[part]:
        if (root / name).is_dir():
            return root / name
    raise DataError(f"dataset={str(root)!r} has no {part}/ folder; one class folder each is expected under it")


def list_images(root: Path, part: str) -> tuple[list[Path], np.ndarray, list[str]]:
    """List the images of a part in a fixed order.

    Returns:
        Files, labels (n,) int64 and class names.

    Raises:
        DataError: fewer than two class folders, a class without images, or a link (an image or a class folder) that
            leaves the data set or leads nowhere.
    """
    folder = part_folder(root, part)
    classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if len(classes) < 2:
        raise DataError(f"dataset={str(folder)!r} has {len(classes)} class folders; at least 2 are needed")
    files, labels, home = [], [], root.resolve()
    for label, name in enumerate(classes):
        _inside(folder / name, home)
        images = sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in EXTENSIONS)
        if not images:
            raise DataError(f"dataset: class folder {str(folder / name)!r} holds no image ({', '.join(EXTENSIONS)})")
        for path in images:
            if path.is_symlink():
                _inside(path, home)
        files += images
        labels += [label] * len(images)
    return files, np.array(labels, np.int64), classes


def _inside(path: Path, home: Path) -> None:
    if not path.resolve().is_relative_to(home):
        raise DataError(f"dataset: {str(path)!r} links out of the data set's folder")
    if not path.exists():
        raise DataError(f"dataset: {str(path)!r} links to nothing")


def fingerprint(root: Path, cache: Path) -> str:
    """Return the SHA-256 over the relative path and content of every image of train and val.

    Reading 13,000 small files takes about a second, so the answer is kept in the file `cache` (where that can be
    written) under a hash of the files' names, sizes and times: a changed file is always read again.
    """
    files = [path for part in PARTS for path in list_images(root, part)[0]]
    # The change time, which no program sets, sees a file that was exchanged under its old size and date.
    stats = [(str(p.relative_to(root)), (s := p.stat()).st_size, s.st_mtime_ns, s.st_ctime_ns) for p in files]
    look = hashlib.sha256(json.dumps(stats).encode()).hexdigest()
    known = _known(cache)
    if look not in known:
        total = hashlib.sha256()
        for path in files:
            total.update(str(path.relative_to(root)).encode(errors="surrogateescape") + b"\0")
            total.update(hashlib.sha256(path.read_bytes()).digest())
        with contextlib.suppress(OSError):
            write_aside(cache, json.dumps(known | {look: total.hexdigest()}).encode())
        return total.hexdigest()
    return known[look]


def _known(cache: Path) -> dict[str, str]:
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or damaged: only time is lost
        return {}
    return known if isinstance(known, dict) else {}


def native_px(files: Sequence[Path]) -> int:
    """Return the median short side in pixels of (200 to 400 evenly spaced) images."""
    return int(np.median([min(_open(path).size) for path in files[:: max(1, len(files) // 200)]]))


def _open(path: Path | str) -> Image.Image:
    try:
        return Image.open(path)
    except UNDECODABLE as error:
        raise DataError(f"dataset: {str(path)!r} is not an image that can be decoded") from error


def read(path: Path | str) -> Image.Image:
    """Decode a whole image as RGB.

    Raises:
        DataError: it cannot be decoded; names it.
    """
    with _open(path) as image:
        try:
            return image.convert("RGB")
        except UNDECODABLE as error:
            raise DataError(f"dataset: {str(path)!r} is not an image that can be decoded ({error})") from error


def square(path: Path | str, image_size: int) -> np.ndarray:
    """Decode an image's centre square, (size, size, 3) uint8, resized once; raise DataError as `read` does."""
    image = read(path)
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    # Pillow's bilinear filter widens with the reduction, so this is antialiased.
    return np.asarray(image.resize((image_size, image_size), Image.Resampling.BILINEAR, box=box))


def decode(files: Sequence[Path], image_size: int, threads: int = 1) -> np.ndarray:
    """Decode images into one array (n, size, size, 3) uint8: centre squares, resized once with antialiasing.

    Raises:
        DataError: an image cannot be decoded; names the first.
    """
    out = np.empty((len(files), image_size, image_size, 3), np.uint8)
    with ThreadPoolExecutor(threads) as pool:  # Pillow releases the interpreter's lock while it decodes
        for index, image in enumerate(pool.map(partial(square, image_size=image_size), files)):
            out[index] = image
    return out
