"""Panels of accuracy against relative FLOPS, shared by every figure that scales a baseline."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...core.errors import known
from ...study.decided_study import Study
from ...study.training_plan import Records
from ..tables.accuracy import SeedBand
from . import style
from .style import COLOURS, HALO, LINES, MARKERS, Colour, Row, margins, marker_size

UPSAMPLED, LIMITED = "†", "‡"
CLOSE = 0.5  # octaves of FLOPS between two labels on one side
ONE_LEVEL = 0.05  # points by which the top-1 that a difference of 0 stands for may vary under an axis of top-1


def panels(title: str, subtitle: str, widths: Sequence[float], rows: int = 1) -> tuple[Figure, np.ndarray]:
    """Open a figure with rows of panels under a title and a subtitle; return the axes, (rows, columns), or of one row.

    Args:
        widths: of the columns.
        rows: one a training budget.
    """
    style.theme()
    height = 4.9 + 4.1 * (rows - 1)
    share = 4.9 / height  # title, subtitle and footnote keep their size
    figure, axes = plt.subplots(rows, len(widths), figsize=(14.5, height), width_ratios=widths, squeeze=False)
    margins(figure, rect=(0, 0.05 * share, 1, 1 - 0.17 * share), wspace=0.03)
    style.headline(figure, 1 - 0.035 * share, title)
    style.line(figure, 1 - 0.09 * share, subtitle)
    return figure, axes if rows > 1 else axes[0]


def subtitle(study: Study, records: Records, baseline: str = "") -> str:
    """Return data set, baseline, epochs, seeds, device, date and origin of a figure's records.

    Args:
        baseline: words for another baseline than the profile's.
    """
    runs = [run for group in records.values() for run in group.values()]
    seeds = style.span(len(group) for group in records.values())
    devices = ", ".join(sorted({run.provenance["device"] for run in runs}))
    when = style.span(run.provenance["date"][:10] for run in runs)
    published = sum(run.published for run in runs)
    epochs = sorted({run.spec["recipe"]["epochs"] for run in runs}) or [known(study.recipe).epochs]
    origin = "published" if published == len(runs) else "measured here and published"
    origin = origin if published else "measured here"
    return (
        f"{study.dataset.label} · baseline {baseline or study.base} · {' and '.join(map(str, epochs))} epochs · "
        f"seeds a point: {seeds} · {devices} · {when} · {origin}"
    )


def single(axes: Axes, method: str, symbol: str, records: Records, rows: pd.DataFrame) -> None:
    """Draw one dimension: differences to the baseline, single seeds, intervals, coefficients as labels.

    Args:
        symbol: of the coefficient: d, w or r.
    """
    part = rows[rows["method"].isin([method, "baseline"]) & rows["gain"].notna()].sort_values("flops_ratio")
    axes.axhline(0, color=COLOURS["baseline"], linewidth=0.8, zorder=1)
    join(axes, part.itertuples(), LINES[method], color=COLOURS[method], linewidth=1.4)
    for row in part.itertuples():
        single_seeds(axes, row, records, 1.035)
    for row in part.itertuples():
        point(axes, row)
    _labels(axes, symbol, part)
    style.ratio_axis(axes, rows["flops_ratio"])
    axes.set_title(method, loc="left", color=COLOURS[method], fontweight="bold")


def has_interval(row: Row) -> bool:
    """Say whether a row's difference has an interval; the baseline's difference to itself needs none."""
    return not pd.isna(row.gain_low) or (row.method == "baseline" and row.seeds > 1)


def join(axes: Axes, row_of_each: Iterable, dash: str, **look: Any) -> bool:
    """Draw a curve through rows in their order, where neighbours both have an interval; say whether anything is drawn.

    Single seeds are never joined: between two of them a line would draw what is mostly chance.
    """
    pieces = list(_pieces(row_of_each))
    for piece in pieces:
        axes.plot([row.flops_ratio for row in piece], [row.gain for row in piece], dash, zorder=2, **look)
    return bool(pieces)


def _pieces(rows: Iterable) -> Iterator[list]:
    piece: list = []
    for row in rows:
        if has_interval(row):
            piece.append(row)
            continue
        if len(piece) > 1:
            yield piece
        piece = []
    if len(piece) > 1:
        yield piece


def single_seeds(axes: Axes, row: Row, records: Records, beside: float, colour: Colour | None = None) -> None:
    """Draw a model's seeds as small dots around its point, where there are several.

    A dot is as far from the point as the run is from the model's mean, so that an axis of top-1 is right for both.

    Args:
        row: the model's row of the table.
        records: of the model's family.
        beside: place of the dots in FLOPS of the model's point.
    """
    runs = next(runs for model, runs in records.items() if model.name == row.model)
    if len(runs) > 1 and row.method != "baseline":
        gains = [row.gain + run.top1 - row.top1 for run in runs.values()]
        dots: dict[str, Any] = {"color": colour or COLOURS[row.method], "alpha": 0.5, "markersize": 4, "zorder": 3}
        axes.plot([row.flops_ratio * beside] * len(gains), gains, ".", **dots)


def _labels(axes: Axes, symbol: str, part: pd.DataFrame) -> None:
    """Label each point with its coefficient, and the x axis with the last feature map where it grows.

    A point closer than CLOSE octaves to a point labelled above is labelled below: side by side they would overlap. So
    is the baseline, since curves rise from there.
    """
    last_above, last_map = -np.inf, part["final_px"].iloc[0] if len(part) else 0
    for row in part.itertuples():
        x = np.log2(row.flops_ratio)
        start = row.method == "baseline"
        above = x - last_above >= CLOSE and not start
        last_above = x if above else last_above
        end = row.gain_high if above else row.gain_low
        axes.annotate(
            f"{symbol}={row.coefficient:g}{marks(row)}",
            (row.flops_ratio, row.gain if pd.isna(end) else end),
            (0, 6) if above else (0, -7) if start else (3, -5),  # to the right as well: below a rising curve is free
            textcoords="offset points",
            ha="center" if above or start else "left",
            va="bottom" if above else "top",
            fontsize=8,
            path_effects=HALO,
        )
        if row.final_px > last_map:
            last_map = row.final_px
            axes.text(
                row.flops_ratio,
                0.015,
                f"{last_map}×{last_map}",
                transform=axes.get_xaxis_transform(),
                ha="center",
                va="bottom",
                fontsize=7,
                color="0.45",
            )


def point(axes: Axes, row: Row, colour: Colour | None = None, marker: str | None = None) -> None:
    """Draw a model's row of the table: filled with its interval, or without one a cross over a pale marker."""
    colour, marker = colour or COLOURS[row.method], marker or MARKERS[row.method]
    x, y, size = row.flops_ratio, row.gain, marker_size(marker)
    if row.method != "baseline" and not has_interval(row):
        # The marker says which method it is, also in grey, where no line leads to the cross.
        axes.plot(x, y, marker, color=colour, markersize=11, alpha=0.3, markeredgewidth=0, zorder=3)
        axes.plot(x, y, "x", color=colour, markersize=6, markeredgewidth=2, zorder=4)
        return
    if not pd.isna(row.gain_low):
        error = [[row.gain - row.gain_low], [row.gain_high - row.gain]]
        axes.errorbar(row.flops_ratio, row.gain, error, color=colour, capsize=3, linewidth=1.2, zorder=3)
    axes.plot(row.flops_ratio, row.gain, marker, color=colour, markersize=size, markeredgecolor="white", zorder=4)


def marks(row: Row) -> str:
    """Return the marks that the footnote explains."""
    return (UPSAMPLED if row.upsampled else "") + (LIMITED if row.optimisation_limited else "")


def share_differences(axes: Sequence[Axes] | np.ndarray, rows: pd.DataFrame, band: SeedBand | None = None) -> None:
    """Give panels of differences a common range, the band behind single seeds, and at the right an axis of top-1.

    Args:
        rows: what the panels draw. Where a difference of 0 is not one top-1 for all of them there is no such axis.
    """
    low = min(panel.get_ylim()[0] for panel in axes)
    high = max(panel.get_ylim()[1] for panel in axes)
    low, high = low - 0.14 * (high - low), high + 0.08 * (high - low)  # room for labels at both ends
    for panel in axes:
        if band:
            panel.axhspan(-band.half, band.half, color="0.93", linewidth=0, zorder=0)
        panel.set_ylim(low, high)
    axes[0].set_ylabel("top-1 minus baseline (points)")
    levels = (rows["top1"] - rows["gain"]).dropna()
    if len(levels) and levels.max() - levels.min() < ONE_LEVEL:
        level = float(levels.mean())
        both = (lambda y: np.add(y, level), lambda y: np.subtract(y, level))
        strip = axes[-1].secondary_yaxis("right", functions=both)
        ticks = MaxNLocator(7, steps=[1, 2, 2.5, 5, 10]).tick_values(low + level, high + level)
        strip.set_yticks([tick for tick in ticks if max(0, low + level) <= tick <= min(100, high + level)])
        strip.set_ylabel("top-1 (%)")


def footnote(figure: Figure, rows: pd.DataFrame, maps: bool = True, band: SeedBand | None = None) -> None:
    """Explain bars, crosses, the band and marks under the panels.

    Args:
        maps: whether the x axes say where the last feature map grows.
    """
    parts = []
    if rows["gain_low"].notna().any():
        parts.append("bars: 95 % interval of the difference; small dots: seeds")
    if not all(map(has_interval, rows[(rows["method"] != "baseline") & rows["gain"].notna()].itertuples())):
        parts.append("cross: one seed, no interval")
        parts.append(band.words if band else "how far seeds spread is unknown")
    if rows["gain"].isna().any():
        parts.append(f"{rows['gain'].isna().sum()} models not drawn: no baseline to compare with")
    if rows["upsampled"].any():
        parts.append(f"{UPSAMPLED} some training crops are enlarged")
    if rows["optimisation_limited"].any():
        parts.append(f"{LIMITED} training loss above the baseline's: optimisation-limited")
    smallest, largest = rows["final_px"].min(), rows["final_px"].max()
    larger = ", larger where written" if maps else f" to {largest}×{largest}"
    parts.append(f"last feature map {smallest}×{smallest}" + (larger if largest > smallest else ""))
    style.line(figure, 0.018, "; ".join(parts), fontsize=7.5, color="0.35")
