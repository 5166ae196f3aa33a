"""The numbers that the paper prints (arXiv 1905.11946v5, Tables 1 to 8), as CSV and as data frames.

Nothing read off a plot lives here, and nothing that was measured or counted.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ..core.errors import ParameterError


class _Source(NamedTuple):
    """A CSV beside this file: its columns of text and of whole numbers, every other one is a float."""

    file: str
    text: str
    whole: str = ""
    gaps: str = ""  # whole numbers, some of which the paper leaves blank


_SOURCES = {
    1: _Source("efficientnet_b0", "operator", "stage kernel_size resolution channels layers", "expand_ratio"),
    2: _Source("imagenet", "model group"),
    3: _Source("scaling", "baseline method"),
    4: _Source("latency", "model", "pair"),
    5: _Source("transfer", "dataset comparison other_model efficientnet"),
    6: _Source("datasets", "dataset", "train_size test_size classes"),
    7: _Source("cam_models", "model"),
    8: _Source("val_vs_test", "model"),
}


def table(number: int) -> pd.DataFrame:
    """Return a table of the paper as printed, with units in the column names; a blank stays missing.

    "FLOPS" of the paper are multiply-adds. Every call returns a new frame, which the caller may change.

    Args:
        number: 1: stages of EfficientNet-B0 (`resolution` is that of a stage's input). 2: ImageNet results and sizes.
            3: MobileNets and ResNet scaled up. 4: latency on one core of a CPU. 5: transfer to eight data sets.
            6: these data sets. 7: the models of Figure 7's activation maps. 8: validation against test accuracy.

    Raises:
        ParameterError: any other number.

    >>> table(1)["resolution"].tolist()
    [224, 112, 112, 56, 28, 14, 14, 7, 7]
    """
    source = _source(number)
    kinds = {"string": source.text, "int64": source.whole, "Int64": source.gaps}
    types = {column: kind for kind, columns in kinds.items() for column in columns.split()}
    frame = pd.read_csv(_path(number), dtype=types)
    return frame.astype(dict.fromkeys(frame.columns.difference(list(types)), "float64"))


def printed(number: int) -> pd.DataFrame:
    """Return a table as `table` does, but every cell as its text: "0.70" says two digits, where 0.7 says one.

    Raises:
        ParameterError: as `table` does.
    """
    return pd.read_csv(_path(number), dtype="string")


def _source(number: int) -> _Source:
    if isinstance(number, bool) or not isinstance(number, int) or number not in _SOURCES:
        raise ParameterError("number", number, f"a table of the paper, {min(_SOURCES)} to {max(_SOURCES)}")
    return _SOURCES[number]


def _path(number: int) -> Path:
    return Path(__file__).with_name(f"table{number}_{_source(number).file}.csv")
