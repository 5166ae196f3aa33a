"""ImageNet accuracies that others measured, as data with repository, file and commit (`measured_by_others.csv`).

Read from those files, none from memory. They stand in columns of their own, beside what the paper prints and what is
measured here, and never become either.
"""

from functools import cache
from pathlib import Path

import pandas as pd

TEXT = ("network", "dataset", "what", "source", "repository", "commit", "file")
CLEAN = {"V2": "ImageNet", "ReaL": "ImageNet", "Sketch": "ImageNet", "A": "A clean", "R": "R clean"}
TIMM = "timm"


@cache
def _read() -> pd.DataFrame:
    return pd.read_csv(Path(__file__).with_name("measured_by_others.csv"), dtype=dict.fromkeys(TEXT, "string"))


def results() -> pd.DataFrame:
    """Return every result: network, data set, top-1 and top-5 in percent, spread in points, and where it stands."""
    return _read().copy()


def of_published_weights(dataset: str = "ImageNet") -> pd.DataFrame:
    """Return timm's results for published weights on a data set, by the paper's name of the network."""
    rows = _read()
    return rows[(rows["source"] == TIMM) & (rows["dataset"] == dataset)].set_index("network")


def drops() -> pd.DataFrame:
    """Return how much top-1 each EfficientNet loses from ImageNet to other sets of the same classes.

    A and R have 200 of the 1,000 classes; their drop is from ImageNet's validation images of these 200.

    Returns:
        A row a network and set: network, dataset, clean and top1 in percent, drop in points (negative: a gain).
    """
    made = []
    for dataset, clean in CLEAN.items():
        there, before = (of_published_weights(name)["top1_percent"] for name in (dataset, clean))
        for network, top1 in there.items():
            row = {"network": network, "dataset": dataset, "clean": before[network], "top1": top1}
            made.append(row | {"drop": round(before[network] - top1, 3)})
    return pd.DataFrame(made)


def from_scratch() -> pd.DataFrame:
    """Return the results of others' own trainings (NVIDIA's, pycls's)."""
    rows = _read()
    return rows[rows["source"] != TIMM].reset_index(drop=True)
