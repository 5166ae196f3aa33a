"""Latency against FLOPS: on a grey line, all networks do as many multiply-adds a second."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullFormatter

from ...measure.latency.runtimes import RUNTIMES
from ..tables.latency import ELSEWHERE, HERE, rank_correlation
from .style import COLOURS, HALO

OURS, OTHER = COLOURS["compound"], COLOURS["baseline"]  # EfficientNets are the compound scaled ones
PRINTED = "printed"

# Offsets of a label in points, the nearest first.
AROUND = [(7, 0), (-7, 0), (0, 8), (0, -8), (6, 7), (-6, 7), (6, -7), (-6, -7)]
AROUND += [
    (s * x, t * y) for x, y in ((9, 13), (20, 12), (26, 20), (12, 26), (40, 26)) for s in (1, -1) for t in (1, -1)
]


def marker_style(marker: str, colour, where: str) -> dict:
    """Return how a point looks: filled where measured here, light where elsewhere, hollow where printed."""
    face = {HERE: colour, ELSEWHERE: colour, PRINTED: "white"}[where]
    made = {"markerfacecolor": face, "markeredgecolor": "white" if where == HERE else colour, "markersize": 7.5}
    return made | {"marker": marker, "linestyle": "none", "color": colour, "alpha": 0.4 if where == ELSEWHERE else 1.0}


def log_ticks(axis) -> None:
    """Label a logarithmic axis of seconds in s and ms."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} s" if value >= 1 else f"{1000 * value:g} ms"))
    axis.set_minor_formatter(NullFormatter())


def against(axes: Axes, part: pd.DataFrame, runtime: str) -> None:
    """Draw a dot a network, EfficientNets joined by a line, and lines of equal speed; `place_labels` comes later."""
    axes.set_title("latency against FLOPS", loc="left", fontsize=10)
    axes.set_xlabel("FLOPS (multiply-adds)")
    axes.set_ylabel("latency, CPU time")
    if part.empty:
        axes.annotate("not measured", (0.5, 0.5), xycoords="axes fraction", ha="center", color="0.4")
        return
    axes.set(xscale="log", yscale="log")
    x, y = part["flops"], part["seconds"]
    low, high = 0.6 * x.min(), 2.2 * x.max()
    bottom, top = 0.6 * y.min(), 1.9 * y.max()
    for speed in (5, 10, 20, 50, 100):
        axes.plot((low, high), (low / speed / 1e9, high / speed / 1e9), color="0.85", linewidth=0.8, zorder=0)
        end, place = (top * speed * 1e9, top), {"ha": "center", "va": "bottom", "xytext": (0, 1)}
        if end[0] > high:  # it leaves by the right side
            end, place = (high, high / speed / 1e9), {"ha": "left", "va": "center", "xytext": (2, 0)}
        if end[0] > low and end[1] > bottom:
            axes.annotate(f"{speed} G/s", end, textcoords="offset points", fontsize=6.5, color="0.5", **place)
    ours = part["model"].str.startswith("EfficientNet")
    where = part["where"].iloc[0]
    axes.plot(x[ours], y[ours], "-", color=OURS, linewidth=1.2, zorder=2)
    axes.plot(x[ours], y[ours], **marker_style("D", OURS, where), zorder=4)
    axes.plot(x[~ours], y[~ours], **marker_style("o", OTHER, where), zorder=3)
    axes.set(xlim=(low, high), ylim=(bottom, top))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / 1e9:g} B"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    log_ticks(axes.yaxis)
    rho = rank_correlation(part)
    ranks = "" if rho is None else f", rank correlation {rho:.2f}"
    axes.set_title(
        f"{RUNTIMES[runtime].words}{ranks}; grey: billions of multiply-adds a second", loc="left", fontsize=10, pad=14
    )


def place_labels(axes: Axes, part: pd.DataFrame) -> None:
    """Label each point where its words cover neither another label nor a point; the nearest such place wins."""
    if part.empty:
        return
    renderer, taken = axes.figure.canvas.get_renderer(), []
    points = axes.transData.transform(part[["flops", "seconds"]].to_numpy(float))
    for (_, row), point in zip(part.iterrows(), points, strict=True):
        name = row["model"].removeprefix("EfficientNet-")
        label, best = None, np.inf
        for dx, dy in AROUND:
            made = axes.annotate(
                name,
                (row["flops"], row["seconds"]),
                (dx, dy),
                textcoords="offset points",
                ha="left" if dx > 0 else "right" if dx < 0 else "center",
                va="center",
                fontsize=7.5,
                color=OURS if name != row["model"] else "0.2",
                path_effects=HALO,
            )
            box = made.get_window_extent(renderer)
            covered = sum(box.overlaps(other) for other in taken)
            covered += sum(box.padded(3).contains(*other) for other in points if other is not point)
            covered += not axes.bbox.contains(box.x0, box.y0) or not axes.bbox.contains(box.x1, box.y1)
            if covered < best:
                if label:
                    label[0].remove()
                label, best = (made, box, (dx, dy)), covered
            else:
                made.remove()
            if best == 0:
                break
        taken.append(label[1])
        if abs(label[2][1]) > 8:  # too far away to be told whose it is
            line = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
            away = {"xytext": label[2], "textcoords": "offset points", "arrowprops": line}
            axes.annotate("", (row["flops"], row["seconds"]), **away)
