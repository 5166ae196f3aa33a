"""Figure 7 as drawn: maps over images, measures against FLOPS, photographs with the Lite trio."""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ...core.errors import known
from ...measure.maps import faithfulness, localisation
from ...measure.maps.cam import to_pixels
from ...measure.maps.geometry import Cells
from ...measure.maps.network_maps import NetworkMaps
from ...runs.packing import image, unpack
from ..tables import activation_maps
from . import forest, style
from .style import COLOURS, margins

if TYPE_CHECKING:
    from ...study.decided_study import Study

HEADS = {
    "baseline": "baseline",
    "depth": "deeper",
    "width": "wider",
    "resolution": "higher resolution",
    "compound": "compound scaling",
}
HEAT = "inferno"  # its lightness rises steadily: in grey, more evidence is still lighter
SHARE = 0.62  # of the heat in a mixture with the image in grey
SHADES = 40  # of each colour in a mixture: too fine to see, and the files are smaller by a quarter than with 255
LONGEST = 15  # letters of a class's name in a caption
PANELS_WIDE = 12  # of photographs and their maps: of the trio three photographs; more stand in the notebook
CONTROLS = ("uniform", "centre prior", "untrained")
PANELS = localisation.WORDS | faithfulness.WORDS


def figure(title: str, study: "Study", measured: activation_maps.Measured, rows: pd.DataFrame) -> Figure:
    """Draw what is measured: the grid at the left, the measures at the right, photographs below; parts may lack."""
    style.theme()
    gallery, photographs = activation_maps.Gallery(measured), activation_maps.photographs(measured)
    if photographs:
        photographs = photographs[: max(1, PANELS_WIDE // (1 + len(photographs[0].result["models"])))]
    shown = gallery.chosen() if gallery.runs else []
    upper, lower = 1.72 * max(len(shown), 4) if gallery.runs else 0.0, 1.75 * bool(photographs)
    whole = plt.figure(figsize=(14.5, upper + lower + 1.0))
    margins(whole, rect=(0, 0.035, 1, 0.965 - 0.62 / whole.get_figheight()))
    heights = [height for height in (upper, lower) if height]
    parts = list(whole.subfigures(len(heights), 1, squeeze=False, height_ratios=heights).flat)
    if shown:
        left, right = parts[0].subfigures(1, 2, width_ratios=[1.25, 1])
        _grid(left, gallery, shown)
        _measures(right, measured, rows)
    elif gallery.runs:
        _measures(parts[0], measured, rows)
    if photographs:
        _photographs(parts[-1], photographs)
    height = whole.get_figheight()
    style.headline(whole, 1 - 0.2 / height, title)
    style.line(whole, 1 - 0.42 / height, _subtitle(study, measured))
    foot = "\n".join(filter(None, [_footnote(measured, gallery), _trained(study, measured)]))
    style.line(whole, 0.19 / height, foot, fontsize=7.5, color="0.35")
    return whole


def _subtitle(study: "Study", measured: activation_maps.Measured) -> str:
    networks, settings = activation_maps.networks(measured), activation_maps.settings(measured)
    made = [measurement.provenance for measurement in measured.values()]
    devices = ", ".join(sorted({provenance["device"] for provenance in made}))
    when = style.span(provenance["date"][:10] for provenance in made)
    origin = "published" if all(measurement.published for measurement in measured.values()) else "measured here"
    if not networks:
        return f"published ImageNet weights · {devices} · {when} · {origin}"
    settings, seeds = known(settings), style.span(len(runs) for runs in networks.values())
    return (
        f"{study.dataset.label} · baseline {study.base} · {study.profile.recipe.epochs} epochs · "
        f"{seeds} seed{'' if seeds == '1' else 's'} a model x {settings.pictures} pictures · {settings.method} · "
        f"{devices} · {when} · {origin}"
    )


def _trained(study: "Study", measured: activation_maps.Measured) -> str:
    """Say where the networks were trained, if not where they were mapped."""
    mapped = {task.run: made.provenance["device"] for task, made in measured.items() if isinstance(task, NetworkMaps)}
    trained = {record.provenance["device"] for run in mapped if (record := study.store.find(run))}
    elsewhere = trained - set(mapped.values())
    return f"networks trained on {' and '.join(sorted(trained))}" if elsewhere else ""


def _footnote(measured: activation_maps.Measured, gallery: activation_maps.Gallery) -> str:
    settings, notes = activation_maps.settings(measured), []
    if settings:
        low = min(activation_maps.agreement(measured).values(), key=lambda row: row["same"])["same"]
        if min(settings.scene_stride, settings.picture_stride) < 32:
            notes.append(
                f"maps of the trained weights at output stride {settings.picture_stride}: at least {low:.0f} % of the "
                "predictions stay the same"
            )
        if activation_maps.tiled(measured):
            kept = [row["same_tile"] for row in activation_maps.agreement(measured).values()]
            notes.append(f"on a mosaic's tile only {min(kept):.0f} to {max(kept):.0f} % of the predictions survive")
        several = any(len(runs) > 1 for runs in activation_maps.networks(measured).values())
        bars = "bars: 95 % (thin) and 90 % over networks and images" if several else "crosses: one seed, no interval"
        notes.append(f"all maps pooled to {settings.grid}x{settings.grid}; {bars}")
    if gallery.runs and not gallery.chosen():
        notes.append("no image is drawn: of none does every network's map say something")
    elif gallery.runs:
        notes.append("✓ right, ✗ wrong (seed 0); map of the class named at the left")
        if gallery.outlines is not None:
            notes.append("white: that class's objects")
    return "; ".join(notes)


def blend(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Mix an image (h, w, 3) uint8, in grey, with a map (h, w) of 0 to 1 in colour: (h, w, 3) of 0 to 1."""
    grey = (pixels @ (0.299, 0.587, 0.114) / 255)[..., None]
    mixed = (1 - SHARE) * grey + SHARE * plt.get_cmap(HEAT)(heat)[..., :3]
    return (mixed * SHADES).round() / SHADES


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def short(name: str) -> str:
    """Cut a class's name to what fits under an image."""
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def _grid(part: SubFigure, gallery: activation_maps.Gallery, shown: list[int]) -> None:
    panels = part.subplots(len(shown), 1 + len(gallery.methods), squeeze=False)
    correct = gallery.correct()
    for row, index in zip(panels, shown, strict=True):
        pixels = gallery.images[index]
        side = len(pixels)
        row[0].imshow(pixels, interpolation="none")
        row[0].set_xlabel(short(gallery.names[gallery.classes[index]]), fontsize=8)
        for axes, method, good in zip(row[1:], gallery.methods, correct[:, index], strict=True):
            cells = Cells(**gallery.runs[method].result["cells"])
            heat = to_pixels(gallery.grids[method][index][None], cells, side)[0]
            axes.imshow(blend(pixels, heat / heat.max()), interpolation="none")
            said = short(gallery.names[gallery.predicted[method][index]])
            axes.set_xlabel(f"{said} {gallery.probability[method][index]:.2f} {'✓' if good else '✗'}", fontsize=7.5)
            if gallery.outlines is not None:
                outline = gallery.outlines[index].astype(float)
                at = (np.arange(len(outline)) + 0.5) * side / len(outline) - 0.5
                axes.contour(at, at, outline, [0.5], colors="white", linewidths=0.5)
    for axes, method in zip(panels[0], ("original", *gallery.methods), strict=True):
        axes.set_title(HEADS.get(method, method), fontsize=8, color=COLOURS.get(method, "0.15"), fontweight="bold")
    for axes in panels.flat:
        _bare(axes)


def _measures(part: SubFigure, measured: activation_maps.Measured, rows: pd.DataFrame) -> None:
    """Draw the compound model minus each other, a panel a measure, and beside each what the scores themselves are."""
    panels = part.subplots(4, 2)
    by, found = rows.set_index("row"), activation_maps.differences(measured)
    for axes, (measure, words) in zip(panels.flat, PANELS.items(), strict=False):
        parts = found[measure]
        for y, (other, estimate) in enumerate(parts.items()):
            forest.effect(axes, y, other, estimate, numbers=False)
        axes.axvline(0, color="0.15", linewidth=0.9, zorder=1)
        axes.set_yticks(range(len(parts)), [f"− {other}" for other in parts], fontsize=7.5)
        axes.set_ylim(len(parts) - 0.4, -0.6)
        axes.margins(x=0.1)
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="x", labelsize=7.5)
        axes.set_title(f"{words}\n{_levels(by, measure)}", loc="left", fontsize=8)
    panels[-1, -1].axis("off")
    panels[-1, -1].text(-0.3, 0.5, _legend(rows), fontsize=7.5, va="center", transform=panels[-1, -1].transAxes)


def _levels(by: pd.DataFrame, measure: str) -> str:
    """Say what the compound model's score is, and what the best control reaches."""
    unit = " points" if measure == "road" else " %"
    value = by[measure].get("compound", float("nan"))
    words = "compound not measured" if pd.isna(value) else f"compound {value:.0f}{unit}"
    best = by[measure].reindex(CONTROLS).max()
    return words if pd.isna(best) else f"{words}, best control {best:.0f}{unit}"


def _legend(rows: pd.DataFrame) -> str:
    models = rows[rows["flops_ratio"].notna()]
    costs = "\n".join(f"{row.row} {row.flops_ratio:.2f}x" for row in models.itertuples())
    text = f"Compound scaling minus each other,\npoints; right of 0 speaks for it.\nFLOPS over the baseline's:\n{costs}"
    short = activation_maps.no_better_than_controls(rows)
    lines = [
        f"\n{name}: " + ("all" if len(found) == len(models) else ", ".join(found)) for name, found in short.items()
    ]
    return text + ("\nNo better than a control (95 %):" + "".join(lines) if lines else "")


def _photographs(part: SubFigure, photographs: list) -> None:
    names = list(photographs[0].result["models"])
    panels = part.subplots(1, len(photographs) * (1 + len(names)), squeeze=False)[0]
    for number, photograph in enumerate(photographs):
        own = panels[number * (1 + len(names)) : (number + 1) * (1 + len(names))]
        for axes, name in zip(own, ("original", *names), strict=True):
            result = photograph.result["models"][names[-1] if name == "original" else name]
            pixels = image(result["thumbnail"])
            if name == "original":
                axes.imshow(pixels, interpolation="none")
                axes.set_title("original", fontsize=8)
                axes.set_xlabel(short(photograph.result["name"]), fontsize=7.5)
                continue
            cells = Cells(**result["cells"])
            heat = to_pixels(unpack(result["grid"], (1, cells.count, cells.count), bits=8), cells, len(pixels))[0]
            axes.imshow(blend(pixels, heat / heat.max()), interpolation="none")
            axes.set_title(name.capitalize(), fontsize=8, color=COLOURS["compound"], fontweight="bold")
            axes.set_xlabel(f"{short(result['mapped'])}\n{result['mapped_probability']:.2f}", fontsize=7.5)
    for axes in panels:
        _bare(axes)
