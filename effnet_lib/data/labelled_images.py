"""Images with ImageNet labels to evaluate networks on: any folder of class folders named by WordNet ids.

Known is `cc-by-1000`, photographs under CC BY 2.0 with their authors in `credits.csv`; it lies under the data root or
is not there, and its records redraw without it.
"""

import csv
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..core import paths
from ..core.errors import DataError
from ..core.user_paths import user_path
from . import image_folder

WORDNET = re.compile(r"n\d{8}")
NAMED = 3  # class folders that a message names


@dataclass(frozen=True)
class LabelledImages:
    """Declare a set of labelled images: its content, and where it is or would be.

    Args:
        fingerprint: SHA-256 over paths and bytes (`image_folder.content`).
    """

    id: str
    label: str
    fingerprint: str
    images: int
    classes: int
    folder: Path = field(compare=False)

    @property
    def here(self) -> bool:
        """Whether its folder is there."""
        return self.folder.is_dir()

    def files(self) -> list[tuple[Path, str]]:
        """Return every image with the WordNet id of its class, in a fixed order.

        Raises:
            DataError: as `listed`; or the content is not the declared one (both fingerprints are named).
        """
        found = listed(self.folder)
        content = _content(self.folder, [file for file, _ in found])
        if content != self.fingerprint:
            raise DataError(
                f"imagenet={self.id}: the folder's content has fingerprint {content[:12]}, declared is "
                f"{self.fingerprint[:12]}; give the folder's path to evaluate it as a set of its own"
            )
        return found


def cc_by() -> LabelledImages:
    """Declare `cc-by-1000`: 1,000 photographs of 430 classes, 299 px, once screened with classifiers."""
    fingerprint = "ea1381ffae1f9de918b671e1e7a98a59a0716605045e6cabb9093efb8a85c714"
    folder = paths.data_root() / "cc-by-1000"
    return LabelledImages(
        "cc-by-1000", "1,000 CC BY photographs of 430 ImageNet classes", fingerprint, 1000, 430, folder
    )


def declare(path: str | None) -> LabelledImages:
    """Declare the set of a path, or `cc-by-1000` for None.

    Raises:
        ParameterError: no folder could have this path.
        DataError: as `listed`.
    """
    if path is None:
        return cc_by()
    folder = user_path("imagenet", path).resolve()
    if not os.path.isdir(folder):
        raise DataError(f"imagenet={path!r}: there is no such folder; imagenet takes a folder of class folders")
    found = listed(folder)
    content, classes = _content(folder, [file for file, _ in found]), {synset for _, synset in found}
    known = cc_by()
    if content == known.fingerprint:
        return LabelledImages(known.id, known.label, content, known.images, known.classes, folder)
    label = f"{folder.name}, {len(found):,} images of {len(classes):,} classes"
    return LabelledImages(f"folder-{folder.name}-{content[:12]}", label, content, len(found), len(classes), folder)


def listed(folder: Path) -> list[tuple[Path, str]]:
    """Return the images of a folder's class folders, or of those in its val/, with their WordNet ids.

    Raises:
        DataError: there is no class folder, one is no WordNet id (it is named), none holds an image, or a link leaves
            the folder or leads nowhere.
    """
    inside = next((folder / name for name in image_folder.PARTS["val"] if os.path.isdir(folder / name)), folder)
    try:
        names = sorted(
            entry.name for entry in inside.iterdir() if entry.is_dir() and not image_folder.hidden(entry.name)
        )
    except OSError as error:
        raise DataError(f"imagenet={str(inside)!r} cannot be listed ({error.strerror})") from None
    if not names:
        raise DataError(
            f"imagenet={str(inside)!r} has no class folder; one is expected for each class, named n02124075"
        )
    if odd := [name for name in names if not WORDNET.fullmatch(name)]:
        more = f" and {len(odd) - NAMED} more" if len(odd) > NAMED else ""
        raise DataError(
            f"imagenet={str(inside)!r}: {', '.join(map(repr, odd[:NAMED]))}{more} {'is' if len(odd) == 1 else 'are'} "
            "no WordNet id such as n02124075, "
            "by which class folders are told apart"
        )
    home = folder.resolve()
    found = [(file, name) for name in names for file in sorted(image_folder.images_below(inside / name, home))]
    if not found:
        raise DataError(f"imagenet={str(inside)!r}: no class folder holds an image")
    return found


def _content(folder: Path, files: list[Path]) -> str:
    return image_folder.content(files, folder, paths.cache_root() / "fingerprints.json", any_bytes=True)


def credits_of(folder: Path) -> Mapping[str, Mapping[str, str]]:
    """Return author, licence and page of each file of a set, by its path relative to the folder; none without a list.

    Raises:
        DataError: the list lacks a column.
    """
    path = folder / "credits.csv"
    if not path.is_file():
        return {}
    with open(path, newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for column in ("file", "license", "author", "landing_url"):
        if rows and column not in rows[0]:
            raise DataError(f"imagenet: {str(path)!r} has no column {column!r}")
    return {row["file"]: row for row in rows}
