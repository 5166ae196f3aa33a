"""Tables 6 and 8: sizes of the transfer sets that are at hand, and accuracy on the validation and the test set."""

from pathlib import Path

import pandas as pd

from ... import paper
from ...core.atomic_write import write_aside
from ...core.errors import DataError, known
from ...data import image_folder, transfer_datasets
from ...stats.two_sets import sampling_error

VALIDATION, TEST = 50_000, 100_000  # images; the appendix says 100k of the test set
FILE = "val_vs_test.csv"


def table() -> pd.DataFrame:
    """Return Table 8 in long form: a row a model and metric.

    Returns:
        val, test: percent, as printed. difference: test minus val in points. margin: the 95 % half-width that sampling
        two sets of 50,000 and 100,000 images alone explains.
    """
    printed, rows = paper.table(8), []
    for row in printed.itertuples():
        for metric in ("top1", "top5"):
            val, test = getattr(row, f"val_{metric}"), getattr(row, f"test_{metric}")
            made = {"model": row.model, "metric": metric, "val": val, "test": test, "difference": round(test - val, 2)}
            rows.append(made | {"margin": sampling_error(val, VALIDATION, TEST)})
    return pd.DataFrame(rows)


def save(folder: Path) -> Path:
    """Write Table 8 beside the other files of its artefact; return the path."""
    path = folder / FILE
    write_aside(path, table().to_csv(index=False).encode())
    return path


def at_hand() -> pd.DataFrame:
    """Return what lies under the data root of each set of Table 6, or could be had: images and classes."""
    rows = []
    for official in transfer_datasets.SETS.values():
        if official.printed:
            rows.append({"dataset": official.printed, "id": official.id} | _counted(official.id, official.origin))
    return pd.DataFrame(rows)


def _counted(name: str, origin: str) -> dict:
    folder = known(transfer_datasets.declare(name).folder)
    if not (folder / "train").is_dir():
        missing = "torchvision fetches it when it is first asked for" if origin == "download" else "nobody serves it"
        return {"train": 0, "test": 0, "classes": 0, "state": f"not here; {missing}"}
    try:
        parts = [image_folder.list_images(folder, part) for part in ("train", "val")]
    except DataError as error:
        return {"train": 0, "test": 0, "classes": 0, "state": f"damaged: {error}"}
    (train, _, classes), (test, _, _) = parts
    return {"train": len(train), "test": len(test), "classes": len(classes), "state": "here"}
