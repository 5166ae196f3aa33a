"""Several curves in one panel: all scaling methods (Figure 8), width on several baselines (Figure 4)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from ...study.training_plan import Records
from ..tables.accuracy import SeedBand
from . import style
from .accuracy_curves import CLOSE, join, marks, point, share_differences, single_seeds
from .style import COLOURS, HALO, LINES, MARKERS


def together(
    axes: Axes, shown: Mapping[str, Sequence], records: Records, rows: pd.DataFrame, band: SeedBand | None
) -> None:
    """Draw all scaling methods in one panel: differences to the baseline, single seeds, intervals, the ends labelled.

    Args:
        shown: method -> its architectures. A network of two methods is one point, and both curves pass through it.
    """
    axes.axhline(0, color=COLOURS["baseline"], linewidth=0.8, zorder=1)
    row_of, ends = _rows(records, rows), []
    for method, archs in shown.items():
        part = sorted({row_of[arch] for arch in archs if arch in row_of}, key=lambda row: row.flops_ratio)
        if not any(row.method != "baseline" for row in part):
            continue
        # In grey the two solid curves differ by their widths.
        look: dict[str, Any] = {"color": COLOURS[method], "linewidth": 2.4 if method == "compound" else 1.4}
        dash = LINES[method] if join(axes, part, LINES[method], **look) else "none"
        look |= {"marker": MARKERS[method], "label": style.WORDS.get(method, method)}
        axes.plot([], [], linestyle=dash, **look)
        ends += [row for row in part if row.method == method][-1:]
    for row in row_of.values():
        single_seeds(axes, row, records, 1.02)
        point(axes, row)
        mark(axes, row)
    style.ratio_axis(axes, rows["flops_ratio"])
    share_differences([axes], rows, band)
    _end_labels(axes, ends)
    axes.set_title("all methods", loc="left", fontsize=10, pad=22)
    _legend_above(axes)


def lines(
    axes: Axes,
    shown: Mapping[str, Sequence],
    records: Records,
    rows: pd.DataFrame,
    common: tuple[float, float] | None,
    band: SeedBand | None,
) -> None:
    """Draw width scaled on several baselines: tints of the width's colour, darkest last, and the common FLOPS marked.

    Args:
        shown: words -> the line's architectures.
        common: FLOPS over the baseline's where two lines are compared.
    """
    axes.axhline(0, color=COLOURS["baseline"], linewidth=0.8, zorder=1)
    row_of, ends = _rows(records, rows), []
    tints = [*sns.light_palette(COLOURS["width"], len(shown) + 2)[2:-1], tuple(0.45 * c for c in COLOURS["width"])]
    for (words, archs), tint, marker, dash in zip(shown.items(), tints, "osD^", ("-", "--", "-.", "-"), strict=True):
        part = list({arch: row_of[arch] for arch in archs if arch in row_of}.values())
        drawn = join(axes, part, dash, color=tint, lw=1.6)
        axes.plot([], [], linestyle=dash if drawn else "none", marker=marker, color=tint, label=words)
        for row in part:
            single_seeds(axes, row, records, 1.02, tint)
            point(axes, row, tint, marker)
            mark(axes, row)
        ends += [(row, tint) for row in part[:: max(1, len(part) - 1)]]
    if common:
        axes.axvspan(*common, facecolor="none", edgecolor="0.5", linestyle=":", linewidth=1, zorder=0)
        place: dict[str, Any] = {
            "xycoords": axes.get_xaxis_transform(),
            "ha": "center",
            "va": "top",
            "fontsize": 8,
            "color": "0.35",
        }
        axes.annotate("compared here", (np.sqrt(common[0] * common[1]), 0.985), **place)
    style.ratio_axis(axes, rows["flops_ratio"])
    share_differences([axes], rows, band)
    _width_labels(axes, ends)
    axes.set_title("width scaled on", loc="left", fontsize=10, pad=22)
    _legend_above(axes)


def _width_labels(axes: Axes, ends: Sequence) -> None:
    """Label the first and last points of lines with their widths; `ends`: (row, colour)."""
    low, high = axes.get_ylim()
    above: list = []
    for row, tint in ends:
        # Beside a point labelled above, a label goes below: two lines may end in nearly the same place.
        x, y = np.log2(row.flops_ratio), row.gain / (high - low)
        crowded = any(abs(x - a) < CLOSE / 2 and abs(y - b) < 0.06 for a, b in above)
        above += [] if crowded else [(x, y)]
        place: dict[str, Any] = {"xytext": (6, -5), "va": "top"} if crowded else {"xytext": (6, 5), "va": "bottom"}
        place |= {"textcoords": "offset points", "fontsize": 8, "path_effects": HALO, "color": tint}
        axes.annotate(row.model.split(" ")[0].replace("baseline", "w=1"), (row.flops_ratio, row.gain), **place)


def _rows(records: Records, rows: pd.DataFrame) -> dict:
    """Return architecture -> its row, for those with a difference to the baseline."""
    return {model.arch: row for model, row in zip(records, rows.itertuples(), strict=True) if not pd.isna(row.gain)}


def _legend_above(axes: Axes) -> None:
    """Put the legend between a panel and its title: inside it would cover points."""
    if axes.get_legend_handles_labels()[0]:
        place: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (-0.01, 1.0),
            "borderpad": 0,
            "borderaxespad": 0.4,
        }
        axes.legend(ncols=5, fontsize=8, frameon=False, handlelength=2.2, handletextpad=0.5, columnspacing=1.1, **place)


def _end_labels(axes: Axes, ends: Sequence) -> None:
    """Label the curves' last points, stacked where they end at about the same FLOPS."""
    low, high = axes.get_ylim()
    far = max((row.flops_ratio for row in ends), default=1.0)
    below = -np.inf
    for row in sorted(ends, key=lambda row: row.gain):
        text = row.model.replace("phi", "φ")
        near = np.log2(far / row.flops_ratio) < 2 * CLOSE  # others may stand between
        y = max(row.gain, below + 0.05 * (high - low)) if near else row.gain
        below = y if near else below
        place: dict[str, Any] = {"textcoords": "offset points", "va": "center" if near else "bottom", "fontsize": 8}
        x, offset = (far, (10, 0)) if near else (row.flops_ratio, (7, 4))
        axes.annotate(text, (x, y), offset, color=COLOURS[row.method], path_effects=HALO, **place)
        if near and row.flops_ratio < far:  # a label that stands away from its point is led to it
            x, y = axes.transData.transform((far, y))
            away = axes.transData.inverted().transform((x + 18, y))
            axes.plot(*zip((row.flops_ratio, row.gain), away, strict=True), color=COLOURS[row.method], lw=0.5, zorder=1)


def mark(axes: Axes, row: style.Row) -> None:
    """Put a model's marks beside it, where no label carries them."""
    if marks(row):
        axes.annotate(marks(row), (row.flops_ratio, row.gain), (4, -11), textcoords="offset points", fontsize=7)
