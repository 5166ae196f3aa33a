"""The look of every figure: theme, a colour and a marker for each scaling method, words at the margin."""

from collections.abc import Iterable
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpecBase, SubplotSpec
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.typing import ColorType

_PALETTE = sns.color_palette("colorblind")
# Distinct in colour, in lightness (so also in grey) and in marker; the same in every figure.
COLOURS: dict[str, tuple[float, float, float]] = {
    "width": _PALETTE[0],
    "depth": _PALETTE[1],
    "resolution": _PALETTE[2],
    "compound": _PALETTE[3],
    "published": _PALETTE[4],
    "baseline": (0.15, 0.15, 0.15),
}
MARKERS = {"width": "o", "depth": "s", "resolution": "^", "compound": "D", "published": "P", "baseline": "*"}
LINES = {
    "width": "-",
    "depth": "--",
    "resolution": "-.",
    "compound": "-",
    "published": ":",
    "baseline": ":",
}
WORDS = {"published": "published B1-B7 table", "compound": "compound, α^φ"}  # where the method's name is not enough
HALO = [patheffects.withStroke(linewidth=2.5, foreground="white")]  # labels stay readable across a curve
Colour = ColorType
Row = Any  # of a table, as `itertuples` yields it
FLOPS_RATIO = "FLOPS (multiply-adds) / baseline"


def theme() -> None:
    """Set seaborn's theme and fonts that stay text in PDF and SVG."""
    sns.set_theme(context="notebook", style="ticks", font_scale=0.85)
    mpl.rcParams.update(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.35,
            "grid.linewidth": 0.6,
            "pdf.fonttype": 42,
            "svg.fonttype": "none",
            "svg.hashsalt": "effnet",  # the same figure is the same file
            "figure.constrained_layout.use": True,
            "savefig.facecolor": "white",
        }
    )


def marker_size(marker: str) -> int:
    """Return a point's size: a star of 7, as the others have it, is all edge."""
    return 11 if marker == "*" else 7


def margins(figure: Figure, **room: Any) -> None:
    """Set what a figure's constrained layout leaves free: `rect`, `wspace`, `hspace` as matplotlib takes them."""
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)  # the theme's
    engine.set(**room)


def cells(grid: GridSpecBase) -> list[SubplotSpec]:
    """Return the places of a grid, row by row."""
    return [grid[i] for i in range(grid.nrows * grid.ncols)]


def headline(figure: Figure, y: float, title: str) -> None:
    """Write a figure's title at its left margin; `y` from 0 (bottom) to 1."""
    line(figure, y, title, fontsize=12, fontweight="bold", color=None)


def line(figure: Figure, y: float, text: str, **look: Any) -> None:
    """Write words at a figure's left margin; `y` from 0 (bottom) to 1, `look` as of matplotlib's texts."""
    given: dict[str, Any] = {"va": "center", "fontsize": 8.5, "color": "0.3"} | look
    figure.text(0.008, y, text, ha="left", **given)


def empty(axes: Axes, words: str) -> None:
    """Say in a panel why there is nothing in it."""
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", fontsize=9, color="0.35")
    axes.set(xticks=[], yticks=[])


def span(values: Iterable) -> str:
    """Say values as "smallest to largest", or as the value that they all are."""
    ordered = sorted(set(values))
    return " to ".join(map(str, dict.fromkeys((ordered[0], ordered[-1]))))


def ratio_axis(axes: Axes, ratios: Iterable[float]) -> None:
    """Make x the FLOPS relative to the baseline (1 is always in view), on a log2 scale with ticks 1, 2, 4, ..."""
    smallest, largest = float(min(ratios)), float(max(ratios))
    axes.set_xscale("log", base=2)
    ticks = [2.0**i for i in range(-8, 8) if min(1, smallest) <= 2.0**i <= 1.3 * largest]
    axes.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.set_xlim(0.85 * min(1, smallest), 1.35 * max(1, largest))
    axes.set_xlabel(FLOPS_RATIO)
