"""Figure 7's own rows under published weights, with each photograph's credit, and what such maps are worth."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ...measure.maps.cam import to_pixels
from ...measure.maps.faithfulness import MEASURES, WORDS
from ...measure.maps.geometry import Cells
from ...runs.measurement_store import Measurement
from ...runs.packing import image, unpack
from ...stats.estimate import Estimate
from . import style
from .activation_maps import blend, short
from .style import COLOURS, margins

LICENCES = {"https://creativecommons.org/licenses/by/2.0/": "CC BY 2.0"}
BETTER = {"road": "higher is better", "insertion": "higher is better", "deletion": "lower is better"}
FOOT = (
    "Maps of the photograph's own class. The photographs are cropped to what the network sees and made smaller.\n"
    "Bars: 95 % over images; one training each. All three measures move with a network's confidence, too."
)


def draw(
    title: str,
    shown: Sequence[Measurement],
    rows: pd.DataFrame,
    gains: Mapping[str, Estimate],
    names: Mapping[str, str],
) -> Figure:
    """Draw a row a photograph, and a panel a measure beside it; either may lack.

    Args:
        rows: `tables.photograph_rows.faithfulness`.
        gains: measure -> by how much the largest network's maps are better than the smallest's.
        names: the photographs' names in the records -> what the paper calls their rows.
    """
    style.theme()
    columns = 1 + len(shown[0].result["models"]) if shown else 0
    whole = plt.figure(figsize=(max(8.0, 1.95 * columns + 4.6 * (not rows.empty)), 2.5 * max(len(shown), 2) + 1.0))
    margins(whole, rect=(0, 0.06, 1, 0.83))
    widths = [1.95 * columns] * bool(columns) + [4.6] * (not rows.empty)
    parts = list(whole.subfigures(1, len(widths), squeeze=False, width_ratios=widths).flat) if widths else []
    if shown:
        _rows(parts.pop(0), shown, names)
    if not rows.empty:
        _measures(parts.pop(0), rows, gains)
    if not widths:
        axes = whole.add_subplot()
        axes.annotate("no photograph is here, and no record of one", (0.5, 0.5), ha="center", color="0.4")
        axes.set_axis_off()
    style.headline(whole, 0.965, title)
    style.line(whole, 0.918, _subtitle(shown, rows))
    style.line(whole, 0.03, FOOT, fontsize=7.5)
    return whole


def _subtitle(shown: Sequence[Measurement], rows: pd.DataFrame) -> str:
    made = [record.provenance for record in shown]
    devices = {one["device"] for one in made} | set(rows.get("device", []))
    if not devices:
        return "Table 7 is counted; nothing is mapped here"
    when = style.span([*(one["date"][:10] for one in made), *rows.get("date", [])])
    images = f" · {int(rows['images'].max()):,} images for the measures" if len(rows) else ""
    every = all(record.published for record in shown) and (rows.get("source", pd.Series()) == "shipped").all()
    origin = "published" if every else "measured here"
    return f"published ImageNet weights{images} · {', '.join(sorted(devices))} · {when} · {origin}"


def _rows(part: SubFigure, shown: Sequence[Measurement], names: Mapping[str, str]) -> None:
    models = list(shown[0].result["models"])
    panels = part.subplots(len(shown), 1 + len(models), squeeze=False)
    for row, record in zip(panels, shown, strict=True):
        largest = record.result["models"][models[-1]]
        row[0].imshow(image(largest["thumbnail"]), interpolation="none")
        row[0].set_ylabel(names.get(record.result["name"], record.result["name"]), fontsize=9.5, fontweight="bold")
        row[0].set_xlabel(_credit(record.result["credit"]), fontsize=6, loc="left", color="0.35")
        for axes, name in zip(row[1:], models, strict=True):
            made = record.result["models"][name]
            pixels, cells = image(made["thumbnail"]), Cells(**made["cells"])
            grid = unpack(made["grid"], (1, cells.count, cells.count), bits=8)
            axes.imshow(blend(pixels, to_pixels(grid, cells, len(pixels))[0]), interpolation="none")
            axes.set_xlabel(f"{short(made['mapped'])} {made['mapped_probability']:.2f}{_top(made)}", fontsize=7.5)
    for axes, head in zip(panels[0], ["original", *(name.capitalize() for name in models)], strict=True):
        axes.set_title(head, fontsize=9)
    for axes in panels.flat:
        axes.set(xticks=[], yticks=[])
        axes.grid(False)
        axes.spines[:].set_visible(False)


def _top(made: Mapping) -> str:
    return "" if made["predicted"] == made["mapped"] else f"\nsees {short(made['predicted'])} {made['probability']:.2f}"


def _credit(credit: Mapping[str, str]) -> str:
    page = credit["page"].split("://")[-1].removeprefix("www.").rstrip("/")
    path, _, last = page.rpartition("/")
    return f"{credit['author']}, {LICENCES.get(credit['licence'], credit['licence'])}\n{path}/\n{last}"


def _measures(part: SubFigure, rows: pd.DataFrame, gains: Mapping[str, Estimate]) -> None:
    panels = part.subplots(len(MEASURES), 1, sharex=True)
    for axes, measure in zip(panels, MEASURES, strict=True):
        _measure(axes, rows, measure, gains[measure])
    panels[-1].set_xlabel("FLOPS (billions of multiply-adds)", fontsize=8.5)


def _measure(axes: Axes, rows: pd.DataFrame, measure: str, gained: Estimate) -> None:
    x, y = rows["flops"] / 1e9, rows[measure]
    bars = [y - rows[f"{measure}_low"], rows[f"{measure}_high"] - y]
    axes.errorbar(x, y, bars, fmt="D", color=COLOURS["compound"], capsize=3, markersize=6)
    axes.set_title(f"{WORDS[measure]} ({BETTER[measure]})", loc="left", fontsize=9)
    if interval := gained.interval95:
        first, last = (rows["model"].iloc[at].rpartition("-")[2] for at in (0, -1))
        words = f"gain of {last} over {first}: {gained.value:+.1f} ({interval[0]:+.1f} to {interval[1]:+.1f}), paired"
        axes.annotate(words, (0.5, 0.04), xycoords="axes fraction", ha="center", fontsize=7, color="0.35")
    axes.set_ylabel("points" if measure == "road" else "%", fontsize=8)
    axes.set_xticks(
        x, [f"{name.rpartition('-')[2]}\n{value:.2f}" for name, value in zip(rows["model"], x, strict=True)]
    )
    axes.tick_params(labelsize=8)
    axes.margins(x=0.2, y=0.35)
