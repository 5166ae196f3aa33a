"""Figures 1 and 5 with what the paper has not: drops to other test sets, and what is measured here, apart."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import style
from .labels import Label, place
from .style import COLOURS, HALO, margins

OURS, OTHERS = COLOURS["compound"], COLOURS["baseline"]
AXES = {"params": (180, 1e6, "parameters (millions)"), "flops": (45, 1e9, "FLOPS (billions of multiply-adds)")}
TOP1 = (74, 85.2)  # percent: the paper's axes, and room for B7's name
DENSE = 400  # places along the curve that no name may cover
APART = 4.5  # points of accuracy between the names of two lines
FAR = 0.05  # share of the print, from which a count is tied to it
LINES = {"ReaL": ("P", "-"), "V2": ("o", "-"), "R": ("s", "--"), "Sketch": ("^", "-."), "A": ("D", ":")}
SHADES = dict(zip(LINES, [*style.sns.color_palette("colorblind", 8)[:4], (0.15, 0.15, 0.15)], strict=True))
FOOT = (
    "Above, hollow: accuracy as printed, cost as counted here; where the print differs by more than 5 %, a grey line "
    "leads to it. GPipe (557 M, 299 B) lies outside. Below left: measured by others.\n"
    "Below right: measured here; bars: Wilson's 95 %, of differences paired by image. The images were once screened "
    "with classifiers: their level is no ImageNet accuracy."
)


def draw(title: str, rows: pd.DataFrame, drops: pd.DataFrame, differences: pd.DataFrame) -> Figure:
    """Draw Figures 1 and 5, the drops along B0 to B7, and what is measured here.

    Args:
        rows: `tables.imagenet.table`.
        drops: `tables.by_others.drops`.
        differences: `tables.evaluation.differences`.
    """
    style.theme()
    made = plt.figure(figsize=(14.5, 10.2))
    margins(made, rect=(0, 0.045, 1, 0.905), wspace=0.02, hspace=0.03)
    upper, lower = style.cells(made.add_gridspec(2, 1, height_ratios=[1.15, 1]))
    printed, here = rows[rows["group"].notna()], rows[rows["group"].isna()]
    panels = [made.add_subplot(cell) for cell in style.cells(upper.subgridspec(1, 2))]
    for axes, (name, number) in zip(panels, (("params", 1), ("flops", 5)), strict=True):
        _printed(axes, printed, name, number)
    below = style.cells(lower.subgridspec(1, 3, width_ratios=[1.25, 1, 1]))
    left, middle, right = (made.add_subplot(cell) for cell in below)
    _drops(left, drops)
    _measured(middle, here)
    _differences(right, differences)
    style.headline(made, 0.982, title)
    style.line(made, 0.96, _subtitle(here))
    style.line(made, 0.02, FOOT, fontsize=8)
    made.canvas.draw()  # the layout, before names find their places
    for axes, name in zip(panels, AXES, strict=True):
        _name(axes, printed, name)
    return made


def _name(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    """Write every network's name beside its point, none over another or over the curve of EfficientNets."""
    most, unit, _ = AXES[name]
    inside = rows[rows[name] < most * unit]
    curve = inside[inside["model"].str.startswith("EfficientNet")]
    x = np.linspace(0, len(curve) - 1, DENSE)
    along = [np.interp(x, range(len(curve)), curve[column]) for column in (name, "top1_printed")]
    labels = [Label(_short(m), x / unit, y, _colour(m)) for m, x, y in inside[["model", name, "top1_printed"]].values]
    place(axes, labels, list(zip(along[0] / unit, along[1], strict=True)))


def _short(model: str) -> str:
    return model.removeprefix("EfficientNet-")


def _colour(model: str) -> style.Colour:
    return OURS if model.startswith("EfficientNet") else "0.2"


def _subtitle(here: pd.DataFrame) -> str:
    if here.empty:
        return "counted here and printed; nothing is evaluated here"
    said = [", ".join(dict.fromkeys(here[name].astype(str))) for name in ("data", "device", "date", "engine")]
    origin = "published" if (here["source"] == "shipped").all() else "measured here"
    return f"evaluated: {' · '.join(said)} · {origin}"


def _printed(axes: Axes, rows: pd.DataFrame, name: str, number: int) -> None:
    most, unit, words = AXES[name]
    ours = rows["model"].str.startswith("EfficientNet")
    for part, marker, colour in ((rows[~ours], "o", OTHERS), (rows[ours], "D", OURS)):
        axes.plot(part[name] / unit, part["top1_printed"], marker, mfc="white", mec=colour, mew=1.3, markersize=6.5)
    axes.plot(rows[name][ours] / unit, rows["top1_printed"][ours], "-", color=OURS, linewidth=1.4, zorder=1)
    far = rows[rows[f"{name}_deviation"].abs() > 100 * FAR]
    for row in far.to_dict("records"):
        ends = [row[name] / unit, row[f"{name}_printed"] / unit]
        axes.plot(ends, [row["top1_printed"]] * 2, color="0.6", linewidth=1.0, zorder=0)
        axes.plot(ends[1:], [row["top1_printed"]], "|", color="0.45", markersize=8, zorder=0)
    axes.set(xlim=(0, most), ylim=TOP1, xlabel=f"{words}, counted here", ylabel="ImageNet top-1 (%), printed")
    axes.set_title(f"Figure {number}: {words.partition(' (')[0]} against accuracy", loc="left", fontsize=10)


def _drops(axes: Axes, drops: pd.DataFrame) -> None:
    drops = drops[drops["network"].str.startswith("EfficientNet-B")]
    lines = {name: drops[drops["dataset"] == name]["drop"].to_numpy() for name in LINES}
    below = -np.inf
    for name, y in sorted(lines.items(), key=lambda line: line[1][-1]):
        marker, dash = LINES[name]
        below = max(below + APART, y[-1])
        axes.plot(range(len(y)), y, dash, marker=marker, color=SHADES[name], markersize=5.5, linewidth=1.4)
        words = f"{name} ({y[0]:+.1f} to {y[-1]:+.1f})"
        at: dict[str, Any] = {"xytext": (7, 0), "textcoords": "offset points", "va": "center", "fontsize": 8}
        axes.annotate(words, (len(y) - 1, below), color=SHADES[name], **at)
    axes.axhline(0, color="0.15", linewidth=0.8)
    names = [_short(name) for name in dict.fromkeys(drops["network"])]
    axes.set_xticks(range(len(names)), names)
    axes.set(xlim=(-0.3, len(names) + 2.1), ylabel="top-1 lost from ImageNet (points)")
    axes.set_title("Measured by others (timm): drop to other test sets", loc="left", fontsize=10)


def _measured(axes: Axes, here: pd.DataFrame) -> None:
    axes.set_title("Measured here: accuracy against FLOPS", loc="left", fontsize=10)
    axes.set(xlabel="FLOPS (billions of multiply-adds)", ylabel="top-1 on these images (%)")
    if here.empty:
        axes.annotate("nothing evaluated", (0.5, 0.5), xycoords="axes fraction", ha="center", color="0.4")
        axes.set(xticks=[], yticks=[])
        return
    x, y = here["flops"].to_numpy() / 1e9, here["top1_here"].to_numpy()
    axes.errorbar(x, y, [y - here["top1_low"], here["top1_high"] - y], fmt="D", color=OURS, capsize=3, markersize=6.5)
    for row, place_x, place_y in zip(here.to_dict("records"), x, here["top1_high"], strict=True):
        at: dict[str, Any] = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center", "fontsize": 8}
        axes.annotate(_short(row["model"]), (place_x, place_y), **at)
    axes.margins(x=0.22, y=0.15)


def _differences(axes: Axes, differences: pd.DataFrame) -> None:
    axes.set_title("Measured here: differences, paired by image", loc="left", fontsize=10)
    axes.set_xlabel("difference in top-1 (points)")
    if differences.empty:
        axes.annotate("nothing to compare", (0.5, 0.5), xycoords="axes fraction", ha="center", color="0.4")
        axes.set(xticks=[], yticks=[])
        return
    y, x = np.arange(len(differences)), differences["points"].to_numpy()
    bars = [x - differences["low"], differences["high"] - x]
    axes.axvline(0, color="0.15", linewidth=0.9)
    axes.errorbar(x, y, xerr=bars, fmt="D", color=OURS, capsize=3, markersize=6.5)
    said = [f"{_short(row.network)}\n− {_short(row.minus)}" for row in differences.itertuples()]
    axes.set_yticks(y, said)
    for place_x, place_y, row in zip(differences["high"], y, differences.to_dict("records"), strict=True):
        words = f"only one right: {row['only']} : {row['only_minus']}, p = {row['p']:.2g}"
        at: dict[str, Any] = {
            "xytext": (0, 9),
            "textcoords": "offset points",
            "ha": "right",
            "fontsize": 7.5,
            "color": "0.35",
        }
        axes.annotate(words, (place_x, place_y), path_effects=HALO, **at)
    axes.set_ylim(len(differences) - 0.4, -0.7)
