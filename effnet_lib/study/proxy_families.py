"""Table 3's networks at proxy scale: each family scaled down to the cost of a profile's baseline, then as printed.

Everything follows from counts alone, before anything is trained.
"""

from collections.abc import Mapping
from functools import cache
from itertools import product
from math import log
from typing import TYPE_CHECKING

import pandas as pd

from .. import paper
from ..core.errors import known
from ..models.archs import Architecture, efficientnet
from ..models.complexity import count
from ..models.families import ASSUMED
from ..models.families import FAMILIES as FULL
from ..models.scaling import MIN_PX, Scaling
from .profiles import UNSCALED, ProxyBaseline
from .scaled_model import ScaledModel

if TYPE_CHECKING:
    from .decided_study import Study

BASELINE = "baseline"
UNTOUCHED = ProxyBaseline(1, 1, 224)  # of a profile at full size: the families stay as they are, too
# The grid of proxies. Inputs from four fifths of the baseline's up: what step 0 chose is near the best balance, and a
# baseline starved of one dimension would make that dimension win.
WIDTHS = tuple(round(0.05 * i, 2) for i in range(2, 21))
DEPTHS = (1.0, 0.75, 0.5, 0.25)
STEP, LEAST_PX = 16, 0.8
TOLERANCE = 0.1  # of the baseline's FLOPS


@cache
def printed(family: str) -> Mapping[str, Scaling]:
    """Return method -> multipliers of a family's rows of Table 3, in its order; (1.4, 1.2, 1.3) where none is printed.

    Two of the three compound rows print no coefficients; the third and Table 7 print these.
    """
    rows = paper.table(3)
    return {
        row.method: ASSUMED if pd.isna(row.depth) else Scaling(row.depth, row.width, row.resolution)
        for row in rows[rows["baseline"] == family].itertuples()
    }


def proxy(study: "Study", family: str) -> ProxyBaseline:
    """Return width, depth and px that bring a family to the cost of the profile's baseline (see `choose`)."""
    if study.base == UNTOUCHED:
        return UNTOUCHED
    classes = study.dataset.classes
    base = known(study.base)
    return choose(family, classes, count(study.baseline.arch).madds, base.px, base.stride)


@cache
def choose(family: str, classes: int, unit: int, most_px: int, stride: int = 32) -> ProxyBaseline:
    """Choose a family's proxy from the grid, by counted FLOPS; `unit` are the baseline's, `most_px` its input.

    All have the baseline's `stride` of the last map: at 32 px and stride 32 a family's last map would be one pixel.

    Of all within 10 % of `unit` (of none: the nearest), the one whose networks scaled by Table 3's multipliers keep
    nearest to the FLOPS ratios of the full-size networks, by the largest deviation of a ratio's logarithm. Small
    networks have few channels and blocks to round: with the nearest cost alone, MobileNetV1's compound model would
    cost 6.0 times its baseline, beside 3.7 times for the width's (full size: 4.3 and 3.9).
    """
    grid = [ProxyBaseline(w, d, px, stride) for px, d, w in product(_inputs(most_px), DEPTHS, WIDTHS)]
    madds = {base: _madds(family, base, classes) for base in grid}
    near = [base for base in grid if abs(madds[base] / unit - 1) <= TOLERANCE]
    near = near or [min(grid, key=lambda base: abs(madds[base] / unit - 1))]
    return min(near, key=lambda base: _distortion(family, base, classes))


def _inputs(most: int) -> list[int]:
    """Return input sizes, the largest first."""
    least = max(MIN_PX, LEAST_PX * most)
    return sorted({most, *(px for px in range(MIN_PX, most, STEP) if px >= least)}, reverse=True)


def _network(family: str, base: ProxyBaseline, classes: int, scaling: Scaling = UNSCALED) -> Architecture:
    return FULL[family](Scaling(base.depth, base.width) * scaling, base.px, classes).at_stride(base.stride)


def _madds(family: str, base: ProxyBaseline, classes: int, scaling: Scaling = UNSCALED) -> int:
    return count(_network(family, base, classes, scaling)).madds


def _distortion(family: str, base: ProxyBaseline, classes: int) -> float:
    unit = _madds(family, base, classes)
    ratios = full_ratios(family)
    return max(
        abs(log(_madds(family, base, classes, scaling) / unit / ratios[method]))
        for method, scaling in printed(family).items()
    )


@cache
def full_ratios(family: str) -> Mapping[str, float]:
    """Return method -> counted FLOPS of the full-size network (224 px, 1000 classes) over those of its baseline."""
    counted = {method: count(FULL[family](scaling)).madds for method, scaling in printed(family).items()}
    return {method: madds / counted[BASELINE] for method, madds in counted.items()}


def full_size(model: ScaledModel) -> Architecture:
    """Return the unscaled network (224 px, 1000 classes) of a model's family, or B0, under the model's own scaling."""
    return FULL.get(model.family, efficientnet.scale)(model.scaling)


def model(study: "Study", family: str, method: str) -> ScaledModel:
    """Return the proxy of one row of Table 3.

    Raises:
        KeyError: a row that the table does not have.
    """
    scaling = printed(family)[method]
    arch = _network(family, proxy(study, family), study.dataset.classes, scaling)
    if method in ("depth", "width", "resolution"):
        return ScaledModel(method, getattr(scaling, method), arch, family=family)
    # Multipliers without a phi: they stand where others have what the baseline was scaled by before, at phi = 0.
    return ScaledModel(method, 0.0 if method == "compound" else 1.0, arch, base_scaling=scaling, family=family)


def baseline(study: "Study", family: str) -> ScaledModel:
    """Return a family's own baseline: its proxy without any scaling."""
    return model(study, family, BASELINE)


def models(study: "Study", family: str) -> dict[str, ScaledModel]:
    """Return the proxies of all of a family's rows of Table 3, method -> model, in its order."""
    return {method: model(study, family, method) for method in printed(family)}
