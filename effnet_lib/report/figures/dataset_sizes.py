"""Tables 6 and 8 as drawn: sizes of the transfer sets; test minus validation accuracy beside the sampling error."""

from collections.abc import Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from ...stats.two_sets import Correlation
from . import style
from .style import COLOURS, margins

LOOK = {"train": ("o", COLOURS["width"]), "test": ("s", COLOURS["depth"])}
PAIRS = {"top1": ("D", COLOURS["compound"], -0.13), "top5": ("^", COLOURS["resolution"], 0.13)}
FOOT = (
    "Left: filled, the official splits; hollow and larger, the print, drawn round it. "
    "Right: both accuracies are printed; a bar is what 50,000 and 100,000 images explain (95 %)."
)


def draw(title: str, sizes: pd.DataFrame, pairs: pd.DataFrame, found: Mapping[str, Correlation]) -> Figure:
    """Draw both tables side by side.

    Args:
        sizes: `transfer_datasets.sizes`.
        pairs: `tables.val_vs_test.table`.
        found: metric -> correlation.
    """
    style.theme()
    made = plt.figure(figsize=(12.5, 4.9))
    margins(made, rect=(0, 0.055, 1, 0.875), wspace=0.04)
    left, right = made.subplots(1, 2, width_ratios=[1, 1.05])
    _sizes(left, sizes)
    _pairs(right, pairs, found)
    style.headline(made, 0.96, title)
    style.line(made, 0.025, FOOT, fontsize=8)
    return made


def _sizes(axes: Axes, sizes: pd.DataFrame) -> None:
    places = np.arange(len(sizes))
    for part, (marker, colour) in LOOK.items():
        axes.plot(sizes[part], places, marker, color=colour, markersize=5.5, label=f"{part} images")
        axes.plot(sizes[f"{part}_printed"], places, marker, mfc="none", mec=colour, markersize=10)
    axes.set_xscale("log")
    for place, row in zip(places, sizes.itertuples(), strict=True):
        if row.difference != "none":
            at: dict[str, Any] = {"xytext": (9, -12), "textcoords": "offset points", "fontsize": 8}
            axes.annotate(
                row.difference.removesuffix(" against the print") + " against the print", (row.test, place), **at
            )
    axes.set_yticks(places, [f"{row.dataset} ({row.classes} classes)" for row in sizes.itertuples()])
    axes.set_ylim(len(sizes) - 0.4, -0.6)
    axes.set_xticks([2000, 5000, 10_000, 20_000, 50_000])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("images")
    axes.set_title("Table 6: sizes", loc="left", fontsize=10)
    axes.legend(loc="center right", bbox_to_anchor=(1.0, 0.31), fontsize=8, frameon=True)


def _pairs(axes: Axes, pairs: pd.DataFrame, found: Mapping[str, Correlation]) -> None:
    names = list(dict.fromkeys(pairs["model"]))
    axes.axhline(0, color="0.15", linewidth=0.9, zorder=1)
    for metric, (marker, colour, shift) in PAIRS.items():
        part, r = pairs[pairs["metric"] == metric], found[metric]
        words = f"{metric.replace('top', 'top-')}: r = {r.value:.4f} ({r.low:.4f} to {r.high:.4f})"
        places = np.arange(len(part)) + shift
        axes.errorbar(places, 0 * places, part["margin"], fmt="none", ecolor=colour, alpha=0.45, capsize=3)
        axes.plot(places, part["difference"], marker, mfc="none", mec=colour, mew=1.4, markersize=7, label=words)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("test minus validation accuracy (points)")
    axes.margins(y=0.3)
    axes.set_title("Table 8: validation against test accuracy, as printed", loc="left", fontsize=10)
    axes.legend(loc="lower right", fontsize=8, frameon=True, title="correlation over models, 95 %", title_fontsize=8)
