"""The files that a notebook leaves: picture, table and claims beside each other."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..core import paths
from ..core.atomic_write import write_aside
from ..stats.claims import Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save(name: str, profile: str, figure: "Figure", table: pd.DataFrame, judged: Sequence[Judged]) -> Path:
    """Write figures/<profile>/<name>.png, .pdf, .svg, .csv and .claims.json; return the folder."""
    folder = paths.figures_root() / profile
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / name
    from ..report.figures.style import save as save_picture

    save_picture(figure, stem)
    write_aside(stem.with_suffix(".csv"), table.to_csv(index=False).encode())
    claims = json.dumps([claim.to_json() for claim in judged], indent=1) + "\n"
    write_aside(stem.with_suffix(".claims.json"), claims.encode())
    return folder
