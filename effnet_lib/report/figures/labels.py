"""Names beside points: each where it covers neither another name nor a point, the nearest such place first."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from ...core.errors import known
from .style import HALO, Colour

# Offsets in points, the nearest first.
AROUND = [(7, 0), (-7, 0), (0, 8), (0, -8), (6, 7), (-6, 7), (6, -7), (-6, -7)]
AROUND += [
    (s * x, t * y) for x, y in ((9, 13), (20, 12), (26, 20), (12, 26), (40, 26)) for s in (1, -1) for t in (1, -1)
]
PAD = 7  # pixels between a name and another point: more than a marker's radius
NEAR = 8  # points: a name further up or down is tied to its point by a line


class Label(NamedTuple):
    """A name, and the point in data coordinates that it is of."""

    name: str
    x: float
    y: float
    colour: Colour = "0.2"


def place(axes: Axes, labels: Sequence[Label], avoid: Sequence[tuple[float, float]] = ()) -> None:
    """Write each label beside its point; call it when the limits and the layout are final.

    Args:
        avoid: places in data coordinates that no name may cover besides, such as those along a curve.
    """
    if not labels:
        return
    points = axes.transData.transform([(label.x, label.y) for label in labels] + list(avoid))
    taken: list = []
    for label, point in zip(labels, points, strict=False):
        _, box, offset = _best(axes, label, taken, [other for other in points if other is not point])
        taken.append(box)
        if abs(offset[1]) > NEAR:
            line = {"arrowstyle": "-", "color": "0.6", "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
            away: dict[str, Any] = {"xytext": offset, "textcoords": "offset points", "arrowprops": line}
            axes.annotate("", (label.x, label.y), **away)


def _best(
    axes: Axes, label: Label, taken: list, points: Sequence[np.ndarray]
) -> tuple[Annotation, Bbox, tuple[float, float]]:
    """Return the label written where it covers least, its box and its offset."""
    best: tuple[Annotation, Bbox, tuple[float, float]] | None = None
    least = np.inf
    for offset in AROUND:
        made = _write(axes, label, offset)
        box = made.get_window_extent()
        covered = sum(box.overlaps(other) for other in taken)
        covered += sum(box.padded(PAD).contains(*other) for other in points)
        covered += not axes.bbox.contains(box.x0, box.y0) or not axes.bbox.contains(box.x1, box.y1)
        if covered >= least:
            made.remove()
            continue
        if best:
            best[0].remove()
        best, least = (made, box, offset), covered
        if least == 0:
            break
    return known(best)


def _write(axes: Axes, label: Label, offset: tuple[float, float]) -> Annotation:
    side = "left" if offset[0] > 0 else "right" if offset[0] < 0 else "center"
    look: dict[str, Any] = {"ha": side, "va": "center", "fontsize": 7.5, "color": label.colour, "path_effects": HALO}
    return axes.annotate(label.name, (label.x, label.y), offset, textcoords="offset points", **look)
