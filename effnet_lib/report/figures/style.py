"""The look of every figure: theme, one colour and marker per scaling method, labels, files."""

import matplotlib as mpl
import seaborn as sns
from matplotlib import patheffects
from matplotlib.axes import Axes

_PALETTE = sns.color_palette("colorblind")
# Distinct in colour, in lightness (so also in grey) and in marker; the same in every figure.
COLOURS = {
    "width": _PALETTE[0],
    "depth": _PALETTE[1],
    "resolution": _PALETTE[2],
    "compound": _PALETTE[3],
    "published": _PALETTE[4],
    "baseline": (0.15, 0.15, 0.15),
}
MARKERS = {"width": "o", "depth": "s", "resolution": "^", "compound": "D", "published": "P", "baseline": "*"}
LINES = {"width": "-", "depth": "--", "resolution": "-.", "compound": "-", "published": ":", "baseline": ":"}
WORDS = {"published": "published B1-B7 table", "compound": "compound, α^φ"}  # where the method's name is not enough
HALO = [patheffects.withStroke(linewidth=2.5, foreground="white")]  # labels stay readable across a curve
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


def ratio_axis(axes: Axes, smallest: float, largest: float) -> None:
    """Make x the FLOPS relative to the baseline (1 is always in view), on a log2 scale with ticks 1, 2, 4, ..."""
    axes.set_xscale("log", base=2)
    ticks = [2.0**i for i in range(-8, 8) if min(1, smallest) <= 2.0**i <= 1.3 * largest]
    axes.set_xticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.set_xlim(0.85 * min(1, smallest), 1.35 * max(1, largest))
    axes.set_xlabel(FLOPS_RATIO)
