"""Figure 6: accuracy against parameters, a panel a data set; what is measured apart from what the paper prints."""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from ... import paper
from ...core.errors import known
from ...stats.intervals import Estimate
from ..tables.transfer import Networks, Series, title
from . import style
from .style import COLOURS, HALO, margins

LEAST_SPAN = 5.0  # points of an axis of measured accuracies: half a point must not look like a gulf
MARKS = {"probe": "o", "finetune": "D", "scratch": "s"}
CROSSES = {"probe": "x", "finetune": "X", "scratch": "P"}  # of a single measurement, which has no interval
DASHES = ("-", "--", ":", "-.")
SHORT = {"Inception-v4": "Inc-v4", "ResNet-152": "RN-152"}
OURS, OTHERS = COLOURS["compound"], COLOURS["baseline"]  # EfficientNet is what compound scaling made


def figure(
    heading: str,
    lines: Mapping[Series, Networks],
    rows: pd.DataFrame,
    estimate: Callable[[Networks, str], Estimate],
) -> Figure:
    """Draw the measured panels (filled, 95 % intervals) and the eight printed ones (hollow, axes of their own).

    A single measurement is a cross without a bar. x: parameters without the classifier, log scale; y: accuracy.

    Args:
        rows: `tables.transfer.table`.
        estimate: of the accuracy of a network by name, in percent.
    """
    style.theme()
    data = list(dict.fromkeys(line.label for line in lines))
    made = plt.figure(figsize=(14.5, 6.2))
    margins(made, rect=(0, 0.05, 1, 0.85), wspace=0.02, hspace=0.03)
    style.headline(made, 0.968, heading)
    style.line(made, 0.925, _subtitle(rows))
    left, right = style.cells(made.add_gridspec(1, 2, width_ratios=[0.62, 1]))
    for place, label in zip(style.cells(left.subgridspec(len(data), 1)), data, strict=True):
        own = {line: networks for line, networks in lines.items() if line.label == label}
        _measured(made.add_subplot(place), own, estimate)
    _printed([made.add_subplot(place) for place in style.cells(right.subgridspec(2, 4))])
    words = (
        "Left: measured; bars: 95 % intervals over draws and test pictures; crosses: too few for an interval.  "
        "Right, hollow: printed in the paper, full fine-tuning on the whole set. DAT's parameters are not printed. "
        "Inc: Inception, RN: ResNet."
    )
    style.line(made, 0.022, words, fontsize=8, va="baseline")
    return made


def _subtitle(rows: pd.DataFrame) -> str:
    ours = rows[rows["source"] != "printed"]
    draws = style.span(ours["n"].astype(int))
    where = [", ".join(dict.fromkeys(ours[name].dropna())) for name in ("dataset", "device", "date", "source")]
    tests = ", ".join(f"{int(n):,}" for n in dict.fromkeys(ours["test_pictures"]))
    return f"{where[0]} · test pictures: {tests} · n a point: {draws} · " + " · ".join(where[1:])


def _measured(axes: Axes, lines: Mapping[Series, Networks], estimate: Callable[[Networks, str], Estimate]) -> None:
    metric = ""
    tops: dict[str, tuple[float, float]] = {}
    for number, (line, networks) in enumerate(lines.items()):
        points = []
        for name, runs in networks.items():
            result = next(iter(runs.values())).result
            metric, x = result["metric"], result["params"] / 1e6
            found = estimate(networks, name)
            value, interval = known(found.value), found.interval95
            high = interval[1] if interval else value
            points.append((x, value, interval, len(runs)))
            tops[title(name)] = max(tops.get(title(name), (x, -1.0)), (x, high))
        points.sort(key=lambda point: point[0])
        draws = {n for *_, n in points}
        several = line.method == "probe" and max(draws) > 1
        words = line.words + (f" ({style.span(draws)} draws)" if several else "")
        alpha = 1.0 if number == 0 else 0.75
        look: dict[str, Any] = {"color": OURS, "markersize": 6, "lw": 1.3, "alpha": alpha}
        marks = [(MARKS if interval else CROSSES)[line.method] for _, _, interval, _ in points]
        joined = [pair for pair in pairwise(points) if pair[0][2] and pair[1][2]]
        axes.plot([], [], linestyle=DASHES[number % 4] if joined else "none", marker=marks[0], label=words, **look)
        for one, other in joined:  # a line to a single measurement would draw what may be chance
            axes.plot([one[0], other[0]], [one[1], other[1]], DASHES[number % 4], **look)
        for (place, value, interval, _), marker in zip(points, marks, strict=True):
            axes.plot(place, value, marker=marker, **look)
            if interval:
                axes.errorbar(place, value, [[value - interval[0]], [interval[1] - value]], color=OURS, capsize=3)
    for name, (x, y) in tops.items():
        beside: dict[str, Any] = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center", "fontsize": 8.5}
        axes.annotate(name, (x, y), path_effects=HALO, **beside)
    everything = [x for x, _ in tops.values()]
    _log_axis(
        axes, [2, 2.5, 3, 3.5, 4, 5, 6, 8, 10, 15, 20, 30, 50, 70], min(everything) * 0.93, max(everything) * 1.08
    )
    axes.margins(y=0.22)
    low, high = axes.get_ylim()
    more = max(0.0, LEAST_SPAN - (high - low)) / 2
    low, high = low - more, high + more
    axes.set_ylim(low - 0.12 * (high - low), min(high, 102))  # below the lowest bar there is room for the legend
    axes.set_title(f"{next(iter(lines)).label}, measured", loc="left", fontsize=10)
    axes.set_ylabel(f"accuracy ({metric}, %)")
    axes.set_xlabel("parameters without classifier (millions)")
    axes.legend(loc="lower right", fontsize=8, frameon=True)


def _printed(panels: list[Axes]) -> None:
    printed = paper.table(5).dropna(subset=["other_accuracy_percent"])
    size = printed.groupby("efficientnet")["efficientnet_params_millions"].first()  # B7's: not repeated in every row
    for number, (axes, (data, part)) in enumerate(zip(panels, printed.groupby("dataset", sort=False), strict=True)):
        known = [
            (row.efficientnet.replace("EfficientNet-", ""), size[row.efficientnet], row.efficientnet_accuracy_percent)
            for row in part.itertuples()
        ]
        others = [
            (SHORT.get(row.other_model, row.other_model), row.other_params_millions, row.other_accuracy_percent)
            for row in part.itertuples()
            if np.isfinite(row.other_params_millions)
        ]
        for points, colour, marker, below in ((known, OURS, "D", False), (others, OTHERS, "o", True)):
            for name, x, y in points:
                axes.plot(x, y, marker, markerfacecolor="none", markeredgecolor=colour, markersize=6)
                axes.annotate(
                    name,
                    (x, y),
                    xytext=(0, -12 if below else 6),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7.5,
                    color=colour,
                )
        _log_axis(axes, [1, 10, 100, 1000], 1.5, 2000)
        every = [y for _, _, y in known + others]
        middle, half = (max(every) + min(every)) / 2, max(1.0, 0.85 * (max(every) - min(every)))
        axes.set_ylim(middle - half, middle + half)  # at least 2 points: 0.1 must not look like a gulf
        axes.set_title(data, loc="left", fontsize=9)
        axes.tick_params(labelsize=8)
        if number >= 4:
            axes.set_xlabel("parameters (M)", fontsize=8)
        if number % 4 == 0:
            axes.set_ylabel("accuracy, printed (%)", fontsize=8)


def _log_axis(axes: Axes, ticks: list[float], low: float, high: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks([tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.minorticks_off()
