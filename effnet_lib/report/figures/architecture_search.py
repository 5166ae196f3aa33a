"""The architecture search in six panels: on a table of networks, and where every candidate is trained."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...search.nas_bench_macro import LABELS
from ...search.objective import Score, front
from ...search.settings import WS
from ...search.trained_search import TrainedSearch
from ..tables import architecture_search as tables
from . import style
from .architecture_choices import choices, scaled, trust
from .style import HALO, margins

SEARCHERS = {  # colour, line, marker, words; distinct in grey by line and lightness
    "evolution": (style.COLOURS["compound"], "-", "D", "regularised evolution"),
    "optuna": (style.COLOURS["depth"], "--", "s", "Optuna, NSGA-II"),
    "random": (style.COLOURS["baseline"], ":", "o", "random search"),
}
POINTS = (5, 10, 15, 20, 30, 40, 50, 60, 80, 100, 125, 150, 200, 250, 300)
RATIOS = (0.25, 0.35, 0.5, 0.7, 1, 1.4, 2)  # candidates cost nearly what B0 does
LEAST = 0.01  # points, where the axis of what is left ends
ROLES = {  # colour, marker, size, words
    "neighbour": (style.COLOURS["width"], "o", 4.5, "random, within 10 % of B0's FLOPS"),
    "search": (style.COLOURS["resolution"], "^", 4.5, "asked for by evolution"),
    "MnasNet-A1": ((0.35, 0.35, 0.35), "X", 9, "MnasNet-A1"),
    "B0": (style.COLOURS["baseline"], "*", 14, "B0"),
}


def figure(title: str, search: TrainedSearch, results: tables.Results, rows: pd.DataFrame) -> Figure:
    """Draw the table's two panels and the four of the trained candidates; a panel without data says so."""
    style.theme()
    made, axes = plt.subplots(2, 3, figsize=(14.5, 9.2))
    margins(made, rect=(0, 0.02, 1, 0.9), wspace=0.04, hspace=0.06)
    style.headline(made, 0.98, title)
    style.line(made, 0.952, subtitle(search, rows))
    (progress, table_front, trained), (proxy, shared, final) = axes
    _progress(progress, results)
    _table_front(table_front, results)
    _trained(trained, rows)
    trust(proxy, rows, search.setting)
    choices(shared, search)
    scaled(final, rows, search.setting)
    words = "the objective's -0.07 was chosen for latency and is used for FLOPS; bars and bands: 95 % interval"
    style.line(made, 0.012, words + " over seeds; one seed a trained candidate, B0's point is a mean", fontsize=7.5)
    return made


def subtitle(search: TrainedSearch, rows: pd.DataFrame) -> str:
    """Return data set, size, recipe, numbers, device, date and origin."""
    trained = rows[rows["part"] != "table"]
    if trained.empty:
        return "no candidate is trained yet"
    origin = {True: "published", False: "measured here"}
    where = " and ".join(origin[one] for one in sorted(set(trained["shipped"])))
    setting, networks = search.setting, (rows["part"] == "trained").sum()
    return (
        f"{search.study.dataset.label}, tuning split · {setting.base} · {setting.recipe.epochs} epochs · "
        f"{networks} networks trained · {', '.join(sorted(set(trained['device'])))} · "
        f"{style.span(trained['date'])} · {where}"
    )


def _label(results: tables.Results) -> str:
    return LABELS[next(iter(results)).table]


def _progress(axes: Axes, results: tables.Results) -> None:
    """Draw how far the best network found is from the table's best, against evaluations."""
    axes.set_title("progress on a table", loc="left")
    there = {task.searcher.name: task for task in results if task.w == 0}
    if not there:
        style.empty(axes, "no search on a table is stored")
        return
    for name, (colour, line, marker, words) in SEARCHERS.items():
        if name not in there:
            continue
        points = [number for number in POINTS if number <= there[name].evaluations]
        found = tables.progress(results, name, points)
        x, y = [number for number, _ in found], np.array([one.value for _, one in found])
        intervals = [one.interval95 or (one.value, one.value) for _, one in found]
        low, high = np.array(intervals).T.clip(min=LEAST)
        axes.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
        axes.plot(x, y.clip(min=LEAST), line, color=colour, marker=marker, markersize=4, label=words)
    number = min(tables.BUDGET, *(task.evaluations for task in there.values()))
    within = [
        f"{name} {'{} of {}'.format(*tables.close(results, name, number))}" for name in SEARCHERS if name in there
    ]
    axes.axhline(tables.CLOSE, color="0.45", linewidth=0.8)
    axes.set(yscale="log", ylim=(LEAST, None), xlabel="networks evaluated", ylabel="behind the table's best (points)")
    axes.set_yticks([LEAST, tables.CLOSE, 1], [f"≤ {LEAST:g}", f"{tables.CLOSE:g}", "1"])
    axes.set_title(
        f"{_label(results)}\nwithin {tables.CLOSE:g} after {number}: {', '.join(within)}", loc="left", fontsize=9
    )
    axes.legend(loc="upper right", fontsize=8, frameon=False)


def _table_front(axes: Axes, results: tables.Results) -> None:
    """Draw the true front, the front that all searches of each searcher found, and the winners for each exponent."""
    axes.set_title("fronts found", loc="left")
    plain = {task: one for task, one in results.items() if task.w == 0}
    if not plain:
        style.empty(axes, "no search on a table is stored")
        return
    true = [Score(*row) for row in next(iter(plain.values())).result["front"]]
    axes.step([s.flops / 1e6 for s in true], [s.accuracy for s in true], where="post", color="0.6", linewidth=3)
    axes.plot([], [], color="0.6", linewidth=3, label="true front")
    for name, (colour, _, marker, words) in SEARCHERS.items():
        searches = tables.named(plain, name)
        if searches:
            found = front(Score(*row) for row in searches[0]["front"])
            x, y = [s.flops / 1e6 for s in found], [s.accuracy for s in found]
            look: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.2, "markersize": 5}
            axes.plot(x, y, marker, color=colour, label=f"{words}, first seed", **look)
    _winners(axes, results)
    axes.set(xlabel="FLOPS (multiply-adds, M)", ylabel="top-1 on the table (%)")
    axes.set_ylim(min(s.accuracy for s in true if s.accuracy > 0.9 * true[-1].accuracy) - 0.5, true[-1].accuracy + 0.8)
    axes.set_title("the front, and what w does to the winner", loc="left", fontsize=9)
    axes.legend(loc="lower right", fontsize=8, frameon=False)


def _winners(axes: Axes, results: tables.Results) -> None:
    for w in WS:
        searches = tables.named(results, "evolution", w)
        if searches:
            won = [tables.best_after(one, tables.BUDGET) for one in searches]
            x, y = np.median([one.flops for one in won]) / 1e6, np.median([one.accuracy for one in won])
            axes.plot(x, y, "P", color="black", markersize=9, markeredgecolor="white", zorder=5)
            place: dict[str, Any] = {"xytext": (-8, 3), "textcoords": "offset points", "ha": "right", "va": "bottom"}
            axes.annotate(f"w = {w:g}", (x, y), fontsize=8, path_effects=HALO, zorder=6, **place)


def _trained(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw every trained candidate, accuracy against FLOPS over B0's, and the front of them all."""
    axes.set_title("trained candidates", loc="left", fontsize=9, pad=34)
    trained = rows[rows["part"] == "trained"]
    if trained.empty:
        style.empty(axes, "no candidate is trained yet")
        return
    for role, (colour, marker, size, words) in ROLES.items():
        part = trained[trained["role"].str.startswith(role)]
        if not part.empty:
            edge: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.7}
            axes.plot(
                part["flops_ratio"], part["top1"], marker, color=colour, markersize=size, label=words, zorder=3, **edge
            )
    best = _front(trained)
    axes.step(
        [x for x, _ in best], [y for _, y in best], where="post", color="0.55", linewidth=1.2, label="their front"
    )
    axes.axvspan(0.9, 1.1, color="0.93", zorder=0)
    style.ratio_axis(axes, trained["flops_ratio"])
    low, high = axes.get_xlim()
    axes.set_xticks([x for x in RATIOS if low <= x <= high], [f"{x:g}x" for x in RATIOS if low <= x <= high])
    axes.set_xlabel("FLOPS (multiply-adds) / B0's")
    axes.set_ylabel("held-out top-1 (%)")
    look: dict[str, Any] = {
        "fontsize": 7.5,
        "frameon": False,
        "borderaxespad": 0.2,
        "columnspacing": 1,
        "handletextpad": 0.3,
    }
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, **look)


def _front(trained: pd.DataFrame) -> Sequence[tuple[float, float]]:
    found: Mapping[int, float] = dict(zip(trained["flops"], trained["flops_ratio"], strict=True))
    pairs = zip(trained["top1"], trained["flops"], strict=True)
    return [(found[s.flops], s.accuracy) for s in front(Score(*pair) for pair in chain(pairs))]
