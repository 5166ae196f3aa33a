"""Table 3's figure: a family a column, measured above, printed below on ImageNet axes, the margins at the side."""

from collections.abc import Mapping
from textwrap import wrap
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.typing import HashableList

from ...study.training_plan import Records
from ..tables.accuracy import SeedBand
from . import accuracy_curves, overlaid_curves, style
from .style import COLOURS, LINES, MARKERS, margins, marker_size

LINE = 200  # letters of the subtitle that fit between the margins


class Panels(NamedTuple):
    """The panels of a figure: family -> measured, family -> printed, and the margins'."""

    measured: dict[str, Axes]
    printed: dict[str, Axes]
    margins: Axes


def panels(title: str, subtitle: str, families: tuple[str, ...]) -> tuple[Figure, Panels]:
    """Open a figure with two panels a family and the margins' at the right, under a title and a subtitle."""
    style.theme()
    figure = plt.figure(figsize=(14.5, 8.2))
    rows: list[HashableList[str]] = [
        [*(f"{kind} {family}" for family in families), "margins"] for kind in ("measured", "printed")
    ]
    axes = figure.subplot_mosaic(rows, width_ratios=[1] * len(families) + [1.15], height_ratios=[1.25, 1])
    margins(figure, rect=(0, 0.035, 1, 0.885), wspace=0.03, hspace=0.04)
    style.headline(figure, 0.978, title)
    style.line(figure, 0.943, "\n".join(wrap(subtitle, LINE)), fontsize=8)
    columns = [{family: axes[f"{kind} {family}"] for family in families} for kind in ("measured", "printed")]
    return figure, Panels(columns[0], columns[1], axes["margins"])


def measured(
    panels: Mapping[str, Axes], titles: Mapping[str, str], records: Records, rows: pd.DataFrame, band: SeedBand | None
) -> None:
    """Draw each family's differences to its own baseline, on a common range, with its own axis of top-1."""
    own = {family: {m: runs for m, runs in records.items() if m.family == family} for family in panels}
    for family, axes in panels.items():
        axes.set_title(titles[family], loc="left", fontsize=9, fontweight="bold")
        axes.axhline(0, color=COLOURS["baseline"], linewidth=0.8, zorder=1)
        part = rows[(rows["family"] == family) & rows["gain"].notna()]
        for row in part.itertuples():
            accuracy_curves.single_seeds(axes, row, own[family], 1.05)
        for row in part.itertuples():
            accuracy_curves.point(axes, row)
            overlaid_curves.mark(axes, row)
            base = part[part["method"] == "baseline"].itertuples()
            if row.method != "baseline":
                look: dict[str, Any] = {"color": COLOURS[row.method], "linewidth": 1.2, "alpha": 0.6}
                accuracy_curves.join(axes, [*base, row], LINES[row.method], **look)
        if not (part["method"] != "baseline").any():
            words: dict[str, Any] = {"xycoords": "axes fraction", "ha": "center", "fontsize": 8, "color": "0.4"}
            axes.annotate("not measured" if part.empty else "only the baseline is measured", (0.5, 0.6), **words)
        style.ratio_axis(axes, (1.0, max(rows["flops_ratio"])))
    low, high = (end([axes.get_ylim()[i] for axes in panels.values()]) for i, end in enumerate((min, max)))
    for family, axes in panels.items():
        axes.set_ylim(low, high)
        accuracy_curves.share_differences([axes], rows[rows["family"] == family], band)
    for axes in list(panels.values())[1:]:
        axes.set_ylabel("")
    for axes in list(panels.values())[:-1]:
        for strip in axes.child_axes:
            strip.set_ylabel("")


def finish(figure: Figure, words: Mapping[str, str]) -> None:
    """Say once, beside the title, what each colour and marker is, and settle the layout.

    Drawn again, a constrained layout with a panel over two rows would move by a fraction of a pixel.

    Args:
        words: method -> text.
    """
    shown = [plt.Line2D([], [], **_marker(method) | {"linestyle": LINES[method]}) for method in words]
    place: dict[str, Any] = {
        "loc": "upper right",
        "bbox_to_anchor": (0.996, 0.998),
        "ncols": len(words),
        "fontsize": 8.5,
    }
    figure.legend(shown, list(words.values()), frameon=False, columnspacing=1.4, **place)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")


def _marker(method: str) -> dict:
    look = {"marker": MARKERS[method], "color": COLOURS[method], "markersize": marker_size(MARKERS[method])}
    return look | {"markeredgecolor": "white"}
