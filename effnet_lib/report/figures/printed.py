"""What the paper prints of scaling methods: hollow, on ImageNet axes of its own, never beside our own points."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from .style import COLOURS, LINES, MARKERS, Row, marker_size

Point = tuple[float, float]  # billions of multiply-adds, top-1 in percent


def table3(panels: Mapping[str, Axes], table: pd.DataFrame) -> None:
    """Draw what Table 3 prints of each family in its panel."""
    for family, axes in panels.items():
        rows = table[table["baseline"] == family].set_index("method")
        start = _point(rows.loc["baseline"])
        for method, row in rows.iterrows():
            _ray(axes, start, _point(row), str(method))
        axes.set_xlim(0, 1.12 * rows["flops_billions"].max())
        axes.margins(y=0.12)
        _frame(axes, 3)
    next(iter(panels.values())).set_ylabel("ImageNet top-1 (%)")


def table7(axes: Axes, table: pd.DataFrame, symbols: Mapping[str, str]) -> None:
    """Draw what Table 7 prints for these methods; `symbols`: method -> its coefficient's, or "" for its name."""
    rows = table.set_index("model")
    start = _point(rows.loc["baseline (EfficientNet-B0)"])
    right = max(rows.loc[method, "flops_billions"] for method, symbol in symbols.items() if symbol)
    order = list(rows.loc[list(symbols), "top1_percent"].sort_values().index)
    for method, symbol in symbols.items():
        end = _point(rows.loc[method])
        _ray(axes, start, end, method)
        label = f"{symbol}={rows.loc[method, method]:g}" if symbol else method
        # Single dimensions end within 0.2 points of each other: their labels stand in a column, right of the rightmost.
        column = {"xytext": (10, 9 * (order.index(method) - 1)), "va": "center"}
        place: dict[str, Any] = column if symbol else {"xytext": (0, 8), "ha": "center"}
        axes.annotate(label, (right if symbol else end[0], end[1]), textcoords="offset points", fontsize=8, **place)
    _ray(axes, start, start, "baseline")
    axes.annotate("B0", start, (9, -4), textcoords="offset points", fontsize=8)
    top = max(rows.loc[order, "top1_percent"])
    axes.set(xlim=(0, 2.7), ylim=(77, top + 0.4), ylabel="ImageNet top-1 (%)")
    _frame(axes, 7)


def _point(row: Row) -> Point:
    return row["flops_billions"], row["top1_percent"]


def _ray(axes: Axes, start: Point, end: Point, method: str) -> None:
    """Draw a line from the baseline, and a hollow marker at its end."""
    colour = COLOURS[method]
    axes.plot(*zip(start, end, strict=True), LINES[method], color=colour, linewidth=1, alpha=0.6)
    hollow: dict[str, Any] = {"markerfacecolor": "white", "markeredgecolor": colour, "markeredgewidth": 1.5}
    axes.plot(*end, MARKERS[method], markersize=marker_size(MARKERS[method]), **hollow)


def _frame(axes: Axes, number: int) -> None:
    axes.set_xlabel("FLOPS (multiply-adds, B)")
    axes.set_title(f"printed in the paper (Table {number})", loc="left", fontsize=9)
    axes.set_facecolor("0.97")
