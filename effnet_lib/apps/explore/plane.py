"""The accuracy / FLOPS plane as a picture that follows a slider: the background is drawn once, the marker each time."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from ... import paper
from ...core.errors import known
from ...report.figures import style
from .networks import published
from .records import EARLIER, NAMES

MARKERS = dict(zip(NAMES, "ovs^<DpHX*", strict=True))


class Plane:
    """Two panels: what the paper prints on ImageNet, hollow, and what was measured here at a proxy scale, filled
    where the recipe is the one that was decided.

    `table` has the measured points (see `records.points`), `dataset` their data set's name. They are never in one
    panel, since ten classes are not a thousand.
    """

    def __init__(self, table: pd.DataFrame, dataset: str):
        style.theme()
        self.figure = Figure(figsize=(9.4, 3.3), dpi=100)
        self.canvas = FigureCanvasAgg(self.figure)
        printed, measured = self.figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1]})
        self._printed(printed)
        self._measured(measured, table, dataset)
        self.lines = [self._line(axes) for axes in (printed, measured)]
        self.canvas.draw()
        self.figure.set_layout_engine("none")  # laid out once; the marker moves nothing
        self.background = self.canvas.copy_from_bbox(self.figure.bbox)

    @staticmethod
    def _printed(axes: Axes) -> None:
        rows = paper.table(2)
        rows = rows[rows["model"].str.startswith("EfficientNet-")]
        names = rows["model"].str.removeprefix("EfficientNet-")
        flops = names.map(published()) / 1e9  # ours, to the digit: the print has two
        colour = style.COLOURS["published"]
        axes.plot(flops, rows["top1_percent"], ":P", color=colour, mfc="white", mec=colour)
        for name, x, y in zip(names, flops, rows["top1_percent"], strict=True):
            axes.annotate(name, (x, y), xytext=(5, -10), textcoords="offset points", fontsize="small")
        axes.set(
            xscale="log",
            xlabel="FLOPS (multiply-adds, B)",
            ylabel="ImageNet top-1 (%)",
            xlim=(0.05, 120),
            ylim=(75.5, 85.5),
        )
        _plain(axes, (0.1, 1, 10, 100))
        axes.set_title("printed in the paper (Table 2); line: this network", fontsize="medium", loc="left")

    @staticmethod
    def _measured(axes: Axes, table: pd.DataFrame, dataset: str) -> None:
        colour = style.COLOURS["baseline"]
        for (decided, family), rows in table.groupby(["decided", "family"]):
            look: dict[str, Any] = {"alpha": 0.7} if decided else {"mfc": "none", "alpha": 0.5}
            axes.plot(rows["flops"] / 1e6, rows["top1"], MARKERS.get(family, "P"), color=colour, ms=5, **look)
        if table.empty:
            axes.text(0.5, 0.5, "nothing is measured yet", transform=axes.transAxes, ha="center", va="center")
            axes.set(xlim=(1, 1000), ylim=(0, 100))
        else:
            axes.set_xlim(0.5 * table["flops"].min() / 1e6, 4 * table["flops"].max() / 1e6)
            _legend(axes, table, colour)
        axes.set(xscale="log", xlabel="FLOPS (multiply-adds, M) of the proxy", ylabel="top-1 (%)")
        _plain(axes, [one * 10**power for power in range(-1, 5) for one in (1, 2, 5)])
        axes.set_title(f"measured: {dataset}; line: its proxy (dashed: beyond)", fontsize="medium", loc="left")

    @staticmethod
    def _line(axes: Axes) -> Line2D:
        return axes.axvline(1, color=style.COLOURS["compound"], lw=2, animated=True)

    def at(self, madds: int, proxy_madds: int) -> bytes:
        """Return the picture (PNG) with the network at its cost, and its proxy at its own, in multiply-adds.

        A cost beyond a panel is shown at its edge, dashed.
        """
        self.canvas.restore_region(self.background)
        for line, value in zip(self.lines, (madds / 1e9, proxy_madds / 1e6), strict=True):
            axes = known(line.axes)
            low, high = axes.get_xlim()
            shown = min(max(value, low * 1.01), high / 1.01)
            line.set_xdata([shown, shown])
            line.set_linestyle("-" if shown == value else "--")
            axes.draw_artist(line)
        out = io.BytesIO()
        # Compressed least: the wire is this machine's own, and zlib at 6 takes longer than all the rest.
        Image.fromarray(np.asarray(self.canvas.buffer_rgba())).convert("RGB").save(out, "PNG", compress_level=1)
        return out.getvalue()


def _legend(axes: Axes, table: pd.DataFrame, colour: Any) -> None:
    """Name each family once, however its networks were trained, and say once what hollow means."""
    families = sorted(set(table["family"]), key=lambda family: NAMES.get(family, family))
    listed = [(MARKERS.get(family, "P"), NAMES.get(family, family), colour) for family in families]
    if not table["decided"].all():
        listed.append(("o", f"hollow: {EARLIER}", "none"))
    handles = [
        Line2D([], [], ls="", marker=marker, color=colour, mfc=fill, ms=5, label=words)
        for marker, words, fill in listed
    ]
    few = len(listed) <= 5
    legend = axes.legend(handles=handles, loc="best", fontsize="small" if few else "x-small", ncols=1 if few else 2)
    legend.set_in_layout(False)  # many families must not shrink the panel


def _plain(axes: Axes, ticks: Sequence[float]) -> None:
    """Number a logarithmic axis with those of the ticks that lie in view, as people write them."""
    low, high = axes.get_xlim()
    shown = [tick for tick in ticks if low <= tick <= high]
    axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
    axes.set_xticks([], minor=True)
