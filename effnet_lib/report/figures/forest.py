"""Forest plots: effects with their intervals, a row each, the minimum effect drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from ...stats.claims import DELTA
from ...stats.intervals import Estimate
from .style import COLOURS, MARKERS, marker_size

EQUAL = 0.05  # by how much two costs may differ and still be called equal
NUMBERS = 0.26  # of the width, at the right end: the rows' numbers stand there, and nothing else


def margins(
    axes: Axes,
    groups: Mapping[str, tuple[Mapping[str, float] | None, Mapping[str, Estimate]]],
    delta: float | Mapping[str, float] = DELTA,
    title: str | None = None,
    notes: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Draw compound minus each method, in points, group by group.

    Positive is in favour of compound scaling. Every row says what its method costs, and by how much that is not the
    compound model's cost: whole layers and channels miss a level. Verdicts use the 90 % interval (thick); the 95 %
    interval is thin.

    Args:
        delta: the least effect that matters, one for all or by method.
        groups: words -> (method -> FLOPS over the baseline's, where they belong in the labels; method -> estimate).
        title: None: what the costs are, equal only where all are within 5 % of the compound model's.
        notes: words -> method -> what its label says besides.
    """
    y, ticks, labels = 0.0, [], []
    for words, (costs, parts) in groups.items():
        axes.annotate(
            f"{words}, compound at {costs['compound']:.2f}x" if costs else words,
            (0.0, y),
            xycoords=axes.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            fontweight="bold",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
        for method, estimate in parts.items():
            y += 1
            ticks.append(y)
            note = (notes or {}).get(words, {}).get(method, "")
            cost = f", {costs[method]:.2f}x ({100 * _excess(costs, method):+.0f} %)" if costs else ""
            labels.append(f"− {method}{cost}" + (f"\n{note}" if note else ""))
            effect(axes, y, method, estimate)
            _own_delta(axes, y, delta, method)
        y += 1.4
    _frame(axes, ticks, labels, delta)
    axes.set_ylim(y - 0.6, -0.9)
    axes.set_xlabel("compound minus the other, top-1 (points)")
    axes.set_title(title or _costs_in_words([costs for costs, _ in groups.values() if costs]), loc="left", fontsize=10)


def _own_delta(axes: Axes, y: float, delta: float | Mapping[str, float], method: str) -> None:
    if isinstance(delta, Mapping):
        axes.plot([delta[method]] * 2, (y - 0.4, y + 0.4), ":", color="0.45", linewidth=1.2, zorder=1)


def _excess(costs: Mapping[str, float], method: str) -> float:
    """Return by what share a method costs more than the compound model."""
    return costs[method] / costs["compound"] - 1


def _costs_in_words(levels: Sequence[Mapping[str, float]]) -> str:
    most = max((abs(_excess(costs, method)) for costs in levels for method in costs), default=0.0)
    if most <= EQUAL:
        return f"at equal FLOPS, within {100 * EQUAL:.0f} %"
    return f"at the FLOPS stated, up to {100 * most:.0f} % apart"


def effects(axes: Axes, estimates: Mapping[str, Estimate]) -> None:
    """Draw effects of width scaling in rows, in points; right of 0 speaks for the paper."""
    for y, estimate in enumerate(estimates.values()):
        effect(axes, y, "width", estimate)
    _frame(axes, list(range(len(estimates))), list(estimates), DELTA)
    axes.set_ylim(len(estimates) - 0.4, -0.6)
    axes.set_xlabel("difference in top-1 (points); right of 0 speaks for the paper")
    axes.set_title("Observation 2", loc="left", fontsize=10)


def _frame(axes: Axes, ticks: list[float], labels: list[str], delta: float | Mapping[str, float]) -> None:
    axes.axvline(0, color="0.15", linewidth=0.9, zorder=1)
    each = isinstance(delta, Mapping)
    most = max(delta.values()) if isinstance(delta, Mapping) else delta
    if not isinstance(delta, Mapping):
        axes.axvline(delta, color="0.45", linewidth=0.9, linestyle=":", zorder=1)
    axes.set_yticks(ticks, labels)
    axes.margins(x=0.09)  # a cross of one seed is wide
    low, high = axes.get_xlim()
    low, high = min(low, -1.0), max(high, 1.2 * most)
    axes.set_xlim(low, low + (high - low) / (1 - NUMBERS))
    room = (most - low) * (1 - NUMBERS) < (high - low) / 2  # at the right of the line, for these words
    axes.annotate(
        "dotted: δ, half of the print" if each else f"δ = {delta:g}",
        (most, 1.0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(3 if room else -3, -2),
        textcoords="offset points",
        ha="left" if room else "right",
        va="top",
        fontsize=7.5,
        color="0.35",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},  # the line at 0 may run behind it
    )
    axes.grid(axis="y", visible=False)


def effect(axes: Axes, y: float, method: str, estimate: Estimate, numbers: bool = True) -> None:
    """Draw an effect in a method's colour: thick its 90 %, thin its 95 % interval, a cross without an interval."""
    colour = COLOURS[method]
    if estimate.value is None:
        _in_row(axes, y, "not measured")
        return
    if not estimate.testable:
        axes.plot(estimate.value, y, "x", color=colour, markersize=7, markeredgewidth=2)
    else:
        axes.plot(estimate.interval95, (y, y), color=colour, linewidth=1.2)
        axes.plot(estimate.interval90, (y, y), color=colour, linewidth=3.2, solid_capstyle="butt")
        size = marker_size(MARKERS[method])
        axes.plot(estimate.value, y, MARKERS[method], color=colour, markersize=size, markeredgecolor="white")
    if numbers:
        _in_row(axes, y, f"{estimate.value:+.1f}, n = {estimate.n}")


def _in_row(axes: Axes, y: float, text: str) -> None:
    """Write a row's numbers at its right end, at its own height."""
    place: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "xytext": (-2, 0), "textcoords": "offset points"}
    axes.annotate(text, (1.0, y), ha="right", va="center", fontsize=7, color="0.35", **place)
