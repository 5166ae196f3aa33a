"""The data sets of Table 6, to which ImageNet weights are transferred, and two that need no download.

Every set is a folder of class folders under the data root, `<id>/train/<class>/` and `<id>/test/<class>/`, whatever it
came as. Those that torchvision fetches (and holds to their checksums) are laid out so once, when first asked for. The
hosts of Birdsnap and Stanford Cars no longer serve them: put their official splits there in that layout.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock
from PIL import Image

from .. import paper
from ..core import paths
from ..core.errors import DataError, ParameterError, nearest
from . import datasets, image_folder
from .datasets import FRACTALS, PHOTOS, DataSet

TOP1, PER_CLASS = "top-1", "mean per class"


@dataclass(frozen=True)
class TransferSet:
    """A data set with the sizes of its official splits.

    `printed`: its name in Tables 5 and 6 ("": not there). `origin`: "download" (torchvision has it), "folder" (put it
    there yourself) or "embedded". `exact`: whether all copies have the same pictures.
    """

    id: str
    label: str
    classes: int
    train: int
    test: int
    printed: str = ""
    metric: str = TOP1
    origin: str = "download"
    exact: bool = True
    native_px: int = 0


SETS = {
    one.id: one
    for one in (
        TransferSet("cifar10", "CIFAR-10", 10, 50000, 10000, "CIFAR-10", native_px=32),
        TransferSet("cifar100", "CIFAR-100", 100, 50000, 10000, "CIFAR-100", native_px=32),
        # 49,829 pictures were published as addresses, many of which are dead: no two copies are the same.
        TransferSet("birdsnap", "Birdsnap", 500, 47386, 2443, "Birdsnap", origin="folder", exact=False),
        TransferSet("stanford-cars", "Stanford Cars", 196, 8144, 8041, "Stanford Cars", origin="folder"),
        TransferSet("flowers102", "Flowers-102", 102, 2040, 6149, "Flowers", PER_CLASS),
        TransferSet("fgvc-aircraft", "FGVC Aircraft", 100, 6667, 3333, "FGVC Aircraft", PER_CLASS),
        TransferSet("pets", "Oxford-IIIT Pets", 37, 3680, 3669, "Oxford-IIIT Pets", PER_CLASS),
        TransferSet("food101", "Food-101", 101, 75750, 25250, "Food-101"),
        # scikit-learn ships the test part only of the original; the split is drawn here, a third of each class.
        TransferSet("digits", "handwritten digits, 8 x 8 px", 10, 1201, 596, origin="embedded", native_px=8),
    )
}


def describe(name: str) -> TransferSet:
    """Return what is known of a set's name; of another ImageFolder, its counts and top-1 as the metric."""
    if name in SETS:
        return SETS[name]
    dataset = declare(name)
    return TransferSet(
        dataset.id, dataset.label, dataset.classes, dataset.train_images, dataset.val_images, origin="folder"
    )


# Other encodings of a named set, by their content's fingerprint: at quality 75 with halved colour a picture of 32 px is
# left with some 300 bytes of 3,072, and no network gets right what is no longer in it.
COPIES = {"a65f6a803eddc69d46238008cc84ab649c34d0a1ee983b761c653cc88041899d": "as JPEG, quality 75"}


def label(dataset: DataSet, fingerprint: str = "") -> str:
    """Return the words that figures use for a set; where its content is known to be another encoding, they say so."""
    words = SETS[dataset.id].label if dataset.id in SETS else dataset.label
    return f"{words} {COPIES[fingerprint]}" if fingerprint in COPIES else words


def sizes() -> pd.DataFrame:
    """Return Table 6 as printed beside the official sizes, with the difference in words."""
    by_name = {one.printed: one for one in SETS.values() if one.printed}
    rows = []
    for row in paper.table(6).itertuples():
        one, words = by_name[row.dataset], []
        for part, printed, official in (("train", row.train_size, one.train), ("test", row.test_size, one.test)):
            if printed != official:
                words.append(f"{part}: {official - printed:+d} against the print")
        rows.append(
            {
                "dataset": row.dataset,
                "id": one.id,
                "train_printed": row.train_size,
                "train": one.train,
                "test_printed": row.test_size,
                "test": one.test,
                "classes": one.classes,
                "metric": one.metric,
                "difference": "; ".join(words) or "none",
                "origin": one.origin,
            }
        )
    return pd.DataFrame(rows)


def declare(name: str) -> DataSet:
    """Return the data set of a name or of an ImageFolder's path; nothing is fetched.

    Raises ParameterError for a name that is neither, DataError for a folder that is no data set.
    """
    if name in FRACTALS or (name in PHOTOS and name not in SETS):
        return datasets.declare(name)
    if name not in SETS:
        if "/" not in name and not Path(name).is_dir():
            accepted = nearest(name, dict.fromkeys([*SETS, *FRACTALS, *PHOTOS]))
            raise ParameterError("dataset", name, f"{accepted} or a folder with train/ and test/")
        return datasets.declare(name)
    one = SETS[name]
    root = paths.results_root() / "cache/sets" if one.origin == "embedded" else paths.data_root()
    return DataSet(one.id, one.classes, one.train, one.test, one.native_px, folder=root / one.id)


def there(name: str) -> bool:
    """Say whether a set's pictures are here without a download."""
    dataset = declare(name)
    embedded = dataset.fractals is not None or (name in SETS and SETS[name].origin == "embedded")
    return embedded or _laid_out(dataset)


def _laid_out(dataset: DataSet) -> bool:
    return (dataset.folder / "train").is_dir()


def ensure(dataset: DataSet) -> DataSet:
    """Bring a set's pictures where it is declared to be, if they are not there, and check their classes and number.

    Raises DataError, in one line, where a download fails, classes differ between the splits, or a named set is not
    the official one.
    """
    if dataset.fractals:
        return dataset
    if dataset.id in SETS and not _laid_out(dataset):
        _lay_out(SETS[dataset.id], dataset.folder)
    train, _, classes = image_folder.list_images(dataset.folder, "train")
    test, _, others = image_folder.list_images(dataset.folder, "val")
    if classes != others:
        odd = sorted(set(classes) ^ set(others))
        raise DataError(f"dataset={dataset.id}: classes differ between train and test ({', '.join(odd[:3])})")
    one = SETS.get(dataset.id)
    found, official = (len(classes), len(train), len(test)), (dataset.classes, dataset.train_images)
    official = (*official, dataset.val_images)
    if one and (found != official if one.exact else found[0] != official[0]):
        raise DataError(
            f"dataset={dataset.id}: its folder has {found[0]} classes, {found[1]} + {found[2]} pictures, and the "
            f"official set {official[0]}, {official[1]} + {official[2]}; give the folder's path for a set of your own"
        )
    return dataset


def _lay_out(one: TransferSet, folder: Path) -> None:
    if one.origin == "folder":
        raise DataError(
            f"dataset={one.id}: its host serves it no longer, and there is no folder {one.id}/ below the data root; "
            f"put {one.id}/train/<class>/ and {one.id}/test/<class>/ there"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{one.id}.lock"):  # one process fetches, the others wait for it
        if (folder / "train").is_dir():
            return
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:  # a kill leaves no half data set
            made = Path(scratch) / "made"
            for part, images in (_digits() if one.origin == "embedded" else _torchvision(one, scratch)).items():
                _write(made / part, images)
            made.rename(folder)


def _write(folder: Path, images: Iterator[tuple[str, Path | Image.Image]]) -> None:
    for number, (name, image) in enumerate(images):
        place = folder / re.sub(r"[^\w.+-]+", "_", name).strip(".")  # a class named "../x" stays inside
        place.mkdir(parents=True, exist_ok=True)
        if isinstance(image, Path):
            image.rename(place / f"{number:06}{image.suffix}")
        else:
            image.save(place / f"{number:06}.png")


def _torchvision(one: TransferSet, root: str) -> dict[str, Iterator[tuple[str, Path | Image.Image]]]:
    """Fetch a set's archive into `root`; return its parts as (class, picture), classes numbered in their order."""
    from torchvision import datasets

    makers = {
        "cifar10": (datasets.CIFAR10, {"train": [{"train": True}], "test": [{"train": False}]}),
        "cifar100": (datasets.CIFAR100, {"train": [{"train": True}], "test": [{"train": False}]}),
        "flowers102": (
            datasets.Flowers102,
            {"train": [{"split": "train"}, {"split": "val"}], "test": [{"split": "test"}]},
        ),
        "fgvc-aircraft": (datasets.FGVCAircraft, {"train": [{"split": "trainval"}], "test": [{"split": "test"}]}),
        "pets": (datasets.OxfordIIITPet, {"train": [{"split": "trainval"}], "test": [{"split": "test"}]}),
        "food101": (datasets.Food101, {"train": [{"split": "train"}], "test": [{"split": "test"}]}),
    }
    maker, parts = makers[one.id]
    try:
        opened = {part: [maker(root, download=True, **chosen) for chosen in some] for part, some in parts.items()}
    except (OSError, RuntimeError) as error:  # no host, or a checksum that differs
        line = " ".join(str(error).split())[:160]
        raise DataError(
            f"dataset={one.id}: torchvision could not fetch it ({type(error).__name__}: {line}); with a network it "
            f"can, or put {one.id}/train/<class>/ and {one.id}/test/<class>/ below the data root"
        ) from error
    return {part: (image for some in several for image in _labelled(some)) for part, several in opened.items()}


def _labelled(dataset) -> Iterator[tuple[str, Path | Image.Image]]:
    labels = dataset.targets if hasattr(dataset, "targets") else dataset._labels
    names = getattr(dataset, "classes", None)
    if hasattr(dataset, "data"):
        images = map(Image.fromarray, dataset.data)
    else:
        images = map(Path, dataset._image_files if hasattr(dataset, "_image_files") else dataset._images)
    for label, image in zip(labels, images, strict=True):
        yield f"{int(label):03}{'-' + names[label] if names else ''}", image


def _digits() -> dict[str, Iterator[tuple[str, Image.Image]]]:
    from sklearn.datasets import load_digits

    found = load_digits()
    grey = np.clip(found.images * 16, 0, 255).astype(np.uint8)  # 17 levels, 0 to 16
    parts = {"train": [], "test": []}
    for label in range(10):
        order = np.random.default_rng([3, label]).permutation(np.flatnonzero(found.target == label))
        cut = len(order) // 3
        parts["test"] += [(str(label), int(i)) for i in order[:cut]]
        parts["train"] += [(str(label), int(i)) for i in order[cut:]]
    return {part: ((name, Image.fromarray(grey[i])) for name, i in rows) for part, rows in parts.items()}
