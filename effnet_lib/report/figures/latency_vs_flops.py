"""Latency against FLOPS: on a grey line, all networks do as many multiply-adds a second."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, NullFormatter

from ...measure.latency.runtimes import RUNTIMES
from ..tables.latency import ELSEWHERE, HERE, rank_correlation
from .labels import Label, place
from .style import COLOURS, Colour

OURS, OTHER = COLOURS["compound"], COLOURS["baseline"]  # EfficientNets are the compound scaled ones
PRINTED = "printed"


def marker_style(marker: str, colour: Colour, where: str) -> dict:
    """Return how a point looks: filled where measured here, light where elsewhere, hollow where printed."""
    face = {HERE: colour, ELSEWHERE: colour, PRINTED: "white"}[where]
    made = {"markerfacecolor": face, "markeredgecolor": "white" if where == HERE else colour, "markersize": 7.5}
    return made | {"marker": marker, "linestyle": "none", "color": colour, "alpha": 0.4 if where == ELSEWHERE else 1.0}


def log_ticks(axis: Axis) -> None:
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
    end: tuple[float, float]
    beside: dict[str, Any]
    low, high = 0.6 * x.min(), 2.2 * x.max()
    bottom, top = 0.6 * y.min(), 1.9 * y.max()
    for speed in (5, 10, 20, 50, 100):
        axes.plot((low, high), (low / speed / 1e9, high / speed / 1e9), color="0.85", linewidth=0.8, zorder=0)
        end, beside = (top * speed * 1e9, top), {"ha": "center", "va": "bottom", "xytext": (0, 1)}
        if end[0] > high:  # it leaves by the right side
            end, beside = (high, high / speed / 1e9), {"ha": "left", "va": "center", "xytext": (2, 0)}
        if end[0] > low and end[1] > bottom:
            axes.annotate(f"{speed} G/s", end, textcoords="offset points", fontsize=6.5, color="0.5", **beside)
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
    """Label each point by its network, EfficientNets in their colour."""
    names = part["model"].str.removeprefix("EfficientNet-")
    colours = ["0.2" if short == name else OURS for short, name in zip(names, part["model"], strict=True)]
    place(axes, [Label(*row) for row in zip(names, part["flops"], part["seconds"], colours, strict=True)])
