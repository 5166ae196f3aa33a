"""Folders of class folders: listing, fingerprint, and decoding into one uint8 array."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from ..core.atomic_write import write_aside
from ..core.errors import DataError
from . import image_reader
from .image_reader import EXTENSIONS

PARTS = {"train": ("train",), "val": ("val", "test", "valid", "validation")}
SYSTEM = ("thumbs.db", "desktop.ini", "__macosx")  # what desktops leave in folders


def part_folder(root: Path, part: str) -> Path:
    """Return the folder of a part (train, or val under one of its usual names) of a data set.

    Raises:
        DataError: there is none.
    """
    if not os.path.isdir(root):
        raise DataError(f"dataset={str(root)!r} is not a folder; dataset takes a name or a folder with train/ and val/")
    for name in PARTS[part]:
        if os.path.isdir(root / name):
            return root / name
    raise DataError(f"dataset={str(root)!r} has no {part}/ folder; one class folder each is expected under it")


def hidden(name: str) -> bool:
    """Say whether an entry of a folder is nobody's image or class: `.ipynb_checkpoints`, `._1.jpg`, `Thumbs.db`."""
    return name.startswith(".") or name.lower() in SYSTEM


def list_images(root: Path, part: str) -> tuple[list[Path], np.ndarray, list[str]]:
    """List the images of a part in a fixed order: regular files of image extensions, at any depth below a class.

    Hidden entries are passed over.

    Returns:
        Files, labels (n,) int64 and class names.

    Raises:
        DataError: fewer than two class folders, a class without images, a link (an image or a class folder) that
            leaves the data set or leads nowhere, a link to a folder below a class, an entry of an image's name that is
            no regular file, or a folder that cannot be listed.
    """
    folder, home = part_folder(root, part), root.resolve()
    entries = _entries(folder)
    for entry in entries:
        if entry.is_symlink() and (os.path.isdir(entry) or not os.path.exists(entry)):
            _inside(Path(entry), home)
    classes = sorted(entry.name for entry in entries if os.path.isdir(entry))
    if len(classes) < 2:
        raise DataError(f"dataset={str(folder)!r} has {len(classes)} class folders; at least 2 are needed")
    files, labels = [], []
    for label, name in enumerate(classes):
        images = sorted(images_below(folder / name, home), key=lambda path: path.parts)
        if not images:
            raise DataError(f"dataset: class folder {str(folder / name)!r} holds no image ({', '.join(EXTENSIONS)})")
        files += images
        labels += [label] * len(images)
    return files, np.array(labels, np.int64), classes


def _entries(folder: Path) -> list[os.DirEntry]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not hidden(entry.name)]
    except OSError as error:
        raise DataError(f"dataset: {str(folder)!r} cannot be listed ({error.strerror})") from None


def images_below(folder: Path, home: Path) -> list[Path]:
    """Return the images of a class folder at any depth, in no order.

    Raises:
        DataError: as `list_images` does; links may lead to what lies below `home` only.
    """
    found = []
    for entry in _entries(folder):
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            found += images_below(path, home)
        elif entry.is_symlink() and os.path.isdir(path):
            raise DataError(f"dataset: {str(path)!r} links to a folder; link its images, or put the folder there")
        elif path.suffix.lower() in EXTENSIONS:
            if entry.is_symlink():
                _inside(path, home)
            if not entry.is_file():
                raise DataError(f"dataset: {str(path)!r} is no regular file; an image is one")
            found.append(path)
    return found


def _inside(path: Path, home: Path) -> None:
    if not Path(os.path.realpath(path)).is_relative_to(home):
        raise DataError(f"dataset: {str(path)!r} links out of the data set's folder")
    if not os.path.exists(path):
        raise DataError(f"dataset: {str(path)!r} links to nothing")


def fingerprint(root: Path, cache: Path) -> str:
    """Return the SHA-256 of train and val as `content` makes it, kept in the file `cache`."""
    return content([path for part in PARTS for path in list_images(root, part)[0]], root, cache)


def content(files: Sequence[Path], root: Path, cache: Path, any_bytes: bool = False) -> str:
    """Return the SHA-256 over the path relative to `root` and `image_reader.digest` of every file, in their order.

    Reading 13,000 small files takes about a second, so the answer is kept in the file `cache` (where that can be
    written) under a hash of the files' names, sizes and times: a changed file is always read again.

    Args:
        any_bytes: what is no image counts by its bytes; else it is refused.

    Raises:
        DataError: a file is no image that can be opened, and `any_bytes` is False.
    """
    # The change time, which no program sets, sees a file that was exchanged under its old size and date.
    names = list(_relative(files, root))
    states = (os.stat(path) for path in files)
    stats = [(n, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for n, s in zip(names, states, strict=True)]
    look = hashlib.sha256(json.dumps([image_reader.VERSION, *stats]).encode()).hexdigest()
    known = _known(cache)
    if look not in known:
        total = hashlib.sha256()
        for path, name in zip(files, names, strict=True):
            total.update(name.encode(errors="surrogateescape") + b"\0")
            total.update(bytes.fromhex(_digest(path, any_bytes)))
        with contextlib.suppress(OSError):
            write_aside(cache, json.dumps(known | {look: total.hexdigest()}).encode())
        return total.hexdigest()
    return known[look]


def _relative(files: Sequence[Path], root: Path) -> Iterator[str]:
    """Yield `str(path.relative_to(root))` of each, ten times as fast."""
    before = os.path.join(root, "")
    for path in map(str, files):
        yield path.removeprefix(before) if path.startswith(before) else str(Path(path).relative_to(root))


def _digest(path: Path, any_bytes: bool) -> str:
    data = path.read_bytes()
    try:
        return image_reader.digest(data, f"dataset: {str(path)!r}")
    except DataError:
        if not any_bytes:
            raise
        return hashlib.sha256(data).hexdigest()


def _known(cache: Path) -> dict[str, str]:
    try:
        known = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or damaged: only time is lost
        return {}
    return known if isinstance(known, dict) else {}


def native_px(files: Sequence[Path]) -> int:
    """Return the median short side in pixels of (200 to 400 evenly spaced) images."""
    return int(np.median([min(image_reader.size(path)) for path in files[:: max(1, len(files) // 200)]]))


def square(path: Path | str, image_size: int) -> np.ndarray:
    """Decode an image's centre square, (size, size, 3) uint8, resized once; raise DataError as `read` does."""
    image = image_reader.read(path)
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
