"""The data sets of Table 6, to which ImageNet weights are transferred, and two that need no download.

Every set is a folder of class folders under the data root, `<id>/train/<class>/` and `<id>/test/<class>/`, whatever it
came as. Those that torchvision fetches (and holds to their checksums) are laid out so once, when first asked for. The
hosts of Birdsnap and Stanford Cars no longer serve them: put their official splits there in that layout.
"""

import os
from dataclasses import dataclass

import pandas as pd

from .. import paper
from ..core import paths
from ..core.errors import DataError, ParameterError, known, nearest
from ..core.user_paths import user_path
from . import datasets, image_folder
from .datasets import FRACTALS, PER_CLASS, PHOTOS, TOP1, DataSet
from .transfer_files import lay_out


@dataclass(frozen=True)
class TransferSet:
    """A data set with the numbers of images in its official splits (Table 6).

    Args:
        printed: its name in Tables 5 and 6; "": not there.
        origin: download (torchvision has it), folder (put it there yourself) or embedded.
        exact: whether all copies have the same images.
        native_px: side of its images in pixels; 0: any.
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
    dataset.id: dataset
    for dataset in (
        TransferSet("cifar10", "CIFAR-10", 10, 50000, 10000, "CIFAR-10", native_px=32),
        TransferSet("cifar100", "CIFAR-100", 100, 50000, 10000, "CIFAR-100", native_px=32),
        # 49,829 images were published as addresses, many of which are dead: no two copies are the same.
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


# Other encodings of a named set, by their content's fingerprint: at quality 75 with halved colour an image of 32 px is
# left with some 300 bytes of 3,072, and no network recognises what is no longer in it.
COPIES = {"a65f6a803eddc69d46238008cc84ab649c34d0a1ee983b761c653cc88041899d": "as JPEG, quality 75"}


def label(dataset: DataSet, fingerprint: str = "") -> str:
    """Return the words that figures use for a set; where its content is known to be another encoding, they say so."""
    words = SETS[dataset.id].label if dataset.id in SETS else dataset.label
    return f"{words} {COPIES[fingerprint]}" if fingerprint in COPIES else words


def sizes() -> pd.DataFrame:
    """Return Table 6 as printed beside the official sizes, with the difference in words."""
    by_name = {official.printed: official for official in SETS.values() if official.printed}
    rows = []
    for row in paper.table(6).itertuples():
        official = by_name[row.dataset]
        more = {"train": official.train - row.train_size, "test": official.test - row.test_size}
        words = [f"{part}: {images:+d} against the print" for part, images in more.items() if images]
        rows.append(
            {
                "dataset": row.dataset,
                "id": official.id,
                "train_printed": row.train_size,
                "train": official.train,
                "test_printed": row.test_size,
                "test": official.test,
                "classes": official.classes,
                "metric": official.metric,
                "difference": "; ".join(words) or "none",
                "origin": official.origin,
            }
        )
    return pd.DataFrame(rows)


def declare(name: str) -> DataSet:
    """Return the data set of a name or of an ImageFolder's path; nothing is fetched.

    Raises:
        ParameterError: `name` is neither.
        DataError: the folder is no data set.
    """
    if name in FRACTALS or (name in PHOTOS and name not in SETS):
        return datasets.declare(name)
    if name not in SETS:
        if "/" not in name and not os.path.isdir(user_path("dataset", name)):
            accepted = nearest(name, dict.fromkeys([*SETS, *FRACTALS, *PHOTOS]))
            raise ParameterError("dataset", name, f"{accepted} or a folder with train/ and test/")
        return datasets.declare(name)
    official = SETS[name]
    root = paths.results_root() / "cache/sets" if official.origin == "embedded" else paths.data_root()
    numbers = official.classes, official.train, official.test, official.native_px
    return DataSet(name, *numbers, folder=root / name)


def there(name: str) -> bool:
    """Say whether a set's images are here without a download."""
    dataset = declare(name)
    embedded = dataset.fractals is not None or (name in SETS and SETS[name].origin == "embedded")
    return embedded or _laid_out(dataset)


def _laid_out(dataset: DataSet) -> bool:
    return (known(dataset.folder) / "train").is_dir()


def ensure(dataset: DataSet) -> DataSet:
    """Bring a set's images where it is declared to be, if they are not there, and check their classes and number.

    Raises:
        DataError: nobody serves it, a download fails, classes differ between the splits, or a named set is not the
            official one.
    """
    if dataset.fractals:
        return dataset
    official, folder = SETS.get(dataset.id), known(dataset.folder)
    if official and not _laid_out(dataset):
        if official.origin == "folder":
            raise DataError(
                f"dataset={official.id}: its host serves it no longer, and there is no folder {official.id}/ below the "
                f"data root; put {official.id}/train/<class>/ and {official.id}/test/<class>/ there"
            )
        lay_out(official.id, folder)
    train, _, classes = image_folder.list_images(folder, "train")
    test, _, others = image_folder.list_images(folder, "val")
    if classes != others:
        odd = sorted(set(classes) ^ set(others))
        raise DataError(f"dataset={dataset.id}: classes differ between train and test ({', '.join(odd[:3])})")
    here = (len(classes), len(train), len(test))
    declared = (dataset.classes, dataset.train_images, dataset.val_images)
    if official and (here != declared if official.exact else here[0] != declared[0]):
        raise DataError(
            f"dataset={dataset.id}: its folder has {here[0]} classes, {here[1]} + {here[2]} images, and the official "
            f"set {declared[0]}, {declared[1]} + {declared[2]}; give the folder's path for a set of your own"
        )
    return dataset
