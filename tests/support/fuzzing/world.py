"""Where inputs are tried: roots of their own, data sets that are sound and data sets that are not."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

ROOTS = ("DATA", "RESULTS", "FIGURES", "PUBLISHED")
CLASSES = ("blue", "green", "red")


def _set(folder: Path, per_class: int = 3) -> Path:
    """Make a sound data set of three classes."""
    noise = np.random.default_rng(0)
    for part in ("train", "val"):
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True)
            for number in range(per_class):
                pixels = noise.integers(0, 255, (24, 32, 3), np.uint8)
                Image.fromarray(pixels).save(folder / part / name / f"{number}.png")
    return folder


def _spoil(sound: Path, name: str, odd: str) -> None:
    """Make a data set that something is wrong with."""
    folder = Path(shutil.copytree(sound, sound.with_name(name)))
    inside = folder / "train/blue"
    if odd == "one class":
        shutil.rmtree(folder / "train/green"), shutil.rmtree(folder / "train/red")
    elif odd == "no val":
        shutil.rmtree(folder / "val")
    elif odd == "no image":
        for path in inside.iterdir():
            path.unlink()
    elif odd == "damaged":
        (inside / "0.png").write_bytes((inside / "0.png").read_bytes()[:50])
    elif odd == "no image inside":
        (inside / "0.png").write_bytes(b"not an image")
    elif odd == "pipe":
        os.mkfifo(inside / "pipe.png")
    elif odd == "link in a circle":
        (inside / "self.png").symlink_to("self.png")
    elif odd == "link outside":
        (inside / "out.png").symlink_to("/etc/hostname")
    elif odd == "folder named like an image":
        (inside / "folder.png").mkdir()
    elif odd == "hidden":
        (folder / "train/.ipynb_checkpoints").mkdir()
    elif odd == "other classes":
        (folder / "val/blue").rename(folder / "val/black")


ODD = (
    "one class", "no val", "no image", "damaged", "no image inside", "pipe", "link in a circle", "link outside",
    "folder named like an image", "hidden", "other classes",
)  # fmt: skip


@contextlib.contextmanager
def world(folder: Path) -> Iterator[list[str]]:
    """Move every root, home and the current folder below a folder; yield the paths of data sets that lie there."""
    before, here = dict(os.environ), Path.cwd()
    sound = _set(folder / "sets/sound")
    for number, odd in enumerate(ODD):
        _spoil(sound, f"odd{number}", odd)
    for name in ROOTS:
        os.environ[f"EFFNET_{name}"] = str(folder / name.lower())
    os.environ["HOME"] = str(folder)
    os.environ.pop("EFFNET_DEBUG", None)
    os.chdir(folder)
    try:
        yield [str(path) for path in sorted((folder / "sets").iterdir())]
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)
