"""The files that a notebook leaves: picture, table and claims beside each other."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ..core import paths
from ..core.atomic_write import write_aside
from ..stats.verdicts import Judged

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save(name: str, profile: str, figure: "Figure", table: pd.DataFrame, judged: Sequence[Judged]) -> Path:
    """Write figures/<profile>/<name>.png, .pdf, .svg, .csv and .claims.json; return the folder."""
    folder = paths.figures_root() / profile
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / name
    _save_picture(figure, stem)
    write_aside(stem.with_suffix(".csv"), table.to_csv(index=False).encode())
    claims = json.dumps([claim.to_json() for claim in judged], indent=1) + "\n"
    write_aside(stem.with_suffix(".claims.json"), claims.encode())
    return folder


def _save_picture(figure: "Figure", stem: Path) -> None:
    """Write a figure as stem.png (200 dpi; 130 with photographs in it), .pdf and .svg, without dates in the files."""
    # Photographs hardly compress: Figure 7 at 200 dpi is 1.8 MB, and its thumbnails show no more than at 130.
    dpi = 130 if any(axes.images for axes in figure.get_axes()) else 200

    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
    for kind, fields in metadata.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=fields)
        write_aside(stem.with_name(f"{stem.name}.{kind}"), buffer.getvalue())
