"""The grid search's drawing: networks on the constraint surface, and their differences to the paper's triple."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from ...core.errors import known
from ...runs.run_store import RunRecord
from ...stats.claims import DELTA
from ...stats.intervals import Estimate
from ...stats.regret import Regret
from ...stats.response_surface import Surface
from ...study.coefficient_grid import BUDGET, PAPER
from ...study.coefficient_search import Candidate, Point
from ...study.decided_study import Study
from . import style
from .forest import effect as draw_effect
from .style import COLOURS, HALO

ALPHA_TICKS, GAMMA_TICKS = (1.0, 1.2, 1.4, 1.6, 1.8, 2.0), (1.0, 1.1, 1.2, 1.3, 1.4)
SPANS = (1.2263, 1.183)  # of the panel's width and height, in logs of the largest alpha and gamma


@dataclass(frozen=True)
class Search:
    """What all networks of a search have in common.

    Args:
        paper: the paper's triple among them.
        winner: the best network but the paper's, where it is decided.
        grid: all distinct networks, small where untrained.
        at, shares: their cost over the baseline's, and with which powers of depth, width and resolution it grows.
    """

    paper: Candidate
    winner: Candidate | None
    grid: Sequence[Point]
    at: float = BUDGET
    shares: tuple[float, float, float] = (1, 2, 2)

    def most(self, dimension: int) -> float:
        """Return the multiplier of depth (0) or resolution (2) that takes all of the cost, or what FLOPS would."""
        return self.at ** (1 / (self.shares[dimension] or 2))


ROUNDING = {
    "fine": "rounding fine: whole blocks by largest remainder, 4 channels, 4 px, from the baseline",
    "paper": "rounding paper: blocks up, 8 channels, 1 px, from B0's table",
}


def plane(
    axes: Axes,
    asked: Search,
    searched: Mapping[Candidate, Mapping[int, RunRecord]],
    surface: Surface | None,
    regret: Regret | None,
) -> None:
    """Draw the networks over (alpha, gamma), beta following from the constraint, with their difference to the paper's.

    Filled only where the difference's interval, which holds for all together, excludes 0: whatever is coloured between
    networks that nothing tells apart would be a picture of noise.

    Args:
        searched: the trained networks' records, by seed.
    """
    axes.set(xscale="log", yscale="log")
    others = [p.candidate.scaling for p in asked.grid if p.candidate not in searched]
    axes.plot([t.depth for t in others], [t.resolution for t in others], ".", color="0.55", markersize=3, zorder=2)
    for network in searched:
        marker, face = _told_apart(regret.differences.get(network.name) if regret else None)
        look: dict[str, Any] = {
            "markersize": 8,
            "markerfacecolor": face,
            "markeredgecolor": "0.25",
            "markeredgewidth": 1.3,
        }
        axes.plot(network.scaling.depth, network.scaling.resolution, marker, zorder=4, **look)
    _constraint(axes, asked)
    _surface(axes, surface, asked)
    _betas(axes, searched, asked)
    _rings(axes, asked)
    _frame(axes, asked)
    axes.set(xlabel="α (depth)", ylabel="γ (resolution)")
    words = "networks searched; numbers: β (width); filled: clearly better (▲) or worse (▼) than the paper's"
    axes.set_title(words, loc="left", fontsize=9)


def _frame(axes: Axes, asked: Search) -> None:
    """Set limits and ticks, those of the paper's own search at its cost."""
    ticks: dict[str, Sequence[float]] = {"x": ALPHA_TICKS, "y": GAMMA_TICKS}
    axes.set(xlim=(0.94, 2.2), ylim=(0.955, 1.47))
    if (asked.at, asked.shares) != (BUDGET, (1, 2, 2)):
        ends = {"x": asked.most(0), "y": asked.most(2)}
        ticks = {name: np.round(np.linspace(1, end, 5), 2).tolist() for name, end in ends.items()}
        low, high = ({name: pick(1.0, end) for name, end in ends.items()} for pick in (min, max))
        axes.set(**{f"{name}lim": (0.94 * low[name], 1.08 * high[name]) for name in ends})
    axes.set_xticks(ticks["x"], [f"{tick:g}" for tick in ticks["x"]])
    axes.set_yticks(ticks["y"], [f"{tick:g}" for tick in ticks["y"]])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_locator(NullLocator())


def _told_apart(difference: tuple[float, float | None, float | None] | None) -> tuple[str, str]:
    """Return marker and face of a network, by whether its difference's interval excludes 0."""
    _, low, high = difference or (0.0, None, None)
    if low is not None and low > 0:
        return "^", "0.25"
    return ("v", "0.25") if high is not None and high < 0 else ("s", "white")


def _betas(axes: Axes, networks: Iterable[Candidate], asked: Search) -> None:
    """Write each network's beta below its square, or above it where another's would be covered."""
    taken: list[tuple[float, float]] = []
    look: dict[str, Any] = {
        "textcoords": "offset points",
        "ha": "center",
        "fontsize": 7.5,
        "path_effects": HALO,
        "zorder": 6,
    }
    for network in networks:
        alpha, gamma = network.scaling.depth, network.scaling.resolution
        x = float(np.log(alpha) / np.log(asked.most(0)) / SPANS[0])
        y = float(np.log(gamma) / np.log(asked.most(2)) / SPANS[1])
        near = any(abs(x - a) < 0.07 and abs(y - b) < 0.09 for a, b in taken)
        taken.append((x, y))
        offset = 7 if near else -10 if network in (asked.winner, asked.paper) else -7
        place: dict[str, Any] = {"xytext": (0, offset), "va": "bottom" if near else "top"}
        axes.annotate(f"{network.scaling.width:.4g}", (alpha, gamma), **place, **look)


def _rings(axes: Axes, asked: Search) -> None:
    """Mark the paper's triple and the winner, and say in the legend which they are."""
    ring: dict[str, Any] = {"fillstyle": "none", "linestyle": "none", "markeredgewidth": 2, "zorder": 5}
    words, place = f"paper: {asked.paper.name}", asked.paper.scaling
    axes.plot(place.depth, place.resolution, "D", color=COLOURS["compound"], markersize=15, label=words, **ring)
    if winner := asked.winner:
        spot = (winner.scaling.depth, winner.scaling.resolution)
        axes.plot(*spot, "o", color="0.1", markersize=17, label=f"best other: {winner.name}", **ring)
    axes.legend(loc="upper right", fontsize=8, framealpha=0.9, markerscale=0.55)


def _constraint(axes: Axes, asked: Search) -> None:
    """Draw where beta would be 1: beyond it the constraint leaves no width. Free resolution has no such line."""
    depth, _, size = asked.shares
    if not size:
        return
    alpha = np.geomspace(1, asked.most(0), 60)
    axes.plot(alpha, (asked.at / alpha**depth) ** (1 / size), color="0.35", linewidth=1, linestyle=":", zorder=2)
    place: dict[str, Any] = {"xytext": (5, 3), "textcoords": "offset points", "path_effects": HALO, "zorder": 6}
    near_end = asked.at**0.832  # 1.78 at twice the cost
    at_end = (near_end ** (1 / depth), (asked.at / near_end) ** (1 / size))
    axes.annotate("β = 1", at_end, fontsize=7.5, color="0.35", **place)


def _surface(axes: Axes, surface: Surface | None, asked: Search) -> None:
    """Draw the fitted maximum with its ellipse, and what the data leave room for."""
    if surface is None or surface.maximum is None:
        return
    alpha, _, gamma = surface.maximum
    axes.plot(alpha, gamma, "+", color="black", markersize=11, markeredgewidth=2, zorder=5)
    outline = known(surface.ellipse(DELTA))
    axes.plot(outline[:, 0], outline[:, 1], color="black", linewidth=1.5, zorder=3, label=f"fit: {DELTA:g} point lower")
    ends = (float(np.log(asked.most(i))) for i in (0, 2))
    grids = (np.linspace(min(0.0, end), max(0.0, end), 120) for end in ends)
    x, z = np.meshgrid(*grids)
    room = surface.may_be_maximum(x, z)
    if room is None:
        return
    spent, all_of_it = asked.shares[0] * x + asked.shares[2] * z, np.log(asked.at)
    inside = spent <= all_of_it if all_of_it > 0 else spent >= all_of_it  # what is left is the width's
    words = "fit: maximum, 95 %"
    if room[inside].all():
        words += ": anywhere"
    else:
        shown = np.where(inside, room, 0.0)
        axes.contour(np.exp(x), np.exp(z), shown, [0.5], colors="black", linestyles="--", linewidths=1, zorder=3)
    axes.plot([], [], "--", color="black", linewidth=1, label=words)


def differences(axes: Axes, regret: Regret | None, fresh: Mapping[str, Estimate], ratios: Mapping[str, float]) -> None:
    """Draw every network minus the paper's triple, best first, then winner minus paper on fresh seeds, in points.

    Args:
        fresh: words -> effect on fresh seeds.
        ratios: counted FLOPS over the baseline's, by name.
    """
    listed = sorted(regret.differences.items(), key=lambda item: -item[1][0]) if regret else []
    labels = [f"{name}  {ratios[name]:.2f}x" for name, _ in listed] + list(fresh)
    for y, (_, (value, low, high)) in enumerate(listed):
        if low is None or high is None:
            axes.plot(value, y, "x", color="0.25", markersize=7, markeredgewidth=2)
            continue
        axes.plot((low, high), (y, y), color="0.45", linewidth=1.2)
        axes.plot(value, y, "s", color="0.25", markersize=6, markeredgecolor="white")
    start = len(listed) + 0.6
    for y, effect in enumerate(fresh.values()):
        draw_effect(axes, start + y, "compound", effect)
    if listed and fresh:
        axes.axhline(len(listed) - 0.2, color="0.8", linewidth=0.8)
    axes.axvline(0, color=COLOURS["compound"], linewidth=1.2, zorder=1)
    axes.axvline(DELTA, color="0.45", linewidth=0.9, linestyle=":", zorder=1)
    axes.set_yticks([*range(len(listed)), *(start + y for y in range(len(fresh)))], labels, fontsize=8)
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, -DELTA), right + 0.22 * (right - left) if fresh else right)
    axes.set_ylim(start + len(fresh) - 0.2, -0.8)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(f"top-1 minus that of the paper's triple (points); dotted: δ = {DELTA:g}")
    title = "against the paper's triple"
    if regret and regret.interval:
        title += f": regret {regret.value:.1f} ({regret.interval[0]:.1f} to {regret.interval[1]:.1f})"
    axes.set_title(title, loc="left", fontsize=10)


def footnote(figure: Figure, study: Study, surface: Surface | None, rows: pd.DataFrame) -> None:
    """Say how networks were rounded and pruned, what the bars are, and what the fitted surface says."""
    paper = rows.loc[rows["model"] == f"({PAPER.depth:g}, {PAPER.width:g}, {PAPER.resolution:g})", "flops_ratio"]
    count = f" (the paper's triple costs {paper.iloc[0]:.2f}x)" if len(paper) else ""
    if surface is None:
        fitted = "too few networks for a response surface"
    elif surface.maximum is None:
        fitted = "response surface: no maximum inside"
    else:
        alpha, beta, gamma = surface.maximum
        fitted = f"response surface: maximum (+) at ({alpha:.2f}, {beta:.2f}, {gamma:.2f})"
    bars = "bars: 95 % for all differences together" if (rows["seeds"] > 1).any() else "crosses: one seed, no interval"
    within = f"FLOPS 2x within {100 * study.profile.tolerance:g} %{count}"
    text = "; ".join([ROUNDING[study.profile.rounding], within, bars, fitted])
    style.line(figure, 0.018, text, fontsize=7.5, color="0.35")
