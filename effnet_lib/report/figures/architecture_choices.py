"""What trained candidates say: how far to trust the short training, which choices win, and the winner scaled."""

from matplotlib.axes import Axes
from pandas import DataFrame

from ...search.settings import SearchSetting
from ...search.trained_search import TrainedSearch
from ..tables import architecture_search as tables
from . import style

LOOKS = {"winner": (style.COLOURS["compound"], "D", "-"), "B0": (style.COLOURS["baseline"], "*", "--")}


def trust(axes: Axes, rows: DataFrame, setting: SearchSetting) -> None:
    """Draw each network's accuracy after the longer training against that after the short one."""
    both = rows.dropna(subset=["long_top1"])
    found = tables.trust(rows)
    axes.set_title(f"short against longer training\n{found or 'not enough networks'}", loc="left", fontsize=9)
    if both.empty:
        style.empty(axes, "no network is trained for longer yet")
        return
    axes.plot(both["top1"], both["long_top1"], "o", color=style.COLOURS["width"], markersize=6, markeredgecolor="white")
    epochs = setting.recipe.epochs
    axes.set_xlabel(f"held-out top-1 (%) after {epochs} epochs")
    axes.set_ylabel(f"after {setting.long_factor * epochs} epochs (%)")


def choices(axes: Axes, search: TrainedSearch) -> None:
    """Draw how often the best quarter of the candidates choose an option, and all of them do."""
    shares = tables.shared_choices(search)
    axes.set_title("choices of the best quarter, over all stages", loc="left", fontsize=9)
    if shares["all"].isna().all():
        style.empty(axes, "no candidate is trained yet")
        return
    y, ticks, labels, place = 0.0, [], [], []
    for choice, part in shares.groupby("choice", sort=False):
        for row in part.itertuples():
            ticks.append(y)
            labels.append(f"{choice} {row.option}" if choice != "operator" else str(row.option))
            axes.plot((row.all, row.best), (y, y), color="0.75", linewidth=2, zorder=1)
            axes.plot(row.all, y, "o", color="white", markeredgecolor="0.35", markersize=6, zorder=2)
            axes.plot(row.best, y, "D", color=style.COLOURS["compound"], markersize=6, zorder=3)
            y += 1
        place.append(y - 0.25)
        y += 0.5
    for line in place[:-1]:
        axes.axhline(line, color="0.88", linewidth=0.8)
    axes.plot([], [], "o", color="white", markeredgecolor="0.35", label="all trained candidates")
    axes.plot([], [], "D", color=style.COLOURS["compound"], label="the best quarter, by the objective")
    axes.set_yticks(ticks, labels, fontsize=8)
    axes.set_ylim(y - 0.3, -2.6)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of stages")
    axes.legend(loc="upper right", fontsize=8, frameon=False)


def scaled(axes: Axes, rows: DataFrame, setting: SearchSetting) -> None:
    """Draw winner and B0 as they are and scaled by the compound method, on the validation images."""
    part = rows[rows["part"] == "scaled"]
    axes.set_title(f"winner and B0, scaled to φ = {setting.phi:g}", loc="left", fontsize=9)
    if part.empty:
        style.empty(axes, "not measured: the search has not ended yet")
        return
    unit = part.loc[part["role"] == "B0", "flops"].min()
    for name, (colour, marker, line) in LOOKS.items():
        own = part[part["role"] == name].sort_values("phi")
        x = own["flops"] / unit
        axes.plot(x, own["top1"], line, color=colour, marker=marker, markersize=10 if marker == "*" else 7, label=name)
        known = own["low"].notna()
        if known.any():
            error = [(own["top1"] - own["low"])[known], (own["high"] - own["top1"])[known]]
            axes.errorbar(x[known], own["top1"][known], error, fmt="none", color=colour, capsize=3)
    style.ratio_axis(axes, part["flops"] / unit)
    axes.set_xlabel("FLOPS (multiply-adds) / B0's")
    axes.set_ylabel("validation top-1 (%)")
    seeds = style.span(part["evaluations"])
    axes.legend(loc="lower right", fontsize=8, frameon=False, title=f"seeds a point: {seeds}", title_fontsize=8)
