"""Figure 7 as drawn: maps over images, measures against FLOPS, photographs with the Lite trio."""

from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from ...measure.maps import faithfulness, localisation
from ...measure.maps.cam import to_pixels
from ...measure.maps.geometry import Cells
from ...measure.maps.network_maps import NetworkMaps
from ...runs.packing import image, unpack
from ..tables import activation_maps
from . import style
from .style import COLOURS, MARKERS

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
CONTROLS = {"uniform": ":", "centre prior": "--", "untrained": "-."}
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
    whole.get_layout_engine().set(rect=(0, 0.035, 1, 0.965 - 0.62 / whole.get_figheight()))
    heights = [height for height in (upper, lower) if height]
    parts = list(np.atleast_1d(whole.subfigures(len(heights), 1, height_ratios=heights)))
    if shown:
        left, right = parts[0].subfigures(1, 2, width_ratios=[1.25, 1])
        _grid(left, gallery, shown)
        _measures(right, rows)
    elif gallery.runs:
        _measures(parts[0], rows)
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
    seeds = style.span(len(runs) for runs in networks.values())
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
        several = any(len(runs) > 1 for runs in activation_maps.networks(measured).values())
        bars = "bars: 95 % over seeds and pictures" if several else "crosses: one seed, no interval"
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


def _measures(part: SubFigure, rows: pd.DataFrame) -> None:
    panels = part.subplots(4, 2)
    models = rows[rows["flops_ratio"].notna()]
    for axes, (measure, words) in zip(panels.flat, PANELS.items(), strict=False):
        for row in models.itertuples():
            value, low, high = (getattr(row, f"{measure}{end}") for end in ("", "_low", "_high"))
            colour = COLOURS[row.row]
            if not pd.isna(low):
                axes.errorbar(row.flops_ratio, value, [[value - low], [high - value]], color=colour, capsize=2, lw=1)
            axes.plot(row.flops_ratio, value, MARKERS[row.row] if row.seeds > 1 else "x", color=colour, markersize=6)
        for name, line in CONTROLS.items():
            level = rows.loc[rows["row"] == name, measure]
            if len(level) and pd.notna(level.iloc[0]):
                axes.axhline(level.iloc[0], color="0.45", linestyle=line, linewidth=1)
        axes.set_title(words, loc="left", fontsize=8.5)
        style.ratio_axis(axes, models["flops_ratio"])
        axes.set_xlabel("")
        axes.tick_params(labelsize=7.5)
        axes.set_ylabel("points" if measure == "road" else "%", fontsize=8)
    for axes in (panels[-1, 0], panels[-2, -1]):
        axes.set_xlabel(style.FLOPS_RATIO, fontsize=8)
    _legend(panels[-1, -1], models)


def _legend(axes: Axes, models: pd.DataFrame) -> None:
    axes.axis("off")
    for row in models.itertuples():
        marker = MARKERS[row.row] if row.seeds > 1 else "x"
        axes.plot([], [], marker, color=COLOURS[row.row], label=HEADS[row.row])
    for name, line in CONTROLS.items():
        axes.plot([], [], color="0.45", linestyle=line, label=f"control: {name}")
    axes.legend(loc="center", fontsize=8, frameon=False)


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
