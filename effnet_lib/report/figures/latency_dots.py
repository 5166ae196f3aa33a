"""Latencies as dots with intervals, by pair and runtime, beside what is printed."""

import textwrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import paper
from ...measure.latency.runtimes import RUNTIMES
from ..tables.latency import ELSEWHERE, HERE, SURVEY
from . import latency_vs_flops, style
from .latency_vs_flops import OTHER, OURS, PRINTED, log_ticks, marker_style


def draw(title: str, rows: pd.DataFrame, part: pd.DataFrame, runtime: str) -> Figure:
    """Draw the three panels: speed-up and latency of each pair in each runtime, latency of all against FLOPS.

    Args:
        rows: `tables.latency.table`.
        part: `tables.latency.against_flops` in `runtime`.
    """
    style.theme()
    lines = _lines(rows)
    height = max(6.2, 2.4 + 0.34 * len(lines))
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(15.5, height), width_ratios=[0.8, 1.0, 1.75])
    inch = 1 / height
    style.margins(figure, rect=(0, 0.3 * inch, 1, 1 - 1.15 * inch), wspace=0.03)
    style.headline(figure, 1 - 0.2 * inch, title)
    style.line(figure, 1 - 0.5 * inch, _subtitle(rows))
    style.line(figure, 1 - 0.75 * inch, _quiet(rows))
    words = f"filled: {HERE}; light: {ELSEWHERE}; hollow: printed in the paper; bars: 95 % interval over rounds"
    style.line(figure, 0.14 * inch, words, fontsize=7.5, color="0.35")
    shown = [plt.Line2D([], [], **marker_style(m, c, HERE)) for m, c in (("D", OURS), ("o", OTHER))]
    place: dict[str, Any] = {
        "loc": "upper right",
        "bbox_to_anchor": (0.998, 1 - 0.02 * inch),
        "ncols": 2,
        "fontsize": 8.5,
    }
    figure.legend(shown, ["EfficientNet", "another network"], frameon=False, **place)
    _speedups(left, lines)
    _seconds(middle, lines)
    latency_vs_flops.against(right, part, runtime)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    latency_vs_flops.place_labels(right, part)
    return figure


def _subtitle(rows: pd.DataFrame) -> str:
    here = rows[rows["where"] == (HERE if (rows["where"] == HERE).any() else ELSEWHERE)]
    numbers = here.loc[here["rounds"] > 0, "rounds"]
    rounds = style.span(numbers) if len(numbers) else "no"
    pinned = "pinned to one core" if here["pinned"].all() else "not pinned"
    return (
        f"one picture, one thread, {pinned} · CPU time, median of {rounds} rounds · random weights, batch norm "
        f"calibrated, denormals flushed · {', '.join(sorted(set(here['device'])))} · {style.span(here['date'])}"
    )


def _quiet(rows: pd.DataFrame) -> str:
    groups = sorted(set(rows.loc[(rows["busy"] != "") & (rows["where"] == HERE), "group"]))
    if not (rows["where"] == HERE).any():
        return f"nothing was measured on this machine: {ELSEWHERE}"
    return f"THE MACHINE WAS BUSY during: {'; '.join(groups)}" if groups else "the machine was quiet"


def _lines(rows: pd.DataFrame) -> list[dict]:
    """Return the lines of the left panels, from top to bottom: a pair's printed numbers, then each runtime's."""
    printed = paper.table(4).set_index("model")
    lines: list[dict[str, Any]] = []
    for group, of_pair in rows[rows["group"] != SURVEY].groupby("group", sort=False):
        slower, faster = group.split(" / ")
        lines.append({"head": f"{slower} / {faster}"})
        if faster in printed.index and slower in printed.index:
            times = [printed.loc[model, "latency_seconds"] for model in (slower, faster)]
            lines.append(
                {"label": "printed (2019)", "where": PRINTED, "speedup": printed.loc[faster, "speedup"], "times": times}
            )
        for (runtime, where, device), entries in of_pair.groupby(["runtime", "where", "device"], sort=False):
            of = entries.set_index("model")
            words = RUNTIMES[runtime].words + ("" if where == HERE else f"\n{device}")
            lines.append({"label": words, "where": where, "of": of.reindex([slower, faster])})
    return lines


def _frame(axes: Axes, lines: list[dict], labels: bool) -> None:
    for y, line in enumerate(lines):
        if "head" in line:
            place: dict[str, Any] = {
                "xytext": (4, -2),
                "textcoords": "offset points",
                "fontsize": 8.5,
                "fontweight": "bold",
                "va": "center",
            }
            axes.annotate(line["head"] if labels else "", (0, y), xycoords=axes.get_yaxis_transform(), **place)
    ticks = [y for y, line in enumerate(lines) if "label" in line]
    axes.set_yticks(ticks, [lines[y]["label"] for y in ticks] if labels else [""] * len(ticks), fontsize=8)
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def _dot(axes: Axes, y: float, value: float, low: float, high: float, look: dict) -> None:
    if not np.isnan(low):
        axes.plot((low, high), (y, y), color=look["color"], alpha=look["alpha"], linewidth=2)
    axes.plot(value, y, **look, zorder=4)


def _speedups(axes: Axes, lines: list[dict]) -> None:
    axes.axvline(1, color="0.15", linewidth=0.9, zorder=1)
    printed = np.nan
    for y, line in enumerate(lines):
        if "head" in line:
            printed, top = np.nan, y
            bottom = next((i for i in range(y + 1, len(lines)) if "head" in lines[i]), len(lines)) - 0.5
        elif line["where"] == PRINTED:
            printed = line["speedup"]
            axes.plot((printed, printed), (top + 0.5, bottom), ":", color="0.45", linewidth=1, zorder=1)
            _dot(axes, y, printed, np.nan, np.nan, marker_style("D", OURS, PRINTED))
            _value(axes, y, f"{printed:g}x")
        else:
            row = line["of"].iloc[1]
            if np.isnan(row["speedup"]):
                _reasons(axes, y, line["of"])
                continue
            _dot(
                axes, y, row["speedup"], row["speedup_low"], row["speedup_high"], marker_style("D", OURS, line["where"])
            )
            _value(axes, y, f"{row['speedup']:.2f}x")
    low, high = axes.get_xlim()
    axes.set_xlim(min(0.8, low), high + 0.28 * (high - min(0.8, low)))  # room for the numbers
    _frame(axes, lines, labels=True)
    axes.set_xlabel("times faster, slower / faster")
    axes.set_title("speed-up within a runtime", loc="left", fontsize=10)


def _value(axes: Axes, y: float, text: str, colour: str = "0.25") -> None:
    place: dict[str, Any] = {
        "xycoords": axes.get_yaxis_transform(),
        "ha": "right",
        "va": "center",
        "fontsize": 7.5,
        "color": colour,
    }
    axes.annotate(text, (0.995, y), **place)


def _reasons(axes: Axes, y: float, of: pd.DataFrame) -> None:
    """Say, where no speed-up can be drawn, which network the runtime could not run and why."""
    words = "; ".join(f"{model}: {reason}" for model, reason in of["failed"].dropna().items())
    text = "\n".join(textwrap.wrap(words or "not measured", 52, max_lines=2, placeholder=" ..."))
    place: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "va": "center", "fontsize": 6.5, "color": "0.3"}
    axes.annotate(text, (0.045, y), **place, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})


def _seconds(axes: Axes, lines: list[dict]) -> None:
    axes.set_xscale("log")
    shown = []
    for y, line in enumerate(lines):
        if "head" in line:
            continue
        if line["where"] == PRINTED:
            points = [(time, np.nan, np.nan) for time in line["times"]]
        else:
            points = list(line["of"][["seconds", "seconds_low", "seconds_high"]].itertuples(index=False, name=None))
        times = [point[0] for point in points]
        shown += [time for time in times if not np.isnan(time)]
        if not np.isnan(times).any():
            axes.plot(times, (y, y), color="0.75", linewidth=1, zorder=1)
        for (time, low, high), marker, colour in zip(points, "oD", (OTHER, OURS), strict=True):
            if not np.isnan(time):
                _dot(axes, y, time, low, high, marker_style(marker, colour, line["where"]))
    if shown:
        axes.set_xlim(0.6 * min(shown), 1.8 * max(shown))
    log_ticks(axes.xaxis)
    _frame(axes, lines, labels=False)
    axes.set_xlabel("latency, CPU time")
    axes.set_title("latency", loc="left", fontsize=10)
